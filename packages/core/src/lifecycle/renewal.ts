/** From what is held to what comes next: which grant, what is merged, what is told. */
import { type Client, endpointFor } from '../client.js'
import { requestTokenSet } from '../endpoints/token.js'
import { type AuthorizationServerError, isGrantKitError, LoginRequiredError } from '../errors.js'
import { notify, type RenewalReason } from '../events.js'
import type { Grant } from '../grants/grant.js'
import { refreshToken } from '../grants/refresh-token.js'
import { attemptKey } from '../token-key.js'
import { TokenSet } from '../token-set.js'
import { withCooldown } from './cooldown.js'
import { type Entry, emptyLineage, inTurn, type Lineage } from './held.js'

/** Replaces what an entry holds by a new token set and returns it. */
export type Renew = (entry: Entry, reason: RenewalReason) => Promise<TokenSet>

/** Renews by the same grant each time: an application's token. */
export function byGrant(client: Client, grant: Grant): Renew {
  return async (entry, reason) => {
    const tokenSet = await request(client, entry, grant, reason)
    entry.tokenSet = tokenSet
    return tokenSet
  }
}

/** Renews by the lineage's refresh token: a user's token. One spender at a time; only the user can replace a dead one. */
export function byRefreshToken(client: Client, scope: string | undefined, subject: string): Renew {
  const spend = async (entry: Entry, reason: RenewalReason): Promise<TokenSet> => {
    const { lineage } = entry
    const spent = lineage.refreshToken
    if (spent === undefined || hasExpired(lineage, client)) throw loginRequired(client, subject)
    try {
      const next = await request(client, entry, refreshToken({ refreshToken: spent, scope }), reason)
      // what was imported, or forgotten, in the meantime is the later word
      return lineage.refreshToken === spent ? settle(entry, next) : next
    } catch (error) {
      if ((error as AuthorizationServerError).kind !== 'invalid_grant') throw error
      if (lineage.refreshToken !== spent) return spend(entry, reason)
      lineage.refreshToken = undefined
      throw loginRequired(client, subject, error)
    }
  }
  return (entry, reason) => inTurn(entry.lineage, () => spend(entry, reason))
}

/** Redeems a code for a user's first token set. */
export function redeem(client: Client, entry: Entry, grant: Grant): Promise<TokenSet> {
  return inTurn(entry.lineage, async () => {
    const tokenSet = await request(client, entry, grant, 'login')
    emptyLineage(entry.lineage)
    return settle(entry, tokenSet)
  })
}

/** Keeps a user's new token set; an answer without a refresh token, or without a scope, leaves the old one in force. */
export function settle(entry: Entry, next: TokenSet): TokenSet {
  const { lineage } = entry
  const isSame = next.refreshToken === undefined || next.refreshToken === lineage.refreshToken
  lineage.refreshTokenExpiresAt = next.refreshTokenExpiresAt ?? (isSame ? lineage.refreshTokenExpiresAt : undefined)
  lineage.refreshToken = next.refreshToken ?? lineage.refreshToken
  entry.tokenSet = new TokenSet({
    accessToken: next.accessToken,
    refreshToken: lineage.refreshToken,
    idToken: next.idToken ?? entry.tokenSet?.idToken,
    obtainedAt: next.obtainedAt,
    expiresAt: next.expiresAt,
    refreshTokenExpiresAt: lineage.refreshTokenExpiresAt,
    scope: next.scope ?? entry.tokenSet?.scope,
    missingScope: next.missingScope,
  })
  return entry.tokenSet
}

function hasExpired({ refreshTokenExpiresAt }: Lineage, { clock }: Client): boolean {
  return refreshTokenExpiresAt !== undefined && refreshTokenExpiresAt <= clock.now()
}

function loginRequired(client: Client, subject: string, cause?: unknown): LoginRequiredError {
  const problem = cause === undefined ? 'there is no refresh token that could be used' : 'the refresh token is dead'
  return new LoginRequiredError(`The user must log in: ${problem}`, { provider: client.provider.name, subject, cause })
}

/** Asks the token endpoint, unless it rests, and tells the listener before and after. */
function request(client: Client, entry: Entry, grant: Grant, reason: RenewalReason): Promise<TokenSet> {
  const { clock, onEvent, provider } = client
  const { grantType } = grant
  const endpoint = endpointFor(client, grantType)
  const key = attemptKey(entry.lineage.key, entry.key, grant.parameters)
  return withCooldown({ client, endpoint, key }, async () => {
    const startedAt = clock.now()
    const base = { provider: provider.name, grantType, reason }
    notify(onEvent, { type: 'token_requested', level: 'debug', at: startedAt, ...base })
    try {
      const tokenSet = await requestTokenSet(client, grant)
      const { expiresAt, scope, missingScope } = tokenSet
      const level = missingScope.length === 0 ? 'debug' : 'warn'
      const at = clock.now()
      notify(onEvent, {
        type: 'token_received',
        level,
        at,
        ...base,
        durationMs: at - startedAt,
        expiresAt,
        scope,
        missingScope,
      })
      return tokenSet
    } catch (failure) {
      const at = clock.now()
      notify(onEvent, { type: 'token_request_failed', at, ...base, durationMs: at - startedAt, ...describe(failure) })
      throw failure
    }
  })
}

function describe(failure: unknown) {
  const { code, retryable, status, error } = failure as Partial<AuthorizationServerError>
  const known = isGrantKitError(failure)
  const level = retryable ? ('warn' as const) : ('error' as const)
  return {
    level,
    code: known ? String(code) : 'ERR_UNKNOWN',
    status,
    error: known ? error : undefined,
    retryable: retryable ?? false,
  }
}
