/**
 * The protocol of `src/lifecycle/refresh.ts`, a process at a time. The records go through the functions of `record.ts`; the
 * steps have the names they have there.
 *
 * One step here is one operation of the store, or happens without one. A glance at the lease and handing the request to the
 * transport are one step too, as they are one synchronous piece of code: a machine that stops between the two for longer
 * than the lease is left out, since no client can help that.
 *
 * Left out as well: the glance at what is known before the lease is taken, which decides nothing that the decision under the
 * lease does not; how long who waits will wait; and a store that fails.
 */
import { decide } from '../../../src/lifecycle/decision.js'
import {
  answered,
  emptyRecord,
  ended,
  type KeptToken,
  type LineageRecord,
  marked,
  nothingDone,
  rescued,
  unknown,
  unsent,
} from '../../../src/lifecycle/record.js'
import { sha256 } from '../../../src/secret.js'
import {
  entry,
  kept,
  most,
  numberOf,
  type Outcome,
  type Process,
  properties,
  put,
  type Request,
  type Seen,
  type Setting,
  type State,
  type Step,
  settledBy,
  type Transition,
  tokenSet,
  waking,
  write,
} from './world.js'

/** One process, and what is around it. */
export interface Scene {
  readonly state: State
  readonly setting: Setting
  readonly index: number
  readonly process: Process
}

/** What a process does next. */
export const steps: Readonly<Record<Step, (scene: Scene) => Transition[]>> = {
  lease: takeLease,
  re_read: reRead,
  check_lease: checkLease,
  mark: writeMark,
  send,
  answer: takeAnswer,
  save,
  end,
  served: () => [],
  log_in: () => [],
  dead: () => [],
}

/**
 * Step `lease`. Who is refused reads too, since what it waits for may be there. That is one step: were it two, and the lease
 * given back between them, the story would be the one of who takes it then, and reads.
 */
function takeLease(scene: Scene): Transition[] {
  const { state, setting, index } = scene
  const isGranted = state.lease.left === 0 || isHolder(scene)
  if (!isGranted && setting.without !== 'lease')
    return [readAndDecide(scene, 'lease: refused', setting.without === 'wait')]
  const lease = isGranted ? { holder: index, left: setting.leaseFor } : state.lease
  return [told(scene, 'lease: granted', { ...change(scene, { step: 're_read' }), lease })]
}

/**
 * Steps `re_read` and `decide`: a pause between the two is no other story than one after them. Only while the lease still
 * holds is a mark known to be of a request that is over.
 */
function reRead(scene: Scene): Transition[] {
  const believes = ['lease', 'still_leased', 'check_lease'].includes(scene.setting.without ?? '')
  return [readAndDecide(scene, 're_read', believes || isHolder(scene))]
}

function readAndDecide(scene: Scene, before: string, leased: boolean): Transition {
  const { state, setting, process } = scene
  const { without, resends } = setting
  const isRead = without !== 're_read' || process.known === emptyRecord
  const known = isRead ? state.store.record : process.known
  const serves = (token: KeptToken) => numberOf(token.accessToken) >= process.wants
  const shown = without === 'rest' ? withoutRest(known) : known
  const decision = decide(shown, { entry, serves, now: 0, leased, resends })
  const label = `${before}, decide: ${decision.step}`
  if (decision.step === 'serve') return serve(scene, label, numberOf(decision.token.accessToken))
  if (decision.step === 'log_in') return logIn(scene, label, decision.reason)
  if (decision.step === 'rest') return told(scene, label, endFlight(scene))
  const read = { known, isCurrent: isRead || process.isCurrent }
  if (decision.step === 'wait') return told(scene, label, again(scene, read))
  if (process.rest > 0 && without !== 'rest') return told(scene, `${label}, but it rests`, endFlight(scene))
  const step = without === 'check_lease' || without === 'lease' ? ('mark' as const) : ('check_lease' as const)
  return told(scene, label, change(scene, { ...read, step }))
}

function serve(scene: Scene, label: string, token: number): Transition {
  const wants = token + 1
  const step = wants > scene.setting.renewals ? ('served' as const) : ('lease' as const)
  const fault = isSaved(scene, token) ? undefined : properties.d
  return told(scene, `${label} a${token}`, endFlight(scene, { wants, step }), fault)
}

/** Whether `invalid_grant` was true was looked at when it was written. */
function logIn(scene: Scene, label: string, reason: string): Transition {
  const { state, setting } = scene
  const isUnderWay = state.store.markedBy !== undefined && !isHolder(scene)
  const isUnknown = reason === 'unknown_outcome' && state.seen.marks > setting.resends && !isUnderWay
  const isDue = (isUnknown || reason === 'invalid_grant') && !isCalm(setting)
  const fault = isDue ? undefined : properties.login
  return told(scene, `${label} (${reason})`, endFlight(scene, { step: 'log_in' }), fault)
}

