/** What the token endpoint answers (providers.md, 1.8). */
import { inspect } from 'node:util'
import { authorizationCode, clientCredentials, createTokenSource, requestTokenSet } from '@grantkit/core'
import { answering, manualClock } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { clientOf, startOpenBanking } from './open-banking.js'

const grant = clientCredentials({ scope: 'accounts openid' })

describe('an application token', () => {
  test('of API Manager comes with an id_token, which says nothing about a user', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    const tokenSet = await requestTokenSet(bank.client(), grant)
    const claims = JSON.parse(Buffer.from(tokenSet.idToken?.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ amr: ['client_credentials'], scope: ['am_application_scope', 'openid'] })
    expect(tokenSet.refreshToken).toBeUndefined()
    expect(inspect(tokenSet)).not.toContain(tokenSet.idToken)
  })

  test('of Identity Server comes alone, and without openid', async () => {
    await using bank = await startOpenBanking('wso2IdentityServer')
    const tokenSet = await requestTokenSet(bank.client(), grant)
    expect(tokenSet).toMatchObject({ idToken: undefined, refreshToken: undefined })
    expect(tokenSet).toMatchObject({ scope: 'accounts', missingScope: ['openid'] })
  })

  test('as the documentation shows it: members in any order, two blanks in the scope, one scope more', async () => {
    const body = `{
       "access_token":"aa8ce78b-d81e-3385-81b1-a9fdd1e71daf",
       "scope":"accounts payments  openid",
       "id_token":"eyJhbGciOiJSUzI1NiJ9.eyJzY29wZSI6WyJvcGVuaWQiXX0.c2ln",
       "token_type":"Bearer",
       "expires_in":3600
    }`
    const tokenSet = await requestTokenSet(clientOf(answering(200, body)).client, grant)
    expect(tokenSet.accessToken).toBe('aa8ce78b-d81e-3385-81b1-a9fdd1e71daf')
    expect(tokenSet).toMatchObject({ scope: 'accounts payments openid', missingScope: [] })
    expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 3_600_000)
  })
})

test('a user’s token comes with a refresh token and an id_token', async () => {
  await using bank = await startOpenBanking()
  const tokenSet = await bank.user().redeem(authorizationCode(bank.approved('accounts openid')))
  expect(tokenSet.refreshToken).toMatch(/^\S+$/)
  expect(tokenSet.idToken).toMatch(/^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/)
  expect(tokenSet.scope).toBe('accounts openid')
})

describe('the scope granted', () => {
  test('is split at runs of blanks', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    expect(bank.system.settings.blankRuns).toBe(true)
    const tokenSet = await requestTokenSet(bank.client(), clientCredentials({ scope: 'accounts payments openid' }))
    expect(tokenSet).toMatchObject({ scope: 'accounts payments openid', missingScope: [] })
  })

  test('is compared with the scope asked for, since some are dropped silently', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.unregisteredScopes = 'drop'
    const levels: unknown[] = []
    const client = bank.client({
      onEvent: event => event.type === 'token_received' && levels.push([event.level, event.missingScope]),
    })
    const source = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts loans' }) })
    expect(await source.getTokenSet()).toMatchObject({ scope: 'accounts', missingScope: ['loans'] })
    expect(levels).toEqual([['warn', ['loans']]])
  })

  test('may be more than was asked for', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.addedScopes = ['payments']
    const tokenSet = await requestTokenSet(bank.client(), clientCredentials({ scope: 'accounts' }))
    expect(tokenSet).toMatchObject({ scope: 'accounts payments', missingScope: [] })
  })
})

describe('an access token', () => {
  test.each(['opaque', 'jwt'] as const)('is used as it is when it is %s', async accessTokenFormat => {
    await using bank = await startOpenBanking()
    bank.system.settings.accessTokenFormat = accessTokenFormat
    const source = bank.source()
    const { accessToken } = await source.getTokenSet()
    expect(accessToken).toBe(bank.system.issuedTokens.at(-1)?.token)
    expect(accessToken.split('.')).toHaveLength(accessTokenFormat === 'jwt' ? 3 : 1)
  })

  test('is not parsed: one that only looks like a JWT lives as long as expires_in says', async () => {
    const { client } = clientOf(answering(200, '{"access_token":"a.b.c","token_type":"Bearer","expires_in":60}'))
    const tokenSet = await requestTokenSet(client, grant)
    expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 60_000)
  })
})

describe('a lifetime that is no lifetime', () => {
  const never = ['9223372036854775', '9223372036854775807', '999999999', '-1', '-2', '0', '1e400', '"never"', 'null']

  test.each(never)('expires_in %s is no known end, and the token is used for an hour', async expiresIn => {
    const clock = manualClock(1_760_000_000_000)
    const body = `{"access_token":"opaque","token_type":"Bearer","expires_in":${expiresIn}}`
    const { client, seen } = clientOf(answering(200, body), { clock })
    const source = createTokenSource({ client, grant })
    expect((await source.getTokenSet()).expiresAt).toBeUndefined()
    clock.advance(3_500_000)
    await source.getTokenSet()
    expect(seen.requests).toBe(1)
    clock.advance(100_001)
    await source.getTokenSet()
    expect(seen.requests).toBe(2)
  })

  test.each(['9223372036854775', '9223372036854775807'])(
    'expires_in %s, as the server writes it, leaves the token usable',
    async expiresIn => {
      await using bank = await startOpenBanking('wso2ApiManager')
      bank.system.settings.expiresIn = expiresIn
      const source = bank.source()
      const headers = await source.headersFor('GET', bank.system.apiUrl)
      expect((await source.client.transport({ method: 'GET', url: bank.system.apiUrl, headers })).status).toBe(200)
      await source.getTokenSet()
      expect(bank.tokenRequests()).toHaveLength(1)
    },
  )

  test('a numeric string is one', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.expiresIn = '"3600"'
    const tokenSet = await requestTokenSet(bank.client(), grant)
    expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 3_600_000)
  })
})
