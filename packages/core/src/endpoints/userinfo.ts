/** The userinfo endpoint (OpenID Connect Core §5.3): what the server tells of a user, for their access token. */
import type { JsonValue } from '../additional.js'
import { type AnswerShape, json, jwt } from '../answer-shape.js'
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import type { ClientAuth } from '../client-auth/client-auth.js'
import { isResponseJwt } from '../client-metadata.js'
import { sendToEndpoint } from '../endpoint.js'
import { type AuthorizationServerError, isGrantKitError, ValidationError } from '../errors.js'
import { checkAnswerClaims } from '../jwt-claims.js'
import { checkOptions, checkText, oneOf, optionError, refusePromise } from '../options.js'
import { readSignedJwt } from '../signed-jwt.js'
import type { TokenSet } from '../token-set.js'
import type { TokenSource } from '../token-source.js'
import { checkIsClient } from './check-client.js'

/** Whose claims they have to be, and how they are asked for. */
export interface UserInfoOptions {
  /**
   * `sub` of the user's ID token, which the answer has to be about: an access token may be somebody else's. Default: that of
   * the ID token which the token set's login has brought and core has checked; needed where there is none.
   */
  readonly subject?: string | undefined
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST' | undefined
}

/** Claims about a user, by their names in OpenID Connect Core §5.1. Frozen; which of them there are is the server's to say. */
export interface UserInfo {
  /** The user, as the ID token names them. */
  readonly sub: string
  /** Whatever else the server tells, unchecked. */
  readonly [claim: string]: JsonValue | undefined
}

/**
 * Asks for claims about the user whose access token it is. A token source is asked for another token, once, when the server
 * takes the first one for dead.
 *
 * A client that is registered for signed answers (`userinfo_signed_response_alg`, in its `metadata`) takes no others.
 *
 * @param from the user's token source, such as `users.for('alice')`, or a token set
 * @throws ValidationError when the answer is about somebody else (`sub`), or what of a signed one does not hold;
 *   AuthorizationServerError when the server refuses the token (`invalid_token`, `insufficient_scope`); TransportError;
 *   TokenResponseError; TypeError naming an option, or the endpoint that the metadata lacks; what the source throws
 * @see OpenID Connect Core §5.3
 */
export async function requestUserInfo(
  client: Client,
  from: TokenSource | TokenSet,
  options: UserInfoOptions = {},
): Promise<UserInfo> {
  checkIsClient(client, 'requestUserInfo(client, tokens)')
  checkUserInfoOptions(options)
  refusePromise('from', from)
  if (!isSource(from)) return ask(client, checkedTokenSet(from), options)
  const tokenSet = await from.getTokenSet()
  try {
    return await ask(client, tokenSet, options)
  } catch (error) {
    if (!isTokenRefused(error)) throw error
    const next = await from.getTokenSet({ rejected: tokenSet.accessToken })
    if (next.accessToken === tokenSet.accessToken) throw error
    return ask(client, next, options)
  }
}

function checkUserInfoOptions(options: UserInfoOptions): void {
  checkOptions('requestUserInfo', options, ['subject', 'method'])
  const { subject, method } = options
  if (subject !== undefined) checkText('subject', subject)
  if (method !== undefined && !methods.includes(method))
    throw optionError('method', `must be ${oneOf(methods, method)}`)
}

const methods: readonly string[] = ['GET', 'POST']

function isSource(from: TokenSource | TokenSet): from is TokenSource {
  return typeof Object(from).getTokenSet === 'function'
}

function checkedTokenSet(tokenSet: TokenSet): TokenSet {
  if (typeof Object(tokenSet).accessToken !== 'string' || tokenSet.accessToken === '')
    throw optionError('from', 'must be a token source or a token set; the order is requestUserInfo(client, tokens)')
  return tokenSet
}

/** Whether a new token may help; a 401 without a reason is about the token too, since nothing else was shown. */
function isTokenRefused(error: unknown): boolean {
  if (!isGrantKitError(error) || error.code !== 'ERR_SERVER_REFUSED') return false
  const { serverStatus, error: reason } = error as AuthorizationServerError
  return serverStatus === 401 && (reason === undefined || reason === 'invalid_token')
}

async function ask(
  client: Client,
  tokenSet: TokenSet,
  { subject, method = 'GET' }: UserInfoOptions,
): Promise<UserInfo> {
  const sub = subject ?? tokenSet.idTokenClaims?.sub
  if (sub === undefined)
    throw optionError(
      'subject',
      'is needed: the sub of the user’s ID token; with these tokens there is none that was checked',
    )
  const read = (claims: unknown) => readUserInfo(claims, sub)
  return sendToEndpoint(client, {
    endpoint: 'userinfo_endpoint',
    method,
    auth: byToken(tokenSet),
    proves: proofFor(client, tokenSet),
    resend: 'always',
    accepts: [
      isResponseJwt(client.metadata, 'userinfo')
        ? signed(client, tokenSet, read)
        : json(async ({ body }) => read(body)),
    ],
  })
}

function byToken({ accessToken, tokenType }: TokenSet): Pick<ClientAuth, 'method' | 'authenticate'> {
  const headers = { authorization: `${tokenType} ${accessToken}` }
  return { method: tokenType, authenticate: async parameters => ({ parameters, headers, secrets: [accessToken] }) }
}

/**
 * A token is used with the key it is bound to, or not at all.
 *
 * @see RFC 9449 §7.1
 */
function proofFor({ dpop }: Client, { tokenType, jkt = dpop?.thumbprint, accessToken }: TokenSet) {
  if (tokenType !== 'DPoP') return undefined
  if (dpop !== undefined && dpop.thumbprint === jkt) return { accessToken }
  throw optionError('client', 'does not have the key that this token is bound to: createClient({ dpop: … })')
}

function signed(client: Client, { accessToken }: TokenSet, read: (claims: unknown) => UserInfo): AnswerShape<UserInfo> {
  return jwt('application/jwt', async text => {
    const [what, secrets] = ['userinfo response', [accessToken]]
    const { claims } = await readSignedJwt(client, text, { what, kind: 'userinfo', secrets })
    // that they are there is no more than a SHOULD
    checkAnswerClaims({ client, what, claims, secrets }, [])
    return read(claims)
  })
}

/**
 * Refuses what is about nobody, or somebody else.
 *
 * @see OpenID Connect Core §5.3.2
 */
export function readUserInfo(claims: unknown, subject: string): UserInfo {
  if (!isObject(claims)) throw new ValidationError('sub', `expected an object of claims, got ${kindOf(claims)}`)
  if (typeof claims.sub !== 'string') throw new ValidationError('sub', `expected a text, got ${kindOf(claims.sub)}`)
  if (claims.sub !== subject)
    throw new ValidationError('sub', 'is another one than that of the ID token: the answer is about somebody else')
  return Object.freeze(claims) as UserInfo
}
