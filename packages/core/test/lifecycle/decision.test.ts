import { describe, expect, test } from 'vitest'
import { decide, type Wanted } from '../../src/lifecycle/decision.js'
import {
  answered,
  asking,
  emptyRecord,
  ended,
  forgotten,
  type KeptToken,
  type LineageRecord,
  type Mark,
  marked,
  unknown,
} from '../../src/lifecycle/record.js'
import { TokenSet, type TokenSetMembers } from '../../src/token-set.js'

const now = 1_700_000_000_000

const answerOf = (members: Partial<TokenSetMembers> = {}) =>
  new TokenSet({ accessToken: 'access-1', refreshToken: 'refresh-1', obtainedAt: now, ...members })
/** After a login that brought `access-1` and `refresh-1`. */
const recordOf = (members?: Partial<TokenSetMembers>): LineageRecord => answered(emptyRecord, 'e', answerOf(members))
const tokenOf = (record: LineageRecord, entry = 'e') => record.accessTokens[entry] as KeptToken
/** The refresh token was sent so often, and nobody knows what became of it. */
const sentTimes = (times: number): LineageRecord => {
  let record = recordOf()
  for (let time = 0; time < times; time++)
    record = unknown(marked(record, 'a holder', now), { failure: undefined, restUntil: now + 1_000 })
  return record
}

