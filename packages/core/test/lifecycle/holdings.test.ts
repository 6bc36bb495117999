import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { memoryStore, TokenSet, type TokenStore, TokenStoreError } from '../../src/index.js'
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

  test('makes lineages that know their keys and whose they are', () => {
    const holdings = holdingsOf(memoryStore())
    const own = holdings.entry('l1', 'e', holdings.open('space')).lineage
    expect([own.key, own.space]).toEqual(['l1', 'space'])
    expect(holdings.entry('l2', 'e').lineage.space).toBe('')
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

  test('that a record was written where there should be one is told to who has that', async () => {
    const store = memoryStore()
    const holdings = holdingsOf(store)
    const { lineage } = holdings.entry('l', 'e')
    const write = async (expected: string | undefined, version: string) =>
      store.compareAndSet('l', expected, { version, value: '', keepForMs: undefined })
    lineage.learn({ version: '1', record: recordOf() }, 0)
    await write(undefined, 'first-2')
    const missed: unknown[] = []
    holdings.missed = one => void missed.push(one)
    await write('first-2', '3')
    expect(missed).toEqual([])
    await write('3', 'first-4')
    expect(missed).toEqual([lineage])
  })

  test('of a lineage nobody here has is nothing', async () => {
    const store = memoryStore()
    holdingsOf(store).missed = () => expect.unreachable()
    await store.compareAndSet('unheard of', undefined, { version: '1', value: '', keepForMs: undefined })
  })
})

test('a store without hints is held too', () => {
  const { get, compareAndSet, delete: remove, lease, release } = memoryStore()
  const store: TokenStore = { secrecy: 'elsewhere', get, compareAndSet, delete: remove, lease, release }
  expect(holdingsOf(store).entry('l', 'e').lineage.place.copyMs).toBe(10_000)
})

test('copies of what is in this process are good until a change is told', () => {
  const store = memoryStore()
  expect(holdingsOf(store).entry('l', 'e').lineage.place).toEqual({
    store,
    copyMs: Number.POSITIVE_INFINITY,
    isToldOfChanges: true,
  })
})

test('a store that answers again may have lost something: all copies are looked at again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  let fails = true
  const store: TokenStore = {
    ...memoryStore(),
    secrecy: 'elsewhere',
    get: () => (fails ? new Promise(() => {}) : Promise.resolve(undefined)),
  }
  const entry = holdingsOf(store).entry('l', 'e')
  const { place } = entry.lineage
  entry.lineage.learn({ version: '1', record: recordOf() }, 0)
  const failing = expect(place.store.get('l')).rejects.toThrow(TokenStoreError)
  await vi.advanceTimersByTimeAsync(2_000)
  await failing
  expect(entry.copy?.goodUntil).toBe(10_000)
  fails = false
  await vi.advanceTimersByTimeAsync(500)
  await place.store.get('l')
  expect(entry.copy?.goodUntil).toBe(Number.NEGATIVE_INFINITY)
})

describe('what is let go of', () => {
  test('is made anew when it is wanted again', () => {
    const holdings = holdingsOf(memoryStore())
    const { lineage } = holdings.entry('l', 'e')
    holdings.letGo(lineage)
    expect(lineage.isLetGo).toBe(true)
    const next = holdings.entry('l', 'e').lineage
    expect(next).not.toBe(lineage)
    holdings.letGo(lineage)
    expect(holdings.entry('l', 'e').lineage).toBe(next)
  })

  test('stays while something is under way', () => {
    const holdings = holdingsOf(memoryStore())
    const entry = holdings.entry('l', 'e')
    entry.flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
    holdings.letGo(entry.lineage)
    expect(holdings.entry('l', 'e')).toBe(entry)
  })
})

describe('release', () => {
  const kept = { version: '1', value: 'a record', keepForMs: undefined }
  /** Two sources of one space and one of another, each with a lineage. */
  const opened = (store: TokenStore | undefined, name = 'space') => {
    const holdings = holdingsOf(store)
    const [one, two, other] = [name, name, `another ${name}`].map(space => holdings.open(space))
    const lineage = holdings.entry(`${name} l`, 'e', one).lineage
    const another = holdings.entry(`${name} another`, 'e', other).lineage
    return { holdings, one, two, lineage, another }
  }

  test('of the last source of a space lets go of its lineages, and of no others; a shared store keeps the records', async () => {
    const store = memoryStore()
    const { holdings, one, two, lineage, another } = opened(store)
    await store.compareAndSet(lineage.key, undefined, kept)
    if (one) await holdings.release(one)
    expect(lineage.isLetGo).toBe(false)
    if (two) await holdings.release(two)
    expect([lineage.isLetGo, another.isLetGo]).toEqual([true, false])
    expect(holdings.entry(lineage.key, 'e').lineage).not.toBe(lineage)
    expect(await store.get(lineage.key)).toMatchObject({ version: '1' })
  })

  test('removes the records too where the memory of this process is the store', async () => {
    const { holdings, one, two, lineage, another } = opened(undefined, 'of nobody else')
    const { store } = lineage.place
    for (const { key } of [lineage, another]) await store.compareAndSet(key, undefined, kept)
    for (const source of [one, two]) if (source) await holdings.release(source)
    expect(await store.get(lineage.key)).toBeUndefined()
    expect(await store.get(another.key)).toMatchObject({ version: '1' })
  })

  test('removes no record of which something is under way', async () => {
    const { holdings, one, two, lineage } = opened(undefined, 'of somebody busy')
    const { store } = lineage.place
    await store.compareAndSet(lineage.key, undefined, kept)
    lineage.entry('e').flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
    for (const source of [one, two]) if (source) await holdings.release(source)
    expect(lineage.isLetGo).toBe(false)
    expect(await store.get(lineage.key)).toMatchObject({ version: '1' })
  })
})
