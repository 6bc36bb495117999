/** What is written about providers holds: every fact names a test that exists. */
import { existsSync, readFileSync } from 'node:fs'
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
    expect(namesIn(files.get('contract-tokens') ?? '')).not.toContain('obtains a token the API accept')
  })
})

/** Whatever stands in a file as a whole string of its own, which is what a test's name is. */
function namesIn(path: string): string[] {
  const literals = readFileSync(path, 'utf8').matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)
  return [...literals].map(([, single, double]) => (single ?? double ?? '').replace(/\\(.)/g, '$1'))
}
