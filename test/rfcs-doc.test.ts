/** docs/rfcs.md holds: every section that a module of core names is in it, and what it names is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = `${root}packages/core/src/`
const tests = `${root}packages/core/test/`
const document = readFileSync(`${root}docs/rfcs.md`, 'utf8')

interface Row {
  readonly specification: string
  readonly sections: readonly string[]
  readonly modules: readonly string[]
  readonly file: string
  readonly words: string
}

const section = /§(?:[\dA-Z][\w.]*\w|\d)/g
const rows = document.split(/^## /m).slice(1).flatMap(rowsOf)

function rowsOf(chapter: string): Row[] {
  const [heading = '', ...lines] = chapter.split('\n')
  const specification = heading.split(':')[0] ?? ''
  return lines
    .filter(line => line.startsWith('| §'))
    .map(line => {
      const [sections = '', , modules = '', shown = ''] = line.slice(2).split(' | ')
      const [, file = '', words = ''] = /^`([^`]+)`: (.*) \|$/.exec(shown) ?? []
      return {
        specification,
        sections: sections.match(section) ?? [],
        modules: [...modules.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
        file: file.endsWith('.ts') ? file : `${file}.test.ts`,
        words,
      }
    })
}

const specifications = [
  'RFC \\d+',
  'OpenID Connect (?:Core|Discovery|Dynamic Client Registration|(?:RP-Initiated|Front-Channel|Back-Channel) Logout)',
  'Initiating User Registration via OpenID Connect',
  'CIBA Core',
  'FAPI [12]\\.0 (?:Advanced|Security Profile|Message Signing)',
  'JARM',
].join('|')

/** What a module names: `RFC 9126 §2.1, §2.2` anywhere in its comments, and all that stands behind a `@see`. */
function namedIn(module: string): Set<string> {
  const text = readFileSync(`${source}${module}.ts`, 'utf8')
  const comments = [...text.matchAll(/\/\*\*[\s\S]*?\*\/|\/\/.*/g)].map(([comment]) =>
    comment.replace(/\s*\n\s*\*/g, ' '),
  )
  const listed = new RegExp(`(${specifications})((?:,? (?:and )?${section.source})+)`, 'g')
  const lists = comments.flatMap(comment => [...comment.matchAll(listed)].map(([list]) => list))
  const references = comments.flatMap(comment =>
    [...comment.matchAll(/@see (.*?)(?= @|$)/g)].map(([, see = '']) => see),
  )
  return new Set([...lists, ...references].flatMap(pairsIn))
}

/** Each section with the specification that stands before it. */
function pairsIn(text: string): string[] {
  const known = new RegExp(`${specifications}|[A-Z][\\w-]+ SP [\\w-]+|draft-[\\w-]+|${section.source}`, 'g')
  let specification = ''
  return (text.match(known) ?? []).flatMap(found => {
    if (found.startsWith('§')) return isListed(specification) ? [`${specification} ${found}`] : []
    specification = found
    return []
  })
}

/** How HTTP, TLS and formats work is not. */
const beneath = (document.match(/\(RFC (1950[\d, \n]+)\)/)?.[1] ?? '').split(/,\s*/).map(number => `RFC ${number}`)
const isListed = (specification: string) =>
  new RegExp(`^(?:${specifications})$`).test(specification) && !beneath.includes(specification)

const modules = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => file.slice(0, -'.ts'.length).replaceAll('\\', '/'))
const named = new Map(modules.map(module => [module, namedIn(module)]))

describe('docs/rfcs.md', () => {
  test('is read', () => {
    expect(rows.length).toBeGreaterThan(100)
    expect(beneath).toContain('RFC 9110')
  })

  test('has every section that a module names, with the module', () => {
    const listed = new Set(
      rows.flatMap(({ specification, sections, modules }) =>
        sections.flatMap(one => modules.map(module => `${specification} ${one} ${module}`)),
      ),
    )
    const missing = [...named].flatMap(([module, pairs]) => [...pairs].map(pair => `${pair} ${module}`))
    expect(missing.filter(one => !listed.has(one))).toEqual([])
  })

  test.each(rows.map(row => [`${row.specification} ${row.sections.join(', ')}`, row] as const))('%s', (_, row) => {
    const { specification, sections, modules, file, words } = row
    const pairs = sections.map(one => `${specification} ${one}`)
    const namedBy = (module: string) => pairs.filter(pair => named.get(module)?.has(pair))
    expect(modules.filter(module => namedBy(module).length === 0)).toEqual([])
    expect(pairs.filter(pair => !modules.flatMap(namedBy).includes(pair))).toEqual([])
    expect(existsSync(`${tests}${file}`)).toBe(true)
    expect(words.length).toBeGreaterThan(2)
    expect(readFileSync(`${tests}${file}`, 'utf8')).toContain(words)
  })
})
