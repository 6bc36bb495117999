/** Tells listeners of changes, as long as there are any: hints, from a subscription that is opened again when it fails. */
import type { ChangeListener } from '@grantkit/core'
import type { Connection, Subscription } from './connection.js'

/** How long after a subscription was not to be had it is tried again. */
const againAfterMs = 5_000

export interface Changes {
  watch(listener: ChangeListener): () => void
  close(): void
}

export function changes(connection: Connection, channel: string): Changes {
  // one for each call, so that a function given twice is two listeners
  const listeners = new Set<{ readonly listener: ChangeListener }>()
  let subscription: Subscription | undefined
  let again: NodeJS.Timeout | undefined

  const tell = (message: string) => {
    const [key = '', version] = message.split(' ', 2)
    for (const { listener } of listeners) notify(listener, key, version)
  }
  const open = () => {
    const opened = connection.subscribe(channel, tell)
    subscription = opened
    opened.subscribed.catch(() => {
      opened.close()
      if (subscription !== opened) return
      again = setTimeout(open, againAfterMs)
      again.unref()
    })
  }
  const close = () => {
    clearTimeout(again)
    subscription?.close()
    subscription = undefined
  }

  return {
    watch(listener) {
      const added = { listener }
      listeners.add(added)
      if (subscription === undefined) open()
      return () => {
        listeners.delete(added)
        if (listeners.size === 0) close()
      }
    },
    close() {
      listeners.clear()
      close()
    },
  }
}

/** A listener's fault is the listener's. */
function notify(listener: ChangeListener, key: string, version: string | undefined): void {
  try {
    const returned: unknown = listener(key, version)
    if (returned instanceof Promise) returned.catch(() => {})
  } catch {
    // as above
  }
}
