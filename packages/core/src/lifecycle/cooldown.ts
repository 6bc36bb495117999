/**
 * Who is left alone after a failure, and for how long: no request, the same error. A server that is down, or asks for
 * time, rests for everybody; refused credentials rest for the client that holds them, since some servers lock an account
 * after a few attempts, and until it has others; whatever is wrong with one code, refresh token, scope or resource rests
 * that alone. Answers that are still to come are nobody's failure.
 */
import type { Client } from '../client.js'
import { type AuthorizationServerError, type GrantKitError, isGrantKitError, type TransportError } from '../errors.js'
import type { Grant } from '../grants/grant.js'
import { Health, inForce, longestRestMs, type Rest, restMsAfter } from './health.js'

const terminalRestMs = 10_000

/** What is asked for, where, by whom. */
export interface Attempt {
  readonly client: Client
  readonly endpoint: string
  /** What it says of itself. */
  readonly grant: Pick<Grant, 'grantType' | 'polled' | 'unproven'>
  /** Whose tokens it is for: the second opinion on a server has to be somebody else's. */
  readonly lineage: string
  /** From `attemptKey()`: what is wrong with this refresh token or code alone makes nobody else wait. */
  readonly key: string
  /** The same without the refresh token or code: what is wrong with a scope or a resource. */
  readonly scopeKey: string
}

/**
 * Runs a request unless something it needs rests.
 *
 * @throws the error that started the rest, without a request; or what the request throws
 */
export async function withCooldown<T>(attempt: Attempt, request: () => Promise<T>): Promise<T> {
  const [server, client] = await enter(attempt)
  try {
    const result = await request()
    const now = attempt.client.clock.now()
    for (const health of [server, client]) health.succeeded(attempt.lineage, now)
    note(attempt, rests.get(attempt.key)?.error.code === 'ERR_SERVER_REFUSED' ? 'taken after all' : 'served', now)
    for (const key of [attempt.key, attempt.scopeKey]) rests.delete(key)
    return result
  } catch (error) {
    await startRest(attempt, error)
    throw error
  } finally {
    server.leave()
    client.leave()
  }
}

/**
 * Waits while somebody else is finding out whether the server is back.
 *
 * @throws the error that started the rest, if there is one
 */
export async function refuseWhileResting(attempt: Attempt): Promise<void> {
  for (const health of healthsOf(attempt)) {
    await refuseIfResting(attempt, health)
    while (!health.hasPlace()) {
      await health.change()
      await refuseIfResting(attempt, health)
    }
  }
  const { client, key, scopeKey } = attempt
  for (const one of [key, scopeKey]) {
    const rest = inForce(rests.get(one), client.clock.now())
    if (rest !== undefined && (await isStill(rest, client))) throw rest.error
  }
}

/** Takes a place with the server and with the client. */
async function enter(attempt: Attempt): Promise<[Health, Health]> {
  const [server, client] = healthsOf(attempt)
  for (;;) {
    await refuseWhileResting(attempt)
    if (!server.enter()) continue
    if (client.enter()) return [server, client]
    server.leave()
  }
}

async function refuseIfResting({ client, lineage }: Attempt, health: Health): Promise<void> {
  const rest = health.restFor(lineage, client.clock.now())
  if (rest === undefined) return
  if (await isStill(rest, client)) throw rest.error
  health.forgive()
}

/** Whether the credentials are those that were refused. */
async function isStill({ refused }: Rest, client: Client): Promise<boolean> {
  return refused === undefined || refused === (await credentialsOf(client))
}

/**
 * What a failure makes rest:
 *
 * | the failure | rests |
 * |---|---|
 * | 429, 503, a `Retry-After`, no connection | the server, for everybody |
 * | another 5xx, a lost answer | this attempt; the server once somebody else has failed too, but for codes |
 * | an answer that is none | this attempt; the client once it has happened for somebody else too, but for codes |
 * | the client's credentials, or the server's certificate | the client, until it has others |
 * | any other refusal | this attempt |
 * | `authorization_pending` | nothing where it is polled for, else this attempt |
 * | what was never sent by our fault | nothing |
 */
async function startRest(attempt: Attempt, error: unknown): Promise<void> {
  if (!isGrantKitError(error) || isOurs(error)) return
  const { kind } = error as Partial<AuthorizationServerError>
  const { client, lineage } = attempt
  const now = client.clock.now()
  if (kind === 'pending' && attempt.grant.polled) return
  if (kind === 'pending') return restAttempt(attempt.key, now, error)
  note(attempt, 'failed', now)
  const [server, ofClient] = healthsOf(attempt)
  if (error.retryable && isSurelyTheServers(error) && !isKnownToBeAlone(error, server, lineage))
    return server.rests(lineage, now, error)
  if (error.retryable) {
    restAttempt(attempt.key, now, error)
    return isWitness(attempt) ? server.doubted(lineage, now, error) : undefined
  }
  const refused = await credentialsOf(client)
  if (kind === 'invalid_client' || error.code.startsWith('ERR_TRANSPORT'))
    return ofClient.rests(lineage, now, error, terminalRestMs, refused)
  restAttempt(kind === 'invalid_scope' ? attempt.scopeKey : attempt.key, now, error, terminalRestMs, refused)
  if (kind === undefined && isWitness(attempt)) ofClient.doubted(lineage, now, error)
}

