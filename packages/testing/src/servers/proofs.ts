/** An API that takes a DPoP token with a proof that holds, and nothing else: a second opinion, with Node's own crypto. */
import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { json, ok } from './answers.js'
import type { Handler, Received } from './recording-server.js'

/** A proof as it was received. @see RFC 9449 §4.2 */
export interface ReceivedProof {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly iat: number
  readonly ath?: string | undefined
  readonly nonce?: string | undefined
}

/** What an API asks of proofs. */
export interface ProvingOptions {
  /** Answers those that hold. Default: 200. */
  readonly handler?: Handler | undefined
  /** Answers those that do not, and requests without one. Default: 401 with `invalid_dpop_proof`. */
  readonly otherwise?: ((problem: string) => Handler) | undefined
  /** The thumbprint of the key that its tokens are bound to. */
  readonly jkt: string | undefined
  /** Now, in epoch milliseconds, by the clock of whoever makes the proofs. */
  readonly now: () => number
  /** Wanted in each proof, and told with each answer. Default: none. */
  readonly nonce?: (() => string) | undefined
}

/** Checks each request's proof against that very request. @see RFC 9449 §4.3 */
export function proving(options: ProvingOptions): Handler {
  const { handler = ok, otherwise = invalidProof, nonce } = options
  const used = new Set<string>()
  return (request, response) => {
    if (nonce !== undefined) response.setHeader('DPoP-Nonce', nonce())
    const problem = problemOf(request, options, used)
    if (problem === undefined) return handler(request, response)
    const refusal = nonce !== undefined && problem === 'nonce' ? nonceWanted : otherwise(problem)
    return refusal(request, response)
  }
}

/** What an API says that wants its nonce in the proof. @see RFC 9449 §9 */
export const nonceWanted = json(
  401,
  { error: 'use_dpop_nonce' },
  { 'www-authenticate': 'DPoP error="use_dpop_nonce", error_description="a nonce is needed"' },
)

const invalidProof = (problem: string) =>
  json(401, { problem }, { 'www-authenticate': `DPoP error="invalid_dpop_proof", error_description="${problem}"` })

/** The claims of a request's proof. */
export function proofOf({ headers }: Pick<Received, 'headers'>): ReceivedProof {
  return partOf(String(headers.dpop), 1) as unknown as ReceivedProof
}

/** Which check fails, the first of them. */
function problemOf(request: Received, { jkt, now, nonce }: ProvingOptions, used: Set<string>): string | undefined {
  const { headers, method } = request
  const [scheme, token = ''] = String(headers.authorization).split(' ')
  const proof = String(headers.dpop)
  const { typ, alg, jwk } = partOf(proof, 0) as { typ?: unknown; alg?: unknown; jwk?: JsonWebKey }
  const claims = partOf(proof, 1) as Partial<ReceivedProof>
  const { pathname } = new URL(request.url, 'http://api')
  const wrong: Readonly<Record<string, boolean>> = {
    scheme: scheme !== 'DPoP',
    typ: typ !== 'dpop+jwt',
    alg: alg !== 'ES256',
    jwk: jwk === undefined || 'd' in jwk || thumbprintOf(jwk) !== jkt,
    signature: jwk === undefined || !isSigned(proof, jwk),
    htm: claims.htm !== method,
    htu: !['http', 'https'].map(each => `${each}://${headers.host}${pathname}`).includes(String(claims.htu)),
    iat: Math.abs(Number(claims.iat) - now() / 1000) > 5,
    ath: claims.ath !== createHash('sha256').update(token).digest('base64url'),
    jti: claims.jti === undefined || used.has(claims.jti),
    nonce: nonce !== undefined && claims.nonce !== nonce(),
  }
  used.add(String(claims.jti))
  return Object.keys(wrong).find(check => wrong[check])
}

function partOf(jws: string, index: number): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[index] ?? '', 'base64url').toString())
  } catch {
    return {}
  }
}

function isSigned(jws: string, jwk: JsonWebKey): boolean {
  const [header, payload, signature = ''] = jws.split('.')
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const input = Buffer.from(`${header}.${payload}`)
  return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
}

/** @see RFC 7638 §3.2 */
function thumbprintOf({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
