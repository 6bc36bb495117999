/**
 * Does the steps of `src/lifecycle/protocol.ts` in the model's world, a process at a time. Which step is next, and what it
 * writes, is the code's word; here it is said what can come of it.
 *
 * What happens at once is one operation of the store, with the glances before or after it that ask nobody. So a glance at the
 * lease and handing the request to the transport are one: a machine that stops between the two for longer than the lease is
 * left out, since no client can help that.
 *
 * Left out as well: how long who waits will wait, and a store that loses what it has.
 */
import { TokenStoreError } from '../../../src/errors.js'
import type { LineageRecord } from '../../../src/lifecycle/record.js'
import { counted, faultOfSending, isNothingDone, seenAfter, sentOf } from './answers.js'
import { type Next, numberOf, type Told } from './flight.js'
import { answerInstead, omitting } from './omissions.js'
import { at, changed, endFlight, isCalm, isHolder, knownAs, type Scene, shownTo, told } from './scene.js'
import {
  isHandedOut,
  kept,
  most,
  type Outcome,
  once,
  type Process,
  properties,
  type Request,
  type Transition,
  write,
} from './world.js'

/** What a process can do next. */
export function doNext(scene: Scene): Transition[] {
  const { step, scene: ready } = glanceAt(scene)
  return does[step.step](step as never, ready)
}

type Change = Extract<Next, { step: 'save' | 'note' | 'end' }>

type Does = { readonly [S in Next['step']]: (step: Extract<Next, { step: S }>, scene: Scene) => Transition[] }

/** What can come of each step; of those that only glance at something nothing, since they happen with others. */
const does: Does = {
  lease: takeLease,
  re_read: reRead,
  check_lease: checkLease,
  mark: writeMark,
  hand_over: handOver,
  answer: takeAnswer,
  save: writeChange,
  note: writeChange,
  end: writeChange,
  release: () => [],
  wait_for_change: () => [],
  still_leased: () => [],
  outlasts: () => [],
  cool_down: () => [],
  over: () => [],
}

/** Glances at the lease that come before a step. */
function glanceAt(scene: Scene): { step: Next; scene: Scene } {
  const { process, setting } = scene
  const step = nextOf(scene)
  if (step.step !== 'outlasts') return { step, scene }
  const result = answerInstead(step, setting.without, process) ?? process.leased > setting.deadline
  return glanceAt(changed(scene, { flight: process.flight.after({ result }) }))
}

/** The step that is next, as it is done in this setting. */
function nextOf(scene: Scene): Next {
  return omitting(scene.process.flight.next, scene.setting.without, scene.process, isHolder(scene))
}

/** Step `lease`. Who is refused reads as well, since what it waits for may be there. */
function takeLease(step: Next, scene: Scene): Transition[] {
  const { state, setting, index } = scene
  const isFree = state.lease.left === 0 || isHolder(scene)
  const granted = { holder: index, left: setting.leaseFor }
  if (isFree) {
    const taken = changed({ ...scene, state: { ...state, lease: granted } }, { leased: setting.leaseFor })
    const unanswered = { ...state, lease: { holder: 'gone', left: setting.leaseFor } } as const
    return [goOn(taken, 'lease: granted', { result: true }), ...fails(scene, 'lease: unanswered', unanswered)]
  }
  const isOmitted = answerInstead(step, setting.without, scene.process) !== undefined
  const refused = changed(scene, { leased: 0, flight: scene.process.flight.after({ result: isOmitted }) })
  return reRead(nextOf(refused), refused, 'lease: refused, ')
}

/** Steps `re_read`, `still_leased` and `decide`: a pause between them is no other story than one before or after them. */
function reRead(step: Next, scene: Scene, before = ''): Transition[] {
  const { state, process, setting } = scene
  if (process.unsaved !== undefined) {
    const { saved, fault } = savedLate(scene, process.unsaved)
    return reRead(step, saved, before).map(one => ({ ...one, fault: fault ?? one.fault }))
  }
  const isOmitted = setting.without === 're_read'
  const { readBefore: record = state.store.record } = process
  const isCurrent = record === state.store.record || process.isCurrent
  const read = changed(scene, isOmitted ? { isCurrent, readBefore: record } : { isCurrent: true })
  const shown = shownTo({ ...scene, state: { ...state, store: { ...state.store, record } } })
  const result = knownAs(shown, process)
  return [goOn(read, `${before}re_read`, { result }), ...fails(scene, `${before}re_read: fails`)]
}

/** Step `check_lease`: one that was not held all along is not ours, even if it is granted now; then others may be first. */
function checkLease(step: Next, scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  if (answerInstead(step, setting.without, process) !== undefined)
    return [goOn(scene, '(no check_lease)', { result: true })]
  const isGranted = state.lease.left === 0 || isHolder(scene)
  const isOurs = isGranted && (process.leased > 0 || setting.without === 'lapse')
  const lease = isOurs ? { holder: index, left: setting.leaseFor } : state.lease
  const after = changed({ ...scene, state: { ...state, lease } }, { leased: isOurs ? setting.leaseFor : 0 })
  const label = `check_lease: ${isOurs ? 'held' : 'lost'}`
  return [goOn(after, label, { result: isOurs }), ...fails(scene, 'check_lease: fails')]
}

