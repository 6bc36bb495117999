/** What is known of a card, and how an event changes it. Instants are those of the client's clock. */
import type { GrantKitEvent } from '@grantkit/core'
import { whyOf } from './event-line.js'
import { emptyTimeline, movedBy, type Renewal, type Timeline, withRenewal, withToken } from './timeline.js'

export interface CardState {
  readonly isRenewing: boolean
  /** Why a token was asked for last, as it was then. */
  readonly why: string
  /** When the last token ends, by the client's knowledge; `undefined` before there was one. */
  readonly expiresAt?: number | undefined
  /** The server has ended the token, and the client has not met with it yet. */
  readonly endedAtServer: boolean
  /** How many there were. */
  readonly tokenRequests: number
  readonly lastRenewal?: Renewal | undefined
  readonly timeline: Timeline
}

export const initialState: CardState = {
  isRenewing: false,
  why: '',
  endedAtServer: false,
  tokenRequests: 0,
  timeline: emptyTimeline,
}

export function afterEvent(state: CardState, event: GrantKitEvent): CardState {
  switch (event.type) {
    case 'token_requested':
      return {
        ...state,
        isRenewing: true,
        why: whyOf(event, state.expiresAt),
        tokenRequests: state.tokenRequests + 1,
      }
    case 'token_received': {
      const { at, expiresAt } = event
      const next = afterAnswer(state, event, undefined)
      const timeline = withToken(next.timeline, at, expiresAt ?? at)
      return { ...next, endedAtServer: false, expiresAt, timeline }
    }
    case 'token_request_failed':
      return afterAnswer(state, event, String(event.status ?? event.code))
    case 'token_rejected':
      return state.endedAtServer ? afterLoss(state, event.at) : state
    default:
      return state
  }
}

/** The client knows now that its token serves no longer. */
export function afterLoss(state: CardState, at: number): CardState {
  const expiresAt = state.expiresAt === undefined ? undefined : Math.min(state.expiresAt, at)
  return { ...state, endedAtServer: false, expiresAt }
}

/** The same on another clock: the sandbox's time may run ahead of this machine's. */
export function stateMovedBy(state: CardState, ms: number): CardState {
  const { expiresAt, lastRenewal, timeline } = state
  return {
    ...state,
    expiresAt: expiresAt && expiresAt + ms,
    lastRenewal: lastRenewal && { ...lastRenewal, at: lastRenewal.at + ms },
    timeline: movedBy(timeline, ms),
  }
}

function afterAnswer(
  state: CardState,
  event: Extract<GrantKitEvent, { grantType: string; durationMs: number }>,
  failure: string | undefined,
): CardState {
  const { at, grantType, durationMs } = event
  const lastRenewal = { at, why: state.why, grantType, durationMs, failure }
  return { ...state, isRenewing: false, lastRenewal, timeline: withRenewal(state.timeline, lastRenewal) }
}
