/** What happens to the processes of the model: the server, the network, time, crashes, and others who write. */
import { answered, discarded, type LineageRecord, startingOver } from '../../../src/lifecycle/record.js'
import { entry } from './flight.js'
import { isHolder, type Scene, told } from './scene.js'
import { doNext, learn, saveLate } from './steps.js'
import {
  isHandedOut,
  isOver,
  kept,
  type Outcome,
  type Process,
  properties,
  put,
  type Request,
  type Setting,
  type State,
  settledBy,
  type Transition,
  tokenSet,
  waking,
  write,
} from './world.js'

/** Everything that can happen next. */
export function transitions(state: State, setting: Setting): Transition[] {
  const next = [...disturbances(state), ...ticks(state, setting)]
  for (const [index, process] of state.processes.entries()) {
    const scene = { state, setting, index, process }
    next.push(...arrivals(scene))
    if (!isOver(process))
      next.push(...doNext(scene), ...saveLate(scene), ...keptByTimer(scene), ...crashes(scene), ...losses(scene))
  }
  return next
}

/** Whether nobody asks any more: each was served, must log in or is gone. */
export function isEnd({ processes }: State): boolean {
  return processes.every(isOver)
}

/** What the server and the network do to a request. */
function arrivals(scene: Scene): Transition[] {
  const { state, index, process } = scene
  const { request } = process
  if (request === undefined) return []
  const next = request.answer === undefined ? answers(scene, request).map(answer => arrive(scene, request, answer)) : []
  if (request.abandoned || state.mishaps === 0) return next
  const troubled = { ...scene, state: { ...state, mishaps: state.mishaps - 1 } }
  // its sender is told that the connection is gone, and it may get to the server all the same
  const left = request.answer === undefined ? { ...request, abandoned: true } : undefined
  next.push({ ...learn(troubled, { kind: 'unknown' }, left), label: `p${index + 1} answer: connection lost` })
  if (request.answer === undefined)
    next.push({ ...learn(troubled, { kind: 'unsent' }), label: `p${index + 1} answer: no connection` })
  return next
}

/** What a server can make of a request. */
interface Answer {
  readonly label: string
  readonly outcome: Outcome
  readonly server?: Partial<State['server']>
  readonly isTrouble?: boolean
  readonly fault?: string | undefined
}

function answers({ state, setting }: Scene, { refresh }: Request): Answer[] {
  const { server, mishaps } = state
  const isGood = refresh === server.current && !server.revoked
  const usual = isGood ? grants(server, setting) : refusals(state, refresh)
  return mishaps === 0 ? usual : [...usual, ...failures(server, refresh, isGood)]
}

function grants({ issued, current }: State['server'], { keeps }: Setting): Answer[] {
  const token = issued + 1
  const refresh = current + 1
  const rotated: Answer = {
    label: `a${token} and r${refresh}`,
    outcome: { kind: 'answered', token, refresh },
    server: { issued: token, current: refresh },
  }
  if (!keeps) return [rotated]
  const alone = { kind: 'answered', token, refresh: undefined } as const
  return [rotated, { label: `a${token} alone`, outcome: alone, server: { issued: token } }]
}

/** A refresh token that was spent twice: some servers revoke all that came of it, some refuse just that one. */
function refusals({ server, seen }: State, refresh: number): Answer[] {
  const outcome = { kind: 'dead', refresh } as const
  if (refresh < server.first || server.revoked) return [{ label: 'invalid_grant', outcome }]
  const fault = seen.lost ? undefined : properties.reuse
  return [
    { label: 'invalid_grant', outcome, fault },
    { label: 'invalid_grant, and revokes all', outcome, fault, server: { revoked: true } },
  ]
}

function failures({ issued, current }: State['server'], refresh: number, isGood: boolean): Answer[] {
  const isTrouble = true
  const always: Answer[] = [
    { label: '503', outcome: { kind: 'later' }, isTrouble },
    { label: 'invalid_client', outcome: { kind: 'refused' }, isTrouble },
    { label: '500, nothing done', outcome: { kind: 'unknown' }, isTrouble },
  ]
  if (!isGood) return always
  const spent = { issued: issued + 1, current: refresh + 1 }
  return [
    ...always,
    { label: '500, all done', outcome: { kind: 'unknown' }, isTrouble, server: spent },
    {
      label: `r${refresh + 1} in an answer of no use`,
      outcome: { kind: 'rescued', refresh: refresh + 1 },
      isTrouble,
      server: { current: refresh + 1 },
    },
    {
      label: 'invalid_grant, by the user',
      outcome: { kind: 'dead', refresh },
      isTrouble,
      server: { revoked: true, current },
    },
  ]
}

function arrive(
  scene: Scene,
  request: Request,
  { label, outcome, server, isTrouble = false, fault }: Answer,
): Transition {
  const { state, index, process } = scene
  const answeredRequest = request.abandoned ? undefined : { ...request, answer: outcome }
  const next = {
    ...put(state, index, { ...process, request: answeredRequest }),
    server: { ...state.server, ...server },
    mishaps: state.mishaps - (isTrouble ? 1 : 0),
  }
  return { label: `server to p${index + 1}: ${label}`, state: next, fault }
}