/** Step `mark`: by compare-and-set on the version that was read. One that fails may be there. */
function writeMark(step: Extract<Next, { step: 'mark' }>, scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  if (answerInstead(step, setting.without, process) !== undefined) return [goOn(scene, '(no mark)', { result: true })]
  const isLast = process.isCurrent || setting.without === 'mark_cas'
  if (!isLast) return [goOn(scene, 'mark: there is a later word', { result: false })]
  const seen = { marks: Math.min(most, state.seen.marks + 1) }
  // nobody was shown more of the rest than matters; if that is current, it is what the store has
  const records = once(marks, step, () => new Map())
  const { record } = state.store
  const withMark = once(records, record, () => kept({ ...record, sending: step.record.sending }))
  const marked = write(state, withMark, index, seen, index)
  return [
    goOn(at(scene, marked), 'mark', { result: true }),
    ...fails(scene, 'mark: fails'),
    ...fails(changed(scene, { outcome: { kind: 'unmarked' } }), 'mark: unanswered', marked),
  ]
}

const marks = new WeakMap<Next, Map<LineageRecord, LineageRecord>>()

/** Hands the request to the transport. */
function handOver({ refreshToken }: Extract<Next, { step: 'hand_over' }>, scene: Scene): Transition[] {
  const refresh = numberOf(refreshToken)
  const request: Request = { refresh, left: scene.setting.deadline, answer: undefined, abandoned: false }
  const sent = changed(scene, { request })
  const state = { ...sent.state, seen: counted(sent.state, refresh, 1) }
  return [goOn(at(sent, state), `send r${refresh}`, { result: undefined }, faultOfSending(scene, refresh))]
}

/** The answer, however late it is read; or that it is too late. */
function takeAnswer(_: Next, scene: Scene): Transition[] {
  const { request } = scene.process
  if (request?.answer === undefined) return []
  const next = [learn(scene, request.answer)]
  return request.left < 0 ? [...next, learn(scene, { kind: 'unknown' })] : next
}

/** A request ended. What may still arrive of it is left in `request`. */
export function learn(scene: Scene, outcome: Outcome, request?: Request): Transition {
  const { state, setting, process } = scene
  const { kind } = outcome
  const rest = ['later', 'refused', 'unknown', 'rescued'].includes(kind) ? setting.coolDown : process.rest
  const seen = counted(state, process.request?.refresh, isNothingDone(outcome) ? -1 : 0)
  const after = changed(scene, { outcome, rest, request })
  const lost = seen.lost || kind === 'unknown'
  const result = sentOf(outcome, setting)
  return goOn(at(after, { ...after.state, seen: { ...seen, lost } }), `answer: ${kind}`, { result })
}

/** Steps `save`, `note` and `end`. One that fails is tried again by a timer, whoever waits for it. */
function writeChange(step: Change, scene: Scene): Transition[] {
  const { setting, process } = scene
  if (answerInstead(step, setting.without, process) !== undefined)
    return [goOn(scene, `(no ${step.step})`, { result: true })]
  const { isWritten, state, fault } = written(step, scene)
  const outcome = process.outcome?.kind ?? 'unsent'
  const label = `${step.step}: ${isWritten ? outcome : 'there is a later word'}`
  const next = [goOn(at(scene, state), label, { result: isWritten }, fault)]
  const told: Told = step.step === 'note' ? { result: false } : { error: storeError }
  const unsaved = { ...scene, process: { ...process, unsaved: { flight: process.flight, outcome: process.outcome } } }
  if (isWritten) next.push(...fails(unsaved, `${step.step}: fails`, undefined, told))
  if (isWritten) next.push(...fails(scene, `${step.step}: unanswered`, state, told))
  return next
}

/** What a change makes of the store, and whether it is one. */
function written(step: Change, scene: Scene) {
  const { state, setting, index, process } = scene
  const record = shownTo(scene)
  const outcome = process.outcome ?? { kind: 'unsent' }
  const isMark = state.store.markedBy === index
  const isThrownAway = step.step === 'save' && isHandedOut(outcome) && isMark
  if (!step.mayReplace({ version: 'shown', record }))
    return { isWritten: false, state, fault: isThrownAway ? properties.f : undefined }
  const isEnd = step.step === 'end'
  const seen = isEnd ? { settled: state.seen.settled + 1 } : seenAfter(outcome, state, setting)
  const isDead = state.server.revoked || numberOf(record.refreshToken) < state.server.current
  const fault = isEnd && !isDead ? properties.login : undefined
  const changes = once(writes, step, () => new Map())
  const changed = once(changes, record, () => kept(step.change(record)))
  return { isWritten: true, state: write(state, changed, undefined, seen, index), fault }
}

