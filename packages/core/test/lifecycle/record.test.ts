import { describe, expect, test } from 'vitest'
import { decide } from '../../src/lifecycle/decision.js'
import {
  answered,
  discarded,
  emptyRecord,
  ended,
  forgotten,
  isSameToken,
  type KeptToken,
  knows,
  type LineageRecord,
  marked,
  nothingDone,
  originsOf,
  rescued,
  startingOver,
  tokenSetOf,
  unknown,
  unsent,
  withRefreshToken,
} from '../../src/lifecycle/record.js'
import { sha256 } from '../../src/secret.js'
import { TokenSet, type TokenSetMembers } from '../../src/token-set.js'

const now = 1_700_000_000_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

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

describe('marked', () => {
  test('says which refresh token is sent, by whom and when, without showing it', () => {
    const { sending, ...others } = marked(recordOf(), 'a holder', now)
    expect(sending).toEqual({ hash: sha256('refresh-1'), holder: 'a holder', at: now, sends: 1 })
    expect(others).toEqual(recordOf())
  })

  test('counts on from a send whose outcome is unknown, and forgets its cool-down', () => {
    const record = marked(sentTimes(1), 'another holder', now + 5)
    expect(record.sending).toEqual({ hash: sha256('refresh-1'), holder: 'another holder', at: now + 5, sends: 2 })
  })

  test('counts from the beginning for another refresh token', () => {
    const { sending } = sentTimes(3)
    expect(marked({ ...recordOf({ refreshToken: 'another' }), sending }, 'a holder', now).sending?.sends).toBe(1)
  })

  test('changes nothing without a refresh token', () => {
    expect(marked(forgotten, 'a holder', now)).toBe(forgotten)
  })
})

describe('answered', () => {
  const sent = marked(recordOf({ idToken: 'id-1', scope: 'a b' }), 'a holder', now)

  test('replaces both tokens, and the mark is gone', () => {
    const record = answered(
      sent,
      'e',
      answerOf({ accessToken: 'access-2', refreshToken: 'refresh-2', expiresAt: now + 9 }),
    )
    expect(record).toMatchObject({ refreshToken: 'refresh-2', spent: [sha256('refresh-1')] })
    expect(tokenOf(record)).toMatchObject({ accessToken: 'access-2', obtainedAt: now, expiresAt: now + 9 })
    expect(record.sending).toBeUndefined()
  })

  test('keeps the old refresh token, ID token and scope when none is returned', () => {
    const record = answered(sent, 'e', answerOf({ accessToken: 'access-2', refreshToken: undefined }))
    expect(record).toMatchObject({ refreshToken: 'refresh-1', spent: [] })
    expect(tokenOf(record)).toMatchObject({ accessToken: 'access-2', idToken: 'id-1', scope: 'a b' })
    expect(record.sending).toBeUndefined()
  })

  test('takes a new ID token, scope and what is missing of it', () => {
    const news = { idToken: 'id-2', scope: 'a', missingScope: ['b'] }
    expect(tokenOf(answered(sent, 'e', answerOf(news)))).toMatchObject(news)
  })

  test('leaves the access tokens of other entries as they are', () => {
    const record = answered(sent, 'another', answerOf({ accessToken: 'access-2', refreshToken: 'refresh-2' }))
    expect(tokenOf(record)).toEqual(tokenOf(sent))
    const { accessToken, idToken, scope } = tokenOf(record, 'another')
    expect([accessToken, idToken, scope]).toEqual(['access-2', undefined, undefined])
  })

  test('keeps what else was answered, with an ID token and without', () => {
    const additional = { instance_url: 'https://one.example' }
    expect(tokenOf(recordOf({ additional }))).toMatchObject({ accessToken: 'access-1', additional })
    expect(tokenOf(recordOf({ additional, idToken: 'id-1' }))).toMatchObject({ idToken: 'id-1', additional })
    expect(Object.keys(tokenOf(recordOf()))).not.toContain('additional')
  })

  test('does not bring back an access token that was dropped meanwhile', () => {
    const record = answered(discarded(sent, 'e', 'access-1'), 'another', answerOf({ accessToken: 'access-2' }))
    expect(Object.keys(record.accessTokens)).toEqual(['another'])
  })
})

