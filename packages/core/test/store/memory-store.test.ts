/** What is the memory store's own. That it is a store at all is shown by the contract in `@grantkit/testing`. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { memoryStore, type TokenStore } from '../../src/index.js'
import { recordsOf } from '../../src/store/memory-store.js'

let versions = 0

/** Creates a record, or replaces the one that is kept. */
async function write(store: TokenStore, key: string, keepForMs?: number, value = 'a value'): Promise<void> {
  const version = `version-${++versions}`
  const expected = (await store.get(key))?.version
  expect(await store.compareAndSet(key, expected, { version, value, keepForMs })).toBe(true)
}

async function kept(store: TokenStore, keys: readonly string[]): Promise<string[]> {
  const found = await Promise.all(keys.map(key => store.get(key)))
  return keys.filter((_, index) => found[index] !== undefined)
}

function keysOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

async function writeAll(store: TokenStore, keys: readonly string[], keepForMs?: number): Promise<void> {
  for (const key of keys) await write(store, key, keepForMs)
}

describe('memoryStore', () => {
  test('keeps its records to itself', async () => {
    const [one, another] = [memoryStore(), memoryStore()]
    await write(one, 'key')
    expect(one.secrecy).toBe('process')
    expect(await another.get('key')).toBeUndefined()
    expect(await one.lease('key', 'first', 60_000)).toBe(true)
    expect(await another.lease('key', 'second', 60_000)).toBe(true)
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '10', null])('refuses maxRecords: %s', maxRecords => {
    const make = () => memoryStore({ maxRecords: maxRecords as number })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'maxRecords' }))
  })

  test('names an option it does not have', () => {
    const make = () => memoryStore({ maxrecords: 10 } as object)
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'maxrecords' }))
    expect(make).toThrow('did you mean maxRecords?')
  })
})

describe('a record', () => {
  test('is kept as it was, whatever is done to the object afterwards', async () => {
    const store = memoryStore()
    const record = { version: '1', value: 'before', keepForMs: undefined }
    await store.compareAndSet('key', undefined, record)
    record.value = 'after'
    expect(await store.get('key')).toEqual({ version: '1', value: 'before' })
  })

  test('is kept as it was, whatever is done to what was read', async () => {
    const store = memoryStore()
    await write(store, 'key', undefined, 'sealed')
    const read = (await store.get('key')) as { value: string }
    read.value = 'opened in place'
    expect(await store.get('key')).toMatchObject({ value: 'sealed' })
  })

  test('is kept for ever without an end, also where a copy by way of JSON has null for it', async () => {
    const store = memoryStore()
    const record = JSON.parse('{"version":"1","value":"for ever","keepForMs":null}')
    expect(await store.compareAndSet('key', undefined, record)).toBe(true)
    expect(await store.get('key')).toEqual({ version: '1', value: 'for ever' })
  })
})

