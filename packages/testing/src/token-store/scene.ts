/** What a case has at hand: two stores on one backend, and a key of its own; the stores are closed after it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { TokenStore } from '@grantkit/core'
import type { RecordToKeep } from '@grantkit/core/kit'

/** What the contract needs to know beforehand. */
export interface TokenStoreSetup {
  /**
   * Opens a store on the same backend each time: two of them stand for two processes or hosts. Called twice for every
   * case; what it returns is closed after the case. It may return the same store again where there is one process only.
   */
  readonly create: () => TokenStore | Promise<TokenStore>
  /** `false` for a store that has no `watch()`: the cases about changes are left out. Default `true`. */
  readonly watches?: boolean | undefined
  /**
   * Cases this store cannot pass, by name, with the reason; they are left out of the list and of nothing else. Unknown
   * names are refused.
   */
  readonly cannot?: Readonly<Record<string, string>> | undefined
}

/** A case before a store is known; `run` rejects when the store does not do what the name says. */
export interface TokenStoreCase {
  readonly name: string
  readonly run: (scene: Scene) => Promise<void>
}

export interface Scene {
  /** A store in one process. */
  readonly here: TokenStore
  /** A store on the same backend in another. */
  readonly there: TokenStore
  /** A key no other case has. */
  readonly key: string
}

/** For what would never end. */
const deadlineMs = 25_000

/** Runs one case on two stores, and closes them. */
export async function runCase({ name, run }: TokenStoreCase, { create }: TokenStoreSetup): Promise<void> {
  const opened: TokenStore[] = []
  const open = async () => {
    const store = await create()
    opened.push(store)
    return store
  }
  try {
    await within(name, async () => run({ here: await open(), there: await open(), key: freshKey() }))
  } catch (error) {
    // what the case failed for says more than what closing fails for then
    await closeAll(opened).catch(() => {})
    throw error
  }
  await closeAll(opened)
}

async function closeAll(stores: readonly TokenStore[]): Promise<void> {
  const ends = await Promise.allSettled(stores.map(async store => store.close?.()))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

async function within(name: string, run: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  const passed = wait(deadlineMs, undefined, { signal: over.signal }).then(() =>
    assert.fail(`${name}: still waiting after ${deadlineMs / 1000} s`),
  )
  passed.catch(() => {})
  try {
    await Promise.race([run(), passed])
  } finally {
    over.abort()
  }
}

/** A key, a holder or a version that was never used before. */
export function freshKey(): string {
  return randomUUID()
}

/** A record with a version of its own, kept for ever unless it is said for how long. */
export function recordOf(value: string, keepForMs?: number): RecordToKeep {
  return { version: randomUUID(), value, keepForMs }
}

/** Creates a record where there is none. */
export async function created(
  store: TokenStore,
  key: string,
  value: string,
  keepForMs?: number,
): Promise<RecordToKeep> {
  const record = recordOf(value, keepForMs)
  assert.equal(await store.compareAndSet(key, undefined, record), true, 'no record was created where there was none')
  return record
}

/** Fails unless exactly this record is kept, or none. */
export async function assertKept(store: TokenStore, key: string, expected: RecordToKeep | undefined): Promise<void> {
  const kept = await store.get(key)
  if (expected === undefined) return assert.equal(kept, undefined, 'a record is kept, and none should be')
  assert.ok(kept, 'no record is kept')
  assert.equal(kept.version, expected.version, 'another version is kept')
  // not shown: it may be long
  assert.ok(kept.value === expected.value, 'the value is not what was written')
}

/** Asks until it is so; fails when it is not after 10 s. */
export async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `${what}: not within 10 s`)
    await wait(20)
  }
}

/** Attempts all of them at once, by turns in both processes, and says which came true. */
export async function winners<Item>(
  { here, there }: Scene,
  items: readonly Item[],
  attempt: (store: TokenStore, item: Item) => Promise<boolean>,
): Promise<Item[]> {
  const done = await Promise.all(items.map((item, index) => attempt(index % 2 === 0 ? here : there, item)))
  return items.filter((_, index) => done[index] === true)
}

/** As many of something, made from their numbers. */
export function several<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