describe('what came of a request that was not answered by a token', () => {
  const before = sentTimes(1)
  const sent = marked(before, 'a holder', now + 1_000)

  test('unsent: what was known before the mark is what is known', () => {
    expect(unsent(sent, before)).toEqual(before)
    expect(unsent(marked(recordOf(), 'a holder', now), recordOf())).toEqual(recordOf())
  })

  test('unsent: what was dropped since stays dropped', () => {
    const record = unsent(discarded(sent, 'e', 'access-1'), before)
    expect(record).toEqual(discarded(before, 'e', 'access-1'))
  })

  test('unknown: it stays counted, and rests', () => {
    const failure = { status: 500, error: undefined }
    expect(unknown(sent, { failure, restUntil: now + 5_000 }).sending).toEqual({
      ...sent.sending,
      sends: 2,
      restUntil: now + 5_000,
      failure,
    })
  })

  test('nothingDone: it does not count, and rests as long as the server wants', () => {
    const failure = { status: 503, error: 'temporarily_unavailable' }
    const record = nothingDone(marked(recordOf(), 'a holder', now), { failure, restUntil: now + 7_000 })
    expect(record.sending).toMatchObject({ sends: 0, restUntil: now + 7_000, failure })
  })

  test('nothingDone: it can be repeated without end', () => {
    let record = recordOf()
    for (let time = 0; time < 20; time++) record = nothingDone(marked(record, 'a holder', now), { restUntil: now })
    expect(decide(record, { entry: 'e', serves: () => false, now, leased: true, resends: 0 }).step).toBe('send')
  })

  test('nothingDone: without a rest nothing is left of the mark', () => {
    expect(
      nothingDone(marked(recordOf(), 'a holder', now), { failure: { status: 400, error: 'invalid_scope' } }),
    ).toEqual(recordOf())
  })

  test('nothingDone: a send before it whose outcome is unknown still counts', () => {
    const { sends, restUntil } = nothingDone(sent, {}).sending ?? {}
    expect([sends, restUntil]).toEqual([1, undefined])
  })

  test('a mark that is gone is not brought back', () => {
    expect(unknown(recordOf(), { restUntil: now })).toEqual(recordOf())
    expect(nothingDone(recordOf(), { restUntil: now })).toEqual(recordOf())
  })

  test('rescued: the new refresh token is in force, and rests as the old one would', () => {
    const brought = { refreshToken: 'refresh-2', obtainedAt: now }
    const { refreshToken, sending, spent } = rescued(sent, brought, { failures: 1, restUntil: now + 5_000 })
    expect({ refreshToken, spent }).toEqual({ refreshToken: 'refresh-2', spent: [sha256('refresh-1')] })
    expect(sending).toMatchObject({ hash: sha256('refresh-2'), sends: 0, failures: 1, restUntil: now + 5_000 })
  })

  test('rescued: it is kept where the mark is gone, too', () => {
    const { refreshToken, sending } = rescued(recordOf(), { refreshToken: 'refresh-2', obtainedAt: now }, {})
    expect([refreshToken, sending]).toEqual(['refresh-2', undefined])
  })
})

describe('ended', () => {
  const record = ended(marked(recordOf({ expiresAt: now + hourMs }), 'a holder', now), 'invalid_grant')

  test('takes the refresh token and its mark, and remembers its hash', () => {
    expect(record).toMatchObject({ ended: 'invalid_grant', spent: [sha256('refresh-1')] })
    expect([record.refreshToken, record.sending]).toEqual([undefined, undefined])
  })

  test('leaves the access tokens to live to their end', () => {
    expect(tokenOf(record)).toEqual(tokenOf(recordOf({ expiresAt: now + hourMs })))
  })

  test('is over with the next login', () => {
    expect(withRefreshToken(startingOver(record), { refreshToken: 'refresh-2', obtainedAt: now }).ended).toBeUndefined()
  })
})

describe('discarded', () => {
  test('drops the access token alone, even while a request is under way', () => {
    const sent = marked(recordOf(), 'a holder', now)
    expect(discarded(sent, 'e', 'access-1')).toEqual({ ...sent, accessTokens: {} })
  })

  test('leaves a token that has been replaced meanwhile, and other entries', () => {
    const record = recordOf()
    expect(discarded(record, 'e', 'access-0')).toBe(record)
    expect(discarded(record, 'another', 'access-1')).toBe(record)
  })
})

