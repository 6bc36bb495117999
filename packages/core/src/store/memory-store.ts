/** Records in this process's memory: bounded, swept when it grows, without a timer. */
import { checkNumber, checkOptions } from '../options.js'
import { changeListeners } from './change-listeners.js'
import type { ChangeListener, RecordToKeep, StoredRecord, TokenStore } from './token-store.js'

/** How much is held. */
export interface MemoryStoreOptions {
  /**
   * How many records are kept at most. Beyond that a tenth goes: first those that would have been dropped soonest, so
   * that an application's tokens go before a user's refresh token; of those alike the one written longest ago.
   * Default 100,000.
   */
  readonly maxRecords?: number | undefined
}

interface Lease {
  readonly holder: string
  readonly until: number
}

/** A memory store as core reads and writes it: at once, and the very object is kept, which nobody changes. */
interface Records {
  get(key: string): StoredRecord | undefined
  compareAndSet(
    key: string,
    expected: string | undefined,
    record: StoredRecord,
    keepForMs: RecordToKeep['keepForMs'],
  ): boolean
}

/** Those of memory stores, by how they write. */
const recordsOfStores = new WeakMap<TokenStore['compareAndSet'], Records & { readonly of: TokenStore['get'] }>()

/** How a store reads and writes, where it does so as a memory store: who wraps or patches one may change what it does. */
export function recordsOf({ get, compareAndSet }: Pick<TokenStore, 'get' | 'compareAndSet'>): Records | undefined {
  const records = recordsOfStores.get(compareAndSet)
  return records?.of === get ? records : undefined
}

/**
 * The store a token source uses when it is given none, one for the whole process. One of your own keeps its tokens apart.
 *
 * @throws TypeError naming the option
 */
export function memoryStore(options: MemoryStoreOptions = {}): TokenStore {
  checkOptions('memoryStore', options, ['maxRecords'])
  const { maxRecords = 100_000 } = options
  checkNumber('maxRecords', maxRecords, 1)
  /** What was written longest ago comes first. */
  const records = new Map<string, StoredRecord>()
  /** Of the records that are not kept for ever. */
  const ends = new Map<string, number>()
  const leases = new Map<string, Lease>()
  let tell: ChangeListener = () => {}
  const { watch } = changeListeners(told => {
    tell = told
    return () => {}
  })

  const find = (key: string): StoredRecord | undefined => {
    const until = ends.get(key)
    return until === undefined || until > now() ? records.get(key) : undefined
  }
  const drop = (key: string): boolean => {
    ends.delete(key)
    return records.delete(key)
  }
  const sweepRecords = sweeper(records, maxRecords, () => {
    if (records.size >= maxRecords) for (const key of soonest(records, ends, Math.ceil(maxRecords / 10))) drop(key)
    const at = now()
    for (const [key, until] of ends) if (until <= at) drop(key)
  })
  const sweepLeases = sweeper(leases, Number.POSITIVE_INFINITY, () => {
    const at = now()
    for (const [key, { until }] of leases) if (until <= at) leases.delete(key)
  })

  const compareAndSet: Records['compareAndSet'] = (key, expected, record, keepForMs) => {
    const { version } = record
    const current = find(key)?.version
    if (current === version) return true
    if (current !== expected) return false
    // taken out first, so that it is the last of those alike to go
    if (!drop(key)) sweepRecords()
    records.set(key, record)
    // a wrapper that went through JSON or a database has null for what is not there
    if (keepForMs !== undefined && keepForMs !== null) ends.set(key, now() + keepForMs)
    tell(key, version)
    return true
  }
  const store: TokenStore = {
    secrecy: 'process',
    async get(key) {
      const kept = find(key)
      return kept && copyOf(kept)
    },
    compareAndSet: async (key, expected, record) => compareAndSet(key, expected, copyOf(record), record.keepForMs),
    async delete(key, version) {
      if (find(key)?.version !== version) return false
      drop(key)
      tell(key, undefined)
      return true
    },
    async lease(key, holder, durationMs) {
      const current = leases.get(key)
      if (current !== undefined && current.holder !== holder && current.until > now()) return false
      if (current === undefined) sweepLeases()
      leases.set(key, { holder, until: now() + durationMs })
      return true
    },
    async release(key, holder) {
      if (leases.get(key)?.holder === holder) leases.delete(key)
    },
    watch,
  }
  recordsOfStores.set(store.compareAndSet, { of: store.get, get: find, compareAndSet })
  return store
}

/** For everybody else: a wrapper may change in place what it reads, or what it has written. */
function copyOf({ version, value }: StoredRecord): StoredRecord {
  return { version, value }
}

/** Not the wall clock: that one may be set back. */
function now(): number {
  return performance.now()
}

/**
 * Called before something is added. Looks at all there is once for each doubling of it, and at the limit once for each
 * tenth of that.
 */
function sweeper(map: ReadonlyMap<string, unknown>, limit: number, sweep: () => void): () => void {
  let sweepAt = Math.min(1_000, limit)
  return () => {
    if (map.size < sweepAt) return
    sweep()
    sweepAt = Math.min(Math.max(1_000, map.size * 2), limit)
  }
}

/** Those to go first. Numbers are sorted alone: with 100,000 records a third of the time it takes to sort them. */
function soonest(
  records: ReadonlyMap<string, unknown>,
  ends: ReadonlyMap<string, number>,
  count: number,
): readonly string[] {
  const endless = count - ends.size
  if (endless > 0) return [...ends.keys(), ...[...records.keys()].filter(key => !ends.has(key)).slice(0, endless)]
  const sorted = Float64Array.from(ends.values()).sort()
  const last = sorted[count - 1] ?? 0
  let alike = count - sorted.indexOf(last)
  return [...ends].filter(([, until]) => until < last || (until === last && alike-- > 0)).map(([key]) => key)
}
