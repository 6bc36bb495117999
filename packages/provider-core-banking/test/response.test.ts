/** What the core banking API answers, and how long its tokens live (providers.md, 3.1). */
import { clientCredentials, createClient, requestTokenSet, TokenResponseError, type TokenSet } from '@grantkit/core'
import { answering, manualClock, rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { coreBanking } from '../src/index.js'
import { startBank } from './bank.js'

const now = 1_760_000_000_000

/** The token set a body is read as, at a known time. */
function read(members: object): Promise<TokenSet> {
  const client = createClient({
    provider: coreBanking({ baseUrl: 'https://openapi.example.com' }),
    clientId: 'id',
    clientSecret: 'secret',
    clock: manualClock(now),
    transport: answering(200, JSON.stringify({ accessToken: 'opaque', tokenType: 'Bearer', ...members })),
  })
  return requestTokenSet(client, clientCredentials())
}

describe('the answer', () => {
  test('is read by its own member names', async () => {
    await using bank = await startBank()
    const tokenSet = await requestTokenSet(bank.client(), clientCredentials())
    expect(tokenSet.accessToken).toBe(bank.system.issuedTokens.at(-1)?.token)
    expect(tokenSet).toMatchObject({ tokenType: 'Bearer', refreshToken: undefined, scope: undefined })
  })

  test('without tokenType means Bearer', async () => {
    expect((await read({ tokenType: undefined, tokenValiditySec: 60 })).tokenType).toBe('Bearer')
  })

  test('with another tokenType is refused', async () => {
    expect(await rejection(read({ tokenType: 'mac' }))).toBeInstanceOf(TokenResponseError)
  })

  test('in the envelope of other calls is refused', async () => {
    const enveloped = { accessToken: undefined, status: true, message: 'Successful', data: { accessToken: 'opaque' } }
    expect(await rejection(read(enveloped))).toBeInstanceOf(TokenResponseError)
  })

  test.each(['null', '[]', '"text"', '7'])('of %s is refused', async body => {
    const client = createClient({
      provider: coreBanking({ baseUrl: 'https://openapi.example.com' }),
      clientId: 'id',
      clientSecret: 'secret',
      transport: answering(200, body),
    })
    expect(await rejection(requestTokenSet(client, clientCredentials()))).toBeInstanceOf(TokenResponseError)
  })
})

describe('the end of a token', () => {
  const at = (seconds: number) => now / 1000 + seconds
  test.each<[string, object, number | undefined]>([
    ['tokenValiditySec counts from before the request', { tokenValiditySec: 3600 }, 3600],
    ['tokenValiditySec may be a numeric string', { tokenValiditySec: '3600' }, 3600],
    ['expirationTime is epoch seconds', { expirationTime: at(1800) }, 1800],
    ['expirationTime may be a numeric string', { expirationTime: String(at(1800)) }, 1800],
    ['expirationTime above 1e11 is milliseconds', { expirationTime: at(1800) * 1000 }, 1800],
    ['expirationTime in milliseconds may be a string', { expirationTime: String(at(1800) * 1000) }, 1800],
    ['the earlier of the two holds: expirationTime', { tokenValiditySec: 3600, expirationTime: at(1800) }, 1800],
    ['the earlier of the two holds: tokenValiditySec', { tokenValiditySec: 900, expirationTime: at(1800) }, 900],
    ['an expirationTime in the past is the clock of another', { tokenValiditySec: 900, expirationTime: at(-60) }, 900],
    ['the placeholder "long" is no number', { tokenValiditySec: 'long', expirationTime: 'long' }, undefined],
    ['none is named', {}, undefined],
  ])('%s', async (_, members, seconds) => {
    const expected = seconds === undefined ? undefined : now + seconds * 1000
    expect((await read(members)).expiresAt).toBe(expected)
  })

  test.each(['seconds', 'milliseconds', 'string', 'absent'] as const)(
    'the server writes expirationTime as %s: an hour either way',
    async expirationTime => {
      await using bank = await startBank()
      bank.system.settings.expirationTime = expirationTime
      const { expiresAt = 0, obtainedAt } = await requestTokenSet(bank.client(), clientCredentials())
      expect(expiresAt - obtainedAt).toBeGreaterThan(3_598_000)
      expect(expiresAt - obtainedAt).toBeLessThanOrEqual(3_600_000)
    },
  )

  test('expirationTime is the fallback when tokenValiditySec is absent', async () => {
    await using bank = await startBank()
    bank.system.settings.tokenValiditySec = ''
    bank.system.settings.accessTokenLifetimeSeconds = 600
    const { expiresAt = 0, obtainedAt } = await requestTokenSet(bank.client(), clientCredentials())
    expect(expiresAt - obtainedAt).toBeGreaterThan(590_000)
    // whole seconds, counted by the server from when the request came in
    expect(expiresAt - obtainedAt).toBeLessThanOrEqual(601_000)
  })
})
