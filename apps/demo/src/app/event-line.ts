/** Core's events in words. */
import type { GrantKitEvent, RenewalReason } from '@grantkit/core'
import type { NewLine } from './log.js'

/**
 * What a line of the log says of an event; `undefined` where the lines around it say as much.
 *
 * @param expiresAt when the last token ends, as far as the card knew before the event
 */
export function toldOf(
  event: GrantKitEvent,
  expiresAt: number | undefined,
): Pick<NewLine, 'text' | 'outcome' | 'tone' | 'counted'> | undefined {
  switch (event.type) {
    case 'token_requested':
      return { text: `asks for a token (${event.grantType}): ${whyOf(event, expiresAt)}`, tone: 'plain' }
    case 'token_received': {
      const seconds = event.expiresAt === undefined ? undefined : Math.round((event.expiresAt - event.at) / 1000)
      return { text: `has a token for ${seconds ?? '?'} s`, outcome: `${event.durationMs} ms`, tone: 'good' }
    }
    case 'token_request_failed': {
      const next = event.retryable ? 'rests, then asks again when somebody needs one' : 'somebody has to act'
      return { text: `got no token: ${next}`, outcome: String(event.status ?? event.code), tone: 'bad' }
    }
    case 'token_awaited':
    case 'lease_awaited':
      return undefined
    case 'token_rejected': {
      const next = event.replayed ? 'renews it and sends the call again' : 'hands the answer on'
      return { text: `met a rejected token: ${next}`, tone: 'warn', counted: true }
    }
    case 'refresh_token_expiring':
      return { text: 'has a refresh token that ends soon: time to log in again', tone: 'warn' }
    case 'scope_narrowed':
      return { text: `has lost scope at a refresh: ${event.lostScope.join(' ')}`, tone: 'warn' }
    case 'login_required':
      return { text: `needs the user to log in: ${event.reason.replaceAll('_', ' ')}`, tone: 'bad' }
    case 'store_failed':
      return { text: `could not reach its token store (${event.operation})`, tone: 'warn' }
    case 'tokens_unsaved':
      return { text: 'holds tokens that its store refuses to take', tone: 'bad' }
  }
}

/** Why a token is asked for, in words that hold at that moment: what is over is not called held. */
export function whyOf({ reason, at }: { reason: RenewalReason; at: number }, expiresAt: number | undefined): string {
  const leftMs = (expiresAt ?? 0) - at
  if (reason !== 'hard') return reasons[reason]
  return leftMs > 0 ? `the held one ends in ${Math.ceil(leftMs / 1000)} s` : 'the last one has ended'
}

const reasons: Record<Exclude<RenewalReason, 'hard'>, string> = {
  cold: 'there was none',
  soft: 'the held one is due; it still serves',
  forced: 'a new one was asked for',
  rejected: 'the API rejected the last one',
  login: 'the user logged in',
}
