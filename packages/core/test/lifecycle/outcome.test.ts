import { describe, expect, test } from 'vitest'
import {
  AuthorizationServerError,
  GrantKitError,
  type RefusalKind,
  TokenResponseError,
  TokenStoreError,
  TransportError,
  type TransportErrorCode,
} from '../../src/index.js'
import {
  type Circumstances,
  changeAfter,
  endBy,
  failedBy,
  type Outcome,
  outcomeOf,
} from '../../src/lifecycle/outcome.js'
import { emptyRecord, type LineageRecord, type Mark, marked } from '../../src/lifecycle/record.js'

const refused = (status: number, kind: RefusalKind, error?: string) =>
  new AuthorizationServerError({ serverStatus: status, kind, error })
const transport = (code: TransportErrorCode, neverSent: boolean) => new TransportError(code, 'no answer', { neverSent })

describe('outcomeOf', () => {
  const outcomes: [string, unknown, Outcome][] = [
    ['no route to the server', transport('ERR_TRANSPORT', true), 'unsent'],
    ['a time-out before the first byte', transport('ERR_TRANSPORT_TIMEOUT', true), 'unsent'],
    ['a lost connection', transport('ERR_TRANSPORT', false), 'unknown'],
    ['a time-out', transport('ERR_TRANSPORT_TIMEOUT', false), 'unknown'],
    ['an answer that is no token response', new TokenResponseError('expected a JSON object'), 'unknown'],
    ['one with a status', new TokenResponseError('expected a JSON object', { serverStatus: 404 }), 'unknown'],
    ['an error of nobody we know', new Error('?'), 'unknown'],
    ['500', refused(500, 'transient', 'server_error'), 'unknown'],
    ['a 500 that a provider takes for final', refused(500, 'terminal'), 'unknown'],
    ['502', refused(502, 'transient'), 'unknown'],
    ['503', refused(503, 'transient'), 'later'],
    ['429', refused(429, 'transient'), 'later'],
    ['a 429 that a provider takes for final', refused(429, 'terminal'), 'later'],
    ['408', refused(408, 'transient'), 'later'],
    ['400 temporarily_unavailable', refused(400, 'transient', 'temporarily_unavailable'), 'later'],
    ['200 with server_error', refused(200, 'transient', 'server_error'), 'unknown'],
    ['401 invalid_client', refused(401, 'invalid_client', 'invalid_client'), 'untouched'],
    ['400 invalid_scope', refused(400, 'invalid_scope', 'invalid_scope'), 'untouched'],
    ['an assertion taken for replayed', refused(400, 'stale_assertion'), 'untouched'],
    ['400 authorization_pending', refused(400, 'pending', 'authorization_pending'), 'untouched'],
    ['400 invalid_request', refused(400, 'terminal', 'invalid_request'), 'refused'],
    ['an empty 403', refused(403, 'terminal'), 'refused'],
    ['403 access_denied', refused(403, 'denied', 'access_denied'), 'refused'],
    ['invalid_grant', refused(400, 'invalid_grant', 'invalid_grant'), 'invalid_grant'],
    ['login_required', refused(400, 'interaction_required', 'login_required'), 'interaction_required'],
    [
      'a secret that could not be had at a second attempt',
      new GrantKitError('ERR_CLIENT_AUTHENTICATION', '?', { neverSent: true }),
      'unsent',
    ],
    ['a lease lost before sending', new TokenStoreError('?', { operation: 'lease', neverSent: true }), 'unsent'],
  ]
  for (const [name, error, outcome] of outcomes)
    test(`${name}: ${outcome}`, () => {
      expect(outcomeOf(error, true)).toBe(outcome)
    })

  test('whatever it is, what never reached the transport was not sent', () => {
    for (const [, error] of outcomes) expect(outcomeOf(error, false)).toBe('unsent')
  })
})

const before: LineageRecord = { ...emptyRecord, refreshToken: 'r' }
const circumstances: Circumstances = { before: undefined, now: 1_000, servesOthers: false }

