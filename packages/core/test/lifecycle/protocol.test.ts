/** The order of the steps of one refresh, and what it goes on with after each; the model goes through all orders of several. */
import { describe, expect, test } from 'vitest'
import { AuthorizationServerError, TokenResponseError, TokenStoreError, TransportError } from '../../src/errors.js'
import {
  type Change,
  type Refresh,
  type Results,
  refreshing,
  type Step,
  type Steps,
  type Verdict,
} from '../../src/lifecycle/protocol.js'
import {
  answered,
  asking,
  discarded,
  emptyRecord,
  ended,
  forgotten,
  type LineageRecord,
  marked,
  nothingDone,
} from '../../src/lifecycle/record.js'
import { type Known, nothing } from '../../src/lifecycle/version.js'
import { rescue } from '../../src/rescue.js'
import { sha256 } from '../../src/secret.js'
import { TokenSet } from '../../src/token-set.js'

const now = 1_700_000_000_000

const tokenSet = (count: number, obtainedAt = now) =>
  new TokenSet({ accessToken: `access-${count}`, refreshToken: `refresh-${count}`, obtainedAt })
const record = answered(emptyRecord, 'entry', tokenSet(1, now - 1_000))
const known: Known = { version: '1', record }
const withMark = marked(record, 'me', now)
const answer = tokenSet(2)

type Name = Step['step']
/** What comes of a step, each time it is done; the last of several goes on. An error is thrown. */
type Script = { readonly [S in Name]?: readonly (Results[S] | Error)[] }

const usual = {
  lease: [undefined],
  re_read: [known],
  still_leased: [true],
  cool_down: [undefined],
  check_lease: [true],
  mark: [true],
  outlasts: [true],
  send: [{ answer }],
  save: [true],
  note: [undefined],
  end: [true],
  release: [undefined],
  wait_for_change: [undefined],
} satisfies Script

const usualRefresh: Refresh = {
  entry: 'entry',
  serves: ({ accessToken }) => accessToken !== 'access-1',
  resends: Number.POSITIVE_INFINITY,
  holder: 'me',
  now: () => now,
  checkOpen: () => {},
  isToldOfChanges: true,
  servesOthers: () => false,
  isEarlier: () => false,
  isHeld: () => true,
}

/** A refresh whose steps come to what is written for them: which steps there were, and how it ended. */
function go(script: Script = {}, changes: Partial<Refresh> = {}) {
  const refresh = { ...usualRefresh, ...changes }
  const results = new Map(
    Object.entries({ ...usual, ...script }).map(([name, values]) => [name, [...values] as unknown[]]),
  )
  const done: Step[] = []
  const resultOf = (step: Step): unknown => {
    done.push(step)
    const values = results.get(step.step) ?? []
    return values.length > 1 ? values.shift() : values[0]
  }
  const perform = (step: Step): unknown => {
    if (step.step !== 'send') return resultOf(step)
    const before = walk(step.beforeSending(), perform)
    return 'error' in before ? { error: before.error, hasLeft: false } : resultOf(step)
  }
  const end = walk(
    refreshing(refresh, verdict => verdict),
    perform,
  )
  const changesBy = (name: 'save' | 'note' | 'end') => done.find(({ step }) => step === name) as Step & Change
  return { steps: done.map(({ step }) => step), done, changesBy, ...end }
}

function walk<T>(steps: Steps<T>, perform: (step: Step) => unknown): { verdict: T } | { error: unknown } {
  try {
    let next = steps.next()
    while (next.done !== true) {
      const result = perform(next.value)
      next = result instanceof Error ? steps.throw(result) : steps.next(result)
    }
    return { verdict: next.value }
  } catch (error) {
    return { error }
  }
}

const look = ['lease', 're_read', 'still_leased'] as const
const untilMark = [...look, 'cool_down', 'check_lease', 'mark'] as const
const untilSend = [...untilMark, 'outlasts', 'send'] as const
const down = new TokenStoreError('down', { operation: 'any' })
const refused = (serverStatus: number, kind: AuthorizationServerError['kind']) => ({
  error: new AuthorizationServerError({ serverStatus, kind }),
  hasLeft: true,
})

