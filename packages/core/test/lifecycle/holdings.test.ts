import { describe, expect, test } from 'vitest'
import { memoryStore, TokenSet, type TokenStore } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { answered, emptyRecord, type LineageRecord } from '../../src/lifecycle/record.js'

const tokenSet = (accessToken = 'a', obtainedAt = 0) =>
  new TokenSet({ accessToken, refreshToken: 'r', obtainedAt, expiresAt: obtainedAt + 1_000 })
const recordOf = (accessToken?: string): LineageRecord => answered(emptyRecord, 'e', tokenSet(accessToken))

describe('holdingsOf', () => {
  test('finds the same entry under the same keys, and another under others', () => {
    const holdings = holdingsOf(memoryStore())
    const entry = holdings.entry('l1', 'e1')
    expect(holdings.entry('l1', 'e1')).toBe(entry)
    expect(holdings.entry('l1', 'e2')).not.toBe(entry)
    expect(holdings.entry('l2', 'e1')).not.toBe(entry)
    expect(holdings.entry('l1', 'e2').lineage).toBe(entry.lineage)
  })

  test('is one for each store, and one for all who name none', () => {
    const store = memoryStore()
    expect(holdingsOf(store)).toBe(holdingsOf(store))
    expect(holdingsOf(store)).not.toBe(holdingsOf(memoryStore()))
    expect(holdingsOf(undefined)).toBe(holdingsOf(undefined))
    expect([holdingsOf(undefined), holdingsOf(store)].map(({ isShared }) => isShared)).toEqual([false, true])
  })

  test('is bounded: beyond 100,000 lineages the oldest that nobody waits for go', () => {
    const holdings = holdingsOf(memoryStore())
    const oldest = holdings.entry('oldest', 'e')
    oldest.lineage.learn({ version: '1', record: recordOf() }, 0)
    const busy = holdings.entry('busy', 'e')
    busy.flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
    for (let index = 0; index < 100_000; index++) holdings.entry(`application ${index}`, 'e')
    expect(oldest.copy).toBeUndefined()
    expect(oldest.lineage.isLetGo).toBe(true)
    expect(holdings.entry('oldest', 'e')).not.toBe(oldest)
    expect(holdings.entry('busy', 'e')).toBe(busy)
  })
})

describe('a change that the store tells of', () => {
  test('makes copies be looked at again, unless it is our own', async () => {
    const store = memoryStore()
    const entry = holdingsOf(store).entry('l', 'e')
    entry.lineage.learn({ version: 'own', record: recordOf() }, 0)
    await store.compareAndSet('l', undefined, { version: 'own', value: '', keepForMs: undefined })
    expect(entry.copy?.goodUntil).toBe(Number.POSITIVE_INFINITY)
    await store.compareAndSet('l', 'own', { version: 'other', value: '', keepForMs: undefined })
    expect(entry.copy?.goodUntil).toBe(Number.NEGATIVE_INFINITY)
  })

  test('of a lineage nobody here has is nothing', async () => {
    const store = memoryStore()
    holdingsOf(store)
    await store.compareAndSet('unheard of', undefined, { version: '1', value: '', keepForMs: undefined })
  })
})

test('a store without hints is held too', () => {
  const { get, compareAndSet, delete: remove, lease, release } = memoryStore()
  const store: TokenStore = { secrecy: 'elsewhere', get, compareAndSet, delete: remove, lease, release }
  expect(holdingsOf(store).entry('l', 'e').lineage.place.copyMs).toBe(10_000)
})
