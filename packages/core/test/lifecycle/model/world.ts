/**
 * What the model's processes share: the store, the lease, the authorization server, the network and time; and an observer
 * who sees everything, by whom the properties are stated.
 *
 * Time stands still at 0 and instants move: a tick brings each of them one nearer. A version is never used twice, so all
 * that matters of one that a process knows is whether the store still has it.
 */

import { answered, emptyRecord, type LineageRecord } from '../../../src/lifecycle/record.js'
import { TokenSet } from '../../../src/token-set.js'
import { entry, type Flight, takeOff } from './flight.js'
import type { Omission } from './omissions.js'

/** How much can happen. */
export interface Setting {
  readonly processes: number
  /** Every process asks until it was served the access token of this number, or a later one. */
  readonly renewals: number
  /**
   * How much may go wrong, of any kind: a process vanishes, at any step, and is started again or not; the network or the
   * server fails; somebody else writes, by a new login or by dropping an access token that an API rejected.
   */
  readonly mishaps: number
  /** Whether the server may leave the refresh token as it is. */
  readonly keeps: boolean
  /** Whether processes may be held up beyond their lease or their deadline. */
  readonly pauses: boolean
  /** How often a refresh token may be sent again when its outcome is not known. */
  readonly resends: number
  /** In ticks, as the next two. */
  readonly leaseFor: number
  readonly deadline: number
  readonly coolDown: number
  /** How far the clock of the first process is ahead of all others, in ticks. Default 0. */
  readonly ahead?: number
  /** Whether the store may fail, as a mishap, and nobody knows whether it has done what it was asked for. Default `false`. */
  readonly storeFails?: boolean
  /** Whether the store may, as a mishap, lose a lease whose holder has yet to look at it again. Default `false`. */
  readonly losesLease?: boolean
  /** What is left out of the protocol. */
  readonly without?: Omission | undefined
}

const failureKinds = ['unmarked', 'unsent', 'later', 'refused', 'unknown'] as const
const outcomeKinds = [...failureKinds, 'dead', 'answered', 'rescued'] as const

/** What came of a request, or of not sending it; as in `refresh.ts`. */
export type Outcome =
  | { readonly kind: 'answered'; readonly token: number; readonly refresh: number | undefined }
  | { readonly kind: 'rescued' | 'dead'; readonly refresh: number }
  | { readonly kind: (typeof failureKinds)[number] }

const ends = [undefined, 'served', 'log_in', 'dead'] as const

export interface Process {
  /** Where it is in the protocol. */
  readonly flight: Flight
  /** Why it asks for nothing any more. */
  readonly end: (typeof ends)[number]
  /** The least number of an access token that serves. */
  readonly wants: number
  /** How far its clock is ahead. */
  readonly ahead: number
  /** Ticks for which it believes to have the lease. */
  readonly leased: number
  /** Whether the version it has read or written last is still the store's. */
  readonly isCurrent: boolean
  /** What it has read last, where nothing is read again. */
  readonly readBefore: LineageRecord | undefined
  /** What came of its last request, as long as its flight lasts. */
  readonly outcome: Outcome | undefined
  /** The step that failed and is still to be done, and what it is to save. */
  readonly unsaved: Pick<Process, 'flight' | 'outcome'> | undefined
  /** Ticks left of the cool-down that this process has learnt of itself. */
  readonly rest: number
  readonly request: Request | undefined
}

export interface Request {
  /** The number of the refresh token in it. */
  readonly refresh: number
  /** Ticks to the deadline; -1: it has passed. */
  readonly left: number
  readonly answer: Outcome | undefined
  /** Nobody waits for it any more. */
  readonly abandoned: boolean
}

export interface State {
  readonly store: {
    readonly record: LineageRecord
    /** Whose mark is in the record, while that flight lasts. */
    readonly markedBy: number | undefined
  }
  readonly lease: { readonly holder: number | 'gone' | undefined; readonly left: number }
  readonly server: {
    /** The number of the refresh token that is good. */
    readonly current: number
    /** The number of the first one since the last login; older ones are worth nothing. */
    readonly first: number
    readonly revoked: boolean
    /** How many access tokens there are. */
    readonly issued: number
  }
  readonly processes: readonly Process[]
  /** How many mishaps may still come. */
  readonly mishaps: number
  readonly seen: Seen
}

/** What the observer remembers; the protocol never looks here. */
export interface Seen {
  /** Refresh tokens below this number are over, by what was in the store. */
  readonly settled: number
  /** How often the store's refresh token was sent and nobody was told that nothing was done. */
  readonly sends: number
  /** How often it was marked and nobody wrote that nothing was done. */
  readonly marks: number
  /** Ticks left of the cool-down that was written to the store. */
  readonly rest: number
  /** The access tokens that were in the store, a bit each. */
  readonly saved: number
  /** Whether an answer was lost, or somebody slept beyond the lease on one. */
  readonly lost: boolean
}

/** One thing that can happen next. */
export interface Transition {
  readonly label: string
  readonly state: State
  /** The property it violates. */
  readonly fault?: string | undefined
}

export const properties = {
  a: '(a) a refresh token was sent without its mark in the store',
  b: '(b) a refresh token was sent after it was known to be over',
  c: '(c) a refresh token was sent too often with its outcome unknown',
  counted: '(c) a refresh token was sent more often than its mark says',
  rest: '(c) a refresh token was sent during its cool-down',
  overlap: '(c) two requests with one refresh token were under way',
  d: '(d) an access token was handed out that was never saved',
  once: '(e) a refresh token was sent twice though nothing went wrong',
  login: '(e) a session ended that need not',
  reuse: '(e) a refresh token was spent twice though no answer was lost',
  f: '(f) an answer was thrown away though there was no later word',
} as const

