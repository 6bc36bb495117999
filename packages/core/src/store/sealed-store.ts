/** Encryption at rest around any store: a value is kept sealed. */
import { TokenStoreError } from '../errors.js'
import { checkOptions } from '../options.js'
import { createSeal, type Seal, type SealingKey, sealingKeyIdOf } from '../sealing.js'
import { checkOperations, type StoredRecord, type TokenStore } from './token-store.js'

/** The keys that seal and open. */
export interface SealedStoreOptions {
  /**
   * The first seals, all open. To change the key, give every process the new one after the old one, then put it first;
   * a record is sealed anew whenever it is written, and the old key can go when none is left that was sealed with it.
   *
   * One key is good for four billion writes (2^32): beyond that two of the random initialization vectors may be alike.
   */
  readonly keys: readonly SealingKey[]
}

/**
 * Keeps the values of a store encrypted. Who can read the store sees keys, versions and how long a value is. Who can
 * write to it can delete a record or put back an older one, but neither change one nor move it to another key or version.
 *
 * A record that cannot be opened is not taken for absent, or a user's refresh token would be lost: `get()` rejects with
 * a `TokenStoreError` that is not retryable. So it does for records from before the store was sealed: delete those.
 *
 * @param store keeps the sealed records, and does everything else; it is closed with this one
 * @throws {TypeError} naming the option
 * @see NIST SP 800-38D §8.3, for how often one key may be used
 */
export function sealedStore(store: TokenStore, options: SealedStoreOptions): TokenStore {
  checkOperations(store)
  checkOptions('sealedStore', options, ['keys'])
  const seal = createSeal(options.keys)
  return {
    secrecy: 'sealed',
    limits: store.limits,
    async get(key) {
      const record = await store.get(key)
      return record && { version: record.version, value: await open(seal, key, record) }
    },
    async compareAndSet(key, expected, { version, value, keepForMs }) {
      // Written again after a lost answer, a record comes with another text: stores go by the version alone.
      const sealed = await seal.seal(value, headerOf(key, version))
      return store.compareAndSet(key, expected, { version, value: sealed, keepForMs })
    },
    delete: (key, version) => store.delete(key, version),
    lease: (key, holder, durationMs) => store.lease(key, holder, durationMs),
    release: (key, holder) => store.release(key, holder),
    ...(store.watch && { watch: store.watch.bind(store) }),
    ...(store.close && { close: store.close.bind(store) }),
  }
}

function headerOf(recordKey: string, version: string) {
  return { record_key: recordKey, record_version: version }
}

async function open(seal: Seal, recordKey: string, { version, value }: StoredRecord): Promise<string> {
  const opened = await seal.open(value, headerOf(recordKey, version))
  if (typeof opened === 'string') return opened
  throw cannotOpen(recordKey, reasonOf(seal, sealingKeyIdOf(value)))
}

function reasonOf({ keyIds }: Seal, id: string | undefined): string {
  if (id === undefined) return 'is not sealed: it was written by something else than sealedStore()'
  if (!keyIds.includes(id)) return `is sealed with the key ${id}, which is not among keys: add it again`
  return `does not open with the key ${id}: it was changed or moved, or the key is another one`
}

function cannotOpen(recordKey: string, reason: string): TokenStoreError {
  return new TokenStoreError(`the record ${recordKey} ${reason}`, { operation: 'get', retryable: false })
}
