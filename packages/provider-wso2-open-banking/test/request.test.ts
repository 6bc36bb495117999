/** What the token endpoint is sent, by which method of client authentication (providers.md, 1.1 to 1.4, and 1.13). */
import {
  authorizationCode,
  type Client,
  clientCredentials,
  clientSecretPost,
  createClient,
  createUserTokenSources,
  requestTokenSet,
  tlsClientAuth,
} from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { wso2OpenBanking } from '../src/index.js'
import { startOpenBanking } from './open-banking.js'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

describe('the address', () => {
  test.each(['https://apim.example.com:8243/token', 'https://is.example.com:9446/oauth2/token'])(
    'the token endpoint %s is used as it is configured, and is the issuer too',
    tokenEndpoint => {
      const { metadata } = wso2OpenBanking({ tokenEndpoint })
      expect(metadata.token_endpoint).toBe(tokenEndpoint)
      expect(metadata.issuer).toBe(tokenEndpoint)
    },
  )

  test('another issuer can be given', () => {
    const tokenEndpoint = 'https://is.example.com:9446/oauth2/token'
    expect(wso2OpenBanking({ tokenEndpoint, issuer: 'https://bank.example.com' }).metadata.issuer).toBe(
      'https://bank.example.com',
    )
  })

  test('a token of Identity Server is good at API Manager’s gateway', async () => {
    await using bank = await startOpenBanking('wso2IdentityServer')
    const source = bank.source()
    const headers = await source.headersFor('GET', bank.system.apiUrl)
    expect(new URL(bank.system.apiUrl).origin).not.toBe(bank.system.origin)
    const answer = await source.client.transport({ method: 'GET', url: bank.system.apiUrl, headers })
    expect(answer.status).toBe(200)
  })

  test('a refresh goes to another endpoint when one is configured, as the documentation shows', async () => {
    await using bank = await startOpenBanking('wso2IdentityServer')
    const { tokenEndpoint: refreshEndpoint, requests } = bank.sandbox.wso2ApiManager
    const user = bank.user({}, { refreshEndpoint })
    await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    expect(bank.tokenRequests().map(({ parameters }) => parameters.grant_type)).toEqual(['authorization_code'])
    expect(requests.map(({ parameters, path }) => [parameters.grant_type, path])).toEqual([['refresh_token', '/token']])
  })

  test('an endpoint under a mutual-TLS alias takes the audience of the main host', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    const alias = bank.system.tokenEndpoint.replace('localhost', '127.0.0.1')
    const client = bank.client({}, { tokenEndpoint: alias, audience: bank.system.tokenEndpoint })
    await requestTokenSet(client, clientCredentials({ scope: 'accounts' }))
    expect(bank.lastTokenRequest()).toMatchObject({ status: 200, headers: { host: new URL(alias).host } })
  })
})