/** Whether a server has handed out what nobody else has. */
export function isHandedOut(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'answered' || outcome?.kind === 'rescued'
}

/** A login was just saved; every process wants the token after it. */
export function initialState({ processes, mishaps, resends, ahead = 0 }: Setting): State {
  return {
    store: { record: kept(answered(emptyRecord, entry, tokenSet(0, 0))), markedBy: undefined },
    lease: { holder: undefined, left: 0 },
    server: { current: 0, first: 0, revoked: false, issued: 0 },
    processes: Array.from({ length: processes }, (_, index) => waking(1, resends, index === 0 ? ahead : 0)),
    mishaps,
    seen: { settled: 0, sends: 0, marks: 0, rest: 0, saved: 1, lost: false },
  }
}

/** A process at the beginning of a flight. */
export function waking(wants: number, resends: number, ahead: number): Process {
  return {
    flight: takeOff(wants, resends, ahead),
    end: undefined,
    wants,
    ahead,
    leased: 0,
    isCurrent: false,
    readBefore: undefined,
    outcome: undefined,
    unsaved: undefined,
    rest: 0,
    request: undefined,
  }
}

export function isOver({ end }: Process): boolean {
  return end !== undefined
}

/** Replaces one process. */
export function put(state: State, index: number, process: Process): State {
  return { ...state, processes: state.processes.with(index, process) }
}

/** Writes a record: nobody else's version is current any more. */
export function write(
  state: State,
  record: LineageRecord,
  markedBy: number | undefined,
  seen: Partial<Seen>,
  writer?: number,
): State {
  return {
    ...state,
    store: { record: kept(record), markedBy },
    processes: state.processes.map((process, index) =>
      process.isCurrent === (index === writer) ? process : { ...process, isCurrent: index === writer },
    ),
    seen: { ...state.seen, ...seen },
  }
}

/** What the observer remembers of a token set that is in the store now. */
export function settledBy({ saved, settled }: Seen, token: number, refresh: number = settled): Partial<Seen> {
  return { settled: refresh, sends: 0, marks: 0, rest: 0, saved: saved | (1 << token) }
}

export function tokenSet(token: number, refresh: number | undefined): TokenSet {
  return new TokenSet({
    accessToken: `a${token}`,
    refreshToken: refresh === undefined ? undefined : `r${refresh}`,
    obtainedAt: 0,
  })
}

const records = new Map<string, LineageRecord>()
const numbers = new Map<LineageRecord, number>()

/** Beyond this a count decides nothing any more: states that differ in it alone are one. Where nothing is counted, beyond 1. */
export const most = 2

/**
 * The one object that stands for all records that say the same, as far as it matters here: not how often in a row a refresh
 * token has failed, which makes its rests longer; nor whose the mark is, which is `markedBy`.
 */
export function kept(record: LineageRecord): LineageRecord {
  if (numbers.has(record)) return record
  const { sending } = record
  const mark = sending && {
    hash: sending.hash,
    holder: '',
    at: sending.at,
    sends: Math.min(sending.sends, most + 1),
    restUntil: sending.restUntil,
  }
  const plain = { ...record, sending: mark }
  const text = JSON.stringify(plain)
  const same = records.get(text)
  if (same !== undefined) return same
  records.set(text, plain)
  numbers.set(plain, numbers.size)
  return plain
}

interface Found<K, V> {
  get(key: K): V | undefined
  set(key: K, value: V): unknown
}

/** What was found for a key before; else it is found now. */
export function once<K, V>(found: Found<K, V> | undefined, key: K, find: () => V): V {
  const known = found?.get(key)
  if (known !== undefined) return known
  const value = find()
  found?.set(key, value)
  return value
}

/**
 * A short text, the same for two states that are the same but for who is who: processes have no other names than what they
 * do and have. A character for each number.
 */
export function encode({ store, lease, server, processes, mishaps, seen }: State): string {
  const { settled, sends, marks, rest, saved, lost } = seen
  const shared = String.fromCharCode(
    numbers.get(store.record) ?? 0,
    lease.left,
    server.current,
    server.first,
    server.issued,
    mishaps,
    settled,
    sends,
    marks,
    rest,
    saved,
    bits(lease.holder === 'gone', server.revoked, lost),
  )
  const texts = processes.map((process, index) =>
    encodeProcess(process, bits(lease.holder === index, store.markedBy === index)),
  )
  return shared + texts.sort().join('')
}

function encodeProcess(process: Process, has: number): string {
  const { flight, end, ahead, leased, isCurrent, readBefore, unsaved, rest, request } = process
  return String.fromCharCode(
    has,
    flight.id & 0xffff,
    flight.id >> 16,
    ends.indexOf(end),
    bits(isCurrent, request?.abandoned === true),
    unsaved === undefined ? 0 : unsaved.flight.id + 1,
    ahead,
    leased,
    rest,
    readBefore === undefined ? 0 : (numbers.get(readBefore) ?? 0) + 1,
    request === undefined ? 0 : request.refresh + 1,
    request === undefined ? 0 : request.left + 1,
    encodeOutcome(request?.answer),
  )
}

function encodeOutcome(outcome: Outcome | undefined): number {
  if (outcome === undefined) return 0
  const kind = outcomeKinds.indexOf(outcome.kind) + 1
  const token = outcome.kind === 'answered' ? outcome.token : 0
  const refresh = 'refresh' in outcome ? (outcome.refresh ?? -1) + 1 : 0
  return kind + 16 * (token + 16 * refresh)
}

function bits(first: boolean, second: boolean, third = false): number {
  return (first ? 1 : 0) + (second ? 2 : 0) + (third ? 4 : 0)
}
