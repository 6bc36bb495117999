/** docs/http-clients.md has the cases and the clients of today, and says what each cannot do. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type HttpClientSetup, httpClientContract } from '../packages/testing/src/index.js'
import { caseTable, contractClientModules, reasonsOf } from '../scripts/http-clients.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(`${root}docs/http-clients.md`, 'utf8')
const modules = await Promise.all(contractClientModules().map(path => import(`${root}${path}`)))
/** Those this Node has: undici 8 needs 22.19. */
const clients: Record<string, HttpClientSetup> = Object.assign({}, ...modules.map(one => one.contractClients))
const cases = httpClientContract({ create: () => Promise.reject() })
const chapters = [...new Set(cases.map(({ about }) => about))]

/** The columns of these clients in the first table after a heading. */
function columns(heading: string, names: readonly string[]): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const table = section.split('\n## ')[0]?.match(/^\|.*\|$/gm) ?? []
  return cellsOf(table, names)
}

function cellsOf(table: readonly string[], names: readonly string[]): string[][] {
  const rows = table.map(row => row.slice(2, -2).split(' | '))
  const places = ['case', ...names].map(name => rows[0]?.indexOf(name) ?? -1)
  return rows.filter((_, index) => index !== 1).map(row => places.map(place => row[place] ?? 'missing'))
}

describe('docs/http-clients.md', () => {
  test.each(chapters)('has every case and client: %s', about => {
    const names = cases.filter(one => one.about === about).map(({ name }) => name)
    const written = columns(about, Object.keys(clients))
    // numbers of reasons depend on the clients there are
    const reasons =
      /^✓ passes · – cannot: (.*)\.$/m
        .exec(page)?.[1]
        ?.split(/; \(\d+\) |^\(1\) /)
        .slice(1) ?? []
    const now = caseTable(names, clients, reasons).split('\n')
    expect(reasons).toEqual(expect.arrayContaining(reasonsOf(clients)))
    expect(written).toEqual(cellsOf(now, Object.keys(clients)))
  })

  test('shows 0 bytes of ours at servers of other origins, in cases there are', () => {
    const names = new Set(cases.map(({ name }) => name))
    const [, ...rows] = columns('Bytes seen by servers of other origins', Object.keys(clients))
    expect(rows.length).toBeGreaterThan(50)
    expect(rows.filter(([name = '']) => !names.has(name))).toEqual([])
    expect(rows.flatMap(([, ...cells]) => cells).filter(cell => !/^(0 of \d+|–)$/.test(cell))).toEqual([])
  })
})
