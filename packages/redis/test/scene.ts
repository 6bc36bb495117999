/** What the tests of the store share. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { TokenStore } from '@grantkit/core'
import type { RecordToKeep } from '@grantkit/core/kit'
import type { TestContext } from 'vitest'

/** A key that was never used before. */
export function freshKey(): string {
  return randomUUID()
}

/** A record with a version of its own. */
export function recordOf(value: string, keepForMs?: number): RecordToKeep {
  return { version: randomUUID(), value, keepForMs }
}

/** Skips the test when there is nothing to run it on. */
export function needed<Servers>(context: TestContext, servers: Servers | undefined): Servers {
  if (servers === undefined) context.skip('needs redis-server')
  return servers as Servers
}

/** Asks until it is so, and fails when it is not after 20 s; what is rejected is asked again. */
export async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const until = performance.now() + 20_000
  let cause: unknown
  for (;;) {
    try {
      if (await isSo()) return
    } catch (error) {
      cause = error
    }
    if (performance.now() > until) throw new Error(`${what}: not within 20 s`, { cause })
    await wait(20)
  }
}

/** Rejects what takes longer than core gives a store. */
export async function within<Value>(promise: Promise<Value>, ms = 1_000): Promise<Value> {
  promise.catch(() => {})
  const over = new AbortController()
  const passed = wait(ms, undefined, { signal: over.signal }).then(() =>
    Promise.reject(new Error(`Not within ${ms} ms`)),
  )
  passed.catch(() => {})
  return Promise.race([promise, passed]).finally(() => over.abort())
}

/** Writes until the listener was told of one of the writes. */
export async function writeUntilTold(store: TokenStore, told: readonly (string | undefined)[]): Promise<void> {
  const written: string[] = []
  await eventually('a write is told of', async () => {
    const record = recordOf('')
    await within(store.compareAndSet(freshKey(), undefined, record))
    written.push(record.version)
    return told.some(version => version !== undefined && written.includes(version))
  })
}
