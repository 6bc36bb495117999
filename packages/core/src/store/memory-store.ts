/** Records in this process's memory: bounded, swept when it grows, without a timer. */
import { checkNumber, checkOptions } from '../options.js'
import type { ChangeListener, RecordToKeep, TokenStore } from './token-store.js'

export interface MemoryStoreOptions {
  /**
   * How many records are kept at most. Beyond that a tenth goes: first those that would have been dropped soonest, so
   * that an application's tokens go before a user's refresh token. Default 100,000.
   */
  readonly maxRecords?: number | undefined
}

interface Kept {
  readonly version: string
  readonly value: string
  readonly until: number
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
  const records = new Map<string, Kept>()
  const leases = new Map<string, { readonly holder: string; readonly until: number }>()
  const listeners = new Set<ChangeListener>()
  let sweepAt = 1_000

  const find = (key: string): Kept | undefined => {
    const kept = records.get(key)
    return kept !== undefined && kept.until > now() ? kept : undefined
  }
  const tell = (key: string, version: string | undefined) => {
    for (const listener of listeners) notify(listener, key, version)
  }
  /** Costs as much as there are records, once for each doubling of them. */
  const makeRoom = () => {
    dropOver(records)
    dropOver(leases)
    if (records.size >= maxRecords) dropSoonest(records, Math.ceil(maxRecords / 10))
    sweepAt = Math.min(Math.max(1_000, records.size * 2), maxRecords)
  }

  return {
    secrecy: 'process',
    async get(key) {
      const kept = find(key)
      return kept && { version: kept.version, value: kept.value }
    },
    async compareAndSet(key, expected, { version, value, keepForMs }: RecordToKeep) {
      const current = find(key)?.version
      if (current === version) return true
      if (current !== expected) return false
      if (records.size >= Math.min(sweepAt, maxRecords)) makeRoom()
      records.set(key, { version, value, until: now() + (keepForMs ?? Number.POSITIVE_INFINITY) })
      tell(key, version)
      return true
    },
    async delete(key, version) {
      if (find(key)?.version !== version) return false
      records.delete(key)
      tell(key, undefined)
      return true
    },
    async lease(key, holder, durationMs) {
      const current = leases.get(key)
      if (current !== undefined && current.holder !== holder && current.until > now()) return false
      leases.set(key, { holder, until: now() + durationMs })
      return true
    },
    async release(key, holder) {
      if (leases.get(key)?.holder === holder) leases.delete(key)
    },
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A listener's fault is the listener's: the record has been written. */
function notify(listener: ChangeListener, key: string, version: string | undefined): void {
  try {
    const returned: unknown = listener(key, version)
    if (returned instanceof Promise) returned.catch(() => {})
  } catch {
    // as above
  }
}

/** Not the wall clock: that one may be set back. */
function now(): number {
  return performance.now()
}

function dropOver(map: Map<string, { readonly until: number }>): void {
  const at = now()
  for (const [key, { until }] of map) if (until <= at) map.delete(key)
}

function dropSoonest(records: Map<string, Kept>, count: number): void {
  const soonest = [...records].sort(([, a], [, b]) => (a.until === b.until ? 0 : a.until - b.until)).slice(0, count)
  for (const [key] of soonest) records.delete(key)
}
