/** Assertions: signed JWTs by which a client says who it is (RFC 7521 §4.2, RFC 7523 as updated by RFC 10070). */
import { randomUUID } from 'node:crypto'
import { type Clock, msToSeconds } from './clock.js'
import type { Signer } from './signer.js'

/** What an assertion says; every member of `header` and `claims` is sent beside the protocol's own. */
export interface Assertion {
  readonly issuer: string
  readonly subject: string
  readonly audience: string
  readonly typ: string
  readonly lifetimeSeconds: number
  /** How far `iat` is set back for a server whose clock runs behind, in seconds. */
  readonly clockSkewSeconds: number
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** The protocol's own members, which an extra one cannot override. */
export const protectedHeaders = ['alg', 'kid', 'typ', 'crit', 'b64'] as const
export const protectedClaims = ['iss', 'sub', 'aud', 'jti', 'iat', 'exp'] as const

/** Signs a new assertion: its `jti` is a UUID of its own, so that none is ever sent twice. `nbf` is not sent. */
export function signAssertion(signer: Signer, assertion: Assertion, clock: Clock): Promise<string> {
  const now = msToSeconds(clock.now())
  const claims = {
    ...assertion.claims,
    iss: assertion.issuer,
    sub: assertion.subject,
    aud: assertion.audience,
    jti: randomUUID(),
    iat: now - assertion.clockSkewSeconds,
    exp: now + assertion.lifetimeSeconds,
  }
  return signer.signJwt({ ...assertion.header, typ: assertion.typ }, claims)
}
