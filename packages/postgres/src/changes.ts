/** Tells of what was written and deleted, while somebody wants to know. */
import { type ChangeListeners, changeListeners } from '@grantkit/core/kit'
import { listen } from './listen.js'
import type { PostgresPool } from './pool.js'

/** The payload that tells of a change; it is read by other versions of this package too. */
export function payloadOf(key: string, version?: string): string {
  return version === undefined ? key : `${key} ${version}`
}

/** What is told on a channel; there is a connection for it as long as somebody listens. */
export function changesOn(pool: PostgresPool, channel: string, isDeaf: () => void): ChangeListeners {
  return changeListeners(tell => {
    const read = (payload: string) => {
      const [key = '', version] = payload.split(' ')
      tell(key, version)
    }
    return listen({ pool, channel, tell: read, isDeaf })
  })
}
