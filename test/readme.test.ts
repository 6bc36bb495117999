/** What the documents say is so: their code is code that is compiled and run, their links lead somewhere. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter(path => existsSync(join(root, path)))

test('the lines in the README, by hand and with GrantKit, are those of examples that CI runs', () => {
  const [byHand = '', withGrantKit = ''] = [...read('README.md').matchAll(/```ts\n([\s\S]+?)```/g)].map(
    ([, code]) => code,
  )

  expect(byHand.split('\n').length).toBeGreaterThan(20)
  expect(linesByHand()).toContain(byHand.trimEnd())
  expect(withGrantKit.split('\n').length).toBeGreaterThan(8)
  expect(read('examples/application-token.ts')).toContain(withGrantKit.trimEnd())
})

test('the lines on the page of the app are those of the same examples', () => {
  const shown = (id: string) =>
    new RegExp(`<pre id="${id}"><code>([\\s\\S]+?)</code>`)
      .exec(read('apps/demo/public/index.html'))?.[1]
      ?.replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')

  expect(linesByHand()).toContain(shown('by-hand'))
  expect(read('examples/application-token.ts')).toContain(shown('with-grantkit'))
})

/** Its instance is exported for the test that compares. */
function linesByHand(): string {
  return read('examples/by-hand.ts').replace('export const api', 'const api')
}

test('the README names every package that is published', () => {
  const published = readdirSync(join(root, 'packages'))
    .map(folder => join('packages', folder, 'package.json'))
    .filter(path => existsSync(join(root, path)))
    .map(path => JSON.parse(read(path)))
    .filter(manifest => !manifest.private)

  const rows = read('README.md')
  expect(published.map(({ name }) => name).filter(name => !rows.includes(`| [\`${name}\`](packages/`))).toEqual([])
})

test.each(documents)('%s links only to what is there', path => {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '')

  expect(links.filter(link => !existsSync(join(root, dirname(path), link)))).toEqual([])
})
