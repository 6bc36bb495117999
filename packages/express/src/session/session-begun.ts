/** The session that a login's tokens begin: whose it is, what they are granted, and how long it lasts. */
import { type IdTokenClaims, type TokenSet, ValidationError } from '@grantkit/core'
import { optionError } from '@grantkit/core/kit'
import type { AskedFor } from '../login/step-up.js'
import type { UserClaims } from '../request.js'
import type { Session } from './session-cookie.js'

/**
 * The claims that a session keeps.
 *
 * @param own what `onLogin` has returned; `undefined` for those of the ID token
 * @throws TypeError naming `onLogin`
 */
export function claimsToKeep(own: unknown, claims: IdTokenClaims | undefined): UserClaims {
  return own === undefined ? withoutProtocol(claims ?? {}) : copyOf(own)
}

/** A cookie has to give it back: else each request would lead to another login. */
function copyOf(own: unknown): UserClaims {
  const copy = jsonOf(own)
  if (typeof copy === 'object' && copy !== null && !Array.isArray(copy)) return copy as UserClaims
  throw optionError('onLogin', 'must return the claims to keep, an object that JSON can hold, or undefined')
}

function jsonOf(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value))
  } catch {
    return undefined
  }
}

/** What a login was checked by, and says nothing of the user. */
const ofProtocol = new Set(['nonce', 'at_hash', 'c_hash', 's_hash', 'rt_hash'])

function withoutProtocol(claims: UserClaims): UserClaims {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !ofProtocol.has(name)))
}

/** What the tokens do not say. */
type Login = Pick<Session, 'id' | 'claims' | 'askedFor' | 'token' | 'loggedInAt'>

/**
 * @param absoluteMs how long it lasts at most, in milliseconds
 * @throws ValidationError `session_expiry` where it would be over before it begins
 */
export function sessionOf(tokenSet: TokenSet, login: Login, absoluteMs: number): Session {
  const { scope, idTokenClaims = {} } = tokenSet
  const { acr, auth_time: authTime } = idTokenClaims as Partial<IdTokenClaims>
  const { askedFor, loggedInAt } = login
  const endsAt = endOf(tokenSet, loggedInAt, absoluteMs)
  return { ...login, acr, authTime, scope, seenAt: loggedInAt, endsAt, askedFor: lacking(askedFor, tokenSet) }
}

/** What was asked for and not granted: what was is in `scope`. */
function lacking(askedFor: AskedFor, { scope = '' }: TokenSet): AskedFor {
  const granted = new Set(scope.split(' '))
  return { ...askedFor, scope: askedFor.scope.filter(one => !granted.has(one)) }
}

/**
 * @throws ValidationError where the session would be over before it begins: the browser would be sent to log in again
 * @see IPSIE SL1 OpenID Connect Profile 1.0, `session_expiry`: seconds since the epoch
 */
function endOf({ idTokenClaims }: TokenSet, now: number, absoluteMs: number): number {
  const expiry = idTokenClaims?.session_expiry
  if (expiry === undefined) return now + absoluteMs
  if (typeof expiry !== 'number') throw new ValidationError('session_expiry', 'of the ID token is no number')
  if (expiry * 1000 <= now) throw new ValidationError('session_expiry', 'of the ID token is over already')
  return Math.min(now + absoluteMs, expiry * 1000)
}
