/** What a token response gave us, checked before it is kept (RFC 6749 §5.1, RFC 6750 §2.1). */
import { secondsToMs } from './clock.js'
import { outOfContext } from './context.js'
import { TokenResponseError } from './errors.js'
import { splitScope } from './grants/grant.js'
import type { Provider } from './provider.js'
import { redacted } from './secret.js'
import { isObject } from './server-response.js'

export interface TokenSetMembers {
  readonly accessToken: string
  readonly refreshToken?: string | undefined
  readonly idToken?: string | undefined
  readonly obtainedAt: number
  readonly expiresAt?: number | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  readonly scope?: string | undefined
  readonly missingScope?: readonly string[] | undefined
}

/** An access token and what came with it. The tokens are read by name; printing shows none of them. */
export class TokenSet {
  readonly #tokens: Pick<TokenSetMembers, 'accessToken' | 'refreshToken' | 'idToken'>
  readonly tokenType = 'Bearer'
  /** Just before it was asked for, in epoch milliseconds: lifetimes count from here. */
  readonly obtainedAt: number
  /** In epoch milliseconds; `undefined` when the server did not say, or said never. */
  readonly expiresAt: number | undefined
  /** In epoch milliseconds; `undefined` when there is no refresh token or the server did not say. */
  readonly refreshTokenExpiresAt: number | undefined
  /** The scope granted, single blanks between its values; `undefined` when neither side named any. */
  readonly scope: string | undefined
  /** What was asked for and not granted. */
  readonly missingScope: readonly string[]

  constructor(members: TokenSetMembers) {
    const { accessToken, refreshToken, idToken } = members
    this.#tokens = { accessToken, refreshToken, idToken }
    this.obtainedAt = members.obtainedAt
    this.expiresAt = members.expiresAt
    this.refreshTokenExpiresAt = members.refreshTokenExpiresAt
    this.scope = members.scope
    this.missingScope = members.missingScope ?? []
  }

  get accessToken(): string {
    return this.#tokens.accessToken
  }

  get refreshToken(): string | undefined {
    return this.#tokens.refreshToken
  }

  /** As received, and not verified: with an application token it says nothing about a user. */
  get idToken(): string | undefined {
    return this.#tokens.idToken
  }

  /** A copy for logs: a short hash stands for each token. */
  toJSON(): Record<string, unknown> {
    const { accessToken, refreshToken, idToken } = this.#tokens
    return {
      accessToken: redacted(accessToken),
      ...(refreshToken !== undefined && { refreshToken: redacted(refreshToken) }),
      ...(idToken !== undefined && { idToken: redacted(idToken) }),
      ...Object.fromEntries(Object.entries(this)),
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}

export interface TokenResponseContext {
  readonly provider: Provider
  /** Before the request was sent, in epoch milliseconds. */
  readonly requestedAt: number
  readonly requestedScope: string | undefined
}

/**
 * Reads a token response.
 *
 * @throws TokenResponseError naming the member that is missing or wrong
 */
export async function parseTokenResponse(body: unknown, context: TokenResponseContext): Promise<TokenSet> {
  const { provider, requestedAt, requestedScope } = context
  const response = mapped(body, provider)
  if (!isObject(response)) throw new TokenResponseError('expected a JSON object', { provider: provider.name })
  const accessToken = readToken(response, 'access_token', b64token, provider)
  if (accessToken === undefined) throw new TokenResponseError('access_token is missing', { provider: provider.name })
  checkTokenType(response.token_type ?? provider.conform.defaultTokenType, provider)
  const scope = readScope(response.scope) ?? requestedScope
  const granted = splitScope(scope)
  return new TokenSet({
    accessToken,
    refreshToken: readToken(response, 'refresh_token', visible, provider),
    idToken: readToken(response, 'id_token', visible, provider),
    obtainedAt: requestedAt,
    expiresAt: await readExpiry(response, accessToken, requestedAt),
    refreshTokenExpiresAt: expiresIn(response.refresh_token_expires_in ?? response.refresh_expires_in, requestedAt),
    scope,
    missingScope: splitScope(requestedScope).filter(one => !granted.includes(one)),
  })
}

/** A mapping reads members that a malformed answer does not have; its error is left out, since it may quote the answer. */
function mapped(body: unknown, { name, conform }: Provider): unknown {
  try {
    return conform.mapTokenResponse?.(body) ?? body
  } catch {
    throw new TokenResponseError('expected what mapTokenResponse() can read', { provider: name })
  }
}

/** RFC 6750 §2.1: what can stand in an `Authorization: Bearer` header. */
const b64token = /^[A-Za-z0-9._~+/-]+=*$/
/** RFC 6749 appendix A: VSCHAR. */
const visible = /^[\x20-\x7e]+$/
/** Beyond ten years a lifetime is a way to say never: WSO2 sends 9223372036854775807 seconds. */
const longestLifetimeSeconds = 315_360_000

function readToken(
  response: Record<string, unknown>,
  name: string,
  shape: RegExp,
  provider: Provider,
): string | undefined {
  const value = response[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string' && shape.test(value)) return value
  throw new TokenResponseError(`${name} is not a string of the characters a token may have`, {
    provider: provider.name,
  })
}

function checkTokenType(tokenType: unknown, provider: Provider): void {
  if (typeof tokenType === 'string' && tokenType.toLowerCase() === 'bearer') return
  const got = tokenType === undefined ? 'is missing' : 'is another'
  throw new TokenResponseError(`token_type ${got}; only Bearer tokens can be used`, { provider: provider.name })
}

function readScope(scope: unknown): string | undefined {
  const text = Array.isArray(scope) ? scope.join(' ') : scope
  const values = typeof text === 'string' ? splitScope(text) : []
  return values.length === 0 ? undefined : values.join(' ')
}

/** `expires_in`, with an absolute `expires_at` as a second opinion; else the token's own `exp`. */
async function readExpiry(
  response: Record<string, unknown>,
  accessToken: string,
  requestedAt: number,
): Promise<number | undefined> {
  const relative = expiresIn(response.expires_in, requestedAt)
  const absolute = expiresIn(numeric(response.expires_at) - requestedAt / 1000, requestedAt)
  if (relative !== undefined && absolute !== undefined) return Math.min(relative, absolute)
  return relative ?? absolute ?? (await jwtExpiry(accessToken, requestedAt))
}

/** An instant from a lifetime in seconds; `undefined` for what is no lifetime: not a number, not positive, or endless. */
function expiresIn(seconds: unknown, from: number): number | undefined {
  const value = numeric(seconds)
  return value > 0 && value <= longestLifetimeSeconds ? Math.round(from + secondsToMs(value)) : undefined
}

function numeric(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}

/** From the claims of a JWT access token; by `exp - iat` where both stand, since the clocks may differ. */
async function jwtExpiry(accessToken: string, requestedAt: number): Promise<number | undefined> {
  if (accessToken.split('.').length !== 3) return undefined
  const { decodeJwt } = await outOfContext(() => import('jose'))
  try {
    const { exp, iat } = decodeJwt(accessToken)
    return expiresIn(Number(exp) - (iat ?? requestedAt / 1000), requestedAt)
  } catch {
    return undefined
  }
}
