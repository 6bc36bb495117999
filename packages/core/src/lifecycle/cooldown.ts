/**
 * Rest for an endpoint after a failure, shared by all who would call it: no request, the same error. A server that is
 * down, or asks for time, rests for every client; refused credentials rest for the client that holds them, since some
 * servers lock an account after a few attempts, and until it has others.
 */
import type { Client } from '../client.js'
import { type AuthorizationServerError, type GrantKitError, isGrantKitError } from '../errors.js'

interface Rest {
  readonly until: number
  readonly error: unknown
  /** How many failures in a row. */
  readonly failures: number
  /** The credentials that were refused; others end the rest. */
  readonly refused?: string | undefined
}

const rests = new Map<string, Rest>()
const firstRestMs = 1_000
const longestRestMs = 30_000
const terminalRestMs = 10_000

/** What is asked for, where, by whom. */
export interface Attempt {
  readonly client: Client
  readonly endpoint: string
  /** The entry asked for: what is wrong with its scope alone makes nobody else wait. */
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
    for (const key of keysOf(attempt)) rests.delete(key)
    return result
  } catch (error) {
    await startRest(attempt, error)
    throw error
  }
}

async function refuseWhileResting(attempt: Attempt): Promise<void> {
  const { client } = attempt
  for (const key of keysOf(attempt)) {
    const rest = rests.get(key)
    if (rest === undefined || rest.until <= client.clock.now()) continue
    if (rest.refused === undefined || rest.refused === (await credentialsOf(client))) throw rest.error
    rests.delete(key)
  }
}

async function startRest(attempt: Attempt, error: unknown): Promise<void> {
  if (!isGrantKitError(error) || error.code === 'ERR_CLIENT_AUTHENTICATION' || error.code === 'ERR_TRANSPORT_CLOSED')
    return
  const { client } = attempt
  const [endpointKey, clientKey, entryKey] = keysOf(attempt)
  const now = client.clock.now()
  const { kind, error: reason } = error as Partial<AuthorizationServerError>
  if (kind === 'invalid_grant') return
  if (kind === undefined || kind === 'transient') return rest(endpointKey, now, error, error.retryAfterMs)
  const key = reason === 'invalid_scope' || reason === 'invalid_target' ? entryKey : clientKey
  rests.set(key, { until: now + terminalRestMs, error, failures: 1, refused: await credentialsOf(client) })
}

function rest(key: string, now: number, error: GrantKitError, retryAfterMs: number | undefined): void {
  sweep(now)
  const failures = (rests.get(key)?.failures ?? 0) + 1
  const growing = Math.min(firstRestMs * 2 ** (failures - 1), longestRestMs)
  rests.set(key, { until: now + (retryAfterMs ?? growing), error, failures })
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
