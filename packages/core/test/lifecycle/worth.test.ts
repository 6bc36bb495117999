import { describe, expect, test } from 'vitest'
import {
  answered,
  asking,
  discarded,
  emptyRecord,
  ended,
  forgotten,
  type LineageRecord,
  startingOver,
} from '../../src/lifecycle/record.js'
import { isEmpty, isMissing, keepForMs } from '../../src/lifecycle/worth.js'
import { TokenSet, type TokenSetMembers } from '../../src/token-set.js'

const now = 1_700_000_000_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

const answerOf = (members: Partial<TokenSetMembers> = {}) =>
  new TokenSet({ accessToken: 'access-1', refreshToken: 'refresh-1', obtainedAt: now, ...members })
/** With a member that this release does not know. */
const ofLaterRelease = (record: LineageRecord): LineageRecord => Object.assign({ ...record }, { device: 'd' })
/** After a login that brought `access-1` and `refresh-1`. */
const recordOf = (members?: Partial<TokenSetMembers>): LineageRecord => answered(emptyRecord, 'e', answerOf(members))

describe('keepForMs', () => {
  test('keeps a refresh token for ever, or for an hour beyond its end', () => {
    expect(keepForMs(recordOf({ expiresAt: now + 5 }), now)).toBeUndefined()
    expect(keepForMs(recordOf({ refreshTokenExpiresAt: now + dayMs }), now)).toBe(dayMs + hourMs)
  })

  test('keeps nothing longer than whoever reads it wants, and what is worth less no longer for it', () => {
    expect(keepForMs(recordOf({ expiresAt: now + 5 }), now, 2 * dayMs)).toBe(2 * dayMs)
    expect(keepForMs(recordOf({ refreshTokenExpiresAt: now + 3 * dayMs }), now, 2 * dayMs)).toBe(2 * dayMs)
    expect(keepForMs(recordOf({ refreshTokenExpiresAt: now + dayMs }), now, 2 * dayMs)).toBe(dayMs + hourMs)
  })

  test('keeps access tokens alone to the end of the last, or for a day when they have none', () => {
    const alone = { refreshToken: undefined, expiresAt: now + 5_000 }
    expect(keepForMs(recordOf(alone), now)).toBe(5_000)
    const two = answered(recordOf(alone), 'another', answerOf({ ...alone, expiresAt: now + 9_000 }))
    expect(keepForMs(two, now)).toBe(9_000)
    expect(keepForMs(recordOf({ refreshToken: undefined }), now)).toBe(dayMs)
  })

  test('keeps the word that tokens were forgotten for an hour, and which refresh tokens are dead for thirty days', () => {
    expect(keepForMs(forgotten, now)).toBe(hourMs)
    expect(keepForMs(ended(recordOf({ expiresAt: now + 5_000 }), 'invalid_grant'), now)).toBe(30 * dayMs)
    expect(keepForMs(ended(recordOf({ expiresAt: now + 31 * dayMs }), 'invalid_grant'), now)).toBe(31 * dayMs)
  })

  test('keeps the question who has a record for a minute, and a second where there is nothing to keep', () => {
    expect(keepForMs(asking(now), now)).toBe(60_000)
    expect(keepForMs(emptyRecord, now)).toBe(1_000)
  })

  test('keeps what only a later release understands for a day, beyond the end of the tokens beside it', () => {
    expect(keepForMs(ofLaterRelease(emptyRecord), now)).toBe(dayMs)
    expect(keepForMs(ofLaterRelease(recordOf({ refreshToken: undefined, expiresAt: now + 5_000 })), now)).toBe(dayMs)
  })

  test('is a whole number of milliseconds, and never less than a second', () => {
    expect(keepForMs(recordOf({ refreshToken: undefined, expiresAt: now + 1_234.5 }), now)).toBe(1_235)
    expect(keepForMs(recordOf({ refreshToken: undefined, expiresAt: now }), now + dayMs)).toBe(1_000)
    expect(keepForMs(recordOf({ refreshTokenExpiresAt: now }), now + dayMs)).toBe(1_000)
  })
})

describe('isEmpty', () => {
  test('is true of nothing but nothing', () => {
    expect(isEmpty(emptyRecord)).toBe(true)
    expect(isEmpty(discarded(recordOf({ refreshToken: undefined }), 'e', 'access-1'))).toBe(true)
    const records = [recordOf(), recordOf({ refreshToken: undefined }), forgotten, startingOver(recordOf())]
    for (const record of records) expect(isEmpty(record)).toBe(false)
  })

  test('is false of the question who has a record', () => {
    expect(isEmpty(asking(now))).toBe(false)
  })
})

describe('isMissing', () => {
  test('is true of what says no more than no record would: the question who has it, and where a login once came from', () => {
    const records = [emptyRecord, asking(now), { ...emptyRecord, origins: ['a hash'] }]
    for (const record of records) expect(isMissing(record)).toBe(true)
  })

  test('is false of a refresh token, an access token, an end, a token used up, and of what a later release keeps', () => {
    const records: LineageRecord[] = [
      { ...emptyRecord, refreshToken: 'r' },
      recordOf({ refreshToken: undefined }),
      { ...emptyRecord, ended: 'refused' },
      { ...emptyRecord, spent: ['a hash'] },
      ofLaterRelease(emptyRecord),
    ]
    for (const record of records) expect(isMissing(record)).toBe(false)
  })
})
