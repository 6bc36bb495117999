/** The algorithms of signed JWTs (RFC 7518 §3), and what each asks of a key. */
import { constants } from 'node:crypto'

/** The JWS algorithms a private key signs with. @see RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2 */
export type SigningAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'

/** The JWS algorithms of a MAC. @see RFC 7518 §3.2 */
export type MacAlgorithm = 'HS256' | 'HS384' | 'HS512'

/** What an algorithm asks of a key, and how Node and WebCrypto call it. */
export interface Algorithm {
  readonly keyTypes: readonly string[]
  readonly hash: string | null
  readonly curve?: string
  readonly padding?: number
  /** Bytes of r, and of s. */
  readonly integerBytes?: number
  readonly web: { name: string; hash?: string; namedCurve?: string; saltLength?: number }
}

/** By their names in `alg`. */
export const algorithms: Readonly<Record<SigningAlgorithm, Algorithm>> = {
  RS256: rsaPkcs1(256),
  RS384: rsaPkcs1(384),
  RS512: rsaPkcs1(512),
  PS256: rsaPss(256),
  PS384: rsaPss(384),
  PS512: rsaPss(512),
  ES256: ecdsa(256, 'prime256v1', 'P-256', 32),
  ES384: ecdsa(384, 'secp384r1', 'P-384', 48),
  ES512: ecdsa(512, 'secp521r1', 'P-521', 66),
  EdDSA: { keyTypes: ['ed25519'], hash: null, web: { name: 'Ed25519' } },
  Ed25519: { keyTypes: ['ed25519'], hash: null, web: { name: 'Ed25519' } },
}

function rsaPkcs1(bits: number): Algorithm {
  const web = { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }
  return { keyTypes: ['rsa'], hash: `sha${bits}`, padding: constants.RSA_PKCS1_PADDING, web }
}

function rsaPss(bits: number): Algorithm {
  const web = { name: 'RSA-PSS', hash: `SHA-${bits}`, saltLength: bits / 8 }
  return { keyTypes: ['rsa', 'rsa-pss'], hash: `sha${bits}`, padding: constants.RSA_PKCS1_PSS_PADDING, web }
}

function ecdsa(bits: number, curve: string, namedCurve: string, integerBytes: number): Algorithm {
  const web = { name: 'ECDSA', hash: `SHA-${bits}`, namedCurve }
  return { keyTypes: ['ec'], hash: `sha${bits}`, curve, integerBytes, web }
}
