/** DPoP with an authorization server we did not write: oidc-provider, which wants its nonce in every proof, and rotates. */
import type { ClientMetadata } from 'oidc-provider'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { pushAuthorizationRequest } from '../src/endpoints/pushed-authorization.js'
import {
  authorizationCode,
  type ClientOptions,
  clientCredentials,
  createClient,
  createPkce,
  createTokenSource,
  createUserTokenSources,
  type DpopKey,
  defineProvider,
  dpopKey,
  memoryStore,
  none,
  refreshToken,
  rememberDpopNonce,
  requestTokenSet,
  requestUserInfo,
} from '../src/index.js'
import { codeAfter, startOidcServer } from './oidc-server.js'

const redirectUri = 'https://app.example/callback'
const registered = (members: Partial<ClientMetadata> & { client_id: string }): ClientMetadata => ({
  client_secret: 'a secret of 32 bytes or more, as it should be',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  dpop_bound_access_tokens: true,
  ...members,
})

const requests: string[] = []
const { oidc, issuer, stop } = await startOidcServer(
  {
    clients: [
      registered({ client_id: 'app', token_endpoint_auth_method: 'client_secret_basic' }),
      registered({ client_id: 'public', token_endpoint_auth_method: 'none', client_secret: undefined as never }),
    ],
    scopes: ['openid', 'offline_access', 'accounts'],
    features: {
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
      pushedAuthorizationRequests: { enabled: true },
      userinfo: { enabled: true },
    },
    rotateRefreshToken: true,
  },
  oidc =>
    oidc.use((ctx, next) => {
      requests.push(`${ctx.method} ${ctx.url}`)
      return next()
    }),
)
afterAll(stop)

beforeEach(() => void requests.splice(0))

