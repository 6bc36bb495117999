/**
 * How a refresh token is spent: the steps of one refresh, in their order. Nothing is done here. A step is a value that is
 * yielded, and what came of it is what the generator goes on with. `refresh.ts` does the steps; the model in
 * `test/lifecycle/model/` does them with processes that pause, die and overtake one another, and goes through every order.
 */
import { type SessionEndReason, TokenStoreError } from '../errors.js'
import { rescuedFrom } from '../rescue.js'
import type { TokenSet } from '../token-set.js'
import { decide, type Wanted } from './decision.js'
import { changeAfter, endBy, failedBy, outcomeOf } from './outcome.js'
import {
  answered,
  type EndReason,
  ended,
  type KeptToken,
  type LineageRecord,
  type Mark,
  marked,
  markOf,
  refusedUnproven,
  rescued,
  unsent,
} from './record.js'
import type { Known } from './version.js'
import { isMissing } from './worth.js'

/** What is done in the world, one thing at a time. Each may fail, and then the refresh goes on with what it threw. */
export type Step =
  /** Takes the lease of the lineage, or waits until the record may have changed. */
  | { readonly step: 'lease' }
  /** Reads the record as it is from now on. */
  | { readonly step: 're_read' }
  /** Whether the lease surely holds: a glance at the time. */
  | { readonly step: 'still_leased' }
  /** Waits or throws while the server, the client or this refresh token rests. */
  | { readonly step: 'cool_down'; readonly refreshToken: string }
  /** Asks the store whether the lease has been ours since it was taken, and keeps it. */
  | { readonly step: 'check_lease' }
  /** Writes the record with the mark, unless somebody has written over the one that was read. */
  | { readonly step: 'mark'; readonly over: Known; readonly record: LineageRecord }
  /** Asks the server. `beforeSending` are steps too, right before each attempt; what they throw holds it back. */
  | { readonly step: 'send'; readonly refreshToken: string; readonly beforeSending: () => Steps<void> }
  /** Whether the lease surely outlasts a request: a glance at the time. */
  | { readonly step: 'outlasts' }
  /** Writes what the server has handed out: nobody else has it, so it is tried until it is in the store. */
  | ({ readonly step: 'save' } & Change)
  /** Writes what a failure has left; nobody waits for that. */
  | ({ readonly step: 'note' } & Change)
  /** Writes that only the user can help. */
  | ({ readonly step: 'end' } & Change)
  /** Gives the lease back, as soon as nothing is left to be saved. */
  | { readonly step: 'release' }
  /** Waits until those who know of a lost record may have put it back. */
  | { readonly step: 'wait_for_change' }

/** What is made of the record as it is when it is written, and over which record that may be. */
export interface Change {
  readonly change: (record: LineageRecord) => LineageRecord
  readonly mayReplace: (current: Known) => boolean
}

/** What comes of each step. */
export interface Results {
  readonly lease: unknown
  readonly re_read: Known
  readonly still_leased: boolean
  readonly cool_down: unknown
  readonly check_lease: boolean
  /** Whether it is the last word now. */
  readonly mark: boolean
  readonly send: Sent
  readonly outlasts: boolean
  /** Whether it is in the store; `false` when there is a later word. */
  readonly save: boolean
  readonly note: unknown
  readonly end: boolean
  readonly release: unknown
  readonly wait_for_change: unknown
}

/** The server's answer, or why there is none. */
export type Sent =
  | { readonly answer: TokenSet }
  /** `hasLeft`: whether the transport was handed the request. */
  | { readonly error: unknown; readonly hasLeft: boolean }

/** Steps, and what they lead to. */
export type Steps<T> = Generator<Step, T, unknown>

/** One refresh: what its caller wants, and what it has to know without doing anything. */
export interface Refresh extends Omit<Wanted, 'now' | 'leased'> {
  /** Its name in the mark. */
  readonly holder: string
  readonly now: () => number
  /** Throws when nobody wants to wait for somebody else's refresh any more. */
  readonly checkOpen: () => void
  /** Whether the store tells of changes. */
  readonly isToldOfChanges: boolean
  /** Whether the server has served others since an instant, and so is not down. */
  readonly servesOthers: (refreshToken: string, since: number) => boolean
  /** Whether a record came before the one that is known: a fail-over of the store has brought it back. */
  readonly isEarlier: (shown: Known) => boolean
  /** Whether an answer that is in the store is what this process has now. */
  readonly isHeld: (answer: TokenSet) => boolean
}

/** What a refresh comes to, unless it throws. */
export type Verdict =
  | { readonly step: 'serve'; readonly token: KeptToken; readonly known: Known }
  | { readonly step: 'answered'; readonly answer: TokenSet }
  | { readonly step: 'rest'; readonly mark: Mark; readonly until: number }
  | { readonly step: 'log_in'; readonly reason: SessionEndReason; readonly cause?: unknown }
  /** The store has lost the record, and whoever has it was asked. */
  | { readonly step: 'ask' }
  /** Somebody else had the last word, each time. */
  | typeof again

const again = { step: 'again' } as const

/** Others have the last word now and then, not so often. */
const mostRounds = 20

/**
 * The protocol: rounds, until one has a token or knows why there is none; under a lease that is given back in any case.
 *
 * @param conclude makes of the verdict what the caller gets, before the lease is given back: that takes a while where the
 *   store is slow, and others may change by then what is known
 */
