/** What is known of a card, and how an event changes it. */
import type { GrantKitEvent, RenewalReason } from '@grantkit/core'

/** Instants in epoch milliseconds of this machine. */
export interface CardState {
  readonly isRenewing: boolean
  /** When the token that is held ends, by the client's knowledge; `undefined` while none is held. */
  readonly expiresAt?: number | undefined
  /** The server has ended the token, and the client has not met with it yet. */
  readonly endedAtServer: boolean
  /** How many there were. */
  readonly tokenRequests: number
  readonly lastRenewal?: LastRenewal | undefined
}

interface LastRenewal {
  readonly at: number
  readonly reason: RenewalReason
  readonly grantType: string
  readonly durationMs: number
  /** A status, or an error's code, when no token came of it. */
  readonly failure: string | undefined
}

export const initialState: CardState = { isRenewing: false, endedAtServer: false, tokenRequests: 0 }

/** @param toMachineTime what to add to an event's instants: the sandbox's time runs ahead */
export function afterEvent(state: CardState, event: GrantKitEvent, toMachineTime: number): CardState {
  switch (event.type) {
    case 'token_requested':
      return { ...state, isRenewing: true, tokenRequests: state.tokenRequests + 1 }
    case 'token_received': {
      const expiresAt = event.expiresAt === undefined ? undefined : event.expiresAt + toMachineTime
      const lastRenewal = renewalOf(event, undefined, toMachineTime)
      return { ...state, isRenewing: false, endedAtServer: false, expiresAt, lastRenewal }
    }
    case 'token_request_failed': {
      const failure = String(event.status ?? event.code)
      return { ...state, isRenewing: false, lastRenewal: renewalOf(event, failure, toMachineTime) }
    }
    case 'token_rejected':
      return state.endedAtServer ? { ...state, endedAtServer: false, expiresAt: undefined } : state
    default:
      return state
  }
}

function renewalOf(
  { at, reason, grantType, durationMs }: Extract<GrantKitEvent, { durationMs: number }>,
  failure: string | undefined,
  toMachineTime: number,
): LastRenewal {
  return { at: at + toMachineTime, reason, grantType, durationMs, failure }
}