/** What each step has made of each record. */
const writes = new WeakMap<Change, Map<LineageRecord, LineageRecord>>()

/** What is not saved is tried by a timer, and before anything is read. */
export function saveLate(scene: Scene): Transition[] {
  const { unsaved } = scene.process
  if (unsaved === undefined) return []
  const { saved, fault } = savedLate(scene, unsaved)
  return [settle(saved, `${unsaved.flight.next.step}, by a timer`, fault)]
}

function savedLate(scene: Scene, unsaved: NonNullable<Process['unsaved']>) {
  const then = { ...scene, process: { ...scene.process, ...unsaved } }
  const { state, fault } = written(nextOf(then) as Change, then)
  return { saved: changed(at(scene, state), { unsaved: undefined }), fault }
}

/** The store fails, as a mishap: what was asked for is done, or not. */
function fails(scene: Scene, label: string, done = scene.state, told: Told = { error: storeError }): Transition[] {
  const { mishaps } = scene.state
  if (mishaps === 0 || !scene.setting.storeFails) return []
  return [goOn(at(scene, { ...done, mishaps: mishaps - 1 }), label, told)]
}

const storeError = new TokenStoreError('no answer', { operation: 'any' })

/** The process is told what came of its step, and goes on to the next one that asks somebody. */
function goOn(scene: Scene, label: string, told: Told, fault?: string): Transition {
  const flight = scene.process.flight.after(told)
  const isAgain = flight.next.step === 'lease'
  const isWaiting = isAgain && scene.process.flight.next.step === 'still_leased'
  const nothing = { outcome: undefined, isCurrent: scene.process.readBefore !== undefined && scene.process.isCurrent }
  return settle(
    changed(scene, { flight, ...(isAgain && nothing) }),
    isWaiting ? `${label}, decide: wait` : label,
    fault,
  )
}

function settle(scene: Scene, label: string, fault?: string): Transition {
  const { process, setting } = scene
  const { next } = process.flight
  const omitted = answerInstead(next, setting.without, process)
  if (next.step === 'still_leased') return goOn(scene, label, { result: omitted ?? process.leased > 0 }, fault)
  if (next.step === 'cool_down' && process.rest > 0 && omitted === undefined)
    return goOn(scene, `${label}, decide: send, but it rests`, { error: resting }, fault)
  if (next.step === 'cool_down') return goOn(scene, `${label}, decide: send`, { result: undefined }, fault)
  // what is not ours now will not be ours at a second glance
  if (next.step === 'outlasts' && process.leased === 0 && omitted === undefined)
    return goOn(scene, label, { result: false }, fault)
  if (next.step !== 'release') return told(scene, label, scene.state, fault)
  if (process.unsaved !== undefined && setting.without !== 'release') return told(scene, label, scene.state, fault)
  return land(scene, label, fault)
}

const resting = new Error('rests')

/** Steps `release` and the end: the caller has its answer, and the lease is given back. */
function land(scene: Scene, label: string, fault: string | undefined): Transition {
  const over = scene.process.flight.after({ result: undefined }).next
  const verdict = over.step === 'over' ? over.verdict : undefined
  if (verdict?.step === 'serve') return serve(scene, label, numberOf(verdict.token.accessToken), fault)
  if (verdict?.step === 'answered') return serve(scene, label, numberOf(verdict.answer.accessToken), fault)
  if (verdict?.step === 'log_in') return logIn(scene, label, verdict.reason, fault)
  return told(scene, verdict === undefined ? label : `${label}, decide: ${verdict.step}`, endFlight(scene), fault)
}

function serve(scene: Scene, label: string, token: number, fault: string | undefined): Transition {
  const wants = token + 1
  const end = wants > scene.setting.renewals ? ('served' as const) : undefined
  const unsaved = isSaved(scene, token) ? undefined : properties.d
  return told(scene, `${label}, serve a${token}`, endFlight(scene, wants, end), fault ?? unsaved)
}

/** Whether `invalid_grant` was true was looked at when it was written. */
function logIn(scene: Scene, label: string, reason: string, fault: string | undefined): Transition {
  const { state, setting, process } = scene
  const isUnderWay = state.store.markedBy !== undefined && !isHolder(scene)
  const isUnknown = reason === 'unknown_outcome' && state.seen.marks > setting.resends && !isUnderWay
  const isDue = (isUnknown || reason === 'invalid_grant') && !isCalm(setting)
  const over = process.outcome?.kind === 'dead' ? process.outcome.refresh + 1 : 0
  const seen = { ...state.seen, settled: Math.max(state.seen.settled, over) }
  const after = endFlight(at(scene, { ...state, seen }), process.wants, 'log_in')
  return told(scene, `${label}, log_in (${reason})`, after, fault ?? (isDue ? undefined : properties.login))
}

function isSaved({ state: { seen } }: Scene, token: number): boolean {
  return (seen.saved & (1 << token)) !== 0
}