describe('the records of a memory store, as core reads and writes them', () => {
  /** Both ways to the same records. */
  function bothWays() {
    const store = memoryStore()
    return { store, records: recordsOf(store) as NonNullable<ReturnType<typeof recordsOf>> }
  }

  test('are the very objects, of which nothing is read, and nobody else gets one', async () => {
    const { store, records } = bothWays()
    const value = vi.fn(() => 'made when it is read')
    const record = Object.defineProperty({ version: '1', value: '' }, 'value', { get: value })
    expect(records.compareAndSet('key', undefined, record, 60_000)).toBe(true)
    expect(records.get('key')).toBe(record)
    expect(value).not.toHaveBeenCalled()
    const read = await store.get('key')
    expect(read).toStrictEqual({ version: '1', value: 'made when it is read' })
    expect(read).not.toBe(record)
  })

  type Write = readonly [expected: string | undefined, version: string, keepForMs: number | undefined]
  const writes: readonly Write[] = [
    ['other', '1', undefined],
    [undefined, '1', undefined],
    [undefined, '1', undefined],
    [undefined, '2', undefined],
    ['1', '2', 3_600_000],
    ['1', '3', undefined],
    ['2', '3', 0.001],
  ]

  /** What is answered to each write, and told of it, and what is there afterwards. */
  async function outcomeOf(way: 'at once' | 'as any store') {
    const { store, records } = bothWays()
    const told: unknown[] = []
    store.watch?.((...change) => told.push(change))
    const answers: unknown[] = []
    for (const [expected, version, keepForMs] of writes) {
      const record = { version, value: `value ${version}` }
      if (way === 'at once') answers.push(records.compareAndSet('key', expected, record, keepForMs), records.get('key'))
      else answers.push(await store.compareAndSet('key', expected, { ...record, keepForMs }), await store.get('key'))
    }
    await vi.waitUntil(async () => (await store.get('key')) === undefined, { timeout: 60_000 })
    return { answers: answers.slice(0, -1), told, after: records.get('key') }
  }

  test('are read and written as everybody reads and writes them', async () => {
    const outcome = await outcomeOf('at once')
    expect(outcome).toEqual(await outcomeOf('as any store'))
    expect(outcome.told).toEqual([
      ['key', '1'],
      ['key', '2'],
      ['key', '3'],
    ])
  })

  test('are not had of a store that was wrapped or patched: it may change what it does', () => {
    const { store, records } = bothWays()
    expect(recordsOf({ ...store })).toBe(records)
    expect(recordsOf({ ...store, get: async key => store.get(key) })).toBeUndefined()
    expect(recordsOf({ ...store, get: memoryStore().get })).toBeUndefined()
    expect(recordsOf(Object.assign(store, { compareAndSet: async () => false }))).toBeUndefined()
  })
})

describe('a full store', () => {
  test('drops a tenth', async () => {
    const store = memoryStore({ maxRecords: 100 })
    const keys = keysOf('key', 100)
    await writeAll(store, keys)
    expect(await kept(store, keys)).toEqual(keys)
    await write(store, 'one more')
    expect(await kept(store, [...keys, 'one more'])).toEqual([...keys.slice(10), 'one more'])
  })

  test('is full at its limit and not before', async () => {
    const store = memoryStore({ maxRecords: 1_050 })
    const keys = keysOf('key', 1_050)
    await writeAll(store, keys)
    expect(await kept(store, keys)).toHaveLength(1_050)
  })

  test('drops what would end soonest, and what is kept for ever last', async () => {
    const store = memoryStore({ maxRecords: 100 })
    const [lasting, late, soon] = [keysOf('lasting', 50), keysOf('late', 42), keysOf('soon', 8)]
    await writeAll(store, lasting)
    await writeAll(store, late, 7_200_000)
    await writeAll(store, soon, 3_600_000)
    await write(store, 'one more', 1_800_000)
    expect(await kept(store, [...lasting, ...late, ...soon])).toEqual([...lasting, ...late.slice(2)])
    await writeAll(store, keysOf('another', 100))
    expect(await kept(store, [...late, 'one more'])).toEqual([])
  })

  test('drops what was written longest ago of those kept for ever, not what was created first', async () => {
    const store = memoryStore({ maxRecords: 10 })
    const keys = keysOf('key', 10)
    await writeAll(store, keys)
    await write(store, 'key-0')
    await write(store, 'one more')
    expect(await kept(store, keys)).toEqual(['key-0', ...keys.slice(2)])
  })

  test('drops by when a record ends as it was written last', async () => {
    const store = memoryStore({ maxRecords: 10 })
    const keys = keysOf('key', 10)
    await writeAll(store, keys, 3_600_000)
    await write(store, 'key-0')
    await write(store, 'key-1', 7_200_000)
    await write(store, 'key-2', 1_800_000)
    await writeAll(store, ['one more', 'and another'])
    expect(await kept(store, keys)).toEqual(['key-0', 'key-1', ...keys.slice(4)])
  })

  test('drops nothing when a record is replaced', async () => {
    const store = memoryStore({ maxRecords: 10 })
    const keys = keysOf('key', 10)
    await writeAll(store, keys)
    await writeAll(store, keys)
    expect(await kept(store, keys)).toEqual(keys)
  })

  test('drops what has ended before what has not', async () => {
    const store = memoryStore({ maxRecords: 1_000 })
    const [ended, going] = [keysOf('ended', 900), keysOf('going', 100)]
    await writeAll(store, ended, 1)
    await vi.waitUntil(async () => (await kept(store, ended)).length === 0, { timeout: 60_000 })
    await writeAll(store, going, 3_600_000)
    await writeAll(store, keysOf('another', 900), 3_600_000)
    expect(await kept(store, going)).toEqual(going)
  })

  test('is of use with one record', async () => {
    const store = memoryStore({ maxRecords: 1 })
    await writeAll(store, ['first', 'second'])
    expect(await kept(store, ['first', 'second'])).toEqual(['second'])
  })

  test('leaves leases alone', async () => {
    const store = memoryStore({ maxRecords: 10 })
    for (const key of keysOf('key', 2_000)) expect(await store.lease(key, 'first', 60_000)).toBe(true)
    await writeAll(store, keysOf('record', 100))
    for (const key of keysOf('key', 2_000)) expect(await store.lease(key, 'second', 60_000)).toBe(false)
  })
})

