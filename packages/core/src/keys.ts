/** Keys in every form they come in, as what signs a JWT (RFC 7515, RFC 7518 §3) and as the thumbprint that names them. */
import {
  type AsymmetricKeyDetails,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKeyInput,
  KeyObject,
  sign,
  webcrypto,
} from 'node:crypto'
import { types } from 'node:util'
import { type Algorithm, algorithms, type MacAlgorithm, type SigningAlgorithm } from './algorithms.js'
import { checkCredential, checkOptions, checkText, lineBreakHint, oneOf, optionError } from './options.js'
import { readPem } from './pem.js'
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

/** A key as JSON, as `KeyObject.export()` and jose make it; with further members, such as `kid`. @see RFC 7517 §4 */
export interface Jwk {
  /** By its registered name. */
  readonly [member: string]: unknown
  /** The type of the key, such as `EC`; required of every key, whatever the type that other libraries give it. */
  readonly kty?: string | undefined
}

/** A private key: PEM as text or bytes (PKCS#8, PKCS#1, SEC1, encrypted or not), a JWK, or an object of Node or WebCrypto. */
export type PrivateKey = string | Uint8Array | KeyObject | webcrypto.CryptoKey | webcrypto.JsonWebKey | Jwk

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
  return compactSigner(alg, kid, identity, input => signWithKey(parsed, algorithm, input))
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

/**
 * The JWK thumbprint of a key, base64url: 43 characters with `sha256`, the RFC's own choice, 27 with `sha1`, which some
 * directories use as `kid`.
 *
 * @param key a private or public key in any form, or a certificate in PEM
 * @see RFC 7638
 */
export function jwkThumbprint(key: PrivateKey, hash: 'sha1' | 'sha256'): string {
  const jwk = publicJwk(key)
  const members = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] }[String(jwk.kty)]
  if (members === undefined) throw optionError('key', 'must be an RSA, EC or Ed25519 key')
  return createHash(hash).update(JSON.stringify(jwk, members)).digest('base64url')
}

/**
 * Reads a private key from anything but a `CryptoKey`; no message shows any of it.
 *
 * @param option how the caller's option is called, as `certificate.key`; the passphrase's name is made from it
 */
export function parsePrivateKey(option: string, key: PrivateKey, passphrase?: string): KeyObject {
  if (types.isKeyObject(key)) {
    if (key.type !== 'private') throw optionError(option, `must be a private key, got a ${key.type} one`)
    return key
  }
  if (typeof key === 'string' || key instanceof Uint8Array)
    return parsePem(option, readPem(option, key, 'private key'), passphrase)
  if (!isJwk(key))
    throw optionError(option, `must be PEM, a JWK, a KeyObject, a CryptoKey or a function that signs${unsetHint(key)}`)
  if (key.kty === 'oct') throw optionError(option, 'is a symmetric JWK; a private key is needed')
  if (typeof key.d !== 'string') throw optionError(option, 'is a public JWK (no d); the private one is needed')
  try {
    return createPrivateKey({ key, format: 'jwk' } as JsonWebKeyInput)
  } catch {
    throw optionError(option, 'is not a usable JWK')
  }
}

function unsetHint(key: unknown): string {
  return key === undefined ? '; it is undefined: an environment variable that is not set?' : ''
}

function parsePem(option: string, pem: string, passphrase: string | undefined): KeyObject {
  const passphraseOption = option.replace(/key$/, 'passphrase')
  if (passphrase !== undefined) checkText(passphraseOption, passphrase)
  const encrypted = /-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)
  if (encrypted && passphrase === undefined) throw optionError(passphraseOption, 'is needed: the key is encrypted')
  try {
    return createPrivateKey(encrypted ? { key: pem, passphrase: passphrase as string } : pem)
  } catch {
    if (encrypted) throw optionError(passphraseOption, `does not decrypt the key${lineBreakHint(passphrase)}`)
    throw optionError(option, 'holds a private key that cannot be read')
  }
}

function isJwk(key: unknown): key is Jwk {
  return typeof key === 'object' && key !== null && 'kty' in key
}

function algorithmOf(alg: SigningAlgorithm): Algorithm {
  const names = Object.keys(algorithms)
  if (alg === undefined) throw optionError('alg', `is required, there is no default algorithm: ${names.join(', ')}`)
  if (/^HS\d+$/.test(alg)) throw optionError('alg', 'is for a client secret (client_secret_jwt), not for a private key')
  const algorithm = names.includes(alg) ? algorithms[alg] : undefined
  if (algorithm === undefined) throw optionError('alg', `must be ${oneOf(names, alg)}`)
  return algorithm
}

