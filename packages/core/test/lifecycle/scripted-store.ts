/** A store whose answers a test decides, with one lineage in it. */
import { memoryStore, type TokenStore } from '../../src/index.js'
import { Lineage } from '../../src/lifecycle/lineage.js'
import type { LineageRecord } from '../../src/lifecycle/record.js'
import { parseRecord, textOf } from '../../src/lifecycle/record-text.js'
import { StoredLineage } from '../../src/lifecycle/stored.js'

export interface ScriptedStore {
  readonly lineage: Lineage
  readonly stored: StoredLineage
  /** What was asked of the store, such as `get` or `compareAndSet 1`, with the version it was to replace. */
  readonly asked: string[]
  /** What comes before the store's own answer to an operation; what it returns is the answer instead. */
  readonly before: { get?: () => unknown; compareAndSet?: () => unknown; delete?: () => unknown }
  /** Puts a record into the store, as another process would. */
  readonly keep: (version: string, record: LineageRecord) => Promise<void>
  /** Loses the record, as a restart of the store would. */
  readonly lose: () => Promise<void>
  readonly kept: () => Promise<{ version: string; record: LineageRecord } | undefined>
}

/** @param now the clock of the client */
export function scriptedStore({ isToldOfChanges = true, copyMs = 10_000, now = 0 } = {}): ScriptedStore {
  const inner = memoryStore()
  const asked: string[] = []
  const before: ScriptedStore['before'] = {}
  const answer = async <T>(operation: keyof typeof before, expected: string | undefined, own: () => Promise<T>) => {
    asked.push(expected === undefined ? operation : `${operation} ${expected}`)
    const instead = await before[operation]?.()
    return instead === undefined ? own() : (instead as T)
  }
  const store: TokenStore = {
    ...inner,
    get: key => answer('get', undefined, () => inner.get(key)),
    compareAndSet: (key, expected, next) =>
      answer('compareAndSet', expected, () => inner.compareAndSet(key, expected, next)),
    delete: (key, version) => answer('delete', version, () => inner.delete(key, version)),
  }
  const lineage = new Lineage('l', '', { store, copyMs, isToldOfChanges })
  const lose = async () => {
    const current = await inner.get('l')
    if (current !== undefined) await inner.delete('l', current.version)
  }
  return {
    lineage,
    stored: new StoredLineage(lineage, { now: () => now }),
    asked,
    before,
    lose,
    async keep(version, record) {
      await lose()
      await inner.compareAndSet('l', undefined, { version, value: textOf(record), keepForMs: undefined })
    },
    async kept() {
      const current = await inner.get('l')
      return current && { version: current.version, record: parseRecord(current.value) }
    },
  }
}
