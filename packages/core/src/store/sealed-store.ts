/** Encryption at rest around any store: a value is kept as a compact JWE, `dir` with `A256GCM` (RFC 7516, RFC 7518). */
import { type KeyObject, webcrypto } from 'node:crypto'
import { types } from 'node:util'
import { outOfContext } from '../context.js'
import { TokenStoreError } from '../errors.js'
import { checkOptions, checkText, optionError } from '../options.js'
import { checkOperations, type StoredRecord, type TokenStore } from './token-store.js'

/** A key that seals and opens records. */
export interface SealingKey {
  /** Names the key, in every record it sealed, where anyone can read it: at most 100 letters, digits and `-_.:/`. */
  readonly id: string
  /**
   * 32 random bytes: as they are, as text in base64 or base64url, or as a secret `KeyObject`.
   * `openssl rand -base64 32` makes one.
   */
  readonly key: string | Uint8Array | KeyObject
}

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
  const keys = importKeys(options.keys)
  // Loaded now, not at the first use: that takes longer than a store may take to answer.
  const jose = outOfContext(() => import('jose'))
  jose.catch(() => {})
  return {
    secrecy: 'sealed',
    limits: store.limits,
    async get(key) {
      const record = await store.get(key)
      return record && { version: record.version, value: await open(await jose, keys, key, record) }
    },
    async compareAndSet(key, expected, { version, value, keepForMs }) {
      // Written again after a lost answer, a record comes with another text: stores go by the version alone.
      const sealed = await seal(await jose, keys[0], key, { version, value })
      return store.compareAndSet(key, expected, { version, value: sealed, keepForMs })
    },
    delete: (key, version) => store.delete(key, version),
    lease: (key, holder, durationMs) => store.lease(key, holder, durationMs),
    release: (key, holder) => store.release(key, holder),
    ...(store.watch && { watch: store.watch.bind(store) }),
    ...(store.close && { close: store.close.bind(store) }),
  }
}

type Jose = typeof import('jose')

/** A key as it is kept: what it is made of cannot be had from it, and no use of it makes a copy. */
interface ImportedKey {
  readonly id: string
  readonly key: Promise<webcrypto.CryptoKey>
}

type ImportedKeys = readonly [ImportedKey, ...ImportedKey[]]

const keyId = /^[\w.:/-]{1,100}$/

function importKeys(keys: readonly SealingKey[]): ImportedKeys {
  if (!Array.isArray(keys)) throw optionError('keys', 'must be a list of { id, key }, the one that seals first')
  const [first, ...others] = keys.map(importKey)
  if (first === undefined) throw optionError('keys', `must not be empty; ${howToMakeOne}`)
  const ids = new Set([first, ...others].map(({ id }) => id))
  if (ids.size < keys.length) throw optionError('keys', 'has two keys with one id; a new key needs an id of its own')
  return [first, ...others]
}

function importKey(sealingKey: SealingKey, index: number): ImportedKey {
  const option = `keys[${index}]`
  if (typeof sealingKey !== 'object' || sealingKey === null) throw optionError(option, 'must be an object { id, key }')
  const { id, key } = sealingKey
  checkText(`${option}.id`, id)
  if (!keyId.test(id)) throw optionError(`${option}.id`, 'must be at most 100 letters, digits and -_.:/')
  const bytes = bytesOf(`${option}.key`, key)
  const imported = outOfContext(() =>
    webcrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']),
  )
  return { id, key: imported }
}

const howToMakeOne = 'openssl rand -base64 32 makes a key'

function bytesOf(option: string, key: SealingKey['key']): Buffer {
  const bytes = readBytes(option, key)
  if (bytes.length !== 32) throw optionError(option, `must be 32 bytes, got ${bytes.length}; ${howToMakeOne}`)
  if (bytes.every(byte => byte === 0)) throw optionError(option, `is nothing but zeros; ${howToMakeOne}`)
  // Of random keys not one in 10^13 is.
  if (bytes.every(byte => byte >= 0x20 && byte < 0x7f))
    throw optionError(option, `is readable text, not random bytes; ${howToMakeOne}`)
  return bytes
}

/** A copy: what was given may be overwritten later. */
function readBytes(option: string, key: SealingKey['key']): Buffer {
  if (typeof key === 'string') return decodeText(option, key.trim())
  if (types.isUint8Array(key)) return Buffer.from(key)
  if (!types.isKeyObject(key)) throw optionError(option, 'must be bytes, text in base64 or base64url, or a KeyObject')
  if (key.type !== 'secret') throw optionError(option, `must be a secret KeyObject, got a ${key.type} one`)
  return key.export()
}

function decodeText(option: string, text: string): Buffer {
  if (/^[\da-f]{64}$/i.test(text)) throw optionError(option, "is hexadecimal; give Buffer.from(key, 'hex')")
  // Node leaves out what is not base64: a passphrase must not pass for what is left of it.
  if (!/^[\w+/-]*={0,2}$/.test(text))
    throw optionError(option, `must be 32 bytes in base64 or base64url, not a passphrase; ${howToMakeOne}`)
  return Buffer.from(text, 'base64')
}

/** The protected header is authenticated with the value: who sealed it, and where it belongs. */
async function seal(
  { CompactEncrypt }: Jose,
  { id, key }: ImportedKey,
  recordKey: string,
  { version, value }: StoredRecord,
): Promise<string> {
  const header = { alg: 'dir', enc: 'A256GCM', kid: id, record_key: recordKey, record_version: version }
  // As JSON, since UTF-8 alone would not give back half a surrogate pair.
  const plaintext = new TextEncoder().encode(JSON.stringify(value))
  return new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(await key)
}

async function open(jose: Jose, keys: ImportedKeys, recordKey: string, record: StoredRecord): Promise<string> {
  const id = keyIdOf(jose, record.value)
  if (id === undefined)
    throw cannotOpen(recordKey, 'is not sealed: it was written by something else than sealedStore()')
  const key = keys.find(key => key.id === id)
  if (key === undefined)
    throw cannotOpen(recordKey, `is sealed with the key ${id}, which is not among keys: add it again`)
  const value = await decrypt(jose, key, recordKey, record)
  if (value === undefined)
    throw cannotOpen(recordKey, `does not open with the key ${id}: it was changed or moved, or the key is another one`)
  return value
}

/** The id of the key a record says it was sealed with, so far on its word alone; `undefined` when it is not sealed. */
function keyIdOf({ decodeProtectedHeader }: Jose, sealed: string): string | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(sealed)
    return alg === 'dir' && typeof kid === 'string' && keyId.test(kid) ? kid : undefined
  } catch {
    return undefined
  }
}

/** The value, or `undefined` if it does not open, whatever the reason: an error of a parser may quote what it read. */
async function decrypt(
  { compactDecrypt }: Jose,
  key: ImportedKey,
  recordKey: string,
  record: StoredRecord,
): Promise<string | undefined> {
  const algorithms = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(record.value, await key.key, algorithms)
    const { record_key, record_version } = protectedHeader
    if (record_key !== recordKey || record_version !== record.version) return undefined
    return JSON.parse(new TextDecoder().decode(plaintext))
  } catch {
    return undefined
  }
}

function cannotOpen(recordKey: string, reason: string): TokenStoreError {
  return new TokenStoreError(`the record ${recordKey} ${reason}`, { operation: 'get', retryable: false })
}