describe('changeAfter', () => {
  const record = marked(before, 'holder', 0)
  const after = (outcome: Outcome, error: unknown) =>
    changeAfter(outcome, failedBy(outcome, error, circumstances), before)(record)

  test('takes the mark back of what was not sent, or has nothing to do with the refresh token', () => {
    expect(after('unsent', new Error('?')).sending).toBeUndefined()
    expect(after('untouched', refused(401, 'invalid_client')).sending).toBeUndefined()
  })

  test('rests for a second, or for as long as the server says', () => {
    expect(after('later', refused(503, 'transient')).sending).toMatchObject({ sends: 0, restUntil: 2_000 })
    const slow = new AuthorizationServerError({ serverStatus: 503, kind: 'transient', retryAfterMs: 20_000 })
    expect(after('later', slow).sending).toMatchObject({ restUntil: 21_000, failure: { status: 503 } })
    expect(after('unknown', transport('ERR_TRANSPORT', false)).sending).toMatchObject({ sends: 1, restUntil: 2_000 })
  })

  test('rests for ten seconds after a refusal that does not say why', () => {
    expect(after('refused', refused(400, 'terminal')).sending).toMatchObject({ sends: 0, restUntil: 11_000 })
  })
})

describe('failedBy', () => {
  test('notes what was said of the client or the scope, and has the refresh token rest for it no longer', () => {
    const failure = { status: 401, error: 'invalid_client' }
    const error = refused(401, 'invalid_client', 'invalid_client')
    expect(failedBy('untouched', error, circumstances)).toEqual({ failure })
  })

  const restsAfter = (outcome: Outcome, error: unknown) => {
    let failed: Partial<Mark> = {}
    return Array.from({ length: 7 }, () => {
      failed = failedBy(outcome, error, { ...circumstances, before: failed as Mark })
      return ((failed.restUntil ?? 0) - circumstances.now) / 1_000
    })
  }

  test('rests longer after each failure in a row', () => {
    expect(restsAfter('unknown', refused(500, 'transient'))).toEqual([1, 2, 4, 8, 16, 30, 30])
    expect(restsAfter('refused', refused(400, 'terminal'))).toEqual([10, 20, 40, 60, 60, 60, 60])
  })

  test('counts refusals while others are served, and none that is an outage', () => {
    const mark = { refusals: 1, failures: 1, failingSince: 0 } as Mark
    const count = (outcome: Outcome, error: unknown, servesOthers: boolean) =>
      failedBy(outcome, error, { before: mark, now: 1_000, servesOthers }).refusals
    expect(count('refused', refused(400, 'terminal'), true)).toBe(2)
    expect(count('unknown', refused(500, 'transient'), true)).toBe(2)
    expect(count('refused', refused(400, 'terminal'), false)).toBe(1)
    expect(count('later', refused(503, 'transient'), true)).toBe(1)
    expect(count('unknown', transport('ERR_TRANSPORT', false), true)).toBe(1)
  })

  test('counts the first refusal as one', () => {
    const first = failedBy('refused', refused(400, 'terminal'), { ...circumstances, servesOthers: true })
    expect(first).toMatchObject({ failures: 1, refusals: 1, failingSince: circumstances.now })
  })
})

describe('endBy', () => {
  const failed = { failure: { status: 400 }, failures: 3, refusals: 3, failingSince: 0 }
  const some = { before: undefined, now: 120_000, servesOthers: true }

  test('the server’s word ends a session at once', () => {
    expect(endBy('invalid_grant', {}, circumstances)).toBe('invalid_grant')
    expect(endBy('interaction_required', {}, circumstances)).toBe('interaction_required')
  })

  test('a few refusals over some minutes end it, while others are served', () => {
    expect(endBy('refused', failed, some)).toBe('refused')
    expect(endBy('unknown', failed, some)).toBe('refused')
  })

  test.each([
    ['too few', { ...failed, refusals: 2 }, some],
    ['too soon', failed, { ...some, now: 119_999 }],
    ['nobody is served', failed, { ...some, servesOthers: false }],
  ])('not when it is %s', (_, failed, circumstances) => {
    expect(endBy('refused', failed, circumstances)).toBeUndefined()
  })

  test('no count ends it of requests that had no answer, or were asked to come later', () => {
    for (const failure of [undefined, {}]) expect(endBy('unknown', { ...failed, failure }, some)).toBeUndefined()
    expect(endBy('later', failed, some)).toBeUndefined()
    expect(endBy('untouched', failed, some)).toBeUndefined()
  })
})
