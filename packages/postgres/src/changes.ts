/** Tells of what was written and deleted, while somebody wants to know. */
import type { ChangeListener } from '@grantkit/core'
import { listen } from './listen.js'
import type { PostgresPool } from './pool.js'

export interface Changes {
  watch(listener: ChangeListener): () => void
  /** Forgets every listener, and gives the connection back. */
  stop(): void
}

/** The payload that tells of a change; it is read by other versions of this package too. */
export function payloadOf(key: string, version?: string): string {
  return version === undefined ? key : `${key} ${version}`
}

/** What is told on a channel, to any number of listeners; there is a connection for it as long as there is one of them. */
export function changesOn(pool: PostgresPool, channel: string): Changes {
  const listeners = new Set<{ readonly notify: ChangeListener }>()
  let stopListening: (() => void) | undefined

  const tell = (payload: string) => {
    const [key = '', version] = payload.split(' ')
    for (const { notify } of listeners) call(notify, key, version)
  }
  const stop = () => {
    listeners.clear()
    stopListening?.()
    stopListening = undefined
  }
  const watch = (notify: ChangeListener) => {
    const listener = { notify }
    listeners.add(listener)
    stopListening ??= listen({ pool, channel, tell })
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) stop()
    }
  }
  return { watch, stop }
}

/** A listener's fault is the listener's: the others are told, and so is the next change. */
function call(listener: ChangeListener, key: string, version: string | undefined): void {
  try {
    const returned: unknown = listener(key, version)
    if (returned instanceof Promise) returned.catch(() => {})
  } catch {
    // as above
  }
}
