/** What APK answers (providers.md, 2.2 and 2.4). */
import {
  authorizationCode,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  LoginRequiredError,
  none,
  requestTokenSet,
} from '@grantkit/core'
import { answering } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { startApk } from './apk.js'

test('the answer of the documentation is understood', async () => {
  await using apk = await startApk()
  const body =
    '{"access_token":"eyJhbGciOiJSUzI1NiIsICJ0eXAiOiJKV1QifQ.e30.c2ln", "token_type":"Bearer", "expires_in":3600, "scope":"default"}'
  const tokenSet = await requestTokenSet(apk.client({ transport: answering(200, body) }), clientCredentials())
  expect(tokenSet.accessToken).toBe('eyJhbGciOiJSUzI1NiIsICJ0eXAiOiJKV1QifQ.e30.c2ln')
  expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 3_600_000)
  expect(tokenSet.scope).toBe('default')
  expect(tokenSet.refreshToken).toBeUndefined()
})

test('expires_in may be written with decimals', async () => {
  await using apk = await startApk()
  apk.system.settings.expiresIn = '3600.0'
  const tokenSet = await requestTokenSet(apk.client(), clientCredentials())
  expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 3_600_000)
})

test('a token without a known end is used for an hour', async () => {
  await using apk = await startApk()
  let requests = 0
  const answer = answering(200, '{"access_token":"opaque","token_type":"Bearer"}')
  const client = apk.client({
    transport(request) {
      requests++
      return answer(request)
    },
  })
  const source = createTokenSource({ client, grant: clientCredentials() })
  await source.getTokenSet()
  apk.sandbox.advance(3_500_000)
  await source.getTokenSet()
  expect(requests).toBe(1)
  apk.sandbox.advance(100_001)
  await source.getTokenSet()
  expect(requests).toBe(2)
})

test('every refresh brings a new refresh token, and the next one uses it', async () => {
  await using apk = await startApk()
  const { clientId, redirectUri } = apk.system
  const source = createUserTokenSources({ client: apk.client() }).for('user')
  const first = await source.redeem(authorizationCode({ code: apk.system.approve({ clientId }), redirectUri }))
  const second = await source.getTokenSet({ force: true })
  await source.getTokenSet({ force: true })
  expect(second.refreshToken).not.toBe(first.refreshToken)
  expect(apk.lastTokenRequest().parameters.refresh_token).toBe(second.refreshToken)
})

test('a refresh token is dead after a day', async () => {
  await using apk = await startApk()
  const { clientId, redirectUri } = apk.system
  const source = createUserTokenSources({ client: apk.client() }).for('user')
  await source.redeem(authorizationCode({ code: apk.system.approve({ clientId }), redirectUri }))
  apk.sandbox.advance(86_400_000)
  await expect(source.getTokenSet()).rejects.toBeInstanceOf(LoginRequiredError)
})

test('APK 2 names no scope: the one asked for counts as granted', async () => {
  await using apk = await startApk()
  apk.system.settings.version = '2.x'
  const client = apk.client({ auth: none() }, { tokenEndpoint: apk.system.tokenEndpoint })
  const tokenSet = await requestTokenSet(client, clientCredentials({ scope: 'apk:api_create' }))
  expect(tokenSet.scope).toBe('apk:api_create')
  expect(tokenSet.missingScope).toEqual([])
})