/** Step `check_lease`: one that was not held all along is taken anew, and all is decided again. */
function checkLease(scene: Scene): Transition[] {
  if (!canKeep(scene)) return [told(scene, 'check_lease: lost', again(scene))]
  return [told(scene, 'check_lease: held', keepLease(scene, { step: 'mark' }))]
}

/** Step `mark`: by compare-and-set on the version that was read. */
function writeMark(scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  const { without } = setting
  if (without === 'mark') return [told(scene, '(no mark)', change(scene, { step: 'send' }))]
  if (!process.isCurrent && without !== 'mark_cas') return [told(scene, 'mark: there is a later word', again(scene))]
  const record = marked(process.known, 'holder', 0)
  const written =
    without === 'count' ? { ...record, sending: record.sending && { ...record.sending, sends: 1 } } : record
  const seen = { marks: Math.min(most, state.seen.marks + 1) }
  // of what was read before, no more matters from here on
  const known = kept({ ...emptyRecord, refreshToken: process.known.refreshToken, sending: process.known.sending })
  return [told(scene, 'mark', write(change(scene, { step: 'send', known }), written, index, seen, index))]
}

/** Step `send`, unless the lease does not surely outlast the request: then it is kept, or all is decided again. */
function send(scene: Scene): Transition[] {
  const { state, setting, process } = scene
  const { without, deadline } = setting
  const outlasts = isHolder(scene) && state.lease.left > (without === 'outlasts_deadline' ? 0 : deadline)
  if (!outlasts && without !== 'outlasts' && without !== 'lease') {
    if (canKeep(scene)) return [told(scene, 'check_lease: held', keepLease(scene, { step: 'send' }))]
    return [told(scene, 'check_lease: lost', change(scene, { step: 'save', outcome: { kind: 'unsent' } }))]
  }
  const refresh = numberOf(process.known.refreshToken)
  const request: Request = { refresh, left: deadline, answer: undefined, abandoned: false }
  const sent = change(scene, { step: 'answer', request })
  const seen = counted(state, refresh, 1)
  return [told(scene, `send r${refresh}`, { ...sent, seen }, faultOfSending(scene, refresh))]
}

function faultOfSending({ state, setting, index, process }: Scene, refresh: number): string | undefined {
  const { store, server, seen, processes } = state
  const { sending, refreshToken } = store.record
  const isMarked = store.markedBy === index && sending?.hash === sha256(refreshToken ?? '')
  // who logs in takes no lease: nothing that comes of an older refresh token matters any more
  if (!isMarked && refresh < server.first && numberOf(refreshToken) >= server.first) return undefined
  if (refresh < seen.settled) return properties.b
  if (!isMarked) return properties.a
  if (seen.rest > 0 || process.rest > 0) return properties.rest
  if (processes.some(({ request }) => request?.refresh === refresh && request.left >= 0)) return properties.overlap
  if (seen.sends > setting.resends) return properties.c
  if (Number.isFinite(setting.resends) && (sending?.sends ?? 0) <= seen.sends) return properties.counted
  return isCalm(setting) && seen.sends > 0 ? properties.once : undefined
}

/** The answer, however late it is read; or that it is too late. */
function takeAnswer(scene: Scene): Transition[] {
  const { request } = scene.process
  if (request?.answer === undefined) return []
  const next = [learn(scene, request.answer)]
  return request.left < 0 ? [...next, learn(scene, { kind: 'unknown' })] : next
}

/** A request ended. What may still arrive of it is left in `request`. */
export function learn(scene: Scene, outcome: Outcome, request?: Request): Transition {
  const { state, setting, process } = scene
  const { kind } = outcome
  const step = kind === 'dead' ? ('end' as const) : ('save' as const)
  const rest = ['later', 'refused', 'unknown', 'rescued'].includes(kind) ? setting.coolDown : process.rest
  const seen = counted(state, process.request?.refresh, isNothingDone(outcome) ? -1 : 0)
  const lost = seen.lost || kind === 'unknown'
  const next = { ...change(scene, { step, outcome, rest, request }), seen: { ...seen, lost } }
  const isEarly = setting.without === 'save_first' && outcome.kind === 'answered' && !isSaved(scene, outcome.token)
  return told(scene, `answer: ${kind}`, next, isEarly ? properties.d : undefined)
}

/** The observer counts what becomes of the refresh token that is in the store. */
function counted({ store, seen }: State, refresh: number | undefined, more: number): Seen {
  return refresh === numberOf(store.record.refreshToken)
    ? { ...seen, sends: Math.min(most, Math.max(0, seen.sends + more)) }
    : seen
}

function isNothingDone({ kind }: Outcome): boolean {
  return kind === 'unsent' || kind === 'later' || kind === 'refused'
}