describe('decide', () => {
  const wanted = (changes: Partial<Wanted> = {}): Wanted => ({
    entry: 'e',
    serves: () => false,
    now,
    leased: true,
    resends: 1,
    ...changes,
  })
  const waiting = wanted({ leased: false })

  test('serves a token that serves, whatever becomes of the refresh token', () => {
    const serves = ({ accessToken }: KeptToken) => accessToken === 'access-1'
    const records = [recordOf(), marked(recordOf(), 'a holder', now), ended(recordOf(), 'invalid_grant'), sentTimes(5)]
    for (const record of records)
      expect(decide(record, wanted({ serves }))).toEqual({ step: 'serve', token: tokenOf(record) })
  })

  test('does not serve the token of another entry', () => {
    expect(decide(recordOf(), wanted({ entry: 'another', serves: () => true })).step).toBe('send')
  })

  test('sends a refresh token that nobody has sent, and only under the lease', () => {
    expect(decide(recordOf(), wanted())).toEqual({ step: 'send', refreshToken: 'refresh-1' })
    expect(decide(recordOf(), waiting)).toEqual({ step: 'wait' })
  })

  test('asks the user when a refresh token is bound to a DPoP key that the caller does not have', () => {
    const bound = recordOf({ tokenType: 'DPoP', jkt: 'thumbprint' })
    const holding = (held: string) => wanted({ mayProve: jkt => jkt === held })
    expect(decide(bound, holding('another'))).toEqual({ step: 'log_in', reason: 'other_dpop_key' })
    expect(decide(bound, holding('thumbprint')).step).toBe('send')
    expect(decide(recordOf(), holding('another')).step).toBe('send')
    // whoever does not say has every key
    expect(decide(bound, wanted()).step).toBe('send')
  })

  test('asks the user when there is no refresh token, and says why there is none', () => {
    const reasons = [
      emptyRecord,
      recordOf({ refreshToken: undefined }),
      ended(recordOf(), 'invalid_grant'),
      forgotten,
    ].map(record => decide(record, waiting))
    expect(reasons).toEqual([
      { step: 'log_in', reason: 'no_refresh_token' },
      { step: 'log_in', reason: 'no_refresh_token' },
      { step: 'log_in', reason: 'invalid_grant' },
      { step: 'log_in', reason: 'forgotten' },
    ])
  })

  test('asks the user from the instant the refresh token expires', () => {
    const record = recordOf({ refreshTokenExpiresAt: now + 5 })
    expect(decide(record, wanted({ now: now + 4 })).step).toBe('send')
    expect(decide(record, wanted({ now: now + 5 }))).toEqual({ step: 'log_in', reason: 'refresh_token_expired' })
  })

  test('waits for a request under way, even if it may not be sent again or has expired meanwhile', () => {
    const record = marked(recordOf({ refreshTokenExpiresAt: now + 5 }), 'a holder', now)
    expect(decide(record, wanted({ leased: false, resends: 0 }))).toEqual({ step: 'wait' })
    expect(decide(record, wanted({ leased: false, now: now + 5 }))).toEqual({ step: 'wait' })
  })

  test('with the lease, takes a mark without an outcome for a request whose sender vanished', () => {
    const record = marked(recordOf(), 'a holder', now)
    expect(decide(record, wanted()).step).toBe('send')
    expect(decide(record, wanted({ resends: 0 }))).toEqual({ step: 'log_in', reason: 'unknown_outcome' })
  })

  test('sends again at most as often as allowed', () => {
    const later = now + 1_000
    const steps = [0, 1, 2, 3].map(times => decide(sentTimes(times), wanted({ now: later, resends: 2 })).step)
    expect(steps).toEqual(['send', 'send', 'send', 'log_in'])
  })

  test('rests until the cool-down is over, lease or not, before anybody is asked to log in', () => {
    const record = sentTimes(2)
    const rest = { step: 'rest', mark: record.sending, until: now + 1_000 }
    expect(decide(record, wanted({ now: now + 999 }))).toEqual(rest)
    expect(decide(record, waiting)).toEqual(rest)
    expect(decide(record, wanted({ now: now + 1_000 }))).toEqual({ step: 'log_in', reason: 'unknown_outcome' })
  })

  test('does not mind a mark of another refresh token', () => {
    const { sending } = sentTimes(5)
    expect(decide({ ...recordOf({ refreshToken: 'another' }), sending }, wanted()).step).toBe('send')
  })

  test('waits twelve seconds for whoever may put back a record that is missed, whoever’s clock runs ahead', () => {
    const steps = [-12_000, -11_999, 0, 11_999, 12_000].map(later => decide(asking(now), wanted({ now: now + later })))
    const login = { step: 'log_in', reason: 'no_refresh_token' }
    expect(steps).toEqual([login, { step: 'ask' }, { step: 'ask' }, { step: 'ask' }, login])
  })

  test('does not believe in a rest that was written a minute ahead: that clock is wrong', () => {
    const ahead = (ms: number) => {
      const mark = marked(recordOf(), 'a holder', now + ms)
      return unknown(mark, { failure: undefined, restUntil: now + 3_600_000 })
    }
    expect(decide(ahead(59_999), wanted())).toMatchObject({ step: 'rest', until: now + 3_600_000 })
    expect(decide(ahead(60_000), wanted())).toEqual({ step: 'send', refreshToken: 'refresh-1' })
  })

  describe('in the background, while callers have a token that serves', () => {
    const servedUntil = now + 60_000
    /** The refresh token failed so often, was sent so often, and does not rest any more. */
    const failed = (failures: number | undefined, sends = 1): LineageRecord => {
      const record = marked(recordOf(), 'a holder', now - 1_000)
      return { ...record, sending: { ...(record.sending as Mark), failures, sends, restUntil: now } }
    }
    const background = (changes: Partial<Wanted> = {}) => wanted({ servedUntil, resends: 5, ...changes })

    test('tries again when there is time for the rest after another failure', () => {
      expect(decide(failed(3), background({ servedUntil: now + 8_000 })).step).toBe('send')
    })

    test('leaves it for the moment when it is needed, where callers would have to wait for the end of a rest', () => {
      const record = failed(3)
      const rest = { step: 'rest', mark: record.sending, until: now + 7_999 }
      expect(decide(record, background({ servedUntil: now + 7_999 }))).toEqual(rest)
    })

    test('leaves the last try that is allowed for the moment when it is needed', () => {
      const record = failed(1, 2)
      expect(decide(record, background({ resends: 3 })).step).toBe('send')
      expect(decide(record, background({ resends: 2 }))).toEqual({
        step: 'rest',
        mark: record.sending,
        until: servedUntil,
      })
      expect(decide(record, background({ resends: 2, servedUntil: undefined })).step).toBe('send')
    })

    test('leaves nothing for later that has not failed', () => {
      for (const failures of [undefined, 0])
        expect(decide(failed(failures, 2), background({ resends: 2, servedUntil: now })).step).toBe('send')
    })
  })
})
