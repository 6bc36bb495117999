/** Core's events in words. */
import type { GrantKitEvent, RenewalReason } from '@grantkit/core'
import type { NewLine } from './log.js'

/** What a line of the log says of an event. */
export function toldOf(event: GrantKitEvent): Pick<NewLine, 'text' | 'outcome' | 'tone' | 'counted'> {
  switch (event.type) {
    case 'token_requested':
      return { text: `asks for a token (${event.grantType}): ${reasons[event.reason]}`, tone: 'plain' }
    case 'token_received': {
      const seconds = event.expiresAt === undefined ? undefined : Math.round((event.expiresAt - event.at) / 1000)
      return { text: `has a token for ${seconds ?? '?'} s`, outcome: `${event.durationMs} ms`, tone: 'good' }
    }
    case 'token_request_failed': {
      const next = event.retryable ? 'rests, then asks again when somebody needs one' : 'somebody has to act'
      return { text: `got no token: ${next}`, outcome: String(event.status ?? event.code), tone: 'bad' }
    }
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

const reasons: Record<RenewalReason, string> = {
  cold: 'none was held',
  soft: 'the held one is due; it still serves',
  hard: 'the held one is at its end',
  forced: 'a new one was asked for',
  rejected: 'the API rejected the held one',
  login: 'the user has logged in',
}
