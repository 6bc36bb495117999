import { expect, test } from 'vitest'
import { memoryStore, TokenSet, type TokenStore } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { answered, emptyRecord } from '../../src/lifecycle/record.js'
import { StoredLineage } from '../../src/lifecycle/stored.js'

/** A store as one outside the process: copies are used for ten seconds. */
function elsewhere(): TokenStore {
  const { get, compareAndSet, delete: remove, lease, release } = memoryStore()
  return { secrecy: 'elsewhere', get, compareAndSet, delete: remove, lease, release }
}

const tokenSet = (obtainedAt: number) => new TokenSet({ accessToken: 'a', obtainedAt, expiresAt: obtainedAt + 60_000 })

test('clients with different clocks share a lineage: what each takes in counts from its own now', async () => {
  const { lineage, ...entry } = holdingsOf(elsewhere()).entry('l', 'e')
  const [early, late] = [0, 30_000].map(now => new StoredLineage(lineage, { now: () => now }))
  await late?.update(record => answered(record, entry.key, tokenSet(30_000)))
  expect(lineage.entry('e').copy).toMatchObject({ goodUntil: 40_000, tokenSet: { obtainedAt: 30_000 } })
  await early?.load()
  expect(lineage.entry('e').copy?.goodUntil).toBe(10_000)
})

test('one read serves all who want the record now, whatever their clock', async () => {
  let reads = 0
  const store = elsewhere()
  const counting: TokenStore = {
    ...store,
    get(key) {
      reads++
      return store.get(key)
    },
  }
  const { lineage } = holdingsOf(counting).entry('l', 'e')
  await Promise.all([0, 30_000].map(now => new StoredLineage(lineage, { now: () => now }).load()))
  expect(reads).toBe(1)
  expect(lineage.known).toEqual({ version: undefined, record: emptyRecord })
})
