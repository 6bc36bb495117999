/** Records in this process's memory: bounded, swept when it grows, without a timer. */
import { checkNumber, checkOptions } from '../options.js'
import { changeListeners } from './change-listeners.js'
import type { ChangeListener, StoredRecord, TokenStore } from './token-store.js'

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

/** How memory stores read, by how they write. */
const readers = new WeakMap<TokenStore['compareAndSet'], TokenStore['get']>()

/** Whether a store reads and writes as a memory store does, which keeps an object: who wraps or patches one may change it. */
export function keepsObjects({ get, compareAndSet }: Pick<TokenStore, 'get' | 'compareAndSet'>): boolean {
  return readers.get(compareAndSet) === get
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

  const store: TokenStore = {
    secrecy: 'process',
    async get(key) {
      const kept = find(key)
      return kept && unchanging(kept)
    },
    async compareAndSet(key, expected, record) {
      const { version, keepForMs } = record
      const current = find(key)?.version
      if (current === version) return true
      if (current !== expected) return false
      // taken out first, so that it is the last of those alike to go
      if (!drop(key)) sweepRecords()
      records.set(key, unchanging(record))
      // a wrapper that went through JSON or a database has null for what is not there
      if (keepForMs !== undefined && keepForMs !== null) ends.set(key, now() + keepForMs)
      tell(key, version)
      return true
    },
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
  readers.set(store.compareAndSet, store.get)
  return store
}

/**
 * What nobody can change any more goes in and out as it is: a record of core's makes its text when somebody reads that. Of
 * anything else each has a copy: a wrapper may open what it reads in place.
 */
function unchanging(record: StoredRecord): StoredRecord {
  return Object.isFrozen(record) ? record : { version: record.version, value: record.value }
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