describe('a refresh', () => {
  test('marks, sends, saves and serves, in that order', () => {
    const { steps, done, verdict } = go() as ReturnType<typeof go> & { verdict: Verdict }
    expect(steps).toEqual([...untilSend, 'save', 'release'])
    expect(verdict).toEqual({ step: 'answered', answer })
    expect(done.find(({ step }) => step === 'mark')).toEqual({ step: 'mark', over: known, record: withMark })
    expect(done.find(({ step }) => step === 'send')).toMatchObject({ refreshToken: 'refresh-1' })
    expect(done.find(({ step }) => step === 'cool_down')).toMatchObject({ refreshToken: 'refresh-1' })
  })

  test('serves what somebody else has obtained, and sends nothing', () => {
    const later: Known = { version: '2', record: answered(record, 'entry', answer) }
    const { steps, ...end } = go({ re_read: [later] })
    expect(steps).toEqual([...look, 'release'])
    expect(end).toMatchObject({
      verdict: { step: 'serve', token: { accessToken: 'access-2' }, known: later },
    })
  })

  test('waits while somebody else has the lease, as long as anybody wants it', () => {
    let asked = 0
    const checkOpen = () => {
      if (++asked === 3) throw new Error('nobody')
    }
    const { steps, ...end } = go({ still_leased: [false] }, { checkOpen })
    expect(steps).toEqual([...look, ...look, ...look, 'release'])
    expect(end).toMatchObject({ error: { message: 'nobody' } })
  })

  test('begins anew when the lease is lost before the mark', () => {
    expect(go({ check_lease: [false, true] }).steps).toEqual([
      ...look,
      'cool_down',
      'check_lease',
      ...untilSend,
      'save',
      'release',
    ])
  })

  test('begins anew when somebody else has the last word before the mark', () => {
    expect(go({ mark: [false, true] }).steps).toEqual([...untilMark, ...untilSend, 'save', 'release'])
  })

  test('gives up after twenty rounds in which others had the last word', () => {
    const { steps, ...end } = go({ mark: [false] })
    expect(steps.filter(step => step === 'mark')).toHaveLength(20)
    expect(steps.at(-1)).toBe('release')
    expect(end).toMatchObject({ verdict: { step: 'again' } })
  })

  test('rests without a mark', () => {
    const rests = new Error('rests')
    const { steps, ...end } = go({ cool_down: [rests] as never })
    expect(steps).toEqual([...look, 'cool_down', 'release'])
    expect(end).toMatchObject({ error: rests })
  })
})

describe('a mark that could not be written', () => {
  const { steps, changesBy, ...end } = go({ mark: [down] })

  test('is taken back, since it may be there all the same; nothing is sent', () => {
    expect(steps).toEqual([...untilMark, 'note', 'release'])
    expect(end).toMatchObject({ error: down })
    expect(changesBy('note').change(withMark)).toEqual(record)
  })

  test('is not taken back where another has come', () => {
    const { mayReplace } = changesBy('note')
    expect(mayReplace({ version: '2', record: withMark })).toBe(true)
    expect(mayReplace({ version: '2', record })).toBe(false)
  })
})

describe('the mark is the last word', () => {
  const mayReplace = (sending: LineageRecord['sending']) =>
    go({ send: [refused(503, 'transient')] })
      .changesBy('note')
      .mayReplace({ version: '2', record: { ...record, sending } })
  const mark = withMark.sending as NonNullable<LineageRecord['sending']>

  test('also where something else in the record has changed', () => {
    expect(mayReplace({ ...mark, failures: 3 })).toBe(true)
    const dropped = discarded(withMark, 'entry', 'access-1')
    expect(
      go({ send: [refused(503, 'transient')] })
        .changesBy('note')
        .mayReplace({ version: '2', record: dropped }),
    ).toBe(true)
  })

  test.each([
    ['there is none', undefined],
    ['somebody else has written it', { ...mark, holder: 'another' }],
    ['it was written later', { ...mark, at: now + 1 }],
    ['it was sent once more', { ...mark, sends: 2 }],
    ['what came of it was written already', { ...mark, restUntil: now + 1_000 }],
  ])('not where %s', (_, sending) => {
    expect(mayReplace(sending)).toBe(false)
  })
})

