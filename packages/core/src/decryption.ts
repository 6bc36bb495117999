/** The client's keys for what is encrypted to it, and what they open; what is encrypted to others (RFC 7516; OpenID Connect Core §10.2). */
import { createSecretKey, hash, type KeyObject, type webcrypto } from 'node:crypto'
import { types } from 'node:util'
import { outOfContext } from './context.js'
import { type PrivateKey, parsePrivateKey } from './keys.js'
import { checkCredential, checkObject, checkOptions, optionError } from './options.js'

/** A private key by which something encrypted to the client is read. */
export interface DecryptionKey {
  /** RSA of 2048 bits or more, P-256, P-384, P-521 or X25519. */
  readonly key: PrivateKey
  /** Default: the `kid` of a JWK; without one the key is tried for whatever it fits. */
  readonly kid?: string | undefined
  /** Decrypts an encrypted PEM. */
  readonly passphrase?: string | undefined
}

/** How something was encrypted. */
export interface Encryption {
  /** How the content's key was, by its name in `alg` (RFC 7518 §4.1). */
  readonly alg: string
  /** How the content was, by its name in `enc` (RFC 7518 §5.1). */
  readonly enc: string
}

const forRsa = ['RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512']
const forCurves = ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW']
/** By a key made of the client secret, and the bits it has; those of `dir` are the content's. */
const bySecret: Readonly<Record<string, number | undefined>> = {
  dir: undefined,
  A128KW: 128,
  A192KW: 192,
  A256KW: 256,
  A128GCMKW: 128,
  A192GCMKW: 192,
  A256GCMKW: 256,
}
const contentBits: Readonly<Record<string, number>> = {
  A128GCM: 128,
  A192GCM: 192,
  A256GCM: 256,
  'A128CBC-HS256': 256,
  'A192CBC-HS384': 384,
  'A256CBC-HS512': 512,
}

/** By a key of the client's own. RSA1_5 is none of them: who may send in texts and watch learns what they hold. */
export const asymmetricEncryption: readonly string[] = [...forRsa, ...forCurves]
/** By a key made of the client secret. */
export const symmetricEncryption: readonly string[] = Object.keys(bySecret)
export const contentEncryption: readonly string[] = Object.keys(contentBits)

/** What is read, at most: as it came, and what comes of it where it was compressed. */
export const mostCharacters = 262_144

interface Opener {
  readonly key: KeyObject | webcrypto.CryptoKey
  readonly kid: string | undefined
  readonly fits: (alg: string) => boolean
}

/** The keys of one client. Printing shows none. */
export class DecryptionKeys {
  readonly #openers: readonly Opener[]

  /** @throws TypeError naming the member, such as `decryptionKeys[0].key` */
  constructor(keys: readonly DecryptionKey[] = []) {
    if (!Array.isArray(keys)) throw optionError('decryptionKeys', 'must be a list of keys: [{ key }]')
    this.#openers = keys.map((key, index) => readKey(`decryptionKeys[${index}]`, key))
  }

  /** How many there are. */
  get size(): number {
    return this.#openers.length
  }

  /** Those that a header's `alg` and `kid` may mean; all that fit where it names none. */
  for(alg: string, kid: unknown): readonly (KeyObject | webcrypto.CryptoKey)[] {
    const fitting = this.#openers.filter(({ fits }) => fits(alg))
    const named = fitting.filter(opener => opener.kid === kid)
    const nameless = fitting.filter(opener => opener.kid === undefined)
    const chosen = kid === undefined ? fitting : named.length > 0 ? named : nameless
    return chosen.map(({ key }) => key)
  }
}

