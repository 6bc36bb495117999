/** What is written about providers holds: every fact names a test that exists, every block of code compiles. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const docs = `${root}docs/`
const document = readFileSync(`${docs}providers.md`, 'utf8')
const files = new Map(
  [...document.matchAll(/^\[([\w-]+)\]: (\S+)$/gm)].map(([, name, path]) => [name, `${docs}${path}`]),
)
const rows = document.split('\n').filter(line => line.startsWith('|') && !/^\|(-|\s*fact\s*\|)/.test(line))

/** The tests a row names: `name` [file]. */
function testsOf(row: string): { name: string; file: string }[] {
  const cell = row.split('|').at(-2) ?? ''
  return [...cell.matchAll(/`([^`]+)` \[([\w-]+)\]/g)].map(([, name = '', file = '']) => ({ name, file }))
}

describe('docs/providers.md', () => {
  test('has a row for each fact of each provider', () => {
    expect(rows.length).toBeGreaterThan(90)
  })

  test.each(rows)('%s', row => {
    expect(row.split('|')).toHaveLength(5)
    expect(testsOf(row)).not.toEqual([])
    for (const { name, file } of testsOf(row)) {
      const path = files.get(file) ?? ''
      expect(existsSync(path), `[${file}] is not defined, or leads nowhere`).toBe(true)
      expect(namesIn(path), `${file} has no such test`).toContain(name)
    }
  })

  test('cites every file it defines', () => {
    const cited = new Set(rows.flatMap(testsOf).map(({ file }) => file))
    expect([...files.keys()].filter(file => !cited.has(file as string))).toEqual([])
  })

  test('notices a name that is not there', () => {
    expect(namesIn(files.get('contract') ?? '')).not.toContain('obtains a token the API accept')
  })
})

test.each([
  'packages/provider-wso2-open-banking/README.md',
  'packages/provider-wso2-apk/README.md',
  'packages/provider-core-banking/README.md',
  'packages/provider-fiserv-ciam/README.md',
  'packages/testing/README.md',
  'docs/add-a-provider.md',
])('the code in %s compiles', path => {
  const blocks = readFileSync(`${root}${path}`, 'utf8').matchAll(/```ts\n([\s\S]+?)```/g)
  const code = [...blocks].map(([, block]) => block).join('\n')
  expect(code).toContain('@grantkit/core')
  expect(typeErrors(`declare const code: string\n${code}`)).toBe('')
})

/** What the compiler says to a module beside the packages, in this repository's own settings. */
function typeErrors(code: string): string {
  const folder = mkdtempSync(`${root}node_modules/.documented-`)
  writeFileSync(`${folder}/module.ts`, code)
  const compilerOptions = { noEmit: true, noUnusedLocals: false, customConditions: ['@grantkit/source'] }
  const config = { extends: '../../tsconfig.base.json', compilerOptions, files: ['module.ts'] }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config))
  try {
    const tsc = `${root}node_modules/typescript/bin/tsc`
    execFileSync(process.execPath, [tsc, '-p', folder, '--typeRoots', `${root}node_modules/@types`])
    return ''
  } catch (error) {
    return String((error as { stdout: Buffer }).stdout)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Whatever stands in a file as a whole string of its own, which is what a test's name is. */
function namesIn(path: string): string[] {
  const literals = readFileSync(path, 'utf8').matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)
  return [...literals].map(([, single, double]) => (single ?? double ?? '').replace(/\\(.)/g, '$1'))
}
