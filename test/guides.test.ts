/** What the guides show is code that is run: the templates', as it is there. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { tokenStoreContract } from '../packages/testing/src/index.js'
import { renamed } from '../scripts/new-package.mjs'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

describe('docs/add-a-provider.md', () => {
  const guide = read('docs/add-a-provider.md')

  test('shows the template under another name', () => {
    const code = ['src/index.ts', 'test/facts.test.ts'].map(path =>
      renamed(read(`packages/provider-template/${path}`), 'acme'),
    )
    expect(blocksOf(guide)).toHaveLength(2)
    for (const block of blocksOf(guide)) expect(code.join('')).toContain(block)
  })
})

describe('docs/add-a-store.md', () => {
  const guide = read('docs/add-a-store.md')

  test('shows the template', () => {
    const code = ['src/index.ts', 'test/contract.test.ts'].map(path =>
      unindented(read(`packages/store-template/${path}`)),
    )
    expect(blocksOf(guide)).toHaveLength(3)
    for (const block of blocksOf(guide)) expect(code.join('')).toContain(unindented(block))
  })

  test('names cases there are', () => {
    const [table = ''] = guide.slice(guide.indexOf('| case | look for |')).split('\n\n')
    const named = [...table.matchAll(/^\| ([a-z][^|]+) \|/gm)].map(([, name = '']) => name).slice(1)
    const cases = tokenStoreContract({ create: () => Object.create(null) }).map(({ name }) => name)
    expect(named.length).toBeGreaterThan(5)
    for (const name of named) expect(cases.filter(one => one.startsWith(name))).not.toEqual([])
  })
})

function blocksOf(guide: string): string[] {
  return [...guide.matchAll(/^```ts\n([\s\S]+?)^```/gm)].map(([, block = '']) => block)
}

function unindented(text: string): string {
  return text.replace(/^ +/gm, '')
}
