/** Watches a store that may lose what was written: for records that come back older, and are written again. */
import type { TokenStore } from '@grantkit/core'
import { report } from '../child.js'
import { instant, type RefusedReport, type RestoredReport } from './reports.js'

/** The version of a record that was seen last, and those that it replaced. */
interface Seen {
  last: string | undefined
  readonly replaced: Set<string | undefined>
}

/** The store, which reports each write over a version that this process knows to have been replaced already. */
export function tellOfLosses(store: TokenStore): TokenStore {
  const seen = new Map<string, Seen>()

  function note(key: string, version: string | undefined): void {
    const known = seen.get(key)
    if (known === undefined) seen.set(key, { last: version, replaced: new Set() })
    else if (known.last !== version) {
      known.replaced.add(known.last)
      known.last = version
    }
  }

  return {
    ...store,
    async get(key) {
      const record = await store.get(key)
      note(key, record?.version)
      return record
    },
    async compareAndSet(key, expected, record) {
      const isRestored = seen.get(key)?.replaced.has(expected) ?? false
      const done = await store.compareAndSet(key, expected, record).catch(tellIfRefused)
      if (!done) return false
      note(key, record.version)
      if (isRestored) report({ type: 'restored', at: instant() } satisfies RestoredReport)
      return true
    },
    lease: (...args) => store.lease(...args).catch(tellIfRefused),
  }
}

/** With too few replicas a write is there and does not count. */
function tellIfRefused(error: Error): never {
  if (/replicas had it/.test(error.message)) report({ type: 'refused', at: instant() } satisfies RefusedReport)
  throw error
}
