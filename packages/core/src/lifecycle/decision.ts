/** What is to be done for a caller, going by the record of the lineage alone. Pure, like the steps of `record.ts`. */
import type { SessionEndReason } from '../errors.js'
import { restMsAfter } from './health.js'
import { type KeptToken, type LineageRecord, type Mark, markOf } from './record.js'

/** What is to be done. */
export type Decision =
  | { readonly step: 'serve'; readonly token: KeptToken }
  | { readonly step: 'send'; readonly refreshToken: string }
  /** Until whoever has the lease has written. */
  | { readonly step: 'wait' }
  /** It failed not long ago: nobody sends it before an instant. */
  | { readonly step: 'rest'; readonly mark: Mark; readonly until: number }
  /** Until a process that still has the record, which the store has lost, puts it back. */
  | { readonly step: 'ask' }
  | { readonly step: 'log_in'; readonly reason: SessionEndReason }

/** What a caller wants of a lineage. */
export interface Wanted {
  /** The entry's key. */
  readonly entry: string
  /** Whether a token that is kept is what the caller waits for. */
  readonly serves: (token: KeptToken) => boolean
  readonly now: number
  /** Whether the caller has the lease, so that nobody else is about to send or waits for an answer. */
  readonly leased: boolean
  /** Whether the client has no DPoP key, at a server that knows of them. Default `false`. */
  readonly lacksProof?: boolean | undefined
  /** Whether a refresh token that came with a proof by this DPoP key may be sent. Default: any may. */
  readonly mayProve?: ((jkt: string) => boolean) | undefined
  /** How often a refresh token may be sent again when its outcome is not known. */
  readonly resends: number
  /**
   * Until when the caller has a token that serves, where it is renewed in the background. A try that could be the last one
   * allowed is then left for the moment when somebody needs it.
   */
  readonly servedUntil?: number | undefined
}

/** Asked after `re_read`; and once before the lease is asked for, whether there is anything to wait for. */
export function decide(record: LineageRecord, wanted: Wanted): Decision {
  const { entry, serves, now, leased, resends, mayProve = () => true, lacksProof = false } = wanted
  const token = record.accessTokens[entry]
  if (token !== undefined && serves(token)) return { step: 'serve', token }
  const { refreshToken, refreshTokenJkt, refreshTokenExpiresAt } = record
  if (refreshToken === undefined && isAsked(record, now)) return { step: 'ask' }
  if (refreshToken === undefined) return { step: 'log_in', reason: record.ended ?? 'no_refresh_token' }
  if (refreshTokenJkt !== undefined && !mayProve(refreshTokenJkt)) return { step: 'log_in', reason: 'other_dpop_key' }
  if (record.unproven === 'refused' && lacksProof) return { step: 'log_in', reason: 'invalid_grant' }
  const mark = markOf(record, refreshToken)
  if (!leased && isUnderWay(mark)) return { step: 'wait' }
  if (refreshTokenExpiresAt !== undefined && refreshTokenExpiresAt <= now)
    return { step: 'log_in', reason: 'refresh_token_expired' }
  const until = mark === undefined ? undefined : restUntilOf(mark, now)
  if (mark !== undefined && until !== undefined) return { step: 'rest', mark, until }
  if (mark !== undefined && mark.sends > resends) return { step: 'log_in', reason: 'unknown_outcome' }
  if (mark !== undefined && isForLater(mark, wanted)) return { step: 'rest', mark, until: wanted.servedUntil ?? now }
  return leased ? { step: 'send', refreshToken } : { step: 'wait' }
}

/**
 * How long it is waited that a process puts back a record that the store has lost, in milliseconds: each process compares
 * its copies with the store every ten seconds.
 */
export const askForMs = 12_000

/** An instant too far ahead is as good as one too long ago: the clock that wrote it is wrong. */
function isAsked({ asked = Number.NEGATIVE_INFINITY }: LineageRecord, now: number): boolean {
  return Math.abs(now - asked) < askForMs
}

/** A mark from further ahead was written by a clock that is wrong, and so is the end of its rest: nobody waits for that. */
const mostAheadMs = 60_000

/** Until when the refresh token rests, if it does. */
function restUntilOf({ at, restUntil = 0 }: Mark, now: number): number | undefined {
  return restUntil > now && at - now < mostAheadMs ? restUntil : undefined
}

/**
 * Whether a renewal that nobody waits for is left for later: if it failed once more, no further try might be allowed, or the
 * rest after it would last beyond the moment when callers have to wait.
 */
function isForLater({ sends, failures = 0 }: Mark, { servedUntil, now, resends }: Wanted): boolean {
  if (servedUntil === undefined || failures === 0) return false
  return sends >= resends || now + restMsAfter(failures + 1) > servedUntil
}

/** Whether it may be on its way now. A mark without a rest may also be of a process that is gone: the lease tells. */
function isUnderWay(mark: Mark | undefined): boolean {
  return mark !== undefined && mark.restUntil === undefined
}
