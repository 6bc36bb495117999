/** What the documents say is so: their code is code that is compiled and run, their links lead somewhere. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter(path => existsSync(join(root, path)))

test('the lines in the README are those of an example that CI runs', () => {
  const code = /```ts\n([\s\S]+?)```/.exec(read('README.md'))?.[1] ?? ''

  expect(code.split('\n').length).toBeGreaterThan(10)
  expect(read('examples/application-token.ts')).toContain(code.trimEnd())
})

test('the README names every package', () => {
  const folders = execFileSync('git', ['ls-files', 'packages/*/package.json'], { cwd: root, encoding: 'utf8' })
  const names = folders
    .trim()
    .split('\n')
    .map(path => JSON.parse(read(path)).name)

  for (const name of names) expect(read('README.md')).toContain(`[\`${name}\`]`)
})

test.each(documents)('%s links only to what is there', path => {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '')

  expect(links.filter(link => !existsSync(join(root, dirname(path), link)))).toEqual([])
})
