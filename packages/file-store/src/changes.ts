/** Notice of changes, by the system's notice that a folder among the records was made, touched or removed. */
import { type FSWatcher, watch } from 'node:fs'
import type { ChangeListener } from '@grantkit/core'
import { keyOf } from './names.js'

export interface Changes {
  subscribe(listener: ChangeListener): () => void
  close(): void
}

/**
 * Watches while anybody listens, and keeps no process alive. Where the system gives no notice, or no more of it, nothing
 * is told: changes are hints.
 *
 * @param versionOf reads the version of a key's record, since the system tells of the folder's name alone
 */
export function changesIn(folder: string, versionOf: (key: string) => Promise<string | undefined>): Changes {
  const listeners = new Set<{ readonly listener: ChangeListener }>()
  const reading = new Set<string>()
  let watcher: FSWatcher | undefined

  /** One reading for all notices that come at once. */
  const read = async (key: string) => {
    if (reading.has(key)) return
    reading.add(key)
    await new Promise(setImmediate)
    reading.delete(key)
    const version = await versionOf(key)
    for (const { listener } of listeners) tell(listener, key, version)
  }
  const open = () => {
    try {
      watcher = watch(folder, { persistent: false }, (_, name) => {
        const key = name === null ? undefined : keyOf(name)
        if (key !== undefined) read(key).catch(() => {})
      })
      watcher.on('error', close)
    } catch {
      // The system has no more watches to give (ENOSPC, EMFILE); the next listener tries again.
    }
  }
  const close = () => {
    watcher?.close()
    watcher = undefined
  }

  return {
    subscribe(listener) {
      const entry = { listener }
      listeners.add(entry)
      if (watcher === undefined) open()
      return () => {
        if (listeners.delete(entry) && listeners.size === 0) close()
      }
    },
    close() {
      listeners.clear()
      close()
    },
  }
}

/** A listener that throws harms nobody else. */
function tell(listener: ChangeListener, key: string, version: string | undefined): void {
  try {
    listener(key, version)
  } catch {}
}
