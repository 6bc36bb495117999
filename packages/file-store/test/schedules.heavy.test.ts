/**
 * Processes that get in each other's way: a scheduler lets one of them do its next step, by chance and thousands of
 * times over, stops some for good, and lets a listing miss what is renamed meanwhile or see it twice (POSIX readdir).
 */
import type { TokenStore } from '@grantkit/core'
import { expect, test } from 'vitest'
import type { Files } from '../src/files.js'
import { storeIn } from '../src/store.js'
import { type MachineByHand, machineByHand } from './machine-by-hand.js'
import { memoryFiles } from './memory-files.js'
import { type Step, stepping } from './stepping.js'

type Store = Pick<TokenStore, 'get' | 'compareAndSet' | 'delete' | 'lease' | 'release'>

const directory = { records: '/records', leases: '/leases', aside: '/new' }
const key = 'key'
const schedules = 600
const recordOf = (version: string, keepForMs?: number) => ({ version, value: `value of ${version}`, keepForMs })

test('of those who write over one version one succeeds, and nobody reads anything but whole records', async () => {
  await onManySchedules(async ({ store, disk, machine, run, choose }) => {
    const initial = choose([undefined, 'old', 'over'])
    if (initial !== undefined)
      await storeIn(directory, disk, machine.as('before')).compareAndSet(
        key,
        undefined,
        recordOf(initial, initial === 'over' ? 0 : undefined),
      )
    const expected = initial === 'old' ? 'old' : undefined
    const outcomes: { version: string; written: boolean }[] = []
    const writer = (version: string) => async (store: Store) => {
      outcomes.push({ version, written: await store.compareAndSet(key, expected, recordOf(version)) })
    }
    const reader = async (store: Store) => {
      for (let times = 0; times < 3; times++) {
        const kept = await store.get(key)
        const versions = [...outcomes.map(({ version }) => version), 'a', 'b', 'c', expected]
        expect(versions).toContain(kept?.version)
        if (kept) expect(kept.value).toBe(`value of ${kept.version}`)
      }
    }
    const stopped = await run([writer('a'), writer('b'), writer('c'), reader])

    const winners = outcomes.filter(({ written }) => written).map(({ version }) => version)
    expect(winners.length).toBeLessThanOrEqual(1)
    const kept = await store.get(key)
    if (winners.length === 1) expect(kept?.version).toBe(winners[0])
    else expect(stopped).toBe(true)
  })
})

test('deletions, writes and first writes are done one after the other, each over what it expected', async () => {
  await onManySchedules(async ({ store, run, choose }) => {
    /** Each version that was written, and by what it was followed. */
    const followed = new Map<string, string[]>()
    let made = 0
    const worker = (name: string) => async (store: Store) => {
      for (let times = 0; times < 4; times++) {
        const found = await store.get(key)
        if (found && choose([true, false])) {
          if (await store.delete(key, found.version)) follow(followed, found.version, 'nothing')
        } else {
          const version = `${name}${made++}`
          const written = await store.compareAndSet(key, found?.version, recordOf(version))
          if (written && found) follow(followed, found.version, version)
        }
      }
    }
    await run([worker('a'), worker('b'), worker('c')])

    for (const successors of followed.values()) expect(successors).toHaveLength(1)
    const kept = await store.get(key)
    if (kept) expect(followed.has(kept.version)).toBe(false)
  })
})

test('a lease has one holder', async () => {
  await onManySchedules(async ({ run, choose, machine }) => {
    const holding = new Set<string>()
    const holder = (name: string) => async (store: Store) => {
      for (let times = 0; times < 3; times++) {
        if (!(await store.lease(key, name, 60_000))) continue
        holding.add(name)
        expect([...holding].filter(one => !machine.dead.has(one))).toEqual([name])
        if (choose([true, false])) await store.lease(key, name, 60_000)
        holding.delete(name)
        await store.release(key, name)
      }
    }
    await run([holder('p0'), holder('p1'), holder('p2')])
  })
})

interface Scene {
  /** Without scheduler. */
  readonly store: Store
  readonly disk: Files
  readonly machine: MachineByHand
  /** Runs processes (`p0`, `p1`, ...) step by step; says whether one was stopped for good. */
  readonly run: (processes: readonly ((store: Store) => Promise<void>)[]) => Promise<boolean>
  readonly choose: <T>(items: readonly T[]) => T
}

async function onManySchedules(run: (scene: Scene) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= schedules; seed++) {
    const random = randomNumbers(seed)
    const choose = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T
    const disk = memoryFiles(Object.values(directory))
    const machine = machineByHand()
    const store = storeIn(directory, disk, machine.as('after'))
    try {
      await run({ store, disk, machine, choose, run: processes => inTurns(processes, { disk, machine, random }) })
    } catch (error) {
      throw new Error(`schedule ${seed}`, { cause: error })
    }
  }
}

async function inTurns(
  processes: readonly ((store: Store) => Promise<void>)[],
  { disk, machine, random }: { disk: Files; machine: MachineByHand; random: () => number },
): Promise<boolean> {
  /** A process may have several steps going. */
  let waiting: { readonly index: number; readonly goOn: () => void }[] = []
  const failures: unknown[] = []
  let running = processes.length
  for (const [index, process] of processes.entries()) {
    const step: Step = async act => {
      await new Promise<void>(goOn => waiting.push({ index, goOn }))
      return act()
    }
    const files = looselyListing(stepping(disk, step), random)
    process(storeIn(directory, files, machine.as(`p${index}`)))
      .catch(error => failures.push(error))
      .finally(() => running--)
  }
  let stopped = false
  for (;;) {
    await new Promise(setImmediate)
    if (failures.length > 0) throw failures[0]
    if (running === 0 || waiting.length === 0) return stopped
    const [turn] = waiting.splice(Math.floor(random() * waiting.length), 1)
    if (turn === undefined || random() >= 0.01) turn?.goOn()
    else {
      stopped = true
      machine.dead.add(`p${turn.index}`)
      waiting = waiting.filter(({ index }) => index !== turn.index)
    }
  }
}

/** What is there all the time is listed; what comes or goes meanwhile may be or not. */
function looselyListing(files: Files, random: () => number): Files {
  return {
    ...files,
    async list(folder) {
      const first = await files.list(folder)
      const second = await files.list(folder)
      return [...new Set([...first, ...second])].filter(
        name => (first.includes(name) && second.includes(name)) || random() < 0.5,
      )
    },
  }
}

function follow(followed: Map<string, string[]>, version: string, by: string): void {
  followed.set(version, [...(followed.get(version) ?? []), by])
}

/** The same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