function clientOf(clientId: string, dpop: DpopKey | undefined, options: Partial<ClientOptions> = {}) {
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/me`,
    pushed_authorization_request_endpoint: `${issuer}/request`,
    dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
  }
  const credentials =
    clientId === 'public' ? { auth: none() } : { clientSecret: 'a secret of 32 bytes or more, as it should be' }
  return createClient({
    provider: defineProvider({ name: 'oidc', metadata }),
    clientId,
    ...(dpop !== undefined && { dpop, metadata: { dpop_bound_access_tokens: true } }),
    ...credentials,
    ...options,
  })
}

/** What the login page would have given, without the page. */
async function login(clientId: string, accountId = 'alice') {
  const { codeVerifier, codeChallenge } = await createPkce()
  const scope = 'openid offline_access accounts'
  const code = await codeAfter(oidc, { clientId, accountId, scope, redirectUri, codeChallenge })
  return authorizationCode({ code, codeVerifier, redirectUri })
}

describe('oidc-provider that wants nonces', () => {
  for (const alg of ['ES256', 'EdDSA'] as const)
    test(`gives an application a token bound to its ${alg} key, after one more request`, async () => {
      const key = dpopKey({ alg })
      const source = createTokenSource({
        client: clientOf('app', key),
        grant: clientCredentials({ scope: 'accounts' }),
      })
      const tokenSet = await source.getTokenSet()
      expect(tokenSet).toMatchObject({ tokenType: 'DPoP', jkt: key.thumbprint })
      expect((await oidc.ClientCredentials.find(tokenSet.accessToken))?.jkt).toBe(key.thumbprint)
      expect(requests).toEqual(['POST /token', 'POST /token'])
      await source.getTokenSet({ force: true })
      expect(requests).toHaveLength(3)
    })

  test('gives a public client tokens for a code that went out twice, and rotates them from then on', async () => {
    const key = dpopKey()
    const user = createUserTokenSources({ client: clientOf('public', key), store: memoryStore() }).for('alice')
    const first = await user.redeem(await login('public'))
    expect(requests).toEqual(['POST /token', 'POST /token'])
    expect((await oidc.RefreshToken.find(String(first.refreshToken)))?.jkt).toBe(key.thumbprint)
    const seen = new Set([first.refreshToken])
    for (let times = 0; times < 3; times++) seen.add((await user.getTokenSet({ force: true })).refreshToken)
    expect([seen.size, requests.length]).toEqual([4, 5])
  })

  test('shows a user by a proof of its own, and one with the nonce of today where it was of yesterday', async () => {
    const key = dpopKey()
    const client = clientOf('public', key)
    const user = createUserTokenSources({ client, store: memoryStore() }).for('alice')
    await user.redeem(await login('public'))
    expect(await requestUserInfo(client, user, { subject: 'alice' })).toEqual({ sub: 'alice' })
    rememberDpopNonce(key, issuer, 'of-yesterday')
    requests.splice(0)
    expect(await requestUserInfo(client, user, { subject: 'alice' })).toEqual({ sub: 'alice' })
    expect(requests).toEqual(['GET /me', 'GET /me'])
  })

  test('takes a pushed authorization request with a proof, and binds the code to its key', async () => {
    const key = dpopKey()
    const { codeChallenge } = await createPkce()
    const parameters = {
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid',
      code_challenge: codeChallenge,
      code_challenge_method: 'S256',
    }
    const { requestUri } = await pushAuthorizationRequest(clientOf('app', key), () => ({
      ...parameters,
      client_id: 'app',
    }))
    const pushed = await oidc.PushedAuthorizationRequest.find(requestUri.replace(/.*:/, ''))
    expect(pushed?.dpopJkt).toBe(key.thumbprint)
  })

  test('says invalid_grant of a refresh token whose proof is missing or by another key, and that ends nothing', async () => {
    const store = memoryStore()
    const key = dpopKey()
    const users = (dpop: DpopKey | undefined) => createUserTokenSources({ client: clientOf('public', dpop), store })
    const tokenSet = await users(key)
      .for('bob')
      .redeem(await login('public', 'bob'))
    for (const dpop of [undefined, dpopKey()]) {
      const raw = refreshToken({ refreshToken: String(tokenSet.refreshToken) })
      await expect(requestTokenSet(clientOf('public', dpop), raw)).rejects.toMatchObject({
        error: 'invalid_grant',
        error_description: 'grant request is invalid',
      })
      requests.splice(0)
      await expect(users(dpop).for('bob').getTokenSet()).rejects.toMatchObject({ reason: 'other_dpop_key' })
      expect(requests).toEqual([])
    }
    expect((await users(key).for('bob').getTokenSet({ force: true })).tokenType).toBe('DPoP')
  })

  test('says invalid_grant of an imported refresh token without a proof, which is alive once there is a key', async () => {
    const { refreshToken } = await createUserTokenSources({ client: clientOf('app', dpopKey()), store: memoryStore() })
      .for('dave')
      .redeem(await login('app', 'dave'))
    const store = memoryStore()
    const withoutKey = createUserTokenSources({ client: clientOf('app', undefined), store }).for('dave')
    await withoutKey.import({ refreshToken })
    requests.splice(0)
    for (let times = 0; times < 3; times++)
      await expect(withoutKey.getTokenSet()).rejects.toMatchObject({
        code: 'ERR_LOGIN_REQUIRED',
        reason: 'invalid_grant',
      })
    expect(requests).toEqual(['POST /token'])
    const withKey = createUserTokenSources({ client: clientOf('app', dpopKey()), store }).for('dave')
    expect((await withKey.getTokenSet()).tokenType).toBe('DPoP')
  })

  test('takes the refresh token of a client with credentials by another key: that is what the tokens are bound to then', async () => {
    const store = memoryStore()
    const [key, other] = [dpopKey(), dpopKey()]
    const users = (dpop: DpopKey) => createUserTokenSources({ client: clientOf('app', dpop), store })
    await users(key)
      .for('carol')
      .redeem(await login('app', 'carol'))
    expect((await users(other).for('carol').getTokenSet()).jkt).toBe(other.thumbprint)
  })
})