function checkJwkUse(jwk: webcrypto.JsonWebKey | Jwk, alg: string): void {
  const eddsa = ['EdDSA', 'Ed25519']
  if (jwk.alg !== undefined && jwk.alg !== alg && !(eddsa.includes(alg) && eddsa.includes(String(jwk.alg))))
    throw optionError('alg', `is ${alg}, the JWK's own alg is another`)
  if (jwk.use !== undefined && jwk.use !== 'sig') throw optionError('key', 'is a JWK whose use is not sig')
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('sign'))
    throw optionError('key', 'is a JWK whose key_ops lack sign')
}

function checkKey(key: KeyObject, alg: string, algorithm: Algorithm): void {
  const type = key.asymmetricKeyType ?? 'unknown'
  const details = key.asymmetricKeyDetails ?? {}
  if (!algorithm.keyTypes.includes(type))
    throw optionError('key', `is of type ${type}; ${alg} needs ${algorithm.keyTypes.join(' or ')}`)
  if (details.namedCurve !== algorithm.curve)
    throw optionError('key', `is on curve ${details.namedCurve}; ${alg} needs ${algorithm.curve}`)
  checkRsaLength(details.modulusLength)
  if (type === 'rsa-pss') checkPssParameters(details, alg, algorithm)
}

/** RFC 7518 §3.3 and §3.5: 2048 bits or more. */
function checkRsaLength(bits: number | undefined): void {
  if (bits !== undefined && bits < 2048) throw optionError('key', `is RSA with ${bits} bits; at least 2048 are needed`)
}

/** An rsa-pss key may be bound to a hash and a least salt length (RFC 4055 §3.1); JWS fixes both (RFC 7518 §3.5). */
function checkPssParameters(details: AsymmetricKeyDetails, alg: string, { hash, web }: Algorithm): void {
  const { hashAlgorithm = hash, mgf1HashAlgorithm = hash, saltLength = 0 } = details
  if (hashAlgorithm === hash && mgf1HashAlgorithm === hash && saltLength <= Number(web.saltLength)) return
  const bound = `${hashAlgorithm}, MGF1 with ${mgf1HashAlgorithm} and ${saltLength} bytes of salt`
  throw optionError('key', `is bound to ${bound}; ${alg} needs ${hash} for both and ${web.saltLength} bytes`)
}

function checkCryptoKey(key: webcrypto.CryptoKey, alg: string, algorithm: Algorithm): void {
  const actual = key.algorithm as { name: string; hash?: { name: string }; namedCurve?: string; modulusLength?: number }
  const { name, hash, namedCurve } = algorithm.web
  if (key.type !== 'private') throw optionError('key', `must be a private CryptoKey, got a ${key.type} one`)
  if (!key.usages.includes('sign')) throw optionError('key', 'is a CryptoKey without the usage sign')
  // An ECDSA CryptoKey is bound to a curve, an RSA one to a hash.
  const fits = actual.name === name && (namedCurve ? actual.namedCurve === namedCurve : actual.hash?.name === hash)
  if (!fits) throw optionError('key', `is for another algorithm; ${alg} needs ${name} with ${namedCurve ?? hash}`)
  checkRsaLength(actual.modulusLength)
}

type SignInput = (input: Buffer) => Promise<Uint8Array | ArrayBuffer>

/** RFC 7515 §7.1. */
function compactSigner(alg: string, kid: string | undefined, identity: string, signInput: SignInput): Signer {
  const named = kid === undefined ? { alg } : { alg, kid }
  async function signJwt(header: Record<string, unknown>, claims: Record<string, unknown>): Promise<string> {
    const parts = [{ ...header, ...named }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
    const input = parts.join('.')
    const signature = await signInput(Buffer.from(input))
    return `${input}.${Buffer.from(signature as ArrayBuffer).toString('base64url')}`
  }
  const sign = async (input: Uint8Array) => Buffer.from((await signInput(Buffer.from(input))) as ArrayBuffer)
  return { ...named, identity, signJwt, sign }
}

/** P-256 and Ed25519 sign faster than the thread pool answers; the others would hold up the event loop for milliseconds. */
async function signWithKey(key: KeyObject, algorithm: Algorithm, input: Buffer): Promise<Buffer> {
  const { hash, curve } = algorithm
  const options = signOptionsFor(key, algorithm)
  if (hash === null || curve === 'prime256v1') return sign(hash, input, options)
  return new Promise((resolve, reject) => {
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

function publicJwk(key: PrivateKey): Jwk {
  if (isJwk(key)) return key
  try {
    return keyObject(key).export({ format: 'jwk' }) as Jwk
  } catch {
    throw optionError('key', 'must be a key or a certificate in PEM whose public half can be exported')
  }
}

function keyObject(key: PrivateKey): KeyObject {
  if (types.isCryptoKey(key)) return KeyObject.from(key)
  return types.isKeyObject(key) ? key : createPublicKey(Buffer.from(key as string))
}
