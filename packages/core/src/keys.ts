/** Private keys in every form they come in, what each of them can do, and the thumbprint that names it (RFC 7638). */
import {
  type AsymmetricKeyDetails,
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKeyInput,
  KeyObject,
  type webcrypto,
} from 'node:crypto'
import { types } from 'node:util'
import type { Algorithm } from './algorithms.js'
import { checkText, lineBreakHint, optionError } from './options.js'
import { readPem } from './pem.js'

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

/** Whether a key is one as JSON. */
export function isJwk(key: unknown): key is Jwk {
  return typeof key === 'object' && key !== null && 'kty' in key
}

/** Refuses a JWK that says it is for something else than signatures by an algorithm (RFC 7517 §4). */
export function checkJwkUse(jwk: webcrypto.JsonWebKey | Jwk, alg: string): void {
  const eddsa = ['EdDSA', 'Ed25519']
  if (jwk.alg !== undefined && jwk.alg !== alg && !(eddsa.includes(alg) && eddsa.includes(String(jwk.alg))))
    throw optionError('alg', `is ${alg}, the JWK's own alg is another`)
  if (jwk.use !== undefined && jwk.use !== 'sig') throw optionError('key', 'is a JWK whose use is not sig')
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('sign'))
    throw optionError('key', 'is a JWK whose key_ops lack sign')
}

/** Refuses a key that an algorithm cannot be done with. */
export function checkKey(key: KeyObject, alg: string, algorithm: Algorithm): void {
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

/** The same for one of WebCrypto, which is made for one algorithm. */
export function checkCryptoKey(key: webcrypto.CryptoKey, alg: string, algorithm: Algorithm): void {
  const actual = key.algorithm as { name: string; hash?: { name: string }; namedCurve?: string; modulusLength?: number }
  const { name, hash, namedCurve } = algorithm.web
  if (key.type !== 'private') throw optionError('key', `must be a private CryptoKey, got a ${key.type} one`)
  if (!key.usages.includes('sign')) throw optionError('key', 'is a CryptoKey without the usage sign')
  // An ECDSA CryptoKey is bound to a curve, an RSA one to a hash.
  const fits = actual.name === name && (namedCurve ? actual.namedCurve === namedCurve : actual.hash?.name === hash)
  if (!fits) throw optionError('key', `is for another algorithm; ${alg} needs ${name} with ${namedCurve ?? hash}`)
  checkRsaLength(actual.modulusLength)
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
