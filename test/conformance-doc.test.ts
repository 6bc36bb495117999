/** docs/conformance.md holds: every module it maps has a test of its name, and every such test is in it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const docs = fileURLToPath(new URL('../docs/', import.meta.url))
const document = readFileSync(`${docs}conformance.md`, 'utf8')
const modulesIn = new Map(
  [...document.matchAll(/^\[([\w-]+)\]: (\S+)$/gm)].map(([, name = '', path]) => [name, modulesOf(`${docs}${path}`)]),
)
const rows = document.split('\n').filter(line => line.startsWith('| `'))

/** What a row says: the module, and the file that has its test, or none where it does not apply. */
function read(row: string): { module: string; file: string | undefined } {
  const [, module = '', , shown = ''] = row.split('|').map(cell => cell.trim())
  return { module: module.replaceAll('`', ''), file: /^\[([\w-]+)\]/.exec(shown)?.[1] }
}

describe('docs/conformance.md', () => {
  test('has every module of the plans once', () => {
    const modules = rows.map(row => read(row).module)
    expect(new Set(modules).size).toBe(modules.length)
    expect(modules.length).toBeGreaterThan(100)
  })

  test.each(rows)('%s', row => {
    expect(row.split('|')).toHaveLength(5)
    const { module, file } = read(row)
    if (file === undefined) expect(row).toMatch(/\| not applicable: \S.{10}/)
    else expect(modulesIn.get(file), `[${file}] has no such test`).toContain(module)
  })

  test('has every module that is tested', () => {
    const mapped = new Set(rows.map(read).flatMap(({ module, file }) => (file === undefined ? [] : [module])))
    expect([...modulesIn.values()].flatMap(modules => [...modules]).filter(module => !mapped.has(module))).toEqual([])
  })
})

/** The modules a test file names, each as a whole string of its own. */
function modulesOf(path: string): Set<string> {
  const names = readFileSync(path, 'utf8').matchAll(/'((?:oidcc|fapi1-advanced|fapi2-security-profile)-[\w-]+)'/g)
  return new Set([...names].map(([, name = '']) => name))
}
