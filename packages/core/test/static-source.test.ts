import { describe, expect, test } from 'vitest'
import { staticTokenSource } from '../src/sources/static-source.js'
import { TokenSet, type TokenSetMembers } from '../src/token-set.js'
import { clientOf } from './answering.js'

const gone = { code: 'ERR_LOGIN_REQUIRED', reason: 'no_refresh_token', subject: 'alice', provider: 'example' }

/** A source of a token that was obtained at 0, and its clock. */
function sourceOf(members: Partial<TokenSetMembers> = {}) {
  const clock = { time: 0, now: () => clock.time }
  const client = clientOf(() => Promise.reject(new Error('nothing is to be asked')), { clock })
  const tokenSet = new TokenSet({ accessToken: 'token-1', obtainedAt: 0, ...members })
  const origins = ['https://api.example']
  return { source: staticTokenSource(tokenSet, { client, subject: 'alice', origins }), tokenSet, clock }
}

describe('a source of one token', () => {
  test.each([
    ['ten seconds', 600_000, 590_000],
    ['a tenth of a short lifetime', 20_000, 18_000],
  ])('yields it until %s before its end', async (_, expiresAt, until) => {
    const { source, tokenSet, clock } = sourceOf({ expiresAt })
    clock.time = until - 1
    expect(await source.getTokenSet()).toBe(tokenSet)
    clock.time = until
    await expect(source.getTokenSet()).rejects.toMatchObject(gone)
  })

  test('yields one without a known end for ever', async () => {
    const { source, tokenSet, clock } = sourceOf()
    clock.time = 1e12
    expect(await source.getTokenSet()).toBe(tokenSet)
  })

  test('has no other one in place of one that was rejected, or is not wanted', async () => {
    const { source, tokenSet } = sourceOf()
    await expect(source.getTokenSet({ rejected: 'token-1' })).rejects.toMatchObject(gone)
    await expect(source.getTokenSet({ force: true })).rejects.toMatchObject(gone)
    expect(await source.getTokenSet({ rejected: 'token-0' })).toBe(tokenSet)
  })

  test('puts it on a request to where it may go, and nowhere else', async () => {
    const { source } = sourceOf()
    expect(await source.headersFor('GET', 'https://api.example/accounts')).toEqual({ authorization: 'Bearer token-1' })
    await expect(source.headersFor('GET', 'https://other.example')).rejects.toMatchObject({ code: 'ERR_ORIGIN' })
  })

  test('heeds its signal, and refuses options that are none', async () => {
    const { source } = sourceOf()
    const reason = new Error('enough')
    await expect(source.getTokenSet({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(source.getTokenSet({ force: 'yes' as never })).rejects.toMatchObject({ option: 'force' })
  })

  test('without a token wants a login', async () => {
    const source = staticTokenSource(undefined, { client: clientOf(async () => ({}) as never), subject: 'alice' })
    await expect(source.getTokenSet()).rejects.toMatchObject(gone)
  })
})
