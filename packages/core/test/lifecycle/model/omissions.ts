/**
 * Every step of the protocol left out or done badly: what each is there for. The order of the steps, and what they are about,
 * is the code's in every case.
 */
import type { LineageRecord, Mark } from '../../../src/lifecycle/record.js'
import type { Next } from './flight.js'
import type { Outcome, Process } from './world.js'

export interface Omitting {
  /** What is wrong then. */
  readonly what: string
  /** Steps that are answered without being done. */
  readonly answers?: { readonly [step in Next['step']]?: (process: Process) => unknown }
  /** Steps that are done otherwise. */
  readonly instead?: { readonly [S in Next['step']]?: Instead<S> }
}

type Instead<S> = (step: Extract<Next, { step: S }>, process: Process, isLeased: boolean) => Next

const yes = () => true

/** Those without `answers` and `instead` are faults of the store, or of how a step is done there. */
export const omissions = {
  lease: {
    what: 'everybody believes to have the lease',
    answers: { lease: yes, still_leased: yes, check_lease: yes, outlasts: yes },
  },
  re_read: { what: 'what was read before is not read again' },
  still_leased: { what: 'who does not have the lease, or not any more, decides as if', answers: { still_leased: yes } },
  cool_down: { what: 'nobody looks whether the server or the client rests', answers: { cool_down: yes } },
  check_lease: { what: 'nobody asks for the lease again before the mark', answers: { check_lease: yes } },
  lapse: { what: 'a lease that ran out on the way is taken again, as if it had been held all along' },
  mark: { what: 'the request is sent without a mark', answers: { mark: yes } },
  mark_cas: { what: 'the mark is written over whatever is there' },
  count: {
    what: 'sends are not counted',
    instead: { mark: step => ({ ...step, record: withMark(step.record, () => ({ sends: 1 })) }) },
  },
  outlasts: { what: 'the request is sent without a glance at the lease', answers: { outlasts: yes } },
  outlasts_deadline: {
    what: 'the request is sent while the lease holds, for however short a time',
    answers: { outlasts: ({ leased }) => leased > 0 },
  },
  save: { what: 'the answer is handed out before it is saved', answers: { save: yes } },
  save_late: {
    what: 'an answer is dropped when the lease is gone',
    instead: { save: (step, _, isLeased) => ({ ...step, mayReplace: now => isLeased && step.mayReplace(now) }) },
  },
  save_mark: {
    what: 'every other version is a later word, even one that only lacks a rejected access token',
    instead: { save: (step, { isCurrent }) => ({ ...step, mayReplace: now => isCurrent && step.mayReplace(now) }) },
  },
  save_cas: {
    what: 'the answer is written over whatever is there',
    instead: { save: step => ({ ...step, mayReplace: yes }) },
  },
  save_rescued: {
    what: 'a new refresh token is thrown away with an answer that is refused',
    instead: { save: after('rescued', (_, before) => before) },
  },
  note: { what: 'what a failure has left is not written down', answers: { note: yes } },
  note_mark: {
    what: 'a mark that could not be written is left there, if it is there',
    instead: { note: after('unmarked', (_, before) => before) },
  },
  note_unsent: {
    what: 'what never left counts as sent',
    instead: { note: after('unsent', (_, before) => before) },
  },
  note_later: {
    what: '503 counts as an unknown outcome',
    instead: { note: after('later', record => withMark(record, ({ sends }) => ({ sends: sends + 1 }))) },
  },
  note_unknown: {
    what: 'an unknown outcome counts as nothing done',
    instead: { note: after('unknown', record => withMark(record, ({ sends }) => ({ sends: sends - 1 }))) },
  },
  note_rest: {
    what: 'the cool-down is not written down',
    instead: {
      note: after('later', record => withMark(record, () => ({ restUntil: undefined }))),
    },
  },
  end: { what: 'the end of a session is told, and not written down', answers: { end: yes } },
  end_cas: {
    what: 'invalid_grant ends whatever session the store has',
    instead: { end: step => ({ ...step, mayReplace: yes }) },
  },
  release: { what: 'the lease is given back while an answer is not saved' },
} satisfies Record<string, Omitting>

export type Omission = keyof typeof omissions

/** The step as it is done; `undefined` where it is to be answered. */
export function omitting(step: Next, without: Omission | undefined, process: Process, isLeased: boolean): Next {
  const instead = (without && (omissions[without] as Omitting).instead?.[step.step]) as Instead<unknown> | undefined
  return instead === undefined ? step : instead(step as never, process, isLeased)
}

/** What a step is answered that is not done; `undefined` where it is done. */
export function answerInstead({ step }: Next, without: Omission | undefined, process: Process): unknown {
  return without && (omissions[without] as Omitting).answers?.[step]?.(process)
}

/** Changes what is written after one outcome. */
function after(kind: Outcome['kind'], change: (record: LineageRecord, before: LineageRecord) => LineageRecord) {
  return (step: Extract<Next, { step: 'save' }> | Extract<Next, { step: 'note' }>, { outcome }: Process): Next =>
    outcome?.kind === kind ? { ...step, change: now => change(step.change(now), now) } : step
}

function withMark(record: LineageRecord, change: (mark: Mark) => Partial<Mark>): LineageRecord {
  const { sending } = record
  return sending === undefined ? record : { ...record, sending: { ...sending, ...change(sending) } }
}
