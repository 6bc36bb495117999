/** Leases: a folder for each, whose state is the whole lease. Nothing of it needs to outlast the machine's next start. */
import { createHash, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { drop, look, pass, place, unreadable, untilSettled } from './baton.js'
import type { Files } from './files.js'
import type { Machine } from './machine.js'

export interface Leases {
  /** Whether the holder has it now. */
  take(name: string, holder: string, durationMs: number): Promise<boolean>
  release(name: string, holder: string): Promise<void>
  /** Removes a lease that has ended. */
  sweep(name: string): Promise<void>
}

/** Leases below a folder; `aside` is where new ones are built. */
export function leases(files: Files, machine: Machine, folder: string, aside: string): Leases {
  return {
    take(name, holder, durationMs) {
      const path = join(folder, name)
      return untilSettled(path, async () => {
        const held = await look(files, path)
        const lease = held && parse(path, held.state)
        if (lease !== undefined && lease.holder !== hashOf(holder) && isHeld(lease, machine)) return false
        const state = write(newLease(machine, holder, durationMs))
        const taken = held
          ? pass(files, path, held.state, state)
          : place(files, { folder: path, aside: join(aside, randomUUID()), state })
        return (await taken) || undefined
      })
    },
    async release(name, holder) {
      const path = join(folder, name)
      await untilSettled(path, async () => {
        const held = await look(files, path)
        if (held === undefined || parse(path, held.state).holder !== hashOf(holder)) return true
        // The next look finds it without baton, and removes it.
        await drop(files, path, held.state)
        return undefined
      })
    },
    async sweep(name) {
      const path = join(folder, name)
      const held = await look(files, path)
      if (held === undefined || isHeld(parse(path, held.state), machine)) return
      if (await drop(files, path, held.state)) await look(files, path)
    },
  }
}

/** Times are counted from the start of the system, so that nobody who sets the wall clock frees or prolongs a lease. */
interface Lease {
  /** A hash: a file name may not be as long as a holder, nor tell upper from lower case. */
  readonly holder: string
  readonly boot: string
  readonly takenAt: number
  readonly until: number
  readonly process: string
}

function newLease(machine: Machine, holder: string, durationMs: number): Lease {
  const { boot, process } = machine
  const takenAt = machine.sinceBootMs()
  return { holder: hashOf(holder), boot, takenAt, until: Math.ceil(takenAt + durationMs), process }
}

/** Where a boot has no name, one taken later than now is from an earlier boot, and any other of those ends with its term. */
function isHeld({ boot, takenAt, until, process }: Lease, machine: Machine): boolean {
  const now = machine.sinceBootMs()
  return boot === machine.boot && takenAt <= now && now < until && !machine.isGone(process)
}

function write({ holder, boot, takenAt, until, process }: Lease): string {
  return [holder, boot, takenAt, until, process].join('.')
}

function parse(path: string, state: string): Lease {
  const [holder, boot, takenAt, until, process, ...others] = state.split('.')
  if (holder === undefined || boot === undefined || process === undefined || others.length > 0)
    throw unreadable(path, 'holds a lease of another kind')
  return { holder, boot, takenAt: Number(takenAt), until: Number(until), process }
}

function hashOf(holder: string): string {
  return createHash('sha256').update(holder).digest('hex').slice(0, 32)
}
