/** What a program keeps between an authorization request and its answer: plain JSON, and checked when it comes back. */
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import { ValidationError } from '../errors.js'
import { parseUrl, refusePromise } from '../options.js'

/** `response_type`: the code alone, or with an ID token that vouches for it (OpenID Connect Core §3.3). */
export type ResponseType = 'code' | 'code id_token'

export const responseTypes: readonly ResponseType[] = ['code', 'code id_token']

/** How the answer comes back, once `jwt` has been resolved: a channel, and whether it is a signed JWT in it (JARM §2.3). */
export type ResolvedResponseMode = 'query' | 'fragment' | 'form_post' | 'query.jwt' | 'fragment.jwt' | 'form_post.jwt'

export const resolvedResponseModes: readonly ResolvedResponseMode[] = [
  'query',
  'fragment',
  'form_post',
  'query.jwt',
  'fragment.jwt',
  'form_post.jwt',
]

/**
 * What a program keeps of an authorization request until its answer comes: in the user's session, or in a cookie that is
 * encrypted. It is JSON, and a secret; printing shows neither `state` nor `nonce` nor `codeVerifier`. Members of your own
 * beside these do not disturb.
 */
export interface AuthorizationTransaction {
  /** Of this format. */
  readonly version: 1
  /** Who was asked: an answer of another server is refused. */
  readonly issuer: string
  /** Which client asked. */
  readonly clientId: string
  /** As it was sent. */
  readonly redirectUri: string
  /** As it was sent. */
  readonly responseType: ResponseType
  /** How the answer has to come. */
  readonly responseMode: ResolvedResponseMode
  /** As it was sent: a name for the transaction, and what ties the answer to it. */
  readonly state: string
  /** As it was sent; only where an ID token is expected. */
  readonly nonce?: string | undefined
  /** What the code is redeemed with (RFC 7636). */
  readonly codeVerifier: string
  /** As it was sent, space-separated. */
  readonly scope?: string | undefined
  /** As they were sent: the token request names the same (RFC 8707 §2.2). */
  readonly resource?: readonly string[] | undefined
  /** `max_age`: how old the login may be, in seconds. */
  readonly maxAgeSeconds?: number | undefined
  /** The `acr` values one of which is essential. */
  readonly essentialAcr?: readonly string[] | undefined
  /** Claims of the ID token that were asked for with one value, by name: another value is refused. */
  readonly expectedClaims?: Readonly<Record<string, string>> | undefined
  /** Whether the ID token of the answer has to have `s_hash`. */
  readonly requiresStateHash?: boolean | undefined
  /** `dpop_jkt` as it was sent: the code is for this key alone (RFC 9449 §10). */
  readonly dpopThumbprint?: string | undefined
  /** Until when an answer is taken, in epoch milliseconds. */
  readonly expiresAt: number
}

/** Its secrets do not show when it is printed; as JSON it is whole. */
export function asTransaction(transaction: AuthorizationTransaction): AuthorizationTransaction {
  const { state, nonce, codeVerifier, ...shown } = transaction
  return Object.defineProperty({ ...transaction }, Symbol.for('nodejs.util.inspect.custom'), { value: () => shown })
}

/**
 * Checks what was kept.
 *
 * @throws ValidationError: `transaction` names the member that is missing or wrong, `transaction_expired`, and `client_id`,
 *   `issuer` or `dpop_jkt` where it is another client's, server's or key's
 */
export function readTransaction(kept: unknown, client: Client): AuthorizationTransaction {
  refusePromise('transaction', kept)
  const wrong = (check: string, problem: string) =>
    new ValidationError(check, problem, { provider: client.provider.name })
  if (!isObject(kept))
    throw wrong(
      'transaction',
      `is ${kindOf(kept)}; it has to be what createAuthorizationRequest() gave, kept until now`,
    )
  for (const [member, fits] of Object.entries(members))
    if (!fits(kept[member]))
      throw wrong('transaction', `its ${member} is ${kindOf(kept[member])} that does not fit; was it kept as it was?`)
  const transaction = kept as unknown as AuthorizationTransaction
  if (transaction.clientId !== client.id) throw wrong('client_id', 'the request was made by another client')
  if (transaction.issuer !== client.provider.metadata.issuer)
    throw wrong('issuer', 'the request went to another server than the one of this client')
  if (transaction.dpopThumbprint !== client.dpop?.thumbprint)
    throw wrong('dpop_jkt', 'the request was made with another DPoP key; give dpopKey() the same key in all processes')
  if (client.clock.now() >= transaction.expiresAt)
    throw wrong('transaction_expired', 'the answer came too late; the login has to begin anew')
  return transaction
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const maybe = (fits: (value: unknown) => boolean) => (value: unknown) => value === undefined || fits(value)
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const oneOf = (values: readonly string[]) => (value: unknown) => values.includes(value as string)

/** A record, so that none can be left out. */
const members: Readonly<Record<keyof AuthorizationTransaction, (value: unknown) => boolean>> = {
  version: value => value === 1,
  issuer: isText,
  clientId: isText,
  redirectUri: value => typeof value === 'string' && parseUrl(value) !== undefined,
  responseType: oneOf(responseTypes),
  responseMode: oneOf(resolvedResponseModes),
  state: isText,
  nonce: maybe(isText),
  codeVerifier: isText,
  scope: maybe(isText),
  resource: maybe(isTexts),
  maxAgeSeconds: maybe(value => typeof value === 'number' && value >= 0),
  essentialAcr: maybe(isTexts),
  expectedClaims: maybe(value => isObject(value) && Object.values(value).every(isText)),
  requiresStateHash: maybe(value => typeof value === 'boolean'),
  dpopThumbprint: maybe(isText),
  expiresAt: value => typeof value === 'number' && Number.isFinite(value),
}
