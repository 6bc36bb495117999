/** What there is beside the token endpoint, at an authorization server we did not write: oidc-provider, on loopback. */
import type { ClientMetadata } from 'oidc-provider'
import { afterAll, describe, expect, test } from 'vitest'
import {
  authorizationCode,
  type ClientOptions,
  checkEndSessionResponse,
  createClient,
  createEndSessionRequest,
  createPkce,
  createUserTokenSources,
  defineProvider,
  discoverMetadata,
  introspectToken,
  requestUserInfo,
  revokeToken,
  TokenSet,
  type UserTokenSource,
} from '../src/index.js'
import { codeAfter, startOidcServer, tokensAfter } from './oidc-server.js'

const redirectUri = 'https://app.example/callback'
const postLogoutRedirectUri = 'https://app.example/bye'
const registered = (members: Partial<ClientMetadata> & { client_id: string }): ClientMetadata => ({
  client_secret: 'a secret of 32 bytes or even more',
  redirect_uris: [redirectUri],
  post_logout_redirect_uris: [postLogoutRedirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  ...members,
})

const signed = { introspection_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' } as const

const { oidc, issuer, stop } = await startOidcServer({
  clients: [registered({ client_id: 'plain' }), registered({ client_id: 'signed', ...signed })],
  scopes: ['openid', 'offline_access', 'email', 'read', 'write'],
  claims: { email: ['email'] },
  features: {
    introspection: { enabled: true, allowedPolicy: () => true },
    jwtIntrospection: { enabled: true },
    jwtUserinfo: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: 'read write', accessTokenFormat: 'opaque' }),
      useGrantedResource: () => false,
    },
  },
  clientDefaults: { introspection_signed_response_alg: 'ES256' },
  enabledJWA: { userinfoSigningAlgValues: ['ES256'], introspectionSigningAlgValues: ['ES256'] },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, email: `${accountId}@example.com` }),
  }),
})
afterAll(stop)

async function clientOf(clientId: 'plain' | 'signed', options: Partial<ClientOptions> = {}) {
  const provider = defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })
  const metadata = clientId === 'signed' ? signed : {}
  return createClient({ provider, clientId, clientSecret: 'a secret of 32 bytes or even more', metadata, ...options })
}

/** An access token and a refresh token of one login, without the login page. */
const tokensOf = (clientId: string, accountId: string) =>
  tokensAfter(oidc, { clientId, accountId, scope: 'openid offline_access email' })

describe.each(['plain', 'signed'] as const)('a client whose answers are %s', clientId => {
  test('asks what a token is good for', async () => {
    const client = await clientOf(clientId)
    const { accessToken, refreshToken } = await tokensOf(clientId, 'alice')
    expect(await introspectToken(client, { token: accessToken })).toMatchObject({
      active: true,
      sub: 'alice',
      client_id: clientId,
      scope: 'openid offline_access email',
      exp: expect.any(Number),
    })
    const hinted = { token: refreshToken, tokenTypeHint: 'refresh_token' }
    expect(await introspectToken(client, hinted)).toMatchObject({ active: true })
    expect(await introspectToken(client, { token: 'unheard-of' })).toEqual({ active: false })
    await client.close()
  })

  test('asks who the user is', async () => {
    const client = await clientOf(clientId)
    const { accessToken } = await tokensOf(clientId, 'alice')
    const tokenSet = new TokenSet({ accessToken, obtainedAt: 0 })
    const alice = { sub: 'alice', email: 'alice@example.com' }
    expect(await requestUserInfo(client, tokenSet, { subject: 'alice' })).toMatchObject(alice)
    expect(await requestUserInfo(client, tokenSet, { subject: 'alice', method: 'POST' })).toMatchObject(alice)
    await expect(requestUserInfo(client, tokenSet, { subject: 'bob' })).rejects.toMatchObject({ check: 'sub' })
    const dead = new TokenSet({ accessToken: 'unheard-of', obtainedAt: 0 })
    await expect(requestUserInfo(client, dead, { subject: 'alice' })).rejects.toMatchObject({
      serverStatus: 401,
      error: 'invalid_token',
    })
    await client.close()
  })

  test('revokes a refresh token, and what was issued with it', async () => {
    const client = await clientOf(clientId)
    const { accessToken, refreshToken } = await tokensOf(clientId, 'alice')
    await revokeToken(client, { token: refreshToken, tokenTypeHint: 'refresh_token' })
    expect(await oidc.RefreshToken.find(refreshToken)).toBeUndefined()
    expect(await introspectToken(client, { token: accessToken })).toEqual({ active: false })
    // revoked already, and never known: no error
    await revokeToken(client, { token: refreshToken })
    await revokeToken(client, { token: 'unheard-of' })
    await client.close()
  })
})

