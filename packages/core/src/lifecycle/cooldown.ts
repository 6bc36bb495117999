/**
 * Rest for an endpoint after a failure, shared by all who would call it: no request, the same error. A server that is
 * down, or asks for time, rests for every client; refused credentials rest for the client that holds them, since some
 * servers lock an account after a few attempts, and until it has others.
 */
import type { Client } from '../client.js'
import { type AuthorizationServerError, type GrantKitError, isGrantKitError } from '../errors.js'

interface Rest {
  /** A clock set back behind its beginning ends it, or a correction of an hour would make it last one. */
  readonly since: number
  readonly until: number
  readonly error: unknown
  /** How many failures in a row. */
  readonly failures: number
  /** The credentials that were refused; others end the rest. */
  readonly refused?: string | undefined
}

const rests = new Map<string, Rest>()
/** How long an endpoint rests after a first failure, unless it says. */
export const firstRestMs = 1_000
const longestRestMs = 30_000
const terminalRestMs = 10_000

/** What is asked for, where, by whom. */
export interface Attempt {
  readonly client: Client
  readonly endpoint: string
  /** From `attemptKey()`: what is wrong with this scope, refresh token or code alone makes nobody else wait. */
  readonly key: string
}

/**
 * Runs a request unless its endpoint rests.
 *
 * @throws the error that started the rest, without a request; or what the request throws
 */
export async function withCooldown<T>(attempt: Attempt, request: () => Promise<T>): Promise<T> {
  await refuseWhileResting(attempt)
  try {
    const result = await request()
    const now = attempt.client.clock.now()
    for (const key of keysOf(attempt)) if (restAt(key, now) === undefined) rests.delete(key)
    return result
  } catch (error) {
    await startRest(attempt, error)
    throw error
  }
}

/** @throws the error that started the rest, if there is one */
export async function refuseWhileResting(attempt: Attempt): Promise<void> {
  const { client } = attempt
  for (const key of keysOf(attempt)) {
    const rest = restAt(key, client.clock.now())
    if (rest === undefined) continue
    if (rest.refused === undefined || rest.refused === (await credentialsOf(client))) throw rest.error
    rests.delete(key)
  }
}

/** What may pass rests the endpoint, what somebody has to change the client or this attempt; what was not sent, nothing. */
async function startRest(attempt: Attempt, error: unknown): Promise<void> {
  if (!isGrantKitError(error) || notTheServers.has(error.code)) return
  const { client } = attempt
  const [endpointKey, clientKey, attemptKey] = keysOf(attempt)
  const since = client.clock.now()
  sweep(since)
  if (error.retryable) return restEndpoint(endpointKey, since, error)
  const { error: reason, kind } = error as Partial<AuthorizationServerError>
  const ofAttempt = kind === 'invalid_grant' || reason === 'invalid_scope' || reason === 'invalid_target'
  const refused = await credentialsOf(client)
  rests.set(ofAttempt ? attemptKey : clientKey, { since, until: since + terminalRestMs, error, failures: 1, refused })
}

/** Codes of what happened on our side. */
const notTheServers = new Set(['ERR_CLIENT_AUTHENTICATION', 'ERR_TRANSPORT_CLOSED', 'ERR_TOKEN_STORE'])

/** Requests that were under way together fail together: that counts once, and the longest rest asked for is kept. */
function restEndpoint(key: string, since: number, error: GrantKitError): void {
  const current = restAt(key, since)
  const failures = current?.failures ?? (rests.get(key)?.failures ?? 0) + 1
  const until = since + (error.retryAfterMs ?? Math.min(firstRestMs * 2 ** (failures - 1), longestRestMs))
  if (current === undefined || current.until < until) rests.set(key, { since, until, error, failures })
}

/** The rest in force. */
function restAt(key: string, now: number): Rest | undefined {
  const rest = rests.get(key)
  return rest !== undefined && rest.since <= now && now < rest.until ? rest : undefined
}

/** Names the credentials as they are now; credentials that cannot be read are others than those refused. */
async function credentialsOf({ auth, tls }: Client): Promise<string> {
  const fingerprint = await auth.fingerprint?.().catch(() => 'unreadable')
  return JSON.stringify([fingerprint, tls.certificate?.thumbprint])
}

function keysOf({ client, endpoint, key }: Attempt): [string, string, string] {
  const ofEndpoint = JSON.stringify([endpoint, client.connection])
  const ofClient = JSON.stringify([endpoint, client.connection, client.id, client.auth.identity])
  return [ofEndpoint, ofClient, key]
}

/** Forgets rests long over, so that the table stays as small as the number of endpoints in trouble. */
function sweep(now: number): void {
  if (rests.size < 1_000) return
  for (const [key, { until }] of rests) if (until + longestRestMs < now) rests.delete(key)
}