/** What was never sent says something of the server only where the transport has tried. */
function isOurs({ neverSent, code }: GrantKitError): boolean {
  const isTried = code.startsWith('ERR_TRANSPORT') && code !== 'ERR_TRANSPORT_CLOSED'
  return neverSent && !isTried
}

function isSurelyTheServers(error: GrantKitError): boolean {
  const { serverStatus, neverSent } = error as Partial<AuthorizationServerError & TransportError>
  return neverSent === true || serverStatus === 429 || serverStatus === 503 || error.retryAfterMs !== undefined
}

/** A 503 may be about one refresh token as well, if that is all that gets it. */
function isKnownToBeAlone(error: GrantKitError, server: Health, lineage: string): boolean {
  const { serverStatus } = error as Partial<AuthorizationServerError>
  return serverStatus === 503 && error.retryAfterMs === undefined && server.isAlone(lineage)
}

/** A code is whatever somebody calls a login callback with: that a server fails on it says nothing of the server. */
function isWitness({ grant }: Attempt): boolean {
  return !grant.unproven
}

const rests = new Map<string, Rest>()

function restAttempt(key: string, since: number, error: GrantKitError, restMs?: number, refused?: string): void {
  if (rests.size >= 1_000) sweepRests(since)
  const failures = (rests.get(key)?.failures ?? 0) + 1
  rests.set(key, { since, until: since + (restMs ?? restMsAfter(failures)), error, failures, refused })
}

/** Forgets rests long over, so that the table stays as small as the number of attempts in trouble. */
function sweepRests(now: number): void {
  for (const [key, { until }] of rests) if (until + longestRestMs < now) rests.delete(key)
}

const healths = new Map<string, Health>()

/** Of the endpoint over this connection, and of the client there. */
function healthsOf({ client, endpoint }: Attempt): [Health, Health] {
  const ofServer = JSON.stringify([endpoint, client.connection])
  return [healthOf(ofServer, client), healthOf(clientKey({ client, endpoint }), client)]
}

function clientKey({ client, endpoint }: Pick<Attempt, 'client' | 'endpoint'>): string {
  return JSON.stringify([endpoint, client.connection, client.id, client.auth.identity])
}

function healthOf(key: string, { clock }: Client): Health {
  let health = healths.get(key)
  if (health === undefined) {
    if (healths.size >= 1_000) sweepHealths(clock.now())
    health = new Health()
    healths.set(key, health)
  }
  return health
}

function sweepHealths(now: number): void {
  for (const [key, health] of healths) if (health.isIdle(now)) healths.delete(key)
}

/** Names the credentials as they are now; credentials that cannot be read are others than those refused. */
async function credentialsOf({ auth, tls, dpop }: Client): Promise<string> {
  const fingerprint = await auth.fingerprint?.().catch(() => 'unreadable')
  return JSON.stringify([fingerprint, tls.certificate?.thumbprint, dpop?.thumbprint])
}

/** How refreshes of one client went last: whether it is one refresh token that is refused, or everybody's. */
interface Refreshes {
  servedAt: number
  /** When refresh tokens were taken that had been refused before: of the last two. */
  takenAfterAll: readonly number[]
  /** Of two lineages at most, the latest last. */
  failed: readonly { readonly lineage: string; readonly at: number }[]
}

const refreshes = new Map<string, Refreshes>()

const noRefreshes: Refreshes = { servedAt: Number.NEGATIVE_INFINITY, takenAfterAll: [], failed: [] }
const fickleForMs = 300_000

/**
 * Whether others have been served since an instant, and nobody else has failed after that; not at a server that takes
 * what it has refused a moment before, and so refuses at random.
 */
export function othersAreServed(attempt: Attempt, sinceAt: number): boolean {
  const { servedAt, failed, takenAfterAll } = refreshes.get(clientKey(attempt)) ?? noRefreshes
  const [first, second] = takenAfterAll
  const isFickle = second !== undefined && attempt.client.clock.now() - Number(first) < fickleForMs
  const other = failed.findLast(({ lineage }) => lineage !== attempt.lineage)
  return !isFickle && servedAt >= sinceAt && servedAt >= (other?.at ?? Number.NEGATIVE_INFINITY)
}

function note(attempt: Attempt, outcome: 'served' | 'taken after all' | 'failed', now: number): void {
  if (attempt.grant.grantType !== 'refresh_token') return
  const key = clientKey(attempt)
  const before = refreshes.get(key) ?? noRefreshes
  const { lineage } = attempt
  // put at the end, so that the first of the table is the one that was used longest ago
  refreshes.delete(key)
  if (refreshes.size >= 1_000) refreshes.delete(refreshes.keys().next().value as string)
  const takenAfterAll = outcome === 'taken after all' ? [...before.takenAfterAll, now].slice(-2) : before.takenAfterAll
  const others = before.failed.filter(one => one.lineage !== lineage).slice(-1)
  if (outcome === 'failed') refreshes.set(key, { ...before, failed: [...others, { lineage, at: now }] })
  else refreshes.set(key, { ...before, servedAt: now, takenAfterAll })
}
