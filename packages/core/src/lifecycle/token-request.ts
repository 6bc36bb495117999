/** One request for a token, unless its endpoint rests; told to the listener before and after. */
import { randomUUID } from 'node:crypto'
import { type Client, endpointFor } from '../client.js'
import type { Outgoing } from '../endpoint-request.js'
import { type AskOptions, askTokenEndpoint } from '../endpoints/token.js'
import { type AuthorizationServerError, isGrantKitError } from '../errors.js'
import { type GrantKitEvent, type RenewalReason, tell } from '../events.js'
import type { Grant } from '../grants/grant.js'
import { attemptKey } from '../token-key.js'
import type { TokenSet } from '../token-set.js'
import { type Attempt, withCooldown } from './cooldown.js'
import type { Entry } from './lineage.js'

/** What the cool-down is kept by. */
export function attemptFor(client: Client, { key, lineage }: Entry, grant: Grant): Attempt {
  return {
    client,
    endpoint: endpointFor(client, 'token_endpoint', grant.grantType),
    grant,
    lineage: lineage.key,
    key: `${client.connection} ${attemptKey(lineage.key, key, grant.identity)}`,
    scopeKey: `${client.connection} ${attemptKey(lineage.key, key, {})}`,
  }
}

interface RequestTokenOptions extends AskOptions {
  /** Told what the request is called in events, before it goes out. */
  readonly named?: ((requestId: string) => void) | undefined
}

/**
 * Asks the token endpoint.
 *
 * @throws what {@link askTokenEndpoint} throws, or threw when the rest began. What `beforeSending` throws makes nothing
 *   rest, and is not told
 */
export function requestToken(
  client: Client,
  entry: Entry,
  grant: Grant,
  reason: RenewalReason,
  { beforeSending, named }: RequestTokenOptions = {},
): Promise<TokenSet> {
  const attempt = attemptFor(client, entry, grant)
  return withCooldown(attempt, async () => {
    const telling = teller(attempt, reason)
    named?.(telling.requestId)
    let heldBack: unknown
    const goAhead = async (outgoing: Outgoing) => {
      const headers = await beforeSending?.(outgoing).catch(error => {
        heldBack = error
        throw error
      })
      telling.requested()
      return headers || {}
    }
    // what may be held back is told of once it is not, so that every beginning has an end
    if (beforeSending === undefined) telling.requested()
    try {
      const tokenSet = await askTokenEndpoint(client, grant, { beforeSending: goAhead })
      entry.lineage.trust()
      telling.received(tokenSet)
      return tokenSet
    } catch (failure) {
      if (failure !== heldBack) telling.failed(failure)
      throw failure
    }
  })
}

/** Tells the listener of one request: that it was made, once, however often it is sent; then what came of it. */
function teller({ client, endpoint, grant }: Attempt, reason: RenewalReason) {
  const { clock } = client
  const { grantType } = grant
  const startedAt = clock.now()
  const requestId = randomUUID()
  const url = endpoint.replace(/\?.*/s, '')
  const base = { requestId, endpoint: 'token_endpoint', url, grantType, reason }
  let isTold = false
  const requested = () => {
    if (!isTold) tell(client, { type: 'token_requested', level: 'debug', at: startedAt, ...base })
    isTold = true
  }
  const since = () => {
    const at = clock.now()
    return { at, ...base, durationMs: at - startedAt }
  }
  return {
    requestId,
    requested,
    received({ expiresAt, scope, missingScope }: TokenSet) {
      const level = missingScope.length === 0 ? 'debug' : 'warn'
      tell(client, { type: 'token_received', level, ...since(), expiresAt, scope, missingScope })
    },
    failed(failure: unknown) {
      requested()
      tell(client, { type: 'token_request_failed', ...since(), ...describe(failure, grant) })
    },
  }
}

function describe(failure: unknown, grant: Pick<Grant, 'polled'>) {
  const { code, retryable, serverStatus: status, error, kind } = failure as Partial<AuthorizationServerError>
  const known = isGrantKitError(failure)
  const isAwaited = grant.polled && kind === 'pending'
  const level: GrantKitEvent['level'] = isAwaited ? 'debug' : retryable ? 'warn' : 'error'
  return {
    level,
    code: known ? String(code) : 'ERR_UNKNOWN',
    status,
    error: known ? error : undefined,
    retryable: retryable ?? false,
  }
}
