/** DPoP proofs (RFC 9449 §4.3) and the nonces they have to carry (§8, §9). */
import { createHash, createPublicKey, type JsonWebKey, randomBytes } from 'node:crypto'
import { type ParsedJwt, parseJwt, verifyJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import type { ProofDraft } from './drafts.js'
import { type Occasion, type OpenidProvider, refuse } from './openid-provider.js'

/** A proof that was refused, and whether a nonce is the remedy. */
export interface RefusedProof {
  readonly scheme: string
  readonly error: string
  readonly nonce: string | undefined
}

/**
 * The thumbprint of the key a request to the authorization server is proven with; undefined without a proof.
 *
 * @throws Refusal: 400 `invalid_dpop_proof`, `use_dpop_nonce`
 */
export function proofThumbprint(
  provider: OpenidProvider,
  request: ReceivedRequest,
  occasion: Occasion,
): string | undefined {
  const checked = checkProof(provider, request, occasion)
  if (checked === undefined || typeof checked === 'string') return checked
  const { error, nonce } = checked
  return refuse(400, error, 'the DPoP proof is not taken', nonce === undefined ? {} : { 'dpop-nonce': nonce })
}

/** The thumbprint of the proof's key, what is wrong with it, or undefined where there is none and none is due. */
export function checkProof(
  provider: OpenidProvider,
  request: ReceivedRequest,
  occasion: Occasion,
  accessToken?: string,
): string | RefusedProof | undefined {
  const { dpop: header } = request.headers
  // RFC 9449 §10.1: with a pushed request a proof is one of two ways to name the key, and none is needed
  const isDue = provider.settings.senderConstrained === 'dpop' && occasion !== 'pushed-authorization'
  if (header === undefined && !isDue) return undefined
  const proof = parseJwt(header ?? '')
  const error = wrongWith(provider, request, proof, accessToken)
  const draft: ProofDraft = { scheme: 'DPoP', error, nonce: randomBytes(12).toString('base64url') }
  provider.misbehaviours.apply('dpop', occasion, draft, provider)
  if (draft.error === undefined) return thumbprint(proof?.header.jwk as JsonWebKey)
  if (draft.error !== 'use_dpop_nonce') return { scheme: draft.scheme, error: draft.error, nonce: undefined }
  provider.nonce = draft.nonce ?? provider.nonce
  return { scheme: draft.scheme, error: draft.error, nonce: draft.nonce }
}

function wrongWith(
  provider: OpenidProvider,
  request: ReceivedRequest,
  proof: ParsedJwt | undefined,
  accessToken: string | undefined,
): string | undefined {
  if (!proof || !isSigned(provider, proof)) return 'invalid_dpop_proof'
  const { htm, htu, iat, jti, ath, nonce } = proof.claims
  const target = [provider.issuer, provider.mtlsOrigin].map(origin => `${origin}${request.path}`)
  const isOurs = htm === request.method && target.includes(String(htu)) && typeof jti === 'string'
  const isFresh = Math.abs(provider.clock.now() / 1000 - Number(iat)) <= 60 && !provider.usedJtis.has(`dpop ${jti}`)
  const fits = accessToken === undefined || ath === createHash('sha256').update(accessToken).digest('base64url')
  if (!isOurs || !isFresh || !fits) return 'invalid_dpop_proof'
  provider.usedJtis.set(`dpop ${jti}`, true)
  return provider.settings.dpopNonces && nonce !== provider.nonce ? 'use_dpop_nonce' : undefined
}

/** Signed by the key in its own header, and that one is public (§4.2). */
function isSigned({ settings }: OpenidProvider, proof: ParsedJwt): boolean {
  const { typ, alg, jwk } = proof.header
  if (typ !== 'dpop+jwt' || !settings.clientAlgorithms.includes(String(alg)) || typeof jwk !== 'object') return false
  const key = jwk as JsonWebKey
  if (key.d !== undefined || key.k !== undefined) return false
  return verifyJwt(proof, createPublicKey({ key, format: 'jwk' }))
}

/** RFC 7638 §3.2. */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = { RSA: { e, kty, n }, EC: { crv, kty, x, y }, OKP: { crv, kty, x } }[String(kty)]
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
