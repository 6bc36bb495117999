/** Keys → what signs by them, by one algorithm each (RFC 7515, RFC 7518 §3): here, in the thread pool, or elsewhere. */
import { createHmac, createPublicKey, generateKeyPairSync, KeyObject, sign, webcrypto } from 'node:crypto'
import { types } from 'node:util'
import { type Algorithm, algorithms, type MacAlgorithm, type SigningAlgorithm } from './algorithms.js'
import { checkCryptoKey, checkJwkUse, checkKey, isJwk, type Jwk, type PrivateKey, parsePrivateKey } from './keys.js'
import { checkCredential, checkOptions, checkText, oneOf, optionError } from './options.js'
import { identityOf, sha256 } from './secret.js'

/** Signs JWTs with one key and one algorithm; shows nothing of the key. */
export interface Signer {
  /** The JWS algorithm, as it stands in the header. */
  readonly alg: string
  /** Names the key to the server: as it was given, or as the JWK says. */
  readonly kid?: string
  /** Names the key in cache keys: a hash of its public half; of an external or opaque key, a name that lasts as long as it does. */
  readonly identity: string
  /** The compact JWS of `claims`; `alg` and `kid` are added to `header`. */
  signJwt(header: Record<string, unknown>, claims: Record<string, unknown>): Promise<string>
  /** The signature of some bytes, as JOSE wants it (RFC 7518 §3). */
  sign(input: Uint8Array): Promise<Uint8Array>
}

/**
 * Signs with a key that is elsewhere: KMS, HSM, Vault.
 *
 * @param data the signing input, to be hashed as the algorithm says
 * @returns the signature as JOSE wants it (RFC 7518 §3); for ES256, ES384 and ES512 that is r and s side by side,
 *   and DER, as AWS KMS gives it, is converted
 */
export type ExternalSigner = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** A signing key, and how it is used. */
export interface SignerOptions {
  /** The private key, or a function that signs where the key is kept. */
  readonly key: PrivateKey | ExternalSigner
  /** There is no default: the key's type leaves a choice, and the server makes it. */
  readonly alg: SigningAlgorithm
  /** Default: the `kid` of a JWK, otherwise none is sent. */
  readonly kid?: string | undefined
  /** Decrypts an encrypted PEM. */
  readonly passphrase?: string | undefined
}

/**
 * Makes a signer; the key is parsed once. RSA and the larger curves sign in the thread pool.
 *
 * @throws {TypeError} naming the option, when the key cannot be read or cannot do the algorithm
 */
export function signer(options: SignerOptions): Signer {
  checkOptions('signer', options, ['key', 'alg', 'kid', 'passphrase'])
  const { key, alg } = options
  const algorithm = algorithmOf(alg)
  const { kid = isJwk(key) ? key.kid : undefined } = options
  if (kid !== undefined) checkCredential('kid', kid)
  if (typeof key === 'function') {
    const signInput = async (input: Buffer) => joseSignature(await key(input), algorithm)
    return compactSigner(alg, kid, identityOf(key), signInput)
  }
  if (types.isCryptoKey(key)) {
    checkCryptoKey(key, alg, algorithm)
    return compactSigner(alg, kid, identityOf(key), input => webcrypto.subtle.sign(algorithm.web, key, input))
  }
  const parsed = keyFor(algorithm, { ...options, key })
  const identity = sha256(createPublicKey(parsed).export({ type: 'spki', format: 'pem' }).toString())
  return compactSigner(alg, kid, identity, signWithKey(parsed, algorithm))
}

/** A key of this process, which signs at once. */
export interface LocalSigner {
  readonly alg: SigningAlgorithm
  /** The public half, with the members that a thumbprint is made of and no others (RFC 7638 §3.2). */
  readonly publicJwk: Jwk
  /** The signature as JOSE wants it (RFC 7518 §3). */
  readonly sign: (input: Uint8Array) => Buffer
}

/** A key of this process; without `alg` the one that its type leaves no choice about. */
export interface LocalSignerOptions {
  readonly key: PrivateKey
  readonly alg?: SigningAlgorithm | undefined
  readonly passphrase?: string | undefined
}

/**
 * Makes what signs without anybody waiting for it, whatever the algorithm: 30 µs with P-256 or Ed25519, a millisecond with
 * RSA.
 *
 * @throws {TypeError} as {@link signer}; naming `alg` where an RSA key comes without one
 */
export function localSigner({ key: given, alg: chosen, passphrase }: LocalSignerOptions): LocalSigner {
  const key = types.isCryptoKey(given) ? KeyObject.from(given) : given
  const alg = chosen ?? (ownAlgOf(key) as SigningAlgorithm) ?? algorithmFor(parsePrivateKey('key', key, passphrase))
  const algorithm = algorithmOf(alg)
  if (types.isCryptoKey(given)) checkCryptoKey(given, alg, algorithm)
  const parsed = keyFor(algorithm, { key, alg, passphrase })
  const options = signOptionsFor(parsed, algorithm)
  return {
    alg,
    publicJwk: createPublicKey(parsed).export({ format: 'jwk' }) as Jwk,
    sign: input => sign(algorithm.hash, input, options),
  }
}

/** Checked like one that was given. */
function ownAlgOf(key: PrivateKey): unknown {
  return isJwk(key) ? key.alg : undefined
}

