/** Core against an authorization server we did not write: oidc-provider, on loopback. */
import { generateKeyPairSync } from 'node:crypto'
import type { ClientMetadata } from 'oidc-provider'
import { afterAll, describe, expect, test } from 'vitest'
import {
  authorizationCode,
  type Client,
  type ClientOptions,
  clientCredentials,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  createClient,
  createPkce,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  privateKeyJwt,
  requestTokenSet,
} from '../src/index.js'
import { codeAfter, startOidcServer, tokensAfter } from './oidc-server.js'

const redirectUri = 'https://app.example/callback'
const secret = 'a secret of +%&=:/?#"\\~ and 32 bytes or more'
const ps256 = generateKeyPairSync('rsa', { modulusLength: 2048 })
const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const jwk = (key: typeof ps256.publicKey, kid: string) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })

const registered = (members: Partial<ClientMetadata> & { client_id: string }): ClientMetadata => ({
  client_secret: secret,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  ...members,
})

const clients = [
  registered({ client_id: 'basic app +%:/?', token_endpoint_auth_method: 'client_secret_basic' }),
  registered({ client_id: '100%25', client_secret: 'a plain secret' }),
  registered({ client_id: 'post', token_endpoint_auth_method: 'client_secret_post' }),
  registered({ client_id: 'narrow', token_endpoint_auth_method: 'client_secret_post', scope: 'accounts' }),
  registered({ client_id: 'mac', token_endpoint_auth_method: 'client_secret_jwt' }),
  registered({
    client_id: 'key',
    client_secret: undefined as never,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [jwk(ps256.publicKey, 'rsa-1'), jwk(es256.publicKey, 'ec-1')] as never },
  }),
]

const { oidc, issuer, stop } = await startOidcServer({
  clients,
  scopes: ['openid', 'offline_access', 'accounts', 'payments'],
  features: { clientCredentials: { enabled: true } },
  rotateRefreshToken: true,
})
afterAll(stop)

function clientOf(clientId: string, options: Partial<ClientOptions> = {}): Client {
  const provider = defineProvider({ name: 'oidc', metadata: { issuer, token_endpoint: `${issuer}/token` } })
  return createClient({ provider, clientId, ...options })
}

const basic = () => clientOf('basic app +%:/?', { auth: clientSecretBasic(secret) })
const byKey = () => privateKeyJwt({ key: ps256.privateKey, alg: 'PS256', kid: 'rsa-1' })

const scope = 'openid offline_access accounts payments'
const refreshTokenFor = async (clientId: string, accountId: string) =>
  (await tokensAfter(oidc, { clientId, accountId, scope })).refreshToken
const codeFor = (clientId: string, accountId: string, codeChallenge: string) =>
  codeAfter(oidc, { clientId, accountId, scope: 'openid offline_access accounts', redirectUri, codeChallenge })

describe('client_credentials', () => {
  const methods: Record<string, () => Client> = {
    'client_secret_basic, special characters in id and secret': basic,
    'client_secret_basic, an id that looks encoded': () =>
      clientOf('100%25', { auth: clientSecretBasic('a plain secret') }),
    client_secret_post: () => clientOf('post', { auth: clientSecretPost(secret) }),
    'client_secret_jwt HS256': () => clientOf('mac', { auth: clientSecretJwt(secret, { alg: 'HS256' }) }),
    'private_key_jwt PS256, default audience and typ': () => clientOf('key', { auth: byKey() }),
    'private_key_jwt ES256': () =>
      clientOf('key', { auth: privateKeyJwt({ key: es256.privateKey, alg: 'ES256', kid: 'ec-1' }) }),
    'private_key_jwt, token endpoint as audience': () =>
      clientOf('key', {
        auth: privateKeyJwt({ key: ps256.privateKey, alg: 'PS256', kid: 'rsa-1', audience: endpoint => endpoint }),
      }),
  }
  for (const [name, make] of Object.entries(methods))
    test(`by ${name}`, async () => {
      const client = make()
      const source = createTokenSource({ client, grant: clientCredentials({ scope: 'payments accounts' }) })
      const tokenSet = await source.getTokenSet()
      expect(tokenSet.scope?.split(' ').sort()).toEqual(['accounts', 'payments'])
      expect(tokenSet.missingScope).toEqual([])
      expect((tokenSet.expiresAt ?? 0) - tokenSet.obtainedAt).toBe(600_000)
      const known = await oidc.ClientCredentials.find(tokenSet.accessToken)
      expect(known?.clientId).toBe(client.id)
      expect(await source.getTokenSet()).toBe(tokenSet)
      expect((await source.getTokenSet({ force: true })).accessToken).not.toBe(tokenSet.accessToken)
      await client.close()
    })

  test('a new assertion goes out each time: the server takes none twice', async () => {
    const client = clientOf('key', { auth: byKey() })
    const requests = Array.from({ length: 5 }, () => requestTokenSet(client, clientCredentials()))
    expect(new Set((await Promise.all(requests)).map(({ accessToken }) => accessToken)).size).toBe(5)
    await client.close()
  })

  const refusals: Record<string, () => Client> = {
    'a wrong secret': () => clientOf('post', { auth: clientSecretPost('wrong') }),
    'a raw Basic header where a form-encoded one is due': () =>
      clientOf('100%25', { auth: clientSecretBasic('a plain secret', { encoding: 'raw' }) }),
    'a key that is not registered': () => clientOf('key', { auth: privateKeyJwt({ key: foreign, alg: 'ES256' }) }),
    'a wrong audience': () => {
      const wrong = { audience: 'https://other.example' }
      return clientOf('key', { auth: privateKeyJwt({ key: es256.privateKey, alg: 'ES256', ...wrong }) })
    },
  }
  for (const [name, make] of Object.entries(refusals))
    test(`${name} is a refusal of the client, and not tried again at once`, async () => {
      const client = make()
      const source = createTokenSource({ client, grant: clientCredentials() })
      const refusal = await source.getTokenSet().catch((error: unknown) => error)
      expect(refusal).toMatchObject({
        code: 'ERR_SERVER_REFUSED',
        error: expect.stringMatching(/^invalid_(client|request)$/),
        kind: expect.stringMatching(/^(invalid_client|terminal)$/),
      })
      await expect(source.getTokenSet()).rejects.toBe(refusal)
      await client.close()
    })

  test('a scope the client may not have is a refusal of that scope alone', async () => {
    const client = clientOf('narrow', { auth: clientSecretPost(secret) })
    const refused = createTokenSource({ client, grant: clientCredentials({ scope: 'payments' }) })
    await expect(refused.getTokenSet()).rejects.toMatchObject({ serverStatus: 400, error: 'invalid_scope' })
    const taken = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
    expect((await taken.getTokenSet()).scope).toBe('accounts')
    await client.close()
  })

  test('a scope the server drops without a word is told', async () => {
    const client = basic()
    const grant = clientCredentials({ scope: 'accounts unheard-of' })
    const tokenSet = await createTokenSource({ client, grant }).getTokenSet()
    expect(tokenSet).toMatchObject({ scope: 'accounts', missingScope: ['unheard-of'] })
    await client.close()
  })
})

