/** What has become of a refresh token whose request failed, and what is noted about it. */
import type { AuthorizationServerError } from '../errors.js'
import { restMsAfter } from './health.js'
import { type EndReason, type Failed, type LineageRecord, type Mark, nothingDone, unknown, unsent } from './record.js'

/** What a request that failed has done to the refresh token. */
export type Outcome =
  /** It never left. */
  | 'unsent'
  /** The server has not touched it, and wants time. */
  | 'later'
  /** The server has not touched it: the client, the scope or something else is wrong. */
  | 'untouched'
  /** The server does not take it, and does not say why: it may be dead. */
  | 'refused'
  /** The server says that it is dead. */
  | 'invalid_grant'
  /** The server wants to see the user. */
  | 'interaction_required'
  /** Nobody knows. */
  | 'unknown'

/** @param hasLeft whether the transport was handed the request, now or at an attempt before */
export function outcomeOf(error: unknown, hasLeft: boolean): Outcome {
  if (!hasLeft) return 'unsent'
  const { code, kind, serverStatus = 0, neverSent } = error as Partial<AuthorizationServerError>
  if (neverSent) return 'unsent'
  if (code !== 'ERR_SERVER_REFUSED' || kind === undefined) return 'unknown'
  if (kind === 'invalid_grant' || kind === 'interaction_required') return kind
  if (serverStatus === 429 || serverStatus === 503) return 'later'
  if (serverStatus >= 500 || serverStatus < 400) return 'unknown'
  if (kind === 'transient') return 'later'
  return kind === 'terminal' || kind === 'denied' ? 'refused' : 'untouched'
}

/** What is known when a request has failed. */
export interface Circumstances {
  /** What the last failure has left, of the same refresh token. */
  readonly before: Mark | undefined
  readonly now: number
  /** Whether the server has served others since that failure. */
  readonly servesOthers: boolean
}

/** What a failure adds to the mark; `undefined` where the token itself has nothing to do with it. */
export function failedBy(outcome: Outcome, error: unknown, { before, now, servesOthers }: Circumstances): Failed {
  const { serverStatus: status, error: code, retryAfterMs } = error as Partial<AuthorizationServerError>
  const failure = { status, error: typeof code === 'string' ? code : undefined }
  if (outcome === 'untouched') return { failure }
  const { failures = 0, refusals = 0, failingSince = now } = before ?? {}
  const [firstMs, longestMs] = outcome === 'refused' ? [10_000, 60_000] : []
  const isRefusal = status !== undefined && outcome !== 'later'
  return {
    failure,
    failures: failures + 1,
    refusals: refusals + (isRefusal && servesOthers ? 1 : 0),
    failingSince,
    restUntil: now + (retryAfterMs ?? restMsAfter(failures + 1, firstMs, longestMs)),
  }
}

/**
 * What a failure that ends nothing makes of the record that has the mark in it.
 *
 * @param before the record without the mark
 */
export function changeAfter(
  outcome: Outcome,
  failed: Failed,
  before: LineageRecord,
): (record: LineageRecord) => LineageRecord {
  return record => {
    if (outcome === 'unsent') return unsent(record, before)
    return outcome === 'unknown' ? unknown(record, failed) : nothingDone(record, failed)
  }
}

const fewRefusals = 3
const someMinutesMs = 120_000

/**
 * What ends the session: the server's word; or that it goes on refusing this refresh token, for some minutes, while it
 * serves others. One that refuses everybody is down, or the set-up is wrong.
 */
export function endBy(outcome: Outcome, failed: Failed, { now, servesOthers }: Circumstances): EndReason | undefined {
  if (outcome === 'invalid_grant' || outcome === 'interaction_required') return outcome
  const { failure, refusals = 0, failingSince = now } = failed
  const isRefused = outcome === 'refused' || (outcome === 'unknown' && failure?.status !== undefined)
  const isForGood = refusals >= fewRefusals && now - failingSince >= someMinutesMs
  return isRefused && servesOthers && isForGood ? 'refused' : undefined
}