/** A timer keeps the lease: in time, or not. */
function keptByTimer(scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  if (!isHolder(scene) || state.lease.left === setting.leaseFor) return []
  const { leaseFor } = setting
  const lease = { holder: index, left: leaseFor }
  // what has run out is not ours again by being granted again
  const leased = process.leased > 0 ? leaseFor : 0
  return [told(scene, 'keeps the lease', put({ ...state, lease }, index, { ...process, leased }))]
}

/** The store loses a lease whose holder has yet to ask for it again. After that no client can know. */
function losses(scene: Scene): Transition[] {
  const { state, setting, process } = scene
  const isToAsk = process.flight.next.step === 're_read' || process.flight.next.step === 'check_lease'
  if (!setting.losesLease || state.mishaps === 0 || !isHolder(scene) || !isToAsk) return []
  const lost = { ...state, mishaps: state.mishaps - 1, lease: { holder: undefined, left: 0 } }
  return [told(scene, 'has its lease lost by the store', lost)]
}

/** A process vanishes, and is started again with nothing, or not. */
function crashes(scene: Scene): Transition[] {
  const { state, setting, index, process } = scene
  const { mishaps, store, lease, seen } = state
  const { wants, ahead, request, outcome, flight } = process
  const isIdle = flight.next.step === 'lease' && !isHolder(scene) && process.rest === 0
  if (mishaps === 0 || isIdle) return []
  const left = request?.answer === undefined && request !== undefined ? { ...request, abandoned: true } : undefined
  const isLost = (request !== undefined && !request.abandoned) || isHandedOut(outcome)
  const gone: State = {
    ...state,
    mishaps: mishaps - 1,
    store: { ...store, markedBy: store.markedBy === index ? undefined : store.markedBy },
    lease: isHolder(scene) ? { ...lease, holder: 'gone' } : lease,
    seen: { ...seen, lost: seen.lost || isLost },
  }
  const again = { ...waking(wants, setting.resends, ahead), request: left }
  return [
    told(scene, `crashes before ${flight.next.step}, starts again`, put(gone, index, again)),
    told(scene, `crashes before ${flight.next.step}`, put(gone, index, { ...again, end: 'dead' })),
  ]
}

/** Others write, without a lease: who has an access token rejected, and who logs in again. */
function disturbances(state: State): Transition[] {
  const { store, server, mishaps, seen } = state
  if (mishaps === 0) return []
  const disturbed = { ...state, mishaps: mishaps - 1 }
  const current = server.current + 1
  const issued = server.issued + 1
  const login = answered(startingOver(store.record), entry, tokenSet(issued, current))
  const loggedIn = write(disturbed, login, undefined, { ...settledBy(seen, issued, current) })
  const next = [
    {
      label: `login: a${issued} and r${current}`,
      state: { ...loggedIn, server: { current, first: current, revoked: false, issued } },
    },
  ]
  const token = store.record.accessTokens[entry]?.accessToken
  if (token === undefined) return next
  const rest = write(disturbed, discarded(store.record, entry, token), store.markedBy, {})
  return [...next, { label: `${token} is rejected and dropped`, state: rest }]
}

/** Time passes. A request is at the server before its deadline, or never. */
function ticks(state: State, { pauses }: Setting): Transition[] {
  const { processes, lease, store, seen } = state
  if (processes.some(({ request }) => request?.left === 0 && request.answer === undefined)) return []
  const isLate = processes.some(({ request }) => request?.left === 0)
  if (!pauses && (isLate || (lease.left === 1 && lease.holder !== 'gone'))) return []
  const holder = processes[lease.left === 1 && typeof lease.holder === 'number' ? lease.holder : -1]
  const sleeps = holder?.request?.abandoned === false || isHandedOut(holder?.outcome)
  const left = less(lease.left)
  const next: State = {
    ...state,
    store: { ...store, record: nearer(store.record) },
    lease: { holder: left === 0 ? undefined : lease.holder, left },
    processes: processes.map(later),
    seen: { ...seen, rest: less(seen.rest), lost: seen.lost || sleeps },
  }
  return [{ label: 'time passes', state: next }]
}

function later(process: Process): Process {
  const { rest, leased, request } = process
  if (rest === 0 && leased === 0 && request === undefined) return process
  const left = Math.max(-1, (request?.left ?? 0) - 1)
  return { ...process, leased: less(leased), rest: less(rest), request: request && { ...request, left } }
}

/** A record a tick later. */
function nearer(record: LineageRecord): LineageRecord {
  const { sending } = record
  if (sending?.restUntil === undefined || sending.restUntil === 0) return record
  const known = aTickLater.get(record)
  if (known !== undefined) return known
  const later = kept({ ...record, sending: { ...sending, restUntil: less(sending.restUntil) } })
  aTickLater.set(record, later)
  return later
}

const aTickLater = new Map<LineageRecord, LineageRecord>()

function less(ticks: number): number {
  return Math.max(0, ticks - 1)
}
