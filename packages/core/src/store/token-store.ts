/**
 * Where token records are kept, so that any number of processes share them: the contract of every store. A store moves
 * opaque text under opaque keys; what a record means, and when a lease is taken, is decided in `lifecycle/`, once.
 */
import { checkNumber, optionError, refusePromise } from '../options.js'

/** A record as it is kept. */
export interface StoredRecord {
  /** Names this state of the record; made by the writer, never used twice. */
  readonly version: string
  /** Text of any length and characters, given back as it was. */
  readonly value: string
}

/** A record to be kept. */
export interface RecordToKeep extends StoredRecord {
  /** How long it is worth keeping, in whole milliseconds from now, at least 1; after that the store may drop it. `undefined`: for ever. */
  readonly keepForMs: number | undefined
}

/**
 * Told that a record was written (its version now) or deleted (`undefined`), by whomever. A hint: it may be lost, late or
 * repeated.
 */
export type ChangeListener = (key: string, version: string | undefined) => void

/** What core holds the operations of a store to. */
export interface StoreLimits {
  /** How long one may take, from when it is asked, before it counts as failed, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
  /** How many may be under way at once: no more than are answered in that time. The others wait. Default 32. */
  readonly atOnce?: number | undefined
}

/**
 * A store. Keys and holders are text of at most 100 letters, digits, `-` and `_`, and never hold a secret. Every operation
 * is atomic; each rejects with whatever error the backend gives when it is not known to have been carried out.
 */
export interface TokenStore {
  /**
   * Who keeps the records secret: `'process'` when they never leave its memory, `'sealed'` when this store encrypts them,
   * `'elsewhere'` when the user has said in so many words that they see to it. A token source refuses any other store.
   */
  readonly secrecy?: 'process' | 'sealed' | 'elsewhere' | undefined
  /** Which limits fit this store; of no effect for one that is in the process. */
  readonly limits?: StoreLimits | undefined
  /** The record as it was written last. */
  get(key: string): Promise<StoredRecord | undefined>
  /**
   * Writes a record if the one that is kept has the version `expected`, or if none is kept and `expected` is `undefined`.
   * Asked again with a record of the same version, after an answer was lost, it says `true` again and changes nothing; the
   * value may be another text then, since a sealed one is at every call.
   *
   * @returns whether the record is kept now
   */
  compareAndSet(key: string, expected: string | undefined, record: RecordToKeep): Promise<boolean>
  /**
   * Deletes the record if it still has this version.
   *
   * @returns whether it was deleted
   */
  delete(key: string, version: string): Promise<boolean>
  /**
   * Takes the lease of a key, or keeps it: granted when nobody holds it, when it has run out, or when `holder` has it
   * already; counted anew from now, by the store's clock. Leases and records do not depend on each other.
   *
   * @param durationMs how long it holds unless it is kept, in whole milliseconds
   * @returns whether `holder` has it now
   */
  lease(key: string, holder: string, durationMs: number): Promise<boolean>
  /** Gives a lease back; does nothing when `holder` does not have it. */
  release(key: string, holder: string): Promise<void>
  /**
   * Tells of changes, this store object's own included, from soon after the call until the function it returns is called.
   * Where it is missing, or a hint is lost, the changes of others are found by asking again.
   */
  watch?(listener: ChangeListener): () => void
  /** Gives up what the store itself has opened; what it was given stays open. */
  close?(): Promise<void>
}

/** Refuses what is no store, and one whose records would leave the process in the clear without the user's word. */
export function checkStore(store: TokenStore): void {
  checkOperations(store)
  if (!['process', 'sealed', 'elsewhere'].includes(store.secrecy ?? ''))
    throw optionError(
      'store',
      "would keep tokens in the clear outside this process: wrap it in sealedStore(store, { keys }), or say secrecy: 'elsewhere' if its backend encrypts them",
    )
}

const aStore = 'a TokenStore such as memoryStore(), or redisStore() in sealedStore()'

/** Refuses what is no store, such as a client or what keeps sessions for others. */
export function checkOperations(store: TokenStore): void {
  refusePromise('store', store)
  if (typeof store !== 'object' || store === null) throw optionError('store', `must be ${aStore}`)
  const { timeoutMs, atOnce } = store?.limits ?? {}
  if (timeoutMs !== undefined) checkNumber('store.limits.timeoutMs', timeoutMs, 1)
  if (atOnce !== undefined) checkNumber('store.limits.atOnce', atOnce, 1)
  for (const operation of ['get', 'compareAndSet', 'delete', 'lease', 'release'] as const)
    if (typeof store?.[operation] !== 'function')
      throw optionError('store', `lacks ${operation}(); it must be ${aStore}`)
}
