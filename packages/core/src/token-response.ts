/** What a token response gave us, checked before it is kept (RFC 6749 §5.1 and appendix A). */
import { additionalMembers } from './additional.js'
import { checkConfirmation, type Presented, readTokenType } from './binding.js'
import { isObject, kindOf, saysNothing } from './body.js'
import { outOfContext } from './context.js'
import { TokenResponseError } from './errors.js'
import { splitScope } from './grants/grant.js'
import { endOfZero, expiresIn, numeric } from './lifetime.js'
import type { Provider, RequestFacts } from './provider.js'
import { readFailure } from './refusal.js'
import { TokenSet } from './token-set.js'

export interface TokenResponseContext {
  readonly provider: Provider
  /** Before the request was sent, in epoch milliseconds. */
  readonly requestedAt: number
  readonly requestedScope: string | undefined
  /** The body as it came, when it was mapped. */
  readonly original?: unknown
  /** What the token may be bound to. Default: nothing. */
  readonly presented?: Presented | undefined
}

/**
 * Gives an answer the RFC's names. One without an access token, but with a code of failure, becomes an `error`: servers
 * tell a failure with status 200 and members of their own.
 *
 * @throws TokenResponseError when the provider's mapping cannot read it
 */
export function mapTokenResponse(body: unknown, provider: Provider, facts: RequestFacts): unknown {
  const map = provider.conform.mapTokenResponse ?? (body => body)
  try {
    const response = map(body, facts) ?? body
    const isAnswer = isObject(response) && !(saysNothing(response.access_token) && saysNothing(response.error))
    return isAnswer ? response : (failureIn(body) ?? response)
  } catch {
    // its error is left out, since it may quote the answer
    const failure = failureIn(body)
    if (failure === undefined) throw wrong('expected what mapTokenResponse() can read', provider)
    return failure
  }
}

function failureIn(body: unknown): object | undefined {
  const failure = readFailure(body)
  return failure && { error: failure.error, error_description: failure.errorDescription }
}

/**
 * Reads a token response.
 *
 * @param body by the RFC's names, from {@link mapTokenResponse}
 * @throws TokenResponseError naming the member that is missing or wrong, ValidationError when the token is bound to what the
 *   client does not have, or should be bound and is not
 */
export async function parseTokenResponse(body: unknown, context: TokenResponseContext): Promise<TokenSet> {
  const { provider, requestedAt, requestedScope, original, presented = {} } = context
  if (!isObject(body)) throw wrong(`expected a JSON object, got ${kindOf(body)}`, provider)
  const accessToken = readToken(body, 'access_token', printable, provider)
  if (accessToken === undefined) throw wrong('access_token is missing', provider)
  const tokenType = readTokenType(body.token_type ?? provider.conform.defaultTokenType, presented, provider)
  checkConfirmation(accessToken, tokenType, presented, provider)
  const requested = splitScope(requestedScope)
  const granted = readScope(body.scope, requested, provider) ?? requested
  return new TokenSet({
    accessToken,
    tokenType,
    jkt: tokenType === 'DPoP' ? presented.jkt : undefined,
    refreshToken: readToken(body, 'refresh_token', visible, provider),
    idToken: readToken(body, 'id_token', visible, provider),
    obtainedAt: requestedAt,
    expiresAt: await readExpiry(body, accessToken, context),
    refreshTokenExpiresAt: expiresIn(body.refresh_token_expires_in ?? body.refresh_expires_in, requestedAt),
    scope: granted.length === 0 ? undefined : granted.join(' '),
    missingScope: requested.filter(one => !isGranted(one, granted)),
    additional: additionalMembers(original, body),
  })
}

function wrong(message: string, { name }: Provider): TokenResponseError {
  return new TokenResponseError(message, { provider: name })
}

/**
 * RFC 6749 A.12, without the blank, which ends a token in a header: wider than RFC 6750's b64token, since those of large
 * vendors hold `!`, `|`, `^`, `#`, `:` and `,`.
 */
const printable = /^[\x21-\x7e]+$/
/** RFC 6749 appendix A: VSCHAR. */
const visible = /^[\x20-\x7e]+$/

function readToken(
  response: Record<string, unknown>,
  name: string,
  shape: RegExp,
  provider: Provider,
): string | undefined {
  const value = response[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw wrong(`${name} is ${kindOf(value)}; expected a string`, provider)
  if (shape.test(value)) return value
  throw wrong(`${name} is a string with characters that no token may have, such as a line break`, provider)
}

const mostOfScope = 65_536

/** Separated by blanks (RFC 6749 §3.3), or by commas, unless a scope that was asked for holds one; or a list. */
function readScope(scope: unknown, requested: readonly string[], provider: Provider): string[] | undefined {
  const text = Array.isArray(scope) ? scope.filter(one => typeof one === 'string').join(' ') : scope
  if (typeof text !== 'string') return undefined
  if (text.length > mostOfScope) throw wrong(`scope has more than ${mostOfScope} characters`, provider)
  const values = splitScope(requested.some(one => one.includes(',')) ? text : text.replaceAll(',', ' '))
  return values.length === 0 ? undefined : values
}

/** Who asks with commas may be answered with blanks. */
function isGranted(requested: string, granted: readonly string[]): boolean {
  if (granted.includes(requested)) return true
  const all = splitScope(granted.join(' ').replaceAll(',', ' '))
  return splitScope(requested.replaceAll(',', ' ')).every(one => all.includes(one))
}

/** `expires_in`, with an absolute `expires_at` as a second opinion; else the token's own `exp`; else what a zero means. */
async function readExpiry(
  response: Record<string, unknown>,
  accessToken: string,
  { provider, requestedAt }: TokenResponseContext,
): Promise<number | undefined> {
  const relative = expiresIn(response.expires_in, requestedAt)
  const absolute = expiresIn(numeric(response.expires_at) - requestedAt / 1000, requestedAt)
  if (relative !== undefined && absolute !== undefined) return Math.min(relative, absolute)
  const known = relative ?? absolute ?? (await jwtExpiry(accessToken, requestedAt))
  return known ?? endOfZero(response.expires_in, requestedAt, provider.conform.zeroExpiresIn)
}

/** From the claims of a JWT access token; by `exp - iat` where both stand, since the clocks may differ. */
async function jwtExpiry(accessToken: string, requestedAt: number): Promise<number | undefined> {
  if (accessToken.split('.').length !== 3) return undefined
  try {
    const { decodeJwt } = await outOfContext(() => import('jose'))
    const { exp, iat } = decodeJwt(accessToken)
    return expiresIn(Number(exp) - (iat ?? requestedAt / 1000), requestedAt)
  } catch {
    return undefined
  }
}
