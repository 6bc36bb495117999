/** What comes of a request: for the code, and for the observer. */
import { AuthorizationServerError, TokenResponseError, TransportError } from '../../../src/errors.js'
import type { Sent } from '../../../src/lifecycle/protocol.js'
import { rescue } from '../../../src/rescue.js'
import { sha256 } from '../../../src/secret.js'
import { numberOf } from './flight.js'
import { isCalm, type Scene } from './scene.js'
import {
  most,
  type Outcome,
  once,
  properties,
  type Seen,
  type Setting,
  type State,
  settledBy,
  tokenSet,
} from './world.js'

/** What the code is given. */
export function sentOf(outcome: Outcome, setting: Setting): Sent {
  return once(sents, JSON.stringify([outcome, setting.coolDown]), () =>
    outcome.kind === 'answered'
      ? { answer: tokenSet(outcome.token, outcome.refresh) }
      : { error: errorOf(outcome, setting.coolDown), hasLeft: true },
  )
}

const sents = new Map<string, Sent>()

function errorOf(outcome: Exclude<Outcome, { kind: 'answered' }>, retryAfterMs: number): Error {
  const refusal = (serverStatus: number, kind: AuthorizationServerError['kind']) =>
    new AuthorizationServerError({ serverStatus, kind, retryAfterMs })
  switch (outcome.kind) {
    case 'later':
      return refusal(503, 'transient')
    case 'refused':
      return refusal(401, 'invalid_client')
    case 'dead':
      return refusal(400, 'invalid_grant')
    case 'rescued':
      return rescue(new TokenResponseError('of no use', { retryAfterMs }), {
        refreshToken: `r${outcome.refresh}`,
        obtainedAt: 0,
      })
    default:
      return new TransportError('ERR_TRANSPORT', '', { neverSent: outcome.kind === 'unsent', retryAfterMs })
  }
}

/** The observer counts what becomes of the refresh token that is in the store. */
export function counted({ store, seen }: State, refresh: number | undefined, more: number): Seen {
  return refresh === numberOf(store.record.refreshToken)
    ? { ...seen, sends: Math.min(most, Math.max(0, seen.sends + more)) }
    : seen
}

export function isNothingDone({ kind }: Outcome): boolean {
  return kind === 'unmarked' || kind === 'unsent' || kind === 'later' || kind === 'refused'
}

/** What the observer remembers of what was written. */
export function seenAfter(outcome: Outcome, { seen }: State, { coolDown }: Setting): Partial<Seen> {
  if (outcome.kind === 'answered') return settledBy(seen, outcome.token, outcome.refresh)
  if (outcome.kind === 'rescued') return { settled: outcome.refresh, sends: 0, marks: 0, rest: coolDown }
  const isRest = outcome.kind === 'later' || outcome.kind === 'unknown'
  const marks = isNothingDone(outcome) ? Math.max(0, seen.marks - 1) : seen.marks
  return { marks, rest: isRest ? coolDown : seen.rest }
}

/** Which property a request violates. */
export function faultOfSending({ state, setting, index, process }: Scene, refresh: number): string | undefined {
  const { store, server, seen, processes } = state
  const { sending, refreshToken } = store.record
  const isMarked = store.markedBy === index && sending?.hash === sha256(refreshToken ?? '')
  // who logs in takes no lease: nothing that comes of an older refresh token matters any more
  if (!isMarked && refresh < server.first && numberOf(refreshToken) >= server.first) return undefined
  if (refresh < seen.settled) return properties.b
  if (!isMarked) return properties.a
  // by a clock that is ahead a rest is over sooner
  if (seen.rest > (setting.ahead ?? 0) || process.rest > 0) return properties.rest
  if (processes.some(({ request }) => request?.refresh === refresh && request.left >= 0)) return properties.overlap
  if (seen.sends > setting.resends) return properties.c
  if (Number.isFinite(setting.resends) && (sending?.sends ?? 0) <= seen.sends) return properties.counted
  return isCalm(setting) && seen.sends > 0 ? properties.once : undefined
}
