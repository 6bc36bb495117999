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
  }
  for (const [name, [changes, leastStates]] of Object.entries(settings))
    test(`${name}: more than ${leastStates} states`, () => {
      const finding = explore(changes)
      expect(finding.fault, storyOf(finding)).toBeUndefined()
      expect(finding.states).toBeGreaterThan(leastStates)
    })
})

test('every step is gone through', () => {
  const labels = [{}, { resends: 1 }].flatMap(changes =>
    [...explore(changes).labels].map(label => label.replace(/^p\d /, '')),
  )
  expect(labels).toEqual(expect.arrayContaining(everyStep))
})

/** With both ends of each. */
const everyStep = [
  'lease: granted',
  'lease: refused, decide: wait',
  'lease: refused, decide: serve a1',
  're_read, decide: wait',
  're_read, decide: send',
  're_read, decide: serve a1',
  're_read, decide: rest',
  're_read, decide: send, but it rests',
  're_read, decide: log_in (unknown_outcome)',
  're_read, decide: log_in (invalid_grant)',
  'check_lease: held',
  'check_lease: lost',
  'mark',
  'mark: there is a later word',
  'send r0',
  'send r1',
  'answer: answered',
  'answer: dead',
  'save, serve a1',
  'save: unsent',
  'save: later',
  'save: refused',
  'save: unknown',
  'save: rescued',
  'save: there is a later word',
  'end',
  'end: there is a later word',
  'crashes before save',
  'time passes',
]

describe('what a step is there for is found when it is left out', () => {
  const findings: Readonly<Record<Omission, [property: string, changes?: Partial<Setting>]>> = {
    lease: [properties.a],
    re_read: [properties.login, { resends: 1 }],
    still_leased: [properties.login, { resends: 1 }],
    check_lease: [properties.a],
    outlasts: [properties.a],
    outlasts_deadline: [properties.overlap],
    lapse: [properties.a],
    mark: [properties.a],
    mark_cas: [properties.a, { mishaps: 0 }],
    save_cas: [properties.b],
    save_first: [properties.d],
    late_save: [properties.f],
    rescue: [properties.b],
    mark_identity: [properties.f],
    end_re_read: [properties.login],
    count: [properties.counted, { resends: 1 }],
    unknown: [properties.counted, { resends: 1 }],
    nothing_done: [properties.login, { mishaps: 2, resends: 1 }],
    unsent: [properties.login, { mishaps: 2, resends: 1 }],
    rest: [properties.rest],
    wait: [properties.login, { mishaps: 0, pauses: false, resends: 0 }],
  }
  for (const [without, [property, changes]] of Object.entries(findings) as [Omission, [string, Partial<Setting>?]][])
    test(`${omissions[without]}: ${property}`, () => {
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
    'a cool-down that ends before a request that was given up': [{ coolDown: deadline }, properties.overlap],
    'a deadline beyond the lease': [{ deadline: leaseFor, coolDown: leaseFor + 1 }, stuck],
  }
  for (const [name, [changes, property]] of Object.entries(figures))
    test(`${name}: ${property}`, () => {
      const finding = explore(changes)
      expect(finding.fault, storyOf(finding)).toBe(property)
    })
})