function readKey(option: string, given: DecryptionKey): Opener {
  checkObject(option, given)
  checkOptions('decryptionKeys', given, ['key', 'kid', 'passphrase'])
  const { key, passphrase } = given
  const { kid = (key as { kid?: string } | undefined)?.kid } = given
  if (kid !== undefined) checkCredential(`${option}.kid`, kid)
  if ((key as { use?: string } | undefined)?.use === 'sig')
    throw optionError(`${option}.key`, 'is a JWK whose use is sig')
  if (types.isCryptoKey(key)) return { key, kid, fits: alg => fitsCryptoKey(key, alg) }
  const parsed = parsePrivateKey(`${option}.key`, key, passphrase)
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: { modulusLength = 0 } = {} } = parsed
  if (!['rsa', 'ec', 'x25519'].includes(type))
    throw optionError(`${option}.key`, `is of type ${type}; RSA, EC or X25519 is needed to decrypt`)
  if (type === 'rsa' && modulusLength < 2048)
    throw optionError(`${option}.key`, `is RSA with ${modulusLength} bits; at least 2048 are needed`)
  const fitting = type === 'rsa' ? forRsa : forCurves
  return { key: parsed, kid, fits: alg => fitting.includes(alg) }
}

/** One of RSA is bound to a hash, and so to one algorithm. */
function fitsCryptoKey({ algorithm }: webcrypto.CryptoKey, alg: string): boolean {
  const { name, hash: { name: digest = '' } = {} } = algorithm as { name: string; hash?: { name?: string } }
  if (name !== 'RSA-OAEP') return forCurves.includes(alg)
  return alg === (digest === 'SHA-1' ? 'RSA-OAEP' : `RSA-OAEP-${digest.slice(4)}`)
}

/**
 * What an encrypted text holds.
 *
 * @returns `undefined` when none of the keys opens it
 */
export async function decrypt(
  jwe: string,
  { alg, enc }: Encryption,
  keys: readonly (KeyObject | webcrypto.CryptoKey)[],
): Promise<string | undefined> {
  const { compactDecrypt } = await outOfContext(() => import('jose'))
  const limits = {
    keyManagementAlgorithms: [alg],
    contentEncryptionAlgorithms: [enc],
    maxDecompressedLength: mostCharacters,
  }
  for (const key of keys) {
    try {
      const { plaintext } = await compactDecrypt(jwe, key, limits)
      return new TextDecoder().decode(plaintext)
    } catch {}
  }
  return undefined
}

/** Whether a key says of itself that something may be encrypted to it by an algorithm. @see RFC 7517 §4 */
export function fitsEncryption(jwk: Readonly<Record<string, unknown>>, alg: string): boolean {
  const { kty, crv, use, key_ops: operations } = jwk
  const isCurve = ['P-256', 'P-384', 'P-521'].includes(crv as string)
  const isOfType = forRsa.includes(alg)
    ? kty === 'RSA'
    : forCurves.includes(alg) && ((kty === 'EC' && isCurve) || (kty === 'OKP' && crv === 'X25519'))
  if (!isOfType || (use !== undefined && use !== 'enc')) return false
  // an agreement has its operations at the private half alone
  const forNothing =
    kty === 'RSA' && Array.isArray(operations) && !operations.some(one => /^(encrypt|wrapKey)$/.test(one))
  return !forNothing && (jwk.alg === undefined || jwk.alg === alg)
}

/** A key that something is encrypted to, and its name. */
export interface EncryptionKey {
  readonly key: KeyObject
  readonly kid?: string | undefined
}

/** Encrypts a signed JWT. @see RFC 7519 §5.2 */
export async function encryptJwt(jwt: string, { alg, enc }: Encryption, { key, kid }: EncryptionKey): Promise<string> {
  const { CompactEncrypt } = await outOfContext(() => import('jose'))
  const header = { alg, enc, cty: 'JWT', ...(kid !== undefined && { kid }) }
  return new CompactEncrypt(Buffer.from(jwt)).setProtectedHeader(header).encrypt(key)
}

/** The key that both sides make of the client secret. @see OpenID Connect Core §10.2 */
export function keyOfSecret(secret: string, { alg, enc }: Encryption): KeyObject {
  const bits = bySecret[alg] ?? contentBits[enc] ?? 256
  const digest = hash(bits <= 256 ? 'sha256' : bits <= 384 ? 'sha384' : 'sha512', secret, 'buffer')
  return createSecretKey(digest.subarray(0, bits / 8))
}
