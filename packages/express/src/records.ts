/** Records beside the tokens in an app's store: what they are called, how long they are kept, and what is good for one use. */
import { hash, randomUUID } from 'node:crypto'
import { TokenStoreError } from '@grantkit/core'
import type { BoundedStore } from '@grantkit/core/kit'

/** The key of a record: a hash of what it is about, the same in all processes. */
export function recordKey(...about: readonly string[]): string {
  return hash('sha256', JSON.stringify(about), 'base64url')
}

/** How long it is until an instant, as stores take it: whole milliseconds, and at least one. */
export function msUntil(instant: number, now: number): number {
  return Math.max(1, Math.ceil(instant - now))
}

/**
 * What stands in a record of ours.
 *
 * @throws TokenStoreError that shows none of it, where it is not ours
 */
export function readRecord(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new TokenStoreError('the record is none of ours', { operation: 'get', retryable: false })
  }
}

/** A use of what is good for one. */
export interface Use {
  /** Takes it back. Where the store fails, it counts all the same. */
  release(): Promise<void>
}

/**
 * Uses what is good for one use: `undefined` for whoever is not the first, in all processes.
 *
 * @throws TokenStoreError
 */
export async function useOnce(store: BoundedStore, key: string, keepForMs: number): Promise<Use | undefined> {
  // of its own, since a version that is there already is the same write, come twice
  const version = randomUUID()
  const isFirst = await store.compareAndSet(key, undefined, { version, value: 'used', keepForMs })
  return isFirst ? { release: () => store.delete(key, version).then(ignore, ignore) } : undefined
}

function ignore(): void {}
