/** Values that others keep and must neither read nor change: a compact JWE, `dir` with `A256GCM` (RFC 7516, RFC 7518). */
import { createDecipheriv, createSecretKey, type KeyObject, webcrypto } from 'node:crypto'
import { types } from 'node:util'
import type { JsonValue } from './additional.js'
import { outOfContext } from './context.js'
import { checkText, optionError } from './options.js'

/** A key that seals and opens. */
export interface SealingKey {
  /** Names the key, in all that it sealed, where anyone can read it: at most 100 letters, digits and `-_.:/`. */
  readonly id: string
  /**
   * 32 random bytes: as they are, as text in base64 or base64url, or as a secret `KeyObject`.
   * `openssl rand -base64 32` makes one.
   */
  readonly key: string | Uint8Array | KeyObject
}

/** Seals values, and opens what it has sealed. */
export interface Seal {
  /**
   * Encrypts a value with the first key.
   *
   * @param header what the value is and where it belongs, such as `{ record_key: '…' }`: anyone can read it, nobody change
   *   it. `alg`, `enc` and `kid` are ours
   * @returns a compact JWE: letters, digits, `-`, `_` and dots
   */
  seal(value: JsonValue, header: SealedHeader): Promise<string>
  /**
   * The value, or `undefined` for whatever does not open: it was changed, is sealed with none of the keys or for another
   * header, or is no sealed value at all. It never throws: an error of a parser may quote what it read.
   *
   * @param header the very members that it was sealed with
   */
  open(sealed: string, header: SealedHeader): Promise<JsonValue | undefined>
  /** Whether something says that the first key has sealed it: what another one has is to be sealed anew. */
  isOfFirstKey(sealed: string): boolean
  /** The ids of its keys. */
  readonly keyIds: readonly [string, ...string[]]
}

/** Members of the protected header, beside those of the encryption. */
export type SealedHeader = Readonly<Record<string, string>>

/**
 * Makes a seal.
 *
 * @param keys the first seals, all open
 * @throws {TypeError} naming the key
 */
export function createSeal(keys: readonly SealingKey[]): Seal {
  const [first, ...others] = importKeys(keys)
  // Loaded now, not at the first use: that takes longer than a store may take to answer.
  const jose = outOfContext(() => import('jose'))
  jose.catch(() => {})
  const saidIn = rememberingLast(parseHeader)
  return {
    keyIds: [first.id, ...others.map(({ id }) => id)],
    seal: async (value, header) => encrypt(await jose, first, value, header),
    async open(sealed, header) {
      const said = saidIn(protectedHeaderOf(sealed))
      const key = [first, ...others].find(({ id }) => isSame(said, { ...header, ...encryption, kid: id }))
      return key && decrypt(key, sealed)
    },
    isOfFirstKey: sealed => saidIn(protectedHeaderOf(sealed)).kid === first.id,
  }
}

/** The id of the key that something says it was sealed with, so far on its word alone; `undefined` when it is not sealed. */
export function sealingKeyIdOf(sealed: string): string | undefined {
  const { alg, kid } = parseHeader(protectedHeaderOf(sealed))
  return alg === 'dir' && typeof kid === 'string' && keyId.test(kid) ? kid : undefined
}

/** What a protected header says. */
type Said = Readonly<Record<string, unknown>>

/** Says nothing where it cannot be read. */
function parseHeader(text: string): Said {
  try {
    return Object(JSON.parse(decode(text).toString()))
  } catch {
    return {}
  }
}

function protectedHeaderOf(sealed: string): string {
  return sealed.slice(0, sealed.indexOf('.'))
}

/** What is sealed for one use, such as the sessions of an app, has one header, the same to the letter: it is read once. */
function rememberingLast(parse: (text: string) => Said): (text: string) => Said {
  let last: { readonly text: string; readonly said: Said } | undefined
  return text => {
    // a copy, since a piece of a text keeps the whole of it in memory: a cookie
    if (last?.text !== text) last = { text: Buffer.from(text).toString(), said: parse(text) }
    return last.said
  }
}

function isSame(said: Said, header: SealedHeader): boolean {
  const names = Object.keys(header)
  return names.length === Object.keys(said).length && names.every(name => said[name] === header[name])
}

type Jose = typeof import('jose')

/** A key as it is kept: nothing that shows it shows what it is made of, and no use of it makes a copy. */
interface ImportedKey {
  readonly id: string
  /** Seals. */
  readonly key: Promise<webcrypto.CryptoKey>
  /** Opens. */
  readonly secret: KeyObject
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
  if (key === undefined || key === '')
    throw optionError(
      `${option}.key`,
      `is ${key === '' ? 'empty' : 'undefined'}: an environment variable that is not set? ${howToMakeOne}`,
    )
  const bytes = bytesOf(`${option}.key`, key)
  const imported = outOfContext(() =>
    webcrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']),
  )
  return { id, key: imported, secret: createSecretKey(bytes) }
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
async function encrypt(
  { CompactEncrypt }: Jose,
  { id, key }: ImportedKey,
  value: JsonValue,
  header: SealedHeader,
): Promise<string> {
  // As JSON, since UTF-8 alone would not give back half a surrogate pair.
  const plaintext = new TextEncoder().encode(JSON.stringify(value))
  return new CompactEncrypt(plaintext).setProtectedHeader({ ...header, ...encryption, kid: id }).encrypt(await key)
}

const encryption = { alg: 'dir', enc: 'A256GCM' }

/**
 * By Node's cipher: a session's cookie is opened with every request, and Web Crypto, which jose stands on, takes each
 * through its threads, which is seven times as long for a few hundred bytes.
 */
function decrypt({ secret }: ImportedKey, sealed: string): JsonValue | undefined {
  const [protectedHeader = '', encryptedKey, iv = '', ciphertext = '', tag = '', ...more] = sealed.split('.')
  if (encryptedKey !== '' || more.length > 0) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, ofLength(12, iv), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(protectedHeader)).setAuthTag(ofLength(16, tag))
    const plaintext = decipher.update(decode(ciphertext))
    // of GCM nothing more comes, but the word that it is genuine
    decipher.final()
    return JSON.parse(plaintext.toString())
  } catch {
    return undefined
  }
}

function decode(part: string): Buffer {
  return Buffer.from(part, 'base64url')
}

/** @throws Error: GCM takes shorter ones, which are easier to guess */
function ofLength(bytes: number, part: string): Buffer {
  const decoded = decode(part)
  if (decoded.length !== bytes) throw new Error(`must be ${bytes} bytes`)
  return decoded
}
