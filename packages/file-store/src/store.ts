/** The store: the contract's operations, each an attempt that is repeated while another process is quicker. */
import { join } from 'node:path'
import type { TokenStore } from '@grantkit/core'
import { untilSettled } from './baton.js'
import { changesIn } from './changes.js'
import type { Directory } from './directory.js'
import type { Files } from './files.js'
import { leases } from './leases.js'
import type { Machine } from './machine.js'
import { nameOf } from './names.js'
import { type KeptRecord, records } from './records.js'
import { sweeper } from './sweep.js'

/** A store in a directory that is there, on a file system and a machine. */
export function storeIn(
  directory: Directory,
  files: Files,
  machine: Machine,
): Required<Omit<TokenStore, 'secrecy' | 'limits'>> {
  const kept = records(files, machine, directory.records, directory.aside)
  const held = leases(files, machine, directory.leases, directory.aside)
  const sweep = sweeper(files, machine, { directory, records: kept, leases: held })
  const get = async (key: string) => current(await kept.read(nameOf(key)))
  const changes = changesIn(directory.records, async key => (await get(key))?.version)

  return {
    get,
    async compareAndSet(key, expected, record) {
      const name = nameOf(key)
      const written = await untilSettled(join(directory.records, name), async () => {
        const found = await kept.read(name)
        const version = current(found)?.version
        if (version === record.version) return kept.settle(name).then(() => true)
        if (version !== expected) return false
        return (await kept.write(name, found, record)) || undefined
      })
      if (written) await sweep()
      return written
    },
    async delete(key, version) {
      const name = nameOf(key)
      return untilSettled(join(directory.records, name), async () => {
        const found = await kept.read(name)
        if (found === undefined || current(found)?.version !== version) return false
        return (await kept.remove(name, found)) || undefined
      })
    },
    lease: async (key, holder, durationMs) => held.take(nameOf(key), holder, durationMs),
    release: async (key, holder) => held.release(nameOf(key), holder),
    watch: changes.watch,
    close: async () => changes.close(),
  }
}

/** A record whose time is over is as good as none. */
function current(found: KeptRecord | undefined): { readonly version: string; readonly value: string } | undefined {
  return found === undefined || found.isOver ? undefined : { version: found.version, value: found.value }
}