describe('a login for two APIs', () => {
  const [accounts, payments] = ['https://accounts.example/api', 'https://payments.example/api'] as const

  const login = { clientId: 'plain', scope: 'openid offline_access', redirectUri } as const
  const resources = { [accounts]: 'read write', [payments]: 'read write' }
  const codeFor = (accountId: string, codeChallenge: string) =>
    codeAfter(oidc, { ...login, accountId, resources, codeChallenge })
  const audienceOf = async (accessToken: string) => (await oidc.AccessToken.find(accessToken))?.aud

  test('has a token for each, from login to refresh', async () => {
    const client = await clientOf('plain')
    const { codeVerifier, codeChallenge } = createPkce()
    const code = await codeFor('alice', codeChallenge)
    const grant = { code, codeVerifier, redirectUri, resource: accounts }
    const views = [accounts, payments].map(resource => createUserTokenSources({ client, resource }).for('alice'))
    const [ofAccounts, ofPayments] = views as [UserTokenSource, UserTokenSource]
    expect(await audienceOf((await ofAccounts.redeem(authorizationCode(grant))).accessToken)).toBe(accounts)
    for (const [view, resource] of [
      [ofAccounts, accounts],
      [ofPayments, payments],
      [ofAccounts, accounts],
    ] as const)
      expect(await audienceOf((await view.getTokenSet({ force: true })).accessToken)).toBe(resource)
    await client.close()
  })

  test('named by the login alone, is for that API after a refresh as well', async () => {
    const client = await clientOf('plain')
    const { codeVerifier, codeChallenge } = createPkce()
    const code = await codeFor('bob', codeChallenge)
    const bob = createUserTokenSources({ client }).for('bob')
    const grant = { code, codeVerifier, redirectUri, resource: payments }
    const first = await bob.redeem(authorizationCode(grant))
    const second = await bob.getTokenSet({ force: true })
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(await audienceOf(second.accessToken)).toBe(payments)
    await client.close()
  })
})

test('nobody else’s token is revoked', async () => {
  const client = await clientOf('plain')
  const { refreshToken } = await tokensOf('signed', 'alice')
  await revokeToken(client, { token: refreshToken }).catch(() => {})
  expect(await oidc.RefreshToken.find(refreshToken)).toBeDefined()
  await client.close()
})

test('logs out at the server, and comes back with the state', async () => {
  const client = await clientOf('plain')
  const { url, state } = createEndSessionRequest(client, { postLogoutRedirectUri })
  const page = await fetch(url)
  expect(page.status).toBe(200)
  const cookie = page.headers
    .getSetCookie()
    .map(one => one.split(';')[0])
    .join('; ')
  const form = await page.text()
  const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(form) ?? []
  const [, action = ''] = /action="([^"]+)"/.exec(form) ?? []
  const body = new URLSearchParams({ xsrf, logout: 'yes' })
  const back = await fetch(action, { method: 'POST', headers: { cookie }, body, redirect: 'manual' })
  const location = String(back.headers.get('location'))
  expect(location.startsWith(`${postLogoutRedirectUri}?`)).toBe(true)
  expect(() => checkEndSessionResponse({ state }, location)).not.toThrow()
  expect(() => checkEndSessionResponse({ state: 'another' }, location)).toThrow('another one')
  await client.close()
})