describe('right before sending', () => {
  test('a lease that may not outlast the request is asked for again', () => {
    const { steps, ...end } = go({ outlasts: [false, true] })
    expect(steps).toEqual([...untilMark, 'outlasts', 'check_lease', 'outlasts', 'send', 'save', 'release'])
    expect(end).toMatchObject({ verdict: { step: 'answered' } })
  })

  test('one that is lost keeps the request back: the mark is taken back, and all is decided again', () => {
    const { steps, changesBy, ...end } = go({ outlasts: [false, false, true] })
    const heldBack = [...untilMark, 'outlasts', 'check_lease', 'outlasts', 'note']
    expect(steps).toEqual([...heldBack, ...untilSend, 'save', 'release'])
    expect(end).toMatchObject({ verdict: { step: 'answered' } })
    expect(changesBy('note').change(withMark)).toEqual(record)
  })

  test('a store that fails then keeps it back, and is told', () => {
    const { steps, changesBy, ...end } = go({ outlasts: [false], check_lease: [true, down] })
    expect(steps).toEqual([...untilMark, 'outlasts', 'check_lease', 'note', 'release'])
    expect(end).toMatchObject({ error: down })
    expect(changesBy('note').change(withMark)).toEqual(record)
  })
})

describe('an answer', () => {
  const later = (sent: LineageRecord): Known => ({ version: '2', record: sent })
  const step = (changes?: Partial<Refresh>) => go({}, changes).changesBy('save')

  test('is written over the mark', () => {
    expect(step().mayReplace(later(withMark))).toBe(true)
    expect(step().change(withMark)).toEqual(answered(withMark, 'entry', answer))
    const others = answered(withMark, 'another', tokenSet(7))
    const dropped = discarded({ ...others, sending: withMark.sending }, 'another', 'access-7')
    const rejected = { ...dropped, refreshToken: 'refresh-1', ended: undefined, spent: ['kept'] }
    expect(step().change(rejected)).toEqual(answered(rejected, 'entry', answer))
  })

  test.each([
    ['nothing', nothing],
    ['a record that is missed', later(asking(now))],
  ])('is written over %s, which a fail-over has left, as if the mark were there', (_, left) => {
    expect(step().mayReplace(left)).toBe(true)
    expect(step().change(left.record)).toEqual(answered(withMark, 'entry', answer))
  })

  test('is written over an earlier record, which a fail-over has brought back', () => {
    const isEarlier = ({ version }: Known) => version === '2'
    expect(step({ isEarlier }).mayReplace(later(record))).toBe(true)
  })

  test('is not written over a later word', () => {
    expect(
      [later(record), later(forgotten), later({ ...withMark, sending: undefined })].map(step().mayReplace),
    ).toEqual([false, false, false])
  })

  test('that is not in the store is handed out to nobody: all is decided again', () => {
    const saved = later(answered(record, 'entry', answer))
    const { steps, ...end } = go({ save: [false], re_read: [known, saved] })
    expect(steps).toEqual([...untilSend, 'save', ...look, 'release'])
    expect(end).toMatchObject({ verdict: { step: 'serve' } })
  })

  test('that is not what this process has now is handed out to nobody either', () => {
    const saved = later(answered(record, 'entry', answer))
    const { steps, ...end } = go({ re_read: [known, saved] }, { isHeld: () => false })
    expect(steps).toEqual([...untilSend, 'save', ...look, 'release'])
    expect(end).toMatchObject({ verdict: { step: 'serve' } })
  })
})

