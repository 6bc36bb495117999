import { describe, expect, test } from 'vitest'
import {
  AuthorizationServerError,
  GrantKitError,
  TokenResponseError,
  TokenStoreError,
  TransportError,
} from '../../src/index.js'
import { changeAfter, type Outcome, outcomeOf } from '../../src/lifecycle/outcome.js'
import { emptyRecord, marked } from '../../src/lifecycle/record.js'

const refused = (
  status: number,
  kind: 'transient' | 'terminal' | 'invalid_grant' | 'stale_assertion',
  error?: string,
) => new AuthorizationServerError({ serverStatus: status, kind, error })
const transport = (code: string, neverSent: boolean) => new TransportError(code, 'no answer', { neverSent })

describe('outcomeOf', () => {
  const outcomes: [string, unknown, Outcome][] = [
    ['no route to the server', transport('ERR_TRANSPORT', true), 'unsent'],
    ['a time-out before the first byte', transport('ERR_TRANSPORT_TIMEOUT', true), 'unsent'],
    ['a lost connection', transport('ERR_TRANSPORT', false), 'unknown'],
    ['a time-out', transport('ERR_TRANSPORT_TIMEOUT', false), 'unknown'],
    ['an answer that is no token response', new TokenResponseError('expected a JSON object'), 'unknown'],
    ['an error of nobody we know', new Error('?'), 'unknown'],
    ['500', refused(500, 'transient', 'server_error'), 'unknown'],
    ['a 500 that a provider takes for final', refused(500, 'terminal'), 'unknown'],
    ['502', refused(502, 'transient'), 'unknown'],
    ['503', refused(503, 'transient'), 'later'],
    ['429', refused(429, 'transient'), 'later'],
    ['408', refused(408, 'transient'), 'later'],
    ['400 temporarily_unavailable', refused(400, 'transient', 'temporarily_unavailable'), 'later'],
    ['200 with server_error', refused(200, 'transient', 'server_error'), 'unknown'],
    ['401 invalid_client', refused(401, 'terminal', 'invalid_client'), 'refused'],
    ['400 invalid_scope', refused(400, 'terminal', 'invalid_scope'), 'refused'],
    ['an assertion taken for replayed', refused(400, 'stale_assertion'), 'refused'],
    ['invalid_grant', refused(400, 'invalid_grant', 'invalid_grant'), 'dead'],
    [
      'a secret that could not be had at a second attempt',
      new GrantKitError('ERR_CLIENT_AUTHENTICATION', '?'),
      'unsent',
    ],
    ['a lease lost before a second attempt', new TokenStoreError('?', { operation: 'lease' }), 'unsent'],
  ]
  for (const [name, error, outcome] of outcomes)
    test(`${name}: ${outcome}`, () => {
      expect(outcomeOf(error, true)).toBe(outcome)
    })

  test('whatever it is, what never reached the transport was not sent', () => {
    for (const [, error] of outcomes) expect(outcomeOf(error, false)).toBe('unsent')
  })
})

describe('changeAfter', () => {
  const before = { ...emptyRecord, refreshToken: 'r' }
  const record = marked(before, 'holder', 0)
  const after = (outcome: Exclude<Outcome, 'dead'>, error: unknown) =>
    changeAfter(outcome, error, { before, now: 1_000 })(record)

  test('takes the mark back of what was not sent, or not taken', () => {
    expect(after('unsent', new Error('?')).sending).toBeUndefined()
    expect(after('refused', refused(401, 'terminal')).sending).toBeUndefined()
  })

  test('rests for a second, or for as long as the server says', () => {
    expect(after('later', refused(503, 'transient')).sending).toMatchObject({ sends: 0, restUntil: 2_000 })
    const slow = new AuthorizationServerError({ serverStatus: 503, kind: 'transient', retryAfterMs: 20_000 })
    expect(after('later', slow).sending).toMatchObject({ restUntil: 21_000, failure: { status: 503 } })
    expect(after('unknown', transport('ERR_TRANSPORT', false)).sending).toMatchObject({ sends: 1, restUntil: 2_000 })
  })
})
