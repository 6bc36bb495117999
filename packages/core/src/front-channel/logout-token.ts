/** Logout by the server's word: it says from behind, by a signed token, who is logged out (OpenID Connect Back-Channel Logout 1.0). */
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import { secondsToMs } from '../clock.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { type CheckedClaims, checkAnswerClaims, checkRequired, invalidClaim, isText } from '../jwt-claims.js'
import { checkFunction, checkOptions } from '../options.js'
import { readSignedJwt } from '../signed-jwt.js'
import { Once } from './once.js'

/** Whom the server has logged out: one session where it names one, else all of a user. */
export interface Logout {
  /** `sub` of the ID token that was given at the login. */
  readonly subject?: string | undefined
  /** `sid` of that ID token. */
  readonly sessionId?: string | undefined
}

/** How a logout token is taken once. */
export interface LogoutTokenOptions {
  /**
   * Takes a logout token for all processes, as Redis' `SET … NX` does; `false` where it was taken before. `id` is of this
   * client and server alone, and is to be remembered until `expiresAt`, in epoch milliseconds. Default: this process
   * remembers the last 100,000.
   */
  readonly takeOnce?: ((id: string, expiresAt: number) => boolean | Promise<boolean>) | undefined
}

/**
 * Reads `logout_token` of a request that the server has sent to the client's `backchannel_logout_uri`. Nothing is forgotten by
 * it: that is what you do next.
 *
 * @param logoutToken as it stood in the form that came
 * @throws ValidationError whose `check` names the claim, or one of those of an ID token's signature; `jti` where it was taken
 *   before. With `retryable` the server's keys could not be had
 * @see OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6
 */
export async function readLogoutToken(
  client: Client,
  logoutToken: string | null | undefined,
  options: LogoutTokenOptions = {},
): Promise<Logout> {
  checkIsClient(client, 'readLogoutToken(client, logoutToken)')
  checkOptions('readLogoutToken', options, ['takeOnce'])
  const { takeOnce = (id, expiresAt) => taken.take(id, expiresAt, client.clock.now()) !== undefined } = options
  checkFunction('takeOnce', takeOnce)
  const secrets = [logoutToken ?? undefined]
  const { claims } = await readSignedJwt(client, logoutToken as string, { what, kind: 'id_token', typ: types, secrets })
  const checked: CheckedClaims = { client, what, claims, secrets }
  checkAnswerClaims(checked, ['iss', 'aud', 'iat', 'exp'])
  checkRequired(checked, ['events', 'jti'])
  const logout = logoutOf(checked)
  const { issuer } = client.provider.metadata
  const id = JSON.stringify([issuer, client.id, claims.jti])
  // its time may be over by our clock and not yet by the server's
  const expiresAt = secondsToMs(Number(claims.exp)) + 60_000
  if (!(await takeOnce(id, expiresAt))) throw invalidClaim(checked, 'jti', 'was taken before; it is good for one use')
  return logout
}

const what = 'logout token'
/** Older servers give it the type of any JWT, or none. That it is no ID token is told by its claims. */
const types = ['logout+jwt', 'jwt', undefined]
const taken = new Once(100_000)
const event = 'http://schemas.openid.net/event/backchannel-logout'

function logoutOf(checked: CheckedClaims): Logout {
  const { sub, sid, events, jti, nonce } = checked.claims
  if (nonce !== undefined) throw invalidClaim(checked, 'nonce', 'is there, as in an ID token; it must not be')
  if (!isObject(events) || !isObject(events[event]))
    throw invalidClaim(checked, 'events', `lacks ${event}: it is no logout`)
  for (const [claim, value] of Object.entries({ jti, sub, sid }))
    if (value !== undefined && !isText(value))
      throw invalidClaim(checked, claim, `is ${kindOf(value)}; expected a text`)
  if (sub === undefined && sid === undefined) throw invalidClaim(checked, 'sub', 'and sid are both missing')
  return { subject: sub as string | undefined, sessionId: sid as string | undefined }
}