describe('a failure', () => {
  test('is written down over the mark, and told', () => {
    const later = refused(503, 'transient')
    const { steps, changesBy, ...end } = go({ send: [later] })
    expect(steps).toEqual([...untilSend, 'note', 'release'])
    expect(end).toMatchObject({ error: later.error })
    const failed = {
      failure: { status: 503, error: undefined },
      failures: 1,
      refusals: 0,
      failingSince: now,
      restUntil: now + 1_000,
    }
    expect(changesBy('note').change(withMark)).toEqual(nothingDone(withMark, failed))
  })

  test('of a request that never left takes the mark back', () => {
    const { changesBy } = go({
      send: [{ error: new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true }), hasLeft: true }],
    })
    expect(changesBy('note').change(withMark)).toEqual(record)
  })

  /** A refresh token that the server has refused twice before. */
  const failing: Known = {
    version: '1',
    record: {
      ...record,
      sending: { hash: sha256('refresh-1'), holder: 'x', at: 7, sends: 0, refusals: 2, failures: 2, failingSince: 0 },
    },
  }

  test('that is the last of many, while others are served, ends the session', () => {
    const asked: unknown[] = []
    const servesOthers = (...what: unknown[]) => {
      asked.push(what)
      return true
    }
    const { steps, ...end } = go({ re_read: [failing], send: [refused(400, 'terminal')] }, { servesOthers })
    expect(steps).toEqual([...untilSend, 're_read', 'end', 'release'])
    expect(end).toMatchObject({ verdict: { step: 'log_in', reason: 'refused' } })
    expect(asked).toEqual([['refresh-1', 7]])
  })

  test('that is the last of many, while nobody is served, ends nothing', () => {
    expect(go({ re_read: [failing], send: [refused(400, 'terminal')] }).steps).toEqual([
      ...untilSend,
      'note',
      'release',
    ])
  })

  test('that is the first does not ask whether others are served', () => {
    go({ send: [refused(400, 'terminal')] }, { servesOthers: () => expect.unreachable() })
  })

  describe('that brought a new refresh token', () => {
    const odd = (refreshToken: string) => ({
      error: rescue(new TokenResponseError('of no use'), { refreshToken, obtainedAt: now }),
      hasLeft: true,
    })

    test('has it saved like an answer, and is told; nothing else is written', () => {
      const brought = odd('refresh-2')
      const { steps, changesBy, ...end } = go({ send: [brought] })
      expect(steps).toEqual([...untilSend, 'save', 'release'])
      expect(end).toMatchObject({ error: brought.error })
      expect(changesBy('save').change(withMark)).toMatchObject({
        refreshToken: 'refresh-2',
        sending: { hash: sha256('refresh-2'), sends: 0, restUntil: now + 1_000 },
      })
    })

    test('that is the old one is a failure like any other', () => {
      const { steps } = go({ send: [odd('refresh-1')] })
      expect(steps).toEqual([...untilSend, 'note', 'release'])
    })
  })
})

describe('the server’s word that a refresh token is dead', () => {
  const dead = refused(400, 'invalid_grant')

  test('ends the session, after the record was read again', () => {
    const { steps, changesBy, ...end } = go({ send: [dead] })
    expect(steps).toEqual([...untilSend, 're_read', 'end', 'release'])
    expect(end).toMatchObject({ verdict: { step: 'log_in', reason: 'invalid_grant', cause: dead.error } })
    expect(changesBy('end').change(withMark)).toEqual(ended(withMark, 'invalid_grant'))
    expect([withMark, record].map(one => changesBy('end').mayReplace({ version: '2', record: one }))).toEqual([
      true,
      false,
    ])
  })

  test('ends nothing where there is a later word: all is decided again', () => {
    const later: Known = { version: '3', record: answered(record, 'entry', answer) }
    const { steps, ...end } = go({ send: [dead], end: [false], re_read: [known, known, later] })
    expect(steps).toEqual([...untilSend, 're_read', 'end', ...look, 'release'])
    expect(end).toMatchObject({ verdict: { step: 'serve' } })
  })
})

describe('a record that the store has lost', () => {
  const lost: Known = { version: 'first-1', record: asking(now) }

  test('is waited for once, without the lease, by whoever is told of changes', () => {
    const { steps, ...end } = go({ re_read: [lost] })
    expect(steps).toEqual([...look, 'release', 'wait_for_change', ...look, 'release'])
    expect(end).toMatchObject({ verdict: { step: 'ask' } })
  })

  test('is used when it was put back meanwhile', () => {
    expect(go({ re_read: [lost, known] })).toMatchObject({ verdict: { step: 'answered' } })
  })

  test('is not waited for by whoever is told of nothing', () => {
    const { steps, ...end } = go({ re_read: [lost] }, { isToldOfChanges: false })
    expect(steps).toEqual([...look, 'release'])
    expect(end).toMatchObject({ verdict: { step: 'ask' } })
  })
})

test('the lease is given back after what the caller gets was made', () => {
  const order: string[] = []
  const steps = refreshing({ ...usualRefresh, serves: () => true, resends: 0, isToldOfChanges: false }, ({ step }) =>
    order.push(step),
  )
  walk(steps, ({ step }) => {
    order.push(step)
    return step === 're_read' ? known : true
  })
  expect(order).toEqual([...look, 'serve', 'release'])
})