describe('what is in memory', () => {
  const mebibyte = 2 ** 20

  test('reaches a plateau with a million keys', async () => {
    const store = memoryStore({ maxRecords: 10_000 })
    const record = { value: 'a value', keepForMs: undefined }
    const add = async (from: number, to: number) => {
      for (let index = from; index < to; index++)
        await store.compareAndSet(`key-${index}`, undefined, { ...record, version: `version-${index}` })
    }
    await add(0, 200_000)
    const before = heapUsed()
    await add(200_000, 1_000_000)
    expect(heapUsed() - before).toBeLessThan(16 * mebibyte)
    const found = await kept(store, keysOf('key', 1_000_000).slice(-20_000))
    expect(found.length).toBeGreaterThanOrEqual(9_000)
    expect(found.length).toBeLessThanOrEqual(10_000)
    expect(found.at(-1)).toBe('key-999999')
  })

  test('loses records that have ended as others come, without a timer', async () => {
    const store = memoryStore()
    const before = heapUsed()
    const timers = timersRunning()
    for (const key of keysOf('key', 90_000)) await write(store, key, 0.01, Buffer.alloc(1_024, key).toString('latin1'))
    expect(timersRunning()).toBe(timers)
    expect(heapUsed() - before).toBeLessThan(30 * mebibyte)
    expect(await kept(store, ['key-0'])).toEqual([])
  })

  test('loses leases that have ended as others come', async () => {
    const store = memoryStore()
    const before = heapUsed()
    for (const key of keysOf('key', 500_000)) await store.lease(key, 'first', 0.01)
    expect(heapUsed() - before).toBeLessThan(16 * mebibyte)
    expect(await store.lease('key-0', 'second', 60_000)).toBe(true)
  })
})

describe('a listener', () => {
  test('that rejects harms nobody', async () => {
    const store = memoryStore()
    const listener = async () => {
      throw new Error('thrown by a listener')
    }
    store.watch?.(listener)
    await write(store, 'key')
    expect(await store.get('key')).toMatchObject({ value: 'a value' })
  })

  test('is told as often as it was given, and stopped one by one', async () => {
    const store = memoryStore()
    const listener = vi.fn()
    const stops = [store.watch?.(listener), store.watch?.(listener)]
    await write(store, 'key')
    expect(listener).toHaveBeenCalledTimes(2)
    stops[0]?.()
    await write(store, 'key')
    expect(listener).toHaveBeenCalledTimes(3)
  })
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

function timersRunning(): number {
  return process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length
}
