/** Notice of changes, by the system's notice that a folder among the records was made, touched or removed. */
import { watch } from 'node:fs'
import { type ChangeListeners, changeListeners } from '@grantkit/core/kit'
import { keyOf } from './names.js'

/**
 * Watches while anybody listens, and keeps no process alive. Where the system gives no notice, or no more of it, nothing
 * is told: changes are hints.
 *
 * @param versionOf reads the version of a key's record, since the system tells of the folder's name alone
 */
export function changesIn(folder: string, versionOf: (key: string) => Promise<string | undefined>): ChangeListeners {
  return changeListeners(tell => {
    const reading = new Set<string>()
    /** One reading for all notices that come at once. */
    const read = async (key: string) => {
      if (reading.has(key)) return
      reading.add(key)
      await new Promise(setImmediate)
      reading.delete(key)
      tell(key, await versionOf(key))
    }
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        const key = name === null ? undefined : keyOf(name)
        if (key !== undefined) read(key).catch(() => {})
      })
      watcher.on('error', () => watcher.close())
      return () => watcher.close()
    } catch {
      // the system has no more watches to give (ENOSPC, EMFILE)
      return undefined
    }
  })
}
