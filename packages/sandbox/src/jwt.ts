/** Compact JWS (RFC 7515 §3.1) on node:crypto, read leniently enough to say what is wrong with it. */
import { constants, createHash, type KeyObject, sign, verify } from 'node:crypto'

/** A JWS taken apart; nothing in it is verified yet. */
export interface ParsedJwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signingInput: string
  readonly signature: Buffer
}

/** Undefined when the text is not three base64url parts with two JSON objects. */
export function parseJwt(text: string): ParsedJwt | undefined {
  const parts = text.split('.')
  if (parts.length !== 3 || !parts.every(part => /^[\w-]+$/.test(part))) return undefined
  const [header = '', claims = '', signature = ''] = parts
  const [parsedHeader, parsedClaims] = [parseObject(header), parseObject(claims)]
  if (!parsedHeader || !parsedClaims) return undefined
  return {
    header: parsedHeader,
    claims: parsedClaims,
    signingInput: `${header}.${claims}`,
    signature: Buffer.from(signature, 'base64url'),
  }
}

/** Checks the signature under the algorithm its header names (RFC 7518 §3.1, PS/RS/ES, and EdDSA); false for any other. */
export function verifyJwt(jwt: ParsedJwt, key: KeyObject): boolean {
  const algorithm = algorithmOf(String(jwt.header.alg))
  if (!algorithm || algorithm.keyType !== key.asymmetricKeyType) return false
  return verify(algorithm.hash, Buffer.from(jwt.signingInput), { key, ...algorithm.options }, jwt.signature)
}

/** Signs claims, or a payload that is text already. */
export function signJwt(
  header: Record<string, unknown>,
  claims: Record<string, unknown> | string,
  key: KeyObject,
): string {
  const algorithm = algorithmOf(String(header.alg))
  if (!algorithm) throw new TypeError(`alg ${String(header.alg)} is not supported by the sandbox`)
  const signingInput = `${encode(header)}.${encode(claims)}`
  const signature = sign(algorithm.hash, Buffer.from(signingInput), { key, ...algorithm.options })
  return `${signingInput}.${signature.toString('base64url')}`
}

/**
 * SHA-1 of the RFC 7638 JWK JSON, base64url: 27 characters.
 *
 * The `kid` the Open Banking directory gives its keys; neither `x5t` nor the RFC's SHA-256.
 */
export function sha1JwkThumbprint(publicKey: KeyObject): string {
  const { e, kty, n } = publicKey.export({ format: 'jwk' })
  return createHash('sha1').update(JSON.stringify({ e, kty, n })).digest('base64url')
}

/** `at_hash`, `c_hash`: the left half of the SHA-256, base64url (OpenID Connect Core §3.1.3.6). */
export function leftHash(value: string): string {
  return createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url')
}

interface Algorithm {
  readonly hash: string | null
  readonly keyType: 'rsa' | 'ec' | 'ed25519'
  readonly options: { padding?: number; saltLength?: number; dsaEncoding?: 'ieee-p1363' }
}

function algorithmOf(name: string): Algorithm | undefined {
  if (name === 'EdDSA') return { hash: null, keyType: 'ed25519', options: {} }
  const [, family, bits] = /^(PS|RS|ES)(256|384|512)$/.exec(name) ?? []
  if (!family || !bits) return undefined
  const hash = `sha${bits}`
  if (family === 'ES') return { hash, keyType: 'ec', options: { dsaEncoding: 'ieee-p1363' } }
  if (family === 'RS') return { hash, keyType: 'rsa', options: {} }
  const saltLength = Number(bits) / 8
  return { hash, keyType: 'rsa', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } }
}

function encode(value: object | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

function parseObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