/**
 * Makes a new private key for an algorithm. RSA takes a tenth of a second, the others nothing worth mentioning.
 *
 * @throws {TypeError} naming `alg` when it is none
 */
export function generatePrivateKey(alg: SigningAlgorithm): KeyObject {
  const { keyTypes, curve } = algorithmOf(alg)
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).privateKey
  if (keyTypes.includes('ed25519')) return generateKeyPairSync('ed25519').privateKey
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

/** The algorithm of a key whose type leaves no choice. */
function algorithmFor(key: KeyObject): SigningAlgorithm {
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  // of RSA there is none, which is refused
  return (['ES256', 'ES384', 'ES512'] as const).find(alg => algorithms[alg].curve === namedCurve) as SigningAlgorithm
}

/** The key itself, once it is known to do the algorithm. */
function keyFor(algorithm: Algorithm, { key, alg, passphrase }: LocalSignerOptions & { alg: SigningAlgorithm }) {
  if (isJwk(key)) checkJwkUse(key, alg)
  const parsed = parsePrivateKey('key', key, passphrase)
  checkKey(parsed, alg, algorithm)
  return parsed
}

/**
 * Signs with a client secret: the signer of `client_secret_jwt`.
 *
 * @param alg HS256, HS384 or HS512. There is no default
 * @see OpenID Connect Core §9; RFC 7518 §3.2 asks for a secret at least as long as the hash
 */
export function secretSigner(secret: string, alg: MacAlgorithm): Signer {
  checkText('clientSecret', secret)
  const macs = ['HS256', 'HS384', 'HS512']
  if (!macs.includes(alg)) throw optionError('alg', `must be ${oneOf(macs, alg)}`)
  const hash = `sha${alg.slice(2)}`
  return compactSigner(alg, undefined, sha256(secret), async input => createHmac(hash, secret).update(input).digest())
}

function algorithmOf(alg: SigningAlgorithm): Algorithm {
  const names = Object.keys(algorithms)
  if (alg === undefined) throw optionError('alg', `is required, there is no default algorithm: ${names.join(', ')}`)
  if (/^HS\d+$/.test(alg)) throw optionError('alg', 'is for a client secret (client_secret_jwt), not for a private key')
  const algorithm = names.includes(alg) ? algorithms[alg] : undefined
  if (algorithm === undefined) throw optionError('alg', `must be ${oneOf(names, alg)}`)
  return algorithm
}

type SignInput = (input: Buffer) => Promise<Uint8Array | ArrayBuffer>

/** RFC 7515 §7.1. */
function compactSigner(alg: string, kid: string | undefined, identity: string, signInput: SignInput): Signer {
  const named = kid === undefined ? { alg } : { alg, kid }
  async function signJwt(header: Record<string, unknown>, claims: Record<string, unknown>): Promise<string> {
    const input = `${encoded({ ...header, ...named })}.${encoded(claims)}`
    const signature = await signInput(Buffer.from(input))
    return `${input}.${Buffer.from(signature as ArrayBuffer).toString('base64url')}`
  }
  const sign = async (input: Uint8Array) => Buffer.from((await signInput(Buffer.from(input))) as ArrayBuffer)
  return { ...named, identity, signJwt, sign }
}

function encoded(part: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** P-256 and Ed25519 sign faster than the thread pool answers; the others would hold up the event loop for milliseconds. */
function signWithKey(key: KeyObject, algorithm: Algorithm): SignInput {
  const { hash, curve } = algorithm
  const options = signOptionsFor(key, algorithm)
  if (hash === null || curve === 'prime256v1') return async input => sign(hash, input, options)
  return input =>
    new Promise((resolve, reject) => {
      sign(hash, input, options, (error, signature) => (error ? reject(error) : resolve(signature)))
    })
}

function signOptionsFor(key: KeyObject, { padding, web }: Algorithm) {
  const rsa = padding === undefined ? {} : { padding, saltLength: web.saltLength ?? 0 }
  return { key, dsaEncoding: 'ieee-p1363' as const, ...rsa }
}

/** What an external signer gave, with ECDSA's DER (RFC 3279 §2.2.3) turned into r and s (RFC 7518 §3.4). */
function joseSignature(signature: Uint8Array, { integerBytes }: Algorithm): Uint8Array {
  if (!(signature instanceof Uint8Array)) throw optionError('key', 'must return the signature as bytes')
  if (integerBytes === undefined || signature.length === 2 * integerBytes) return signature
  const sequence = derValue(signature, 0x30)
  const r = derValue(sequence, 0x02)
  const s = derValue(sequence?.subarray((r?.length ?? 0) + 2), 0x02)
  if (r === undefined || s === undefined)
    throw optionError('key', `returned ${signature.length} bytes, neither r and s (${integerBytes} each) nor DER`)
  const digits = 2 * integerBytes
  return Buffer.concat([r, s].map(n => Buffer.from(n.toString('hex').padStart(digits, '0').slice(-digits), 'hex')))
}

/** The content of a DER value; lengths up to 255, all that an ECDSA signature needs. */
function derValue(der: Uint8Array | undefined, tag: number): Buffer | undefined {
  if (der === undefined || der[0] !== tag) return undefined
  const start = der[1] === 0x81 ? 3 : 2
  const end = start + (der[start - 1] ?? 0)
  return end <= der.length ? Buffer.from(der.subarray(start, end)) : undefined
}