describe('the parameters', () => {
  test('of client_credentials are the documented ones, client_id beside them', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    const grant = clientCredentials({ scope: 'accounts openid', redirectUri: 'https://tpp.example.com/callback' })
    await requestTokenSet(bank.client(), grant)
    const { method, path, query, headers, parameters } = bank.lastTokenRequest()
    expect([method, path, query]).toEqual(['POST', '/token', ''])
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
    // the documented curl call, but for its assertion and its redirect URI without a scheme
    const documented = new URLSearchParams(
      'grant_type=client_credentials&scope=accounts openid&client_assertion=eyJ&client_assertion_type=' +
        'urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&redirect_uri=www.wso2.com',
    )
    expect(parameters).toEqual({
      ...Object.fromEntries(documented),
      client_assertion: expect.stringMatching(/^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/),
      redirect_uri: 'https://tpp.example.com/callback',
      client_id: bank.system.clientId,
    })
  })

  test('of client_credentials lack redirect_uri when none is configured', async () => {
    await using bank = await startOpenBanking()
    await requestTokenSet(bank.client(), clientCredentials({ scope: 'accounts' }))
    expect(bank.lastTokenRequest().parameters).not.toHaveProperty('redirect_uri')
  })

  test('of authorization_code hold the code, its redirect URI and its verifier', async () => {
    await using bank = await startOpenBanking()
    const { clientId, redirectUri } = bank.system
    const codeVerifier = 'v'.repeat(43)
    const challenge = { codeChallenge: codeVerifier, codeChallengeMethod: 'plain' as const }
    const code = bank.system.approve({ clientId, scope: 'openid accounts', ...challenge })
    await bank.user().redeem(authorizationCode({ code, redirectUri, codeVerifier, scope: 'openid accounts' }))
    expect(bank.lastTokenRequest()).toMatchObject({ status: 200, path: '/oauth2/token' })
    expect(bank.lastTokenRequest().parameters).toEqual({
      grant_type: 'authorization_code',
      scope: 'openid accounts',
      code,
      redirect_uri: redirectUri,
      code_verifier: codeVerifier,
      client_id: clientId,
      client_assertion_type: assertionType,
      client_assertion: expect.any(String),
    })
  })

  test('of refresh_token hold no scope unless one is configured', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    const { refreshToken } = await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    expect(bank.lastTokenRequest().parameters).toEqual({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: bank.system.clientId,
      client_assertion_type: assertionType,
      client_assertion: expect.any(String),
    })
  })

  test('of refresh_token may narrow the scope', async () => {
    await using bank = await startOpenBanking()
    const user = createUserTokenSources({ client: bank.client(), scope: 'accounts' }).for('user')
    await user.redeem(authorizationCode(bank.approved('accounts payments openid')))
    expect((await user.getTokenSet({ force: true })).scope).toBe('accounts')
    expect(bank.lastTokenRequest().parameters.scope).toBe('accounts')
  })

  test('are sent once each, whatever the grant', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    await bank.source().getTokenSet()
    expect(bank.tokenRequests()).toHaveLength(3)
    for (const { parameterList } of bank.tokenRequests()) {
      const names = parameterList.map(([name]) => name)
      expect(names).toEqual([...new Set(names)])
    }
  })

  test('a parameter of the protocol cannot be given twice', () => {
    const make = () => clientCredentials({ parameters: { client_assertion: 'eyJ' } })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'parameters.client_assertion' }))
  })

  test('takes the three grants a client is registered for, and those a bank may allow beside them', () => {
    const { metadata } = wso2OpenBanking({ tokenEndpoint: 'https://is.example.com/oauth2/token' })
    expect(metadata.grant_types_supported).toEqual([
      'client_credentials',
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:openid:params:grant-type:ciba',
    ])
  })
})

describe('client authentication', () => {
  test('by two methods at once is refused when the client is made', async () => {
    await using bank = await startOpenBanking()
    const make = () => bank.client({ auth: bank.auth(), clientSecret: 'secret' })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'clientSecret' }))
  })

  test('by tls_client_auth sends client_id and the certificate', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.authMethod = 'tls_client_auth'
    await authenticated(bank.client({ auth: tlsClientAuth() }))
    const { parameters, headers, clientCertificateThumbprint } = bank.lastTokenRequest()
    expect(parameters).toEqual({ grant_type: 'client_credentials', client_id: bank.system.clientId, scope: 'accounts' })
    expect(headers).not.toHaveProperty('authorization')
    expect(clientCertificateThumbprint).toBe(bank.certificate.thumbprint)
  })

  test('by client_secret_basic, the portal’s default, sends id and secret as they are', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.authMethod = 'client_secret_basic'
    bank.system.clientSecret = 's%20+&=/ü|'
    await authenticated(bank.client({ clientSecret: bank.system.clientSecret }))
    const { headers, parameters } = bank.lastTokenRequest()
    const decoded = Buffer.from(headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
    expect(decoded).toBe(`${bank.system.clientId}:s%20+&=/ü|`)
    expect(parameters).toEqual({ grant_type: 'client_credentials', scope: 'accounts' })
  })

  test('by client_secret_post works where it is registered', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.authMethod = 'client_secret_post'
    await authenticated(bank.client({ auth: clientSecretPost(bank.system.clientSecret) }))
    expect(bank.lastTokenRequest().headers).not.toHaveProperty('authorization')
  })

  test.each([
    ['clientId', { clientId: 'a:b', clientSecret: 'secret' }],
    ['clientSecret', { clientId: 'id', clientSecret: 'a:b' }],
  ])('":" in the %s of a Basic header is refused when the client is made', async (option, credentials) => {
    await using bank = await startOpenBanking()
    const provider = wso2OpenBanking({ tokenEndpoint: bank.system.tokenEndpoint })
    const make = () => createClient({ provider, tls: bank.tls, ...credentials })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option }))
  })
})

async function authenticated(client: Client): Promise<void> {
  const tokenSet = await requestTokenSet(client, clientCredentials({ scope: 'accounts' }))
  expect(tokenSet.scope).toBe('accounts')
}
