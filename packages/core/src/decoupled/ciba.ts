/**
 * CIBA's grant: the server asks a user on their own device, and the client asks for their tokens until it has an answer
 * (OpenID Connect Client-Initiated Backchannel Authentication Core 1.0, poll mode); in ping mode it may wait to be told
 * (`ping.ts`).
 */
import { ValidationError } from '../errors.js'
import { validateIdTokenOf } from '../front-channel/id-token.js'
import type { Grant, GrantContext, PollingOptions } from '../grants/grant.js'
import { checkCredential, checkObject, checkOptions } from '../options.js'
import { scheduleOf } from '../polling.js'
import { sha256 } from '../secret.js'
import type { TokenSet } from '../token-set.js'

/** What a client waits by. */
export interface AuthenticationRequestId {
  /** `auth_req_id`: a secret of this client. */
  readonly authReqId: string
  /** When it is over, in epoch milliseconds. */
  readonly expiresAt: number
  /** The least time between two requests, in milliseconds. */
  readonly intervalMs: number
  /** `client_notification_token`, in ping mode: what the server comes with when the user has answered. A secret. */
  readonly notificationToken?: string | undefined
}

/**
 * Waits for what the user says: for `redeem()` or `requestTokenSet()`, which ask at the server's interval, slower when it
 * says so, until the request is over. The ID token that comes with the tokens is checked.
 *
 * @throws TypeError naming the option
 * @see CIBA Core §10.1, §11
 */
export function ciba(authentication: AuthenticationRequestId, options: PollingOptions = {}): Grant {
  checkObject('authentication', authentication)
  checkOptions('ciba', options, ['signal', 'wait'])
  const { authReqId } = authentication
  checkCredential('authentication.authReqId', authReqId)
  return {
    grantType: 'urn:openid:params:grant-type:ciba',
    identity: { auth_req_id: sha256(authReqId) },
    parameters: () => ({ auth_req_id: authReqId }),
    resend: 'unsent',
    singleUse: true,
    polled: scheduleOf('authentication', authentication, options),
    validate: (tokenSet, context) => checkIdToken(tokenSet, context, authReqId),
  }
}

const requestIdClaim = 'urn:openid:params:jwt:claim:auth_req_id'

/** In poll mode the claim may be left out; one that is there is of this request (CIBA Core §10.3.1). */
async function checkIdToken(tokenSet: TokenSet, { client }: GrantContext, authReqId: string): Promise<void> {
  const claims = await validateIdTokenOf(tokenSet, client, {})
  const { [requestIdClaim]: named } = claims as Readonly<Record<string, unknown>>
  if (named !== undefined && named !== authReqId)
    throw new ValidationError('auth_req_id', 'of the ID token is of another request', {
      provider: client.provider.name,
    })
}
