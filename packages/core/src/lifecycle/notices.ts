/** What callers and listeners are told when there is no token, or soon will be none: errors, and events that come once. */
import { type AtOnce, isPromised } from '../at-once.js'
import type { Client } from '../client.js'
import {
  AuthorizationServerError,
  isGrantKitError,
  LoginRequiredError,
  type SessionEndReason,
  TokenStoreError,
  TransportError,
} from '../errors.js'
import { type RenewalReason, tell } from '../events.js'
import { splitScope } from '../grants/grant.js'
import { sha256 } from '../secret.js'
import type { TokenSet } from '../token-set.js'
import type { Lease } from './lease.js'
import type { Flight, Lineage } from './lineage.js'
import type { KeptToken, Mark } from './record.js'

/**
 * For callers of a refresh token that rests because it failed in another process. The record has the status and the code of
 * that failure, and the error is made of these; a caller of that process got the failure itself.
 */
export function restingError({ provider: { name } }: Client, { failure }: Mark, retryAfterMs: number): Error {
  const options = { provider: name, retryAfterMs }
  const { status: serverStatus, error } = failure ?? {}
  if (serverStatus !== undefined) {
    const isFinal = serverStatus >= 400 && serverStatus < 500 && serverStatus !== 429 && serverStatus !== 408
    return new AuthorizationServerError({ ...options, serverStatus, error, kind: isFinal ? 'terminal' : 'transient' })
  }
  const message = 'What became of the last refresh is not known; the next one waits for the cool-down'
  return new TransportError('ERR_TRANSPORT', message, { ...options, neverSent: false })
}

const problems: Readonly<Record<SessionEndReason, string>> = {
  no_refresh_token: 'there is no refresh token',
  refresh_token_expired: 'the refresh token has expired',
  invalid_grant: 'the refresh token is dead',
  refused: 'the server goes on refusing the refresh token, while it serves others',
  interaction_required: 'the server wants to see the user',
  other_dpop_key:
    'the refresh token is bound to a DPoP key that this client does not have; give it the same key as before',
  unknown_outcome:
    'whether the server used the refresh token up is not known, and the provider forbids to send it again',
  forgotten: 'the tokens were forgotten',
}

/** Why a session is over, and what said so. */
export interface SessionEnd {
  readonly reason: SessionEndReason
  readonly cause?: unknown
  readonly requestId: string | undefined
}

/** Tells the listener when the session ends, and makes the error for everybody who asks from then on. */
export function loginRequired(client: Client, lineage: Lineage, subject: string, sessionEnd: SessionEnd) {
  const { reason, cause, requestId } = sessionEnd
  const { refreshToken, spent = [] } = lineage.known?.record ?? {}
  const end = `${reason} ${refreshToken === undefined ? spent.at(-1) : sha256(refreshToken)}`
  const isLoss = reason !== 'no_refresh_token' && reason !== 'forgotten'
  if (isLoss && lineage.tellOnce('login_required', end))
    tell(client, { type: 'login_required', level: 'error', subject, requestId, reason })
  const message = `The user must log in: ${problems[reason]}`
  return new LoginRequiredError(message, { provider: client.provider.name, subject, reason, cause })
}

/** For callers who need a record that the store has lost, while other processes may still have it and put it back. */
export function missing(): TokenStoreError {
  const problem = 'the store has lost the record; whoever has it is waited for'
  return new TokenStoreError(problem, { operation: 'get', retryAfterMs: 1_000 })
}

/** Tells that the store refuses a user's tokens, so that they are lost when this process ends. */
export function tellOfUnsaved(client: Client, subject: string, requestId: string | undefined): void {
  tell(client, { type: 'tokens_unsaved', level: 'error', subject, requestId })
}

/** One call, which may have to wait. */
export interface Wait {
  readonly subject: string | undefined
  /** By the client's clock. */
  readonly since: number
  hasBegun: boolean
  /** Why a renewal is waited for; `undefined` where it is the store alone. */
  reason: RenewalReason | undefined
  /** The renewal that is waited for. */
  flight: Flight | undefined
}

