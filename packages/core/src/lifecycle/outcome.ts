/** What has become of a refresh token whose request failed, and what is noted about it. */
import type { AuthorizationServerError, TransportError } from '../errors.js'
import { firstRestMs } from './cooldown.js'
import { type LineageRecord, nothingDone, unknown, unsent } from './record.js'

/** What a request that failed has done to the refresh token. */
export type Outcome =
  /** It never left. */
  | 'unsent'
  /** The server has not touched it, and wants time. */
  | 'later'
  /** The server has not touched it: something else is wrong. */
  | 'refused'
  /** `invalid_grant`. */
  | 'dead'
  /** Nobody knows. */
  | 'unknown'

/** Codes of what fails before a request is handed to the transport. */
const beforeSending = new Set(['ERR_CLIENT_AUTHENTICATION', 'ERR_OPTION', 'ERR_TOKEN_STORE'])

/** @param hasLeft whether the transport was handed the request, now or at an attempt before */
export function outcomeOf(error: unknown, hasLeft: boolean): Outcome {
  if (!hasLeft) return 'unsent'
  const { code = '', kind, serverStatus = 0, neverSent } = error as Partial<AuthorizationServerError & TransportError>
  // a second attempt begins only where the first did nothing
  if (neverSent || beforeSending.has(code)) return 'unsent'
  if (code !== 'ERR_SERVER_REFUSED') return 'unknown'
  if (kind === 'invalid_grant') return 'dead'
  if (serverStatus === 429 || serverStatus === 503) return 'later'
  if (serverStatus >= 500 || serverStatus < 400) return 'unknown'
  return kind === 'transient' ? 'later' : 'refused'
}

/**
 * What a failure makes of the record that has the mark in it.
 *
 * @param context.before the record before the mark
 */
export function changeAfter(
  outcome: Exclude<Outcome, 'dead'>,
  error: unknown,
  { before, now }: { readonly before: LineageRecord; readonly now: number },
): (record: LineageRecord) => LineageRecord {
  const { serverStatus: status, error: code, retryAfterMs = firstRestMs } = error as Partial<AuthorizationServerError>
  const failure = { status, error: typeof code === 'string' ? code : undefined }
  const restUntil = now + retryAfterMs
  return record => {
    if (outcome === 'unsent') return unsent(record, before)
    if (outcome === 'unknown') return unknown(record, failure, restUntil)
    return nothingDone(record, failure, outcome === 'later' ? restUntil : undefined)
  }
}
