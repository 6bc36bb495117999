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

/** Until when something holds, by the clock of `now()`. */
interface Limited {
  readonly until: number
}

interface Kept extends StoredRecord, Limited {}

interface Lease extends Limited {
  readonly holder: string
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
  const leases = new Map<string, Lease>()
  let tell: ChangeListener = () => {}
  const { watch } = changeListeners(told => {
    tell = told
    return () => {}
  })
  const sweepRecords = sweeper(records, maxRecords)
  const sweepLeases = sweeper(leases, Number.POSITIVE_INFINITY)

  const find = (key: string): Kept | undefined => {
    const kept = records.get(key)
    return kept !== undefined && kept.until > now() ? kept : undefined
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
      // taken out first, so that it is the last of those alike to go
      if (!records.delete(key)) sweepRecords()
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
      if (current === undefined) sweepLeases()
      leases.set(key, { holder, until: now() + durationMs })
      return true
    },
    async release(key, holder) {
      if (leases.get(key)?.holder === holder) leases.delete(key)
    },
    watch,
  }
}

/** Not the wall clock: that one may be set back. */
function now(): number {
  return performance.now()
}

/**
 * Called before something is added. Looks at all there is once for each doubling of it, and at the limit once for each
 * tenth of that.
 */
function sweeper(map: Map<string, Limited>, limit: number): () => void {
  let sweepAt = Math.min(1_000, limit)
  return () => {
    if (map.size < sweepAt) return
    if (map.size >= limit) dropSoonest(map, Math.ceil(limit / 10))
    dropOver(map)
    sweepAt = Math.min(Math.max(1_000, map.size * 2), limit)
  }
}

/** Numbers are sorted alone: with 100,000 records a third of the time it takes to sort them. */
function dropSoonest(map: Map<string, Limited>, count: number): void {
  const ends = Float64Array.from(map.values(), ({ until }) => until).sort()
  const last = ends[count - 1] ?? 0
  let alike = count - ends.indexOf(last)
  for (const [key, { until }] of map) if (until < last || (until === last && alike-- > 0)) map.delete(key)
}

function dropOver(map: Map<string, Limited>): void {
  const at = now()
  for (const [key, { until }] of map) if (until <= at) map.delete(key)
}
