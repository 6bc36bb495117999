/** The listeners of a store, for whoever writes one: `watch()` of a `TokenStore`, whatever the backend's notices look like. */
import type { ChangeListener } from './token-store.js'

/** The listeners of one store. */
export interface ChangeListeners {
  /** `watch()` of a `TokenStore`. */
  watch(listener: ChangeListener): () => void
  /** Forgets every listener, and shuts what tells of changes. */
  close(): void
}

/**
 * Keeps listeners: each is told, whatever another throws.
 *
 * @param open opens what tells of changes, as soon as somebody listens; what it returns shuts it, when nobody does any more.
 *   It returns nothing where nothing could be opened: it is tried again with the next listener
 */
export function changeListeners(open: (tell: ChangeListener) => (() => void) | undefined): ChangeListeners {
  // one for each call, so that a function given twice is two listeners
  const listeners = new Set<{ readonly listener: ChangeListener }>()
  let shut: (() => void) | undefined

  const tell: ChangeListener = (key, version) => {
    for (const { listener } of listeners) notify(listener, key, version)
  }
  const close = () => {
    listeners.clear()
    shut?.()
    shut = undefined
  }
  return {
    watch(listener) {
      const added = { listener }
      listeners.add(added)
      shut ??= open(tell)
      return () => {
        if (listeners.delete(added) && listeners.size === 0) close()
      }
    },
    close,
  }
}

/** A listener's fault is the listener's: what it was told of has happened. */
function notify(listener: ChangeListener, key: string, version: string | undefined): void {
  try {
    const returned: unknown = listener(key, version)
    if (returned instanceof Promise) returned.catch(() => {})
  } catch {
    // as above
  }
}
