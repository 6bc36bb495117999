import { describe, expect, test, vi } from 'vitest'
import { type Omission, omissions } from './omissions.js'
import { type Finding, search, storyOf, stuck } from './search.js'
import { isEnd, transitions } from './surroundings.js'
import { encode, initialState, properties, type Setting } from './world.js'

// seconds of work, on a machine that may have much else to do
vi.setConfig({ testTimeout: 120_000 })

const usual: Setting = {
  processes: 2,
  renewals: 1,
  mishaps: 1,
  keeps: false,
  pauses: true,
  resends: Number.POSITIVE_INFINITY,
  leaseFor: 2,
  deadline: 1,
  coolDown: 2,
}

function explore(changes: Partial<Setting>): Finding {
  const setting = { ...usual, ...changes }
  const initial = initialState(setting)
  return search({ initial, transitions: state => transitions(state, setting), encode, isEnd })
}

describe('the properties hold, and everybody gets on', () => {
  const settings: Readonly<Record<string, [changes: Partial<Setting>, leastStates: number]>> = {
    '2 processes, 3 renewals, nothing goes wrong': [{ renewals: 3, mishaps: 0, pauses: false }, 100],
    '3 processes, 2 renewals, nothing goes wrong': [{ processes: 3, renewals: 2, mishaps: 0, pauses: false }, 75],
    '2 processes, 2 renewals, held up at any moment': [{ renewals: 2, mishaps: 0, keeps: true, resends: 1 }, 15_000],
    '2 processes, 2 renewals, 1 mishap': [{ renewals: 2 }, 60_000],
    '2 processes, 1 renewal, 2 mishaps': [{ mishaps: 2 }, 90_000],
    '2 processes, a server that may keep the refresh token, 1 mishap': [{ keeps: true, resends: 1 }, 35_000],
    '2 processes, a provider that forbids to send again, 2 mishaps': [{ resends: 0, mishaps: 2 }, 15_000],
    '2 processes, a provider that allows to send once more, 2 mishaps': [{ resends: 1, mishaps: 2 }, 90_000],
    '3 processes, held up at any moment, sent at most twice': [{ processes: 3, mishaps: 0, resends: 1 }, 12_000],
    '3 processes, 1 mishap, sent at most twice': [{ processes: 3, resends: 1 }, 130_000],
    '3 processes, 1 mishap, nobody held up': [{ processes: 3, pauses: false }, 500],
    '2 processes, 1 mishap, a store that may fail': [{ storeFails: true, resends: 1 }, 40_000],
    '2 processes, 2 mishaps, a store that may fail, nobody held up': [
      { storeFails: true, mishaps: 2, pauses: false },
      5_000,
    ],
    '2 processes, 2 mishaps, a store that may fail, a provider that forbids to send again': [
      { storeFails: true, mishaps: 2, resends: 0 },
      15_000,
    ],
    '3 processes, 1 mishap, a store that may fail, nobody held up': [
      { storeFails: true, processes: 3, pauses: false },
      600,
    ],
    '2 processes, 1 mishap, a store that may lose a lease before it is looked at again': [
      { losesLease: true },
      100_000,
    ],
    '2 processes, 1 mishap, a clock that is ahead': [{ ahead: 1, coolDown: 3, resends: 1 }, 150_000],
  }
  for (const [name, [changes, leastStates]] of Object.entries(settings))
    test(`${name}: more than ${leastStates} states`, () => {
      const finding = explore(changes)
      expect(finding.fault, storyOf(finding)).toBeUndefined()
      expect(finding.states).toBeGreaterThan(leastStates)
    })
})

test('every step is gone through', () => {
  const labels = [{ storeFails: true }, { resends: 1 }].flatMap(changes =>
    [...explore(changes).labels].map(label => label.replace(/^p\d /, '')),
  )
  expect(labels).toEqual(expect.arrayContaining(everyStep))
})

/** With both ends of each. */
const everyStep = [
  'lease: granted',
  'lease: refused, re_read, decide: wait',
  'lease: refused, re_read, serve a1',
  'lease: unanswered',
  're_read, decide: wait',
  're_read, decide: send',
  're_read, serve a1',
  're_read, decide: rest',
  're_read, decide: send, but it rests',
  're_read, log_in (unknown_outcome)',
  're_read, log_in (invalid_grant)',
  're_read: fails',
  'check_lease: held',
  'check_lease: lost',
  'check_lease: fails',
  'mark',
  'mark: there is a later word',
  'mark: fails',
  'mark: unanswered',
  'send r0',
  'send r1',
  'answer: answered',
  'answer: dead',
  'save: answered, serve a1',
  'save: rescued',
  'save: there is a later word',
  'save: fails',
  'save: unanswered',
  'save, by a timer',
  'note: unsent',
  'note: unmarked',
  'note: later',
  'note: refused',
  'note: unknown',
  'note: there is a later word',
  'note: fails',
  'note: unanswered',
  'end: dead, log_in (invalid_grant)',
  'end: there is a later word',
  'end: fails',
  'end: unanswered',
  'crashes before save',
  'time passes',
]

describe('what a step is there for is found when it is left out', () => {
  const findings: Readonly<Record<Omission, [property: string, changes?: Partial<Setting>]>> = {
    lease: [properties.a],
    re_read: [properties.login, { resends: 1 }],
    still_leased: [properties.login, { mishaps: 0, pauses: false, resends: 0 }],
    cool_down: [properties.rest],
    check_lease: [properties.a, { losesLease: true }],
    lapse: [properties.a],
    mark: [properties.a],
    mark_cas: [properties.a, { mishaps: 0 }],
    count: [properties.counted, { resends: 1 }],
    outlasts: [properties.a],
    outlasts_deadline: [properties.overlap],
    save: [properties.d],
    save_late: [properties.f],
    save_mark: [properties.f],
    save_cas: [properties.b],
    save_rescued: [properties.b],
    note: [properties.overlap],
    note_mark: [properties.login, { storeFails: true, resends: 0 }],
    note_unsent: [properties.login, { mishaps: 2, resends: 1 }],
    note_later: [properties.login, { mishaps: 2, resends: 1 }],
    note_unknown: [properties.counted, { resends: 1 }],
    note_rest: [properties.rest],
    end: [properties.b],
    end_cas: [properties.login],
    release: [properties.reuse, { storeFails: true }],
  }
  for (const [without, [property, changes]] of Object.entries(findings) as [Omission, [string, Partial<Setting>?]][])
    test(`${omissions[without].what}: ${property}`, () => {
      const finding = explore({ ...changes, without })
      expect(finding.fault, storyOf(finding)).toBe(property)
    })
})

describe('the figures matter', () => {
  const { leaseFor, deadline } = usual
  const figures: Readonly<Record<string, [changes: Partial<Setting>, property: string]>> = {
    'a lease that does not outlast the deadline is never good enough to send': [{ leaseFor: deadline }, stuck],
    'a lease that does not outlast the deadline, with nobody looking': [
      { leaseFor: deadline, without: 'outlasts_deadline' },
      properties.overlap,
    ],
    'a clock that is ahead by as much as the cool-down is longer than a request': [{ ahead: 1 }, properties.overlap],
    'a cool-down that ends before a request that was given up': [{ coolDown: deadline }, properties.overlap],
    'a deadline beyond the lease': [{ deadline: leaseFor, coolDown: leaseFor + 1 }, stuck],
  }
  for (const [name, [changes, property]] of Object.entries(figures))
    test(`${name}: ${property}`, () => {
      const finding = explore(changes)
      expect(finding.fault, storyOf(finding)).toBe(property)
    })
})
