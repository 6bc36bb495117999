/** Clearing up, a little with every write: no timer, and no write pays for more than a few others. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { discard } from './baton.js'
import type { Directory } from './directory.js'
import { type Files, isDone } from './files.js'
import type { Leases } from './leases.js'
import type { Machine } from './machine.js'
import type { Records } from './records.js'

const foldersAtOnce = 4
const listEveryMs = 60_000
/** Far longer than building takes. Whoever takes longer still finds it gone, and builds anew. */
const abandonedAfterMs = 60 * 60 * 1000

/**
 * Each call looks after a few folders: what has ended is removed, and what a crash has left. They come in random order,
 * so that programs too short-lived for more than one call get round too. What fails waits for the next round.
 */
export function sweeper(
  files: Files,
  machine: Machine,
  { directory, records, leases }: { readonly directory: Directory; readonly records: Records; readonly leases: Leases },
): () => Promise<void> {
  let waiting: (() => Promise<void>)[] = []
  let listAt = Number.NEGATIVE_INFINITY

  const list = async () => {
    listAt = machine.sinceBootMs() + listEveryMs
    const [kept, held, unfinished] = await Promise.all(
      [directory.records, directory.leases, directory.aside].map(folder => files.list(folder)),
    )
    waiting = shuffled([
      ...(kept ?? []).map(name => () => records.sweep(name)),
      ...(held ?? []).map(name => () => leases.sweep(name)),
      ...(unfinished ?? []).map(name => () => removeAbandoned(files, machine, directory.aside, name)),
    ])
  }

  return async () => {
    if (waiting.length === 0 && machine.sinceBootMs() >= listAt) await list().catch(() => {})
    for (const sweep of waiting.splice(0, foldersAtOnce)) await sweep().catch(() => {})
  }
}

/** By the wall clock, which is good enough: whoever is still building in there builds anew. */
async function removeAbandoned(files: Files, machine: Machine, aside: string, name: string): Promise<void> {
  const age = Math.abs(machine.epochMs() - (await files.changedAt(join(aside, name))))
  if (age < abandonedAfterMs) return
  const claimed = join(aside, randomUUID())
  if (await isDone(files.rename(join(aside, name), claimed), 'ENOENT')) await discard(files, claimed)
}

function shuffled<T>(items: T[]): T[] {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    ;[items[index], items[other]] = [items[other] as T, items[index] as T]
  }
  return items
}