export function* refreshing<T>(refresh: Refresh, conclude: (verdict: Verdict) => T): Steps<T> {
  let isAsked = false
  try {
    for (let rounds = 0; rounds < mostRounds; ) {
      const verdict = yield* round(refresh)
      if (verdict.step === 'again') rounds++
      else if (verdict.step === 'wait') refresh.checkOpen()
      else if (verdict.step === 'ask' && refresh.isToldOfChanges && !isAsked) {
        isAsked = true
        yield* take({ step: 'release' })
        yield* take({ step: 'wait_for_change' })
      } else return conclude(verdict)
    }
    return conclude(again)
  } finally {
    yield* take({ step: 'release' })
  }
}

/** Everything is decided by what is in the store now; `again` when that was no longer so at the end. */
function* round(refresh: Refresh): Steps<Verdict | { readonly step: 'wait' }> {
  yield* take({ step: 'lease' })
  const known = yield* take({ step: 're_read' })
  // a lease that ran out while the store answered is nothing to decide by
  const leased = yield* take({ step: 'still_leased' })
  const decision = decide(known.record, { ...refresh, now: refresh.now(), leased })
  if (decision.step === 'serve') return { ...decision, known }
  if (decision.step !== 'send') return decision
  const { refreshToken } = decision
  yield* take({ step: 'cool_down', refreshToken })
  if (!(yield* take({ step: 'check_lease' }))) return again
  const record = marked(known.record, refresh.holder, refresh.now())
  if (!(yield* mark(known, record))) return again
  const sent = yield* take({ step: 'send', refreshToken, beforeSending })
  const spent = { refresh, refreshToken, before: known.record, marked: record }
  return yield* 'answer' in sent ? afterAnswer(spent, sent.answer) : afterFailure(spent, sent)
}

/** A mark that could not be written may be there all the same: it is taken back. */
function* mark(over: Known, record: LineageRecord): Steps<boolean> {
  try {
    return yield* take({ step: 'mark', over, record })
  } catch (error) {
    yield* take({ step: 'note', change: now => unsent(now, over.record), mayReplace: isStill(record) })
    throw error
  }
}

/** A machine that was held up here would send what somebody else may have sent since. */
function* beforeSending(): Steps<void> {
  if (yield* take({ step: 'outlasts' })) return
  yield* take({ step: 'check_lease' })
  if (!(yield* take({ step: 'outlasts' })))
    throw new LeaseLost('lost before sending', { operation: 'lease', neverSent: true })
}

/** Nothing was sent; all is decided again. */
class LeaseLost extends TokenStoreError {}

/** A refresh token that was sent, or was about to be. */
interface Spent {
  readonly refresh: Refresh
  readonly refreshToken: string
  /** The record without the mark. */
  readonly before: LineageRecord
  /** The record with the mark. */
  readonly marked: LineageRecord
}

/** An answer is handed out once it is in the store. */
function* afterAnswer(spent: Spent, answer: TokenSet): Steps<Verdict> {
  const { entry, isHeld } = spent.refresh
  const isSaved = yield* save(spent, record => answered(record, entry, answer))
  return isSaved && isHeld(answer) ? { step: 'answered', answer } : again
}

/** Over the mark; or over what a fail-over, which may have taken the mark and more, has left of the record. */
function* save({ refresh, marked }: Spent, change: Change['change']): Steps<boolean> {
  const isMark = isStill(marked)
  const isLeft = (current: Known) =>
    current.version === undefined || isMissing(current.record) || refresh.isEarlier(current)
  return yield* take({
    step: 'save',
    change: record => change(isMark({ record }) ? record : marked),
    mayReplace: current => isMark(current) || isLeft(current),
  })
}

/** What the failure has done to the refresh token is written down, where the mark is still the last word. */
function* afterFailure(spent: Spent, { error, hasLeft }: { error: unknown; hasLeft: boolean }): Steps<Verdict> {
  const { refresh, refreshToken, before, marked } = spent
  const last = markOf(before, refreshToken)
  const servesOthers = last !== undefined && refresh.servesOthers(refreshToken, last.at)
  const circumstances = { before: last, now: refresh.now(), servesOthers }
  const outcome = outcomeOf(error, hasLeft)
  const failed = failedBy(outcome, error, circumstances)
  const brought = rescuedFrom(error)
  if (brought !== undefined && brought.refreshToken !== refreshToken) {
    yield* save(spent, record => rescued(record, brought, failed))
    throw error
  }
  const reason = endBy(outcome, failed, circumstances)
  if (reason === 'invalid_grant' && before.unproven !== undefined && refresh.lacksProof) {
    const change = (record: LineageRecord) => refusedUnproven(record, failed)
    yield* take({ step: 'note', change, mayReplace: isStill(marked) })
    return { step: 'log_in', reason, cause: error }
  }
  if (reason !== undefined) return yield* end(marked, reason, error)
  yield* take({ step: 'note', change: changeAfter(outcome, failed, before), mayReplace: isStill(marked) })
  if (error instanceof LeaseLost) return again
  throw error
}

/** A refusal counts while the mark is the last word after a re-read; else it was about a refresh token that is used up. */
function* end(marked: LineageRecord, reason: EndReason, cause: unknown): Steps<Verdict> {
  yield* take({ step: 're_read' })
  const isEnded = yield* take({ step: 'end', change: now => ended(now, reason), mayReplace: isStill(marked) })
  return isEnded ? { step: 'log_in', reason, cause } : again
}

/** Whether a mark is the last word about its refresh token; what else is in the record may have changed. */
function isStill({ sending }: LineageRecord): (current: Pick<Known, 'record'>) => boolean {
  const members = ['holder', 'at', 'sends', 'restUntil'] as const
  return ({ record }) => members.every(member => record.sending?.[member] === sending?.[member])
}

/** One step, and what comes of it. */
function* take<S extends Step>(step: S): Generator<Step, Results[S['step']], unknown> {
  return (yield step) as Results[S['step']]
}