describe('knows', () => {
  /** Renewed so often: `refresh-1` to `refresh-<times + 1>`. */
  const rotatedTimes = (times: number): LineageRecord => {
    let record = recordOf()
    for (let number = 2; number <= times + 1; number++)
      record = answered(record, 'e', answerOf({ refreshToken: `refresh-${number}` }))
    return record
  }

  test('the refresh token in force, and the latest that came before it', () => {
    const record = rotatedTimes(20)
    const numbers = Array.from({ length: 23 }, (_, number) => number).filter(number =>
      knows(record, `refresh-${number}`),
    )
    expect(numbers).toEqual([1, 13, 14, 15, 16, 17, 18, 19, 20, 21])
  })

  test('the one it began with, after however many renewals', () => {
    expect(knows(rotatedTimes(100), 'refresh-1')).toBe(true)
  })

  test('one that is dead, or of the login before', () => {
    expect(knows(ended(rotatedTimes(1), 'invalid_grant'), 'refresh-2')).toBe(true)
    const again = withRefreshToken(startingOver(rotatedTimes(1)), { refreshToken: 'new', obtainedAt: now })
    expect(['refresh-1', 'refresh-2', 'new', 'strange'].map(token => knows(again, token))).toEqual([
      true,
      true,
      true,
      false,
    ])
  })

  test('the one that each login began with, however often it was rotated since', () => {
    const again = withRefreshToken(startingOver(rotatedTimes(100)), { refreshToken: 'second', obtainedAt: now })
    const rotated = Array.from({ length: 100 }, (_, index) => `rotated-${index}`).reduce(
      (record, refreshToken) => withRefreshToken(record, { refreshToken, obtainedAt: now }),
      again,
    )
    expect(knows(rotated, 'refresh-1')).toBe(true)
    expect(knows(rotated, 'second')).toBe(true)
    expect(knows(rotated, 'rotated-1')).toBe(false)
  })

  test('the only one that is used up', () => {
    const record = { ...emptyRecord, refreshToken: 'refresh-2', spent: [sha256('refresh-1')] }
    expect([knows(record, 'refresh-1'), knows(record, 'refresh-0')]).toEqual([true, false])
  })

  test('by hashes alone, and of few', () => {
    const { spent } = rotatedTimes(100)
    expect(spent).toHaveLength(8)
    expect(spent.at(-1)).toBe(sha256('refresh-100'))
  })
})

describe('startingOver', () => {
  test('leaves nothing of the login before but the hashes of its refresh tokens', () => {
    const before = marked(recordOf({ refreshTokenExpiresAt: now + dayMs }), 'a holder', now)
    const hashes = [sha256('refresh-1')]
    expect(startingOver(before)).toEqual({ ...emptyRecord, spent: hashes, origins: hashes })
    expect(startingOver(emptyRecord)).toEqual(emptyRecord)
  })
})

describe('originsOf', () => {
  test('leaves the mark of a refresh token in force where a store has a record without one', () => {
    const { origins } = recordOf()
    expect(origins).toEqual([''])
    expect(originsOf({ ...emptyRecord, origins })).toEqual(origins)
    expect(originsOf(recordOf())).toEqual([sha256('refresh-1')])
  })
})

describe('withRefreshToken', () => {
  test('is spent by the one that replaces it, not by itself', () => {
    const record = withRefreshToken(recordOf(), { refreshToken: 'refresh-1', obtainedAt: now })
    expect(record.spent).toEqual([])
    expect(withRefreshToken(record, { refreshToken: 'refresh-2', obtainedAt: now }).spent).toEqual([
      sha256('refresh-1'),
    ])
  })

  test('keeps the expiry of the same refresh token, and takes a new one', () => {
    const record = recordOf({ refreshTokenExpiresAt: now + 8 * dayMs })
    const expiry = ({ refreshTokenExpiresAt, refreshTokenWarnAt }: LineageRecord) => [
      refreshTokenExpiresAt,
      refreshTokenWarnAt,
    ]
    expect(expiry(withRefreshToken(record, { obtainedAt: now + dayMs }))).toEqual([now + 8 * dayMs, now + 7 * dayMs])
    const prolonged = { refreshTokenExpiresAt: now + 9 * dayMs, obtainedAt: now + dayMs }
    expect(expiry(withRefreshToken(record, prolonged))).toEqual([now + 9 * dayMs, now + 8 * dayMs])
  })

  test('does not give the expiry of a refresh token to the one that replaces it', () => {
    const record = recordOf({ refreshTokenExpiresAt: now + dayMs })
    const { refreshTokenExpiresAt, refreshTokenWarnAt } = withRefreshToken(record, {
      refreshToken: 'refresh-2',
      obtainedAt: now,
    })
    expect([refreshTokenExpiresAt, refreshTokenWarnAt]).toEqual([undefined, undefined])
  })

  test('warns a day before the end, or when three quarters are over', () => {
    const warnAt = (lifetimeMs: number) => recordOf({ refreshTokenExpiresAt: now + lifetimeMs }).refreshTokenWarnAt
    expect([30 * dayMs, 4 * dayMs, 4 * hourMs].map(warnAt)).toEqual([
      now + 29 * dayMs,
      now + 3 * dayMs,
      now + 3 * hourMs,
    ])
  })

  test('takes no refresh token in where there is none', () => {
    expect(withRefreshToken(emptyRecord, { obtainedAt: now })).toEqual(emptyRecord)
  })
})