describe('authorization_code', () => {
  test('is redeemed with PKCE, then renewed by the refresh token that came with it', async () => {
    const client = basic()
    const { codeVerifier, codeChallenge } = createPkce()
    const code = await codeFor(client.id, 'carol', codeChallenge)
    const user = createUserTokenSources({ client }).for('carol')
    const first = await user.redeem(authorizationCode({ code, redirectUri, codeVerifier }))
    expect(first.idToken?.split('.')).toHaveLength(3)
    const second = await user.getTokenSet({ force: true })
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect((await oidc.AccessToken.find(second.accessToken))?.accountId).toBe('carol')
    await client.close()
  })

  test('with another verifier is refused', async () => {
    const client = basic()
    const code = await codeFor(client.id, 'dave', createPkce().codeChallenge)
    const { codeVerifier } = createPkce()
    const user = createUserTokenSources({ client }).for('dave')
    const grant = authorizationCode({ code, redirectUri, codeVerifier })
    await expect(user.redeem(grant)).rejects.toMatchObject({ error: 'invalid_grant' })
    await client.close()
  })
})

describe('refresh_token, with rotation and reuse detection', () => {
  test('a chain of renewals, each by the token of the one before', async () => {
    const client = clientOf('key', { auth: byKey() })
    const user = createUserTokenSources({ client }).for('alice')
    await user.import({ refreshToken: await refreshTokenFor(client.id, 'alice') })
    const seen = new Set<string | undefined>()
    for (let renewals = 0; renewals < 5; renewals++) seen.add((await user.getTokenSet({ force: true })).refreshToken)
    expect(seen.size).toBe(5)
    await client.close()
  })

  test('200 callers in four scopes redeem each refresh token once, and the session lives', async () => {
    const client = basic()
    const scopes = ['accounts', 'payments', 'accounts payments', undefined]
    const views = () => scopes.map(scope => createUserTokenSources({ client, scope }).for('bob'))
    await views()[0]?.import({ refreshToken: await refreshTokenFor(client.id, 'bob') })
    const calls = Array.from({ length: 50 }, views).flatMap(users => users.map(user => user.getTokenSet()))
    const tokens = new Set((await Promise.all(calls)).map(({ accessToken }) => accessToken))
    expect(tokens.size).toBe(scopes.length)
    // had one been sent twice, the server would have revoked them all
    for (const token of tokens) expect(await oidc.AccessToken.find(token)).toBeDefined()
    await expect(views()[1]?.getTokenSet({ force: true })).resolves.toMatchObject({ scope: 'payments' })
    await client.close()
  })

  test('a refresh token that somebody else has spent asks the user to log in', async () => {
    const client = basic()
    const stolen = await refreshTokenFor(client.id, 'erin')
    const user = createUserTokenSources({ client }).for('erin')
    await user.import({ refreshToken: stolen })
    await user.getTokenSet()
    const thief = createUserTokenSources({ client }).for('thief')
    await thief.import({ refreshToken: stolen })
    const dead = { code: 'ERR_LOGIN_REQUIRED', cause: expect.objectContaining({ error: 'invalid_grant' }) }
    await expect(thief.getTokenSet()).rejects.toMatchObject(dead)
    // the server took it for theft, and ended the session for both
    await expect(user.getTokenSet({ force: true })).rejects.toMatchObject({ ...dead, subject: 'erin' })
    await client.close()
  })
})