/** Tells that a caller's wait is over. */
export function tellOfWait(client: Client, wait: Wait, outcome: 'served' | 'failed' | 'aborted'): void {
  const { subject, reason, since, flight } = wait
  const durationMs = client.clock.now() - since
  const requestId = flight?.requestId
  tell(client, { type: 'token_awaited', level: 'debug', subject, reason, requestId, durationMs, outcome })
}

/** Tells that a renewal had to wait for another process, if it had to. */
export function tellOfLease(client: Client, { waited }: Pick<Lease, 'waited'>, subject: string | undefined): void {
  if (waited !== undefined) tell(client, { type: 'lease_awaited', level: 'debug', subject, ...waited })
}

/** Asks, and gives errors of a store the name of the provider that its tokens are of. */
export async function namingProvider<T>({ provider }: Client, ask: () => AtOnce<T>): Promise<T> {
  try {
    const answer = ask()
    return isPromised(answer) ? await answer : answer
  } catch (error) {
    throw isStoreError(error) ? named(error, provider.name) : error
  }
}

function isStoreError(error: unknown): error is TokenStoreError {
  return isGrantKitError(error) && error.code === 'ERR_TOKEN_STORE'
}

/** Writes the name into the error itself: the layers around a store make an error for each call, so no caller shares it. */
function named(error: TokenStoreError, provider: string): TokenStoreError {
  return error.provider === undefined ? Object.assign(error, { provider }) : error
}

const toldFailures = new WeakSet<object>()

/**
 * Whether an error is the store's. If so it is given the provider's name, and the listener is told: once for each failure,
 * however many callers meet it.
 */
export function tellIfStoreFailed(client: Client, error: unknown): boolean {
  if (!isStoreError(error)) return false
  named(error, client.provider.name)
  const failure = typeof error.cause === 'object' && error.cause !== null ? error.cause : error
  if (toldFailures.has(failure)) return true
  toldFailures.add(failure)
  const { operation, message, retryable } = error
  const level = retryable ? 'warn' : 'error'
  tell(client, { type: 'store_failed', level, operation, message, retryable })
  return true
}

/** A user's token and the one before it. */
export interface Succession {
  readonly subject: string
  readonly requestId: string | undefined
  /** `undefined` when there was none, or it was dropped before the refresh. */
  readonly before: KeptToken | undefined
  readonly answer: TokenSet
  /** The scope asked for, if any was. */
  readonly asked: string | undefined
}

/** Tells that a refresh brought less scope than there was. An answer without scope brings what was asked for, or all. */
export function tellOfNarrowing(client: Client, succession: Succession): void {
  const { subject, requestId, before, answer, asked } = succession
  const { scope } = answer
  if (before?.scope === undefined || scope === undefined) return
  const left = new Set(splitScope(scope))
  const wanted = asked === undefined ? undefined : splitScope(asked)
  const lostScope = splitScope(before.scope).filter(one => !left.has(one) && (wanted?.includes(one) ?? true))
  if (lostScope.length > 0)
    tell(client, { type: 'scope_narrowed', level: 'warn', subject, requestId, scope, lostScope })
}

/** Tells, once for each refresh token, that its end is near; returns the instant from when on it will be. */
export function tellOfExpiry(client: Client, lineage: Lineage, subject: string): number {
  const { refreshToken, refreshTokenExpiresAt, refreshTokenWarnAt } = lineage.known?.record ?? {}
  if (refreshToken === undefined || refreshTokenExpiresAt === undefined || refreshTokenWarnAt === undefined)
    return Number.POSITIVE_INFINITY
  if (client.clock.now() < refreshTokenWarnAt) return refreshTokenWarnAt
  if (!lineage.tellOnce('refresh_token_expiring', sha256(refreshToken))) return Number.POSITIVE_INFINITY
  tell(client, { type: 'refresh_token_expiring', level: 'warn', subject, expiresAt: refreshTokenExpiresAt })
  return Number.POSITIVE_INFINITY
}
