/** One request for a token, unless its endpoint rests; told to the listener before and after. */
import { type Client, endpointFor } from '../client.js'
import { requestTokenSet } from '../endpoints/token.js'
import { type AuthorizationServerError, isGrantKitError } from '../errors.js'
import { notify, type RenewalReason } from '../events.js'
import type { Grant } from '../grants/grant.js'
import { attemptKey } from '../token-key.js'
import type { TokenSet } from '../token-set.js'
import { type Attempt, withCooldown } from './cooldown.js'
import type { Entry } from './held.js'

/** What the cool-down is kept by. */
export function attemptFor(client: Client, { key, lineage }: Entry, { grantType, parameters }: Grant): Attempt {
  return {
    client,
    endpoint: endpointFor(client, grantType),
    grantType,
    lineage: lineage.key,
    key: `${client.connection} ${attemptKey(lineage.key, key, parameters)}`,
    scopeKey: `${client.connection} ${attemptKey(lineage.key, key, {})}`,
  }
}

/**
 * Asks the token endpoint.
 *
 * @throws what {@link requestTokenSet} throws, or threw when the rest began
 */
export function requestToken(client: Client, entry: Entry, grant: Grant, reason: RenewalReason): Promise<TokenSet> {
  const { clock, onEvent, provider } = client
  const { grantType } = grant
  return withCooldown(attemptFor(client, entry, grant), async () => {
    const startedAt = clock.now()
    const base = { provider: provider.name, grantType, reason }
    notify(onEvent, { type: 'token_requested', level: 'debug', at: startedAt, ...base })
    try {
      const tokenSet = await requestTokenSet(client, grant)
      // if it is the same text again, it is the server's word that it is good
      entry.lineage.rejected = undefined
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
  const { code, retryable, serverStatus: status, error } = failure as Partial<AuthorizationServerError>
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
