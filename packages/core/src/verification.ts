/** Signatures checked: by a public key of a server's set, or by a secret that both sides have (RFC 7515 §5.2, RFC 7518 §3). */
import {
  type AsymmetricKeyDetails,
  createHmac,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { type Algorithm, algorithms, type SigningAlgorithm } from './algorithms.js'

/** What a signature is of, and by what. */
export interface Signed {
  /** The JWS algorithm. */
  readonly alg: string
  /** The signing input: header and payload as they came. */
  readonly input: Buffer
  readonly signature: Buffer
}

/** Whether an algorithm is one of a private key, known here. */
export function isSigningAlgorithm(alg: string): alg is SigningAlgorithm {
  return Object.hasOwn(algorithms, alg)
}

/** Whether an algorithm is that of a MAC. */
export function isMacAlgorithm(alg: string): boolean {
  return /^HS(256|384|512)$/.test(alg)
}

/** Whether both are one: Ed25519 has two names (RFC 9864 §2.2). */
export function isSameAlgorithm(one: string, other: string): boolean {
  const names = ['EdDSA', 'Ed25519']
  return one === other || (names.includes(one) && names.includes(other))
}

/** Whether a key says of itself that it can check what an algorithm has signed. @see RFC 7517 §4 */
export function fitsAlgorithm(jwk: Readonly<Record<string, unknown>>, alg: string): boolean {
  if (!isSigningAlgorithm(alg)) return false
  const { keyTypes, web } = algorithms[alg]
  const isOfType = keyTypes.includes('rsa')
    ? jwk.kty === 'RSA'
    : web.namedCurve === undefined
      ? jwk.kty === 'OKP' && jwk.crv === 'Ed25519'
      : jwk.kty === 'EC' && jwk.crv === web.namedCurve
  if (!isOfType) return false
  if (jwk.use !== undefined && jwk.use !== 'sig') return false
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return false
  return jwk.alg === undefined || (typeof jwk.alg === 'string' && isSameAlgorithm(jwk.alg, alg))
}

/** The public half of a JWK; `undefined` for what is no key, or one that nothing may be checked by. */
export function verificationKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  const { kty, crv, n, e, x, y } = jwk
  try {
    const key = createPublicKey({ key: { kty, crv, n, e, x, y } as JsonWebKey, format: 'jwk' })
    return key.asymmetricKeyType === 'rsa' && !isSoundRsa(key.asymmetricKeyDetails) ? undefined : key
  } catch {
    return undefined
  }
}

/** RFC 7518 §3.3 and §3.5: 2048 bits or more. A huge modulus or exponent would take seconds for each check. */
function isSoundRsa({ modulusLength = 0, publicExponent = 0n }: AsymmetricKeyDetails = {}): boolean {
  return modulusLength >= 2048 && modulusLength <= 8192 && publicExponent > 1n && publicExponent < 2n ** 33n
}

/** Whether one of the keys has signed it. RSA, P-256 and Ed25519 are checked faster than the thread pool answers. */
export function isSignedByOne(keys: readonly KeyObject[], signed: Signed): boolean | Promise<boolean> {
  const { hash, padding, web, curve }: Algorithm = algorithms[signed.alg as SigningAlgorithm]
  const { input, signature } = signed
  const optionsFor = (key: KeyObject) =>
    padding === undefined
      ? { key, dsaEncoding: 'ieee-p1363' as const }
      : { key, padding, saltLength: web.saltLength ?? 0 }
  if (curve === undefined || curve === 'prime256v1')
    return keys.some(key => verify(hash, input, optionsFor(key), signature))
  const isSignedBy = (key: KeyObject) =>
    new Promise<boolean>(resolve => {
      verify(hash, input, optionsFor(key), signature, (error, isValid) => resolve(error === null && isValid))
    })
  return someOf(keys, isSignedBy)
}

async function someOf<T>(values: readonly T[], test: (value: T) => Promise<boolean>): Promise<boolean> {
  for (const value of values) if (await test(value)) return true
  return false
}

/** Whether a secret has signed it. */
export function isMacOf(secret: string, { alg, input, signature }: Signed): boolean {
  const mac = createHmac(`sha${alg.slice(2)}`, secret)
    .update(input)
    .digest()
  return mac.length === signature.length && timingSafeEqual(mac, signature)
}
