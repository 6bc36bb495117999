/** What the server is about to send, still open to a misbehaviour; then written out. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { signJwt } from '../jwt.js'

/** A JWT before it is signed. */
export interface JwtDraft {
  readonly header: Record<string, unknown>
  claims: Record<string, unknown>
  /** What it is signed with: a secret for HS256, nothing for `none`. */
  key: KeyObject | undefined
  /** Written instead of the claims' own JSON. */
  payload: string | undefined
  /** The last touch to the compact form. */
  finish: (jwt: string) => string
}

/** A draft that would be right as it is. */
export function jwtDraft(header: Record<string, unknown>, claims: Record<string, unknown>, key: KeyObject): JwtDraft {
  return { header, claims, key, payload: undefined, finish: jwt => jwt }
}

/** The compact form (RFC 7515 §3.1) of whatever the draft has become. */
export function writeJwt({ header, claims, key, payload, finish }: JwtDraft): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url')
  const input = `${encode(JSON.stringify(header))}.${encode(payload ?? JSON.stringify(claims))}`
  if (key === undefined) return finish(`${input}.`)
  if (key.type === 'secret') return finish(`${input}.${createHmac('sha256', key).update(input).digest('base64url')}`)
  return finish(signJwt(header, payload ?? claims, key))
}

/** A public key's PEM as the secret of an HMAC: what a verifier that trusts `alg` takes it for. */
export function publicKeyAsSecret(publicKey: KeyObject): KeyObject {
  return createSecretKey(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })))
}

/** Where the answer to an authorization request goes: its redirect URI's query, its fragment, or a form. */
export type AnswerPlace = 'query' | 'fragment' | 'form_post'

/** The answer to an authorization request before it is written. */
export interface AuthorizationResponseDraft {
  /** In order; a name may be there twice. */
  parameters: [string, string][]
  place: AnswerPlace
  /** Parameters of the other place, query or fragment, at the same time. */
  elsewhere: [string, string][]
  /** Whether the parameters travel in a signed `response` (JARM). */
  signed: boolean
}

/** A JSON document or answer before it is written. */
export interface DocumentDraft {
  status: number
  readonly headers: Record<string, string>
  body: Record<string, unknown>
  /** Written instead of the body's own JSON. */
  text: string | undefined
}

/** What a DPoP proof is answered with: an error, and the nonce that goes along with `use_dpop_nonce`; no error accepts it. */
export interface ProofDraft {
  /** Of the challenge at the API. */
  scheme: string
  error: string | undefined
  nonce: string | undefined
}