describe('answered, again and again', () => {
  test('drops the tokens that are over: scopes and certificates come and go', () => {
    const tokens = Array.from({ length: 100 }, (_, day) => ({ entry: `scope-${day}`, obtainedAt: now + day * dayMs }))
    const record = tokens.reduce(
      (record, { entry, obtainedAt }) =>
        answered(record, entry, answerOf({ obtainedAt, expiresAt: obtainedAt + hourMs })),
      emptyRecord,
    )
    expect(Object.keys(record.accessTokens)).toEqual(['scope-99'])
  })

  test('does not count a refresh token as spent that the server hands out again', () => {
    const again = ['one', 'two', 'one'].reduce(
      (record, refreshToken) => withRefreshToken(record, { refreshToken, obtainedAt: now }),
      emptyRecord,
    )
    expect(again.spent).toEqual([sha256('two')])
  })

  test('does not count a refresh token as spent that the next login brings again', () => {
    const again = startingOver(ended(recordOf(), 'interaction_required'))
    expect(again.spent).toEqual([sha256('refresh-1')])
    expect(withRefreshToken(again, { refreshToken: 'refresh-1', obtainedAt: now }).spent).toEqual([])
  })
})

describe('tokenSetOf', () => {
  test('is what the server answered, with the refresh token in force', () => {
    const members = {
      idToken: 'id',
      scope: 'a',
      missingScope: ['b'],
      expiresAt: now + 9,
      refreshTokenExpiresAt: now + 99,
    }
    const record = recordOf(members)
    const tokenSet = tokenSetOf(record, tokenOf(record), now)
    expect(tokenSet).toMatchObject({ ...members, accessToken: 'access-1', refreshToken: 'refresh-1', obtainedAt: now })
  })

  test('shows nothing that can be changed, and no secret, of what else a store has', () => {
    const additional = { instance: { url: 'https://one.example' }, device_secret: 'kept by somebody else' }
    const tokenSet = tokenSetOf(recordOf(), { ...tokenOf(recordOf()), additional }, now)
    expect(tokenSet.additional).toEqual({ instance: { url: 'https://one.example' } })
    expect(Object.isFrozen(tokenSet.additional.instance)).toBe(true)
  })

  test('a token from the future lives as long, from now', () => {
    const record = recordOf({ obtainedAt: now + 30_000, expiresAt: now + 90_000 })
    expect(tokenSetOf(record, tokenOf(record), now)).toMatchObject({ obtainedAt: now, expiresAt: now + 60_000 })
  })

  test('a token from the past stays as old as it is, and one without an end has none', () => {
    const record = recordOf({ obtainedAt: now - 30_000 })
    expect(tokenSetOf(record, tokenOf(record), now)).toMatchObject({ obtainedAt: now - 30_000, expiresAt: undefined })
  })
})

describe('isSameToken', () => {
  test('tells two answers with the same access token apart', () => {
    const one = tokenOf(recordOf())
    expect(isSameToken(one, { ...one, scope: 'another' })).toBe(true)
    expect(isSameToken(one, { ...one, obtainedAt: now + 1 })).toBe(false)
    expect(isSameToken(one, { ...one, accessToken: 'another' })).toBe(false)
  })
})