/** Step `save`: over the record as it is, while the mark is the last word about its refresh token. */
function save(scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  const { without } = setting
  const outcome = process.outcome as Outcome
  const isStill = state.store.markedBy === index
  const mayReplace =
    (isStill &&
      !(without === 'late_save' && !isHolder(scene)) &&
      !(without === 'mark_identity' && !process.isCurrent)) ||
    (without === 'save_cas' && outcome.kind === 'answered')
  if (mayReplace) {
    const saved = write(state, recordAfter(outcome, scene), undefined, seenAfter(outcome, scene))
    const after = { ...scene, state: saved }
    if (outcome.kind === 'answered') return [serve(after, 'save, serve', outcome.token)]
    return [told(scene, `save: ${outcome.kind}`, endFlight(after))]
  }
  if (outcome.kind !== 'answered') return [told(scene, 'save: there is a later word', endFlight(scene))]
  return [told(scene, 'save: there is a later word', again(scene), isStill ? properties.f : undefined)]
}

function recordAfter(outcome: Outcome, { state, setting, process }: Scene): LineageRecord {
  const { record } = state.store
  const { coolDown } = setting
  if (outcome.kind === 'answered') return answered(record, entry, tokenSet(outcome.token, outcome.refresh))
  if (outcome.kind === 'unsent') return setting.without === 'unsent' ? record : unsent(record, process.known)
  const failed = { failure: undefined, restUntil: coolDown }
  if (outcome.kind === 'rescued' && setting.without !== 'rescue')
    return rescued(record, { refreshToken: `r${outcome.refresh}`, obtainedAt: 0 }, failed)
  const kind = believed(outcome.kind, setting)
  if (kind === 'later') return nothingDone(record, failed)
  return kind === 'refused' ? nothingDone(record, {}) : unknown(record, failed)
}

function believed(kind: Outcome['kind'], { without }: Setting): Outcome['kind'] {
  if (without === 'unknown' && kind === 'unknown') return 'later'
  return without === 'nothing_done' && kind === 'later' ? 'unknown' : kind
}

function seenAfter(outcome: Outcome, { state: { seen }, setting: { coolDown } }: Scene): Partial<Seen> {
  if (outcome.kind === 'answered') return settledBy(seen, outcome.token, outcome.refresh)
  if (outcome.kind === 'rescued') return { settled: outcome.refresh, sends: 0, marks: 0, rest: coolDown }
  const isRest = outcome.kind === 'later' || outcome.kind === 'unknown'
  const marks = isNothingDone(outcome) ? seen.marks - 1 : seen.marks
  return { marks, rest: isRest ? coolDown : seen.rest }
}

/** Step `end`: `invalid_grant` counts while the mark is the last word about its refresh token. */
function end(scene: Scene): Transition[] {
  const { state, setting, index } = scene
  const { store, server, seen } = state
  if (store.markedBy !== index && setting.without !== 'end_re_read')
    return [told(scene, 'end: there is a later word', again(scene))]
  const refresh = numberOf(store.record.refreshToken)
  const isDead = server.revoked || refresh < server.current
  const next = endFlight(scene, { step: 'log_in' })
  const after = write(next, ended(store.record, 'invalid_grant'), undefined, { settled: seen.settled + 1 })
  return [told(scene, 'end', after, isDead ? undefined : properties.login)]
}

/** Back to the beginning, in the same flight. */
function again(scene: Scene, read: Partial<Process> = {}): State {
  const { process, setting } = scene
  const nothing = { known: emptyRecord, isCurrent: false }
  const known =
    setting.without === 're_read' ? { known: process.known, isCurrent: process.isCurrent, ...read } : nothing
  return change(scene, { step: 'lease', outcome: undefined, ...known })
}

/** The caller has its answer, and the lease is given back. */
function endFlight(scene: Scene, changes: Partial<Process> = {}): State {
  const { state, index, process } = scene
  const { rest, wants, request } = process
  const next = put(state, index, { ...waking(wants), rest, request, ...changes })
  const markedBy = state.store.markedBy === index ? undefined : state.store.markedBy
  return {
    ...next,
    store: { ...state.store, markedBy },
    lease: isHolder(scene) ? { holder: undefined, left: 0 } : state.lease,
  }
}

export function isHolder({ state: { lease }, index }: Scene): boolean {
  return lease.holder === index
}

function canKeep(scene: Scene): boolean {
  return isHolder(scene) || (scene.setting.without === 'lapse' && scene.state.lease.left === 0)
}

function keepLease(scene: Scene, changes: Partial<Process>): State {
  return { ...change(scene, changes), lease: { holder: scene.index, left: scene.setting.leaseFor } }
}

function isSaved({ state: { seen } }: Scene, token: number): boolean {
  return (seen.saved & (1 << token)) !== 0
}

/** Nothing goes wrong, nobody is late, and nobody else writes. */
function isCalm({ mishaps, pauses }: Setting): boolean {
  return mishaps === 0 && !pauses
}

function withoutRest(record: LineageRecord): LineageRecord {
  return record.sending === undefined ? record : { ...record, sending: { ...record.sending, restUntil: undefined } }
}

function change({ state, index, process }: Scene, changes: Partial<Process>): State {
  return put(state, index, { ...process, ...changes })
}

export function told({ index }: Pick<Scene, 'index'>, step: string, state: State, fault?: string): Transition {
  return { label: `p${index + 1} ${step}`, state, fault }
}
