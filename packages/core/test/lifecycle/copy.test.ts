import { describe, expect, test } from 'vitest'
import { copyOf, goodUntil } from '../../src/lifecycle/copy.js'
import { answered, emptyRecord, type KeptToken } from '../../src/lifecycle/record.js'
import { TokenSet, type TokenSetMembers } from '../../src/token-set.js'

const obtainedAt = 1_700_000_000_000
const clock = { now: obtainedAt, copyMs: 10_000 }

/** A record after one answer, and its token. */
function kept(members: Partial<TokenSetMembers> = {}) {
  const answer = { accessToken: 'a', refreshToken: 'r', refreshTokenExpiresAt: obtainedAt + 90_000, obtainedAt }
  const record = answered(emptyRecord, 'e', new TokenSet({ ...answer, ...members }))
  return { record, token: record.accessTokens.e as KeptToken }
}

function copyAfter(members: Partial<TokenSetMembers>) {
  const [first, next] = [kept(), kept(members)]
  const before = copyOf(first.record, first.token, undefined, clock)
  return { before, after: copyOf(next.record, next.token, before, clock) }
}

describe('a copy', () => {
  test('has what callers get, also as a promise, and is good for as long as copies are', async () => {
    const { record, token } = kept()
    const copy = copyOf(record, token, undefined, clock)
    expect(copy.tokenSet).toMatchObject({ accessToken: 'a', refreshToken: 'r', obtainedAt })
    expect(await copy.answer).toBe(copy.tokenSet)
    expect(copy.token).toBe(token)
    expect(copy.goodUntil).toBe(obtainedAt + 10_000)
  })

  test('hands out the token set and the promise of the one before while nothing has changed', () => {
    const [first, next] = [kept(), kept()]
    const before = copyOf(first.record, first.token, undefined, clock)
    const { answer } = before
    const after = copyOf(next.record, next.token, before, clock)
    expect(after.tokenSet).toBe(before.tokenSet)
    expect(after.answer).toBe(answer)
  })

  test('makes its promise when it is asked for it, and one for all', () => {
    const { before } = copyAfter({})
    expect(before.answer).toBe(before.answer)
    expect(goodUntil(before, 0).answer).toBe(before.answer)
  })

  test.each([
    { accessToken: 'b' },
    { obtainedAt: obtainedAt - 1 },
    { refreshToken: 'another' },
    { refreshTokenExpiresAt: obtainedAt + 91_000 },
  ])('hands out another token set, with what has changed: %o', async changed => {
    const { before, after } = copyAfter(changed)
    expect(after.tokenSet).not.toBe(before.tokenSet)
    expect(after.tokenSet).toMatchObject(changed)
    expect(await after.answer).toBe(after.tokenSet)
  })

  test('good until another instant is the same in all else', () => {
    const { before } = copyAfter({})
    const other = goodUntil(before, obtainedAt + 1)
    expect(other).toEqual({ ...before, id: other.id, goodUntil: obtainedAt + 1 })
  })

  test('has a number of its own, however it was made', () => {
    const { before, after } = copyAfter({})
    const copies = [before, goodUntil(before, 0), after, goodUntil(after, 0), copyAfter({}).after]
    expect(new Set(copies.map(({ id }) => id)).size).toBe(5)
  })
})
