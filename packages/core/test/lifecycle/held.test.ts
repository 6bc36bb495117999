import { describe, expect, test } from 'vitest'
import { memoryStore, TokenSet, type TokenStore } from '../../src/index.js'
import { dropCopies, heldIn, inTurn, learn } from '../../src/lifecycle/held.js'
import { answered, emptyRecord, type LineageRecord } from '../../src/lifecycle/record.js'
import { deferred } from '../scripted-server.js'

const tokenSet = (accessToken = 'a', obtainedAt = 0) =>
  new TokenSet({ accessToken, refreshToken: 'r', obtainedAt, expiresAt: obtainedAt + 1_000 })
const recordOf = (accessToken?: string): LineageRecord => answered(emptyRecord, 'e', tokenSet(accessToken))

describe('heldIn', () => {
  test('finds the same entry under the same keys, and another under others', () => {
    const held = heldIn(memoryStore())
    const entry = held.entry('l1', 'e1')
    expect(held.entry('l1', 'e1')).toBe(entry)
    expect(held.entry('l1', 'e2')).not.toBe(entry)
    expect(held.entry('l2', 'e1')).not.toBe(entry)
    expect(held.entry('l1', 'e2').lineage).toBe(entry.lineage)
  })

  test('is one for each store, and one for all who name none', () => {
    const store = memoryStore()
    expect(heldIn(store)).toBe(heldIn(store))
    expect(heldIn(store)).not.toBe(heldIn(memoryStore()))
    expect(heldIn(undefined)).toBe(heldIn(undefined))
    expect([heldIn(undefined), heldIn(store)].map(({ isShared }) => isShared)).toEqual([false, true])
  })

  test('is bounded: beyond 100,000 lineages the oldest that nobody waits for go', () => {
    const held = heldIn(memoryStore())
    const oldest = held.entry('oldest', 'e')
    learn(oldest.lineage, { version: '1', record: recordOf() }, 0)
    const busy = held.entry('busy', 'e')
    busy.flight = Promise.resolve(tokenSet())
    for (let index = 0; index < 100_000; index++) held.entry(`application ${index}`, 'e')
    expect(oldest.copy).toBeUndefined()
    expect(oldest.lineage.evicted).toBe(true)
    expect(held.entry('oldest', 'e')).not.toBe(oldest)
    expect(held.entry('busy', 'e')).toBe(busy)
  })
})

describe('learn', () => {
  test('copies the tokens to every entry there is', () => {
    const entry = heldIn(memoryStore()).entry('l', 'e')
    learn(entry.lineage, { version: '1', record: recordOf() }, 5)
    expect(entry.copy).toMatchObject({ tokenSet: { accessToken: 'a' }, goodUntil: Number.POSITIVE_INFINITY })
  })

  test('keeps the token set that callers have while nothing about it changed', () => {
    const entry = heldIn(memoryStore()).entry('l', 'e')
    learn(entry.lineage, { version: '1', record: recordOf() }, 0)
    const before = entry.copy?.tokenSet
    learn(entry.lineage, { version: '2', record: recordOf() }, 0)
    expect(entry.copy?.tokenSet).toBe(before)
    learn(entry.lineage, { version: '3', record: recordOf('b') }, 0)
    expect(entry.copy?.tokenSet.accessToken).toBe('b')
  })

  test('a token from the future lives as long as any, from now: somebody’s clock runs ahead', () => {
    const entry = heldIn(memoryStore()).entry('l', 'e')
    learn(entry.lineage, { version: '1', record: answered(emptyRecord, 'e', tokenSet('a', 30_000)) }, 10_000)
    expect(entry.copy?.tokenSet).toMatchObject({ obtainedAt: 10_000, expiresAt: 11_000 })
  })
})

describe('a change that the store tells of', () => {
  test('makes copies be looked at again, unless it is our own', async () => {
    const store = memoryStore()
    const entry = heldIn(store).entry('l', 'e')
    learn(entry.lineage, { version: 'own', record: recordOf() }, 0)
    await store.compareAndSet('l', undefined, { version: 'own', value: '', keepForMs: undefined })
    expect(entry.copy?.goodUntil).toBe(Number.POSITIVE_INFINITY)
    await store.compareAndSet('l', 'own', { version: 'other', value: '', keepForMs: undefined })
    expect(entry.copy?.goodUntil).toBe(Number.NEGATIVE_INFINITY)
  })

  test('of a lineage nobody here has is nothing', async () => {
    const store = memoryStore()
    heldIn(store)
    await store.compareAndSet('unheard of', undefined, { version: '1', value: '', keepForMs: undefined })
  })
})

test('a store without hints is held too', () => {
  const { get, compareAndSet, delete: remove, lease, release } = memoryStore()
  const store: TokenStore = { secrecy: 'elsewhere', get, compareAndSet, delete: remove, lease, release }
  expect(heldIn(store).entry('l', 'e').lineage.copyMs).toBe(10_000)
})

test('dropCopies leaves the lineage where it is, and nothing in it', () => {
  const held = heldIn(memoryStore())
  const entry = held.entry('l', 'e')
  learn(entry.lineage, { version: '1', record: recordOf() }, 0)
  entry.flight = Promise.resolve(tokenSet())
  dropCopies(entry.lineage)
  expect(entry).toMatchObject({ copy: undefined, flight: undefined })
  expect(entry.lineage.known?.record).toEqual(emptyRecord)
  expect(held.entry('l', 'e')).toBe(entry)
})

describe('inTurn', () => {
  test('runs one after the other, in order, failures included', async () => {
    const { lineage } = heldIn(memoryStore()).entry('l', 'e')
    const [first, second] = [deferred(), deferred()]
    const steps: string[] = []
    const turn = (name: string, gate: Promise<void>) =>
      inTurn(lineage, async () => {
        steps.push(`${name} begins`)
        await gate
        steps.push(`${name} ends`)
      })
    const turns = [turn('first', first.promise), turn('second', second.promise)]
    second.resolve()
    await new Promise(setImmediate)
    expect(steps).toEqual(['first begins'])
    first.reject(new Error('no'))
    await expect(turns[0]).rejects.toThrow('no')
    await turns[1]
    expect(steps).toEqual(['first begins', 'second begins', 'second ends'])
  })

  test('does not make another lineage wait', async () => {
    const held = heldIn(memoryStore())
    inTurn(held.entry('slow', 'e').lineage, () => new Promise(() => {}))
    expect(await inTurn(held.entry('quick', 'e').lineage, async () => 'done')).toBe('done')
  })
})
