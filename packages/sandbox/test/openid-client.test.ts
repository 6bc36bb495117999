/** openid-client, which we did not write, against the sandbox: what it can do works, what it cannot is refused. */
import { createPrivateKey, webcrypto } from 'node:crypto'
import * as client from 'openid-client'
import { fetch, type RequestInit } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type OpenBankingSystem, type Sandbox, type System, startSandbox } from '../src/index.js'
import { agentFor, callApi } from './client.js'

let sandbox: Sandbox
const cleanUp: (() => Promise<void>)[] = []
beforeEach(async () => {
  sandbox = await startSandbox()
})
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map(close => close()))
  await sandbox.stop()
})

/** openid-client's fetch on a connection with the system's CA and the client's certificate. */
function fetchFor(system: System): client.CustomFetch {
  const certificate = 'certificate' in system ? (system as OpenBankingSystem).certificate : undefined
  const dispatcher = agentFor(sandbox, system, certificate)
  cleanUp.push(() => dispatcher.close())
  return (url, options) => {
    const target = new URL(url)
    const host = target.host
    if (target.hostname !== 'localhost') target.port = String(system.connectTo.port)
    const { headers, ...rest } = options
    const init = { ...rest, dispatcher, headers: { ...headers, host } } as RequestInit
    return fetch(target, init) as unknown as Promise<Response>
  }
}

async function signingKey(
  system: OpenBankingSystem,
  kid = system.kid,
): Promise<{ key: webcrypto.CryptoKey; kid: string }> {
  const pkcs8 = createPrivateKey(system.signingKey).export({ type: 'pkcs8', format: 'der' })
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' }
  return { key: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']), kid }
}

/** The assertion as these servers want it: `aud` the token endpoint, fifteen minutes long. */
async function privateKeyJwt(system: OpenBankingSystem, claims: Record<string, unknown> = {}) {
  return client.PrivateKeyJwt(await signingKey(system), {
    [client.modifyAssertion]: (_header, payload) => {
      const now = Math.floor(sandbox.now() / 1000)
      Object.assign(payload, { aud: system.tokenEndpoint, iat: now, exp: now + 900 }, claims)
      delete payload.nbf
    },
  })
}

async function configure(system: OpenBankingSystem, alg: string, claims?: Record<string, unknown>) {
  const metadata = { issuer: system.tokenEndpoint, token_endpoint: system.tokenEndpoint }
  const registered = { id_token_signed_response_alg: alg }
  const config = new client.Configuration(metadata, system.clientId, registered, await privateKeyJwt(system, claims))
  config[client.customFetch] = fetchFor(system)
  return config
}

describe.each(['wso2ApiManager', 'wso2IdentityServer'] as const)('%s', name => {
  test('gives an application token for private_key_jwt over mutual TLS', async () => {
    const system = sandbox[name]
    const config = await configure(system, 'RS256')
    const tokens = await client.clientCredentialsGrant(config, { scope: 'accounts openid' })
    expect(tokens.token_type).toBe('bearer')
    expect(tokens.expiresIn()).toBeGreaterThan(3500)
    expect(tokens.id_token === undefined).toBe(name === 'wso2IdentityServer')
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(200)
  })

  test('exchanges a code with PKCE, whose ID token holds, and renews it', async () => {
    const system = sandbox[name]
    const config = await configure(system, 'PS256')
    const verifier = client.randomPKCECodeVerifier()
    const code = system.approve({
      clientId: system.clientId,
      scope: 'openid accounts',
      codeChallenge: await client.calculatePKCECodeChallenge(verifier),
      nonce: 'n-1',
    })
    const callback = new URL(`${system.redirectUri}?code=${code}&state=s-1`)
    const checks = { expectedState: 's-1', expectedNonce: 'n-1', pkceCodeVerifier: verifier }
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    expect(tokens.claims()).toMatchObject({ iss: system.tokenEndpoint, nonce: 'n-1' })
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(200)

    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token as string)
    expect(renewed.access_token).not.toBe(tokens.access_token)
    expect(renewed.refresh_token).toBe(tokens.refresh_token)
    expect((await callApi(sandbox, system, renewed.access_token)).status).toBe(200)
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(401)
  })

  test('refuses the assertion it would send by itself, a minute long', async () => {
    const now = Math.floor(sandbox.now() / 1000)
    const config = await configure(sandbox[name], 'RS256', { exp: now + 60 })
    await expect(client.clientCredentialsGrant(config)).rejects.toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringMatching(/^JWT Token is expired/),
    })
  })
})

test('Identity Server is found by discovery, and its signatures by its keys', async () => {
  const system = sandbox.wso2IdentityServer
  const config = await client.discovery(
    new URL(system.issuer),
    system.clientId,
    { id_token_signed_response_alg: 'PS256' },
    await privateKeyJwt(system),
    { [client.customFetch]: fetchFor(system) },
  )
  client.enableNonRepudiationChecks(config)
  expect(config.serverMetadata().token_endpoint).toBe(system.tokenEndpoint)
  const code = system.approve({ clientId: system.clientId, scope: 'openid accounts' })
  const tokens = await client.authorizationCodeGrant(config, new URL(`${system.redirectUri}?code=${code}`))
  expect(tokens.claims()?.aud).toEqual([system.clientId])
  await client.tokenRevocation(config, tokens.access_token)
  expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(401)
})

describe('the front channel of Identity Server', () => {
  /** A client found by discovery, and a consent that waits for its account holder. */
  async function begin() {
    const system = sandbox.wso2IdentityServer
    const registered = { id_token_signed_response_alg: 'PS256', authorization_signed_response_alg: 'PS256' }
    const config = await client.discovery(
      new URL(system.issuer),
      system.clientId,
      registered,
      await privateKeyJwt(system),
      { [client.customFetch]: fetchFor(system) },
    )
    client.enableNonRepudiationChecks(config)
    const { access_token: token } = await client.clientCredentialsGrant(config, { scope: 'accounts' })
    const created = await client.fetchProtectedResource(
      config,
      token,
      new URL(sandbox.wso2ApiManager.consentsUrl),
      'POST',
      JSON.stringify({ Data: { Permissions: ['ReadAccountsBasic'] }, Risk: {} }),
    )
    const { Data } = (await created.json()) as { Data: { ConsentId: string } }
    return { system, config, consentId: Data.ConsentId }
  }

  const verifier = client.randomPKCECodeVerifier()

  /** openid-client's own would be expired here, since it lives as long as the server's skew, and of a type unknown to it. */
  async function signedUrl(
    { system, config, consentId }: Awaited<ReturnType<typeof begin>>,
    parameters: Record<string, string> = {},
  ): Promise<URL> {
    const intent = { openbanking_intent_id: { value: consentId, essential: true } }
    const all = {
      redirect_uri: system.redirectUri,
      scope: 'openid accounts',
      state: 's-1',
      nonce: 'n-1',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      claims: JSON.stringify({ id_token: intent }),
      ...parameters,
    }
    return client.buildAuthorizationUrlWithJAR(config, all, await signingKey(system), {
      [client.modifyAssertion]: (header, payload) => {
        header.typ = 'JWT'
        payload.exp = Number(payload.iat) + 900
      },
    })
  }

  const checks = { expectedState: 's-1', expectedNonce: 'n-1', pkceCodeVerifier: verifier }

  test('gives the hybrid answer whose hashes hold, to a request object with OpenID Connect’s parameters beside it', async () => {
    const bank = await begin()
    client.useCodeIdTokenResponseType(bank.config)
    client.enableDetachedSignatureResponseChecks(bank.config)
    const url = await signedUrl(bank)
    for (const [name, value] of [
      ['response_type', 'code id_token'],
      ['scope', 'openid accounts'],
    ] as const)
      url.searchParams.set(name, value)
    const answer = await bank.system.visit(url.href)
    const tokens = await client.authorizationCodeGrant(bank.config, new URL(answer.url), checks)
    expect((await callApi(sandbox, bank.system, tokens.access_token)).status).toBe(200)
    const renewed = await client.refreshTokenGrant(bank.config, tokens.refresh_token as string)
    const subject = tokens.claims()?.sub ?? ''
    expect(renewed.claims()?.sub).toBe(subject)
    expect((await client.fetchUserInfo(bank.config, renewed.access_token, subject)).sub).toBe(subject)
    await expect(client.fetchUserInfo(bank.config, tokens.access_token, subject)).rejects.toThrow()
  })

  test('takes a pushed request object, and gives the code alone where the client may have it', async () => {
    const bank = await begin()
    bank.system.settings.responseTypes = ['code id_token', 'code']
    const { searchParams } = await signedUrl(bank, { response_type: 'code' })
    const url = await client.buildAuthorizationUrlWithPAR(bank.config, searchParams)
    const answer = await bank.system.visit(url.href)
    const tokens = await client.authorizationCodeGrant(bank.config, new URL(answer.url), checks)
    expect((await callApi(sandbox, bank.system, tokens.access_token)).status).toBe(200)
  })

  test('signs its answer where JARM is on', async () => {
    const bank = await begin()
    bank.system.settings.jarm = true
    bank.system.settings.responseTypes = ['code']
    client.useJwtResponseMode(bank.config)
    const { searchParams } = await signedUrl(bank, { response_type: 'code', response_mode: 'jwt' })
    const url = await client.buildAuthorizationUrlWithPAR(bank.config, searchParams)
    const answer = await bank.system.visit(url.href)
    const tokens = await client.authorizationCodeGrant(bank.config, new URL(answer.url), checks)
    expect(tokens.claims()?.nonce).toBe('n-1')
  })

  test('says that the account holder denied', async () => {
    const bank = await begin()
    const url = await client.buildAuthorizationUrlWithPAR(bank.config, (await signedUrl(bank, hybrid)).searchParams)
    const answer = await bank.system.visit(url.href, { decision: 'deny' })
    client.useCodeIdTokenResponseType(bank.config)
    await expect(client.authorizationCodeGrant(bank.config, new URL(answer.url), checks)).rejects.toMatchObject({
      error: 'access_denied',
    })
  })

  const hybrid = { response_type: 'code id_token' }
})

test('API Manager takes tls_client_auth and client_secret_post where the client is registered so', async () => {
  const system = sandbox.wso2ApiManager
  const metadata = { issuer: system.tokenEndpoint, token_endpoint: system.tokenEndpoint }
  for (const [authMethod, authenticate] of [
    ['tls_client_auth', client.TlsClientAuth()],
    ['client_secret_post', client.ClientSecretPost(system.clientSecret)],
  ] as const) {
    system.settings.authMethod = authMethod
    const config = new client.Configuration(metadata, system.clientId, {}, authenticate)
    config[client.customFetch] = fetchFor(system)
    expect((await client.clientCredentialsGrant(config, { scope: 'accounts' })).scope).toBe('accounts')
  }
})

describe('wso2Apk', () => {
  const configureApk = (authenticate: client.ClientAuth) => {
    const { wso2Apk: system } = sandbox
    const metadata = { issuer: 'https://idp.am.wso2.com/token', token_endpoint: system.tokenEndpoint }
    const config = new client.Configuration(metadata, system.clientId, {}, authenticate)
    config[client.customFetch] = fetchFor(system)
    return config
  }

  test('takes raw Basic under its own name, connected to elsewhere', async () => {
    const { wso2Apk: system } = sandbox
    const raw = Buffer.from(`${system.clientId}:${system.clientSecret}`).toString('base64')
    const config = configureApk((_as, _client, _body, headers) => headers.set('authorization', `Basic ${raw}`))
    const tokens = await client.clientCredentialsGrant(config)
    expect(tokens.scope).toBe('default')
    expect(system.requests[0]).toMatchObject({ tlsServername: 'idp.am.wso2.com' })
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(200)
  })

  test('refuses the form-encoded Basic of RFC 6749, which escapes the dashes of the id', async () => {
    const config = configureApk(client.ClientSecretBasic(sandbox.wso2Apk.clientSecret))
    await expect(client.clientCredentialsGrant(config)).rejects.toMatchObject({ error: 'access_denied', status: 401 })
  })
})

test('Fiserv CIAM takes client_secret_post, and never client_secret_basic', async () => {
  const { fiservCiam: system } = sandbox
  const metadata = { issuer: system.origin, token_endpoint: system.tokenEndpoint }
  const configured = (authenticate: client.ClientAuth) => {
    const config = new client.Configuration(metadata, system.clientId, {}, authenticate)
    config[client.customFetch] = fetchFor(system)
    return config
  }
  const tokens = await client.clientCredentialsGrant(configured(client.ClientSecretPost(system.clientSecret)))
  expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(200)
  const basic = client.clientCredentialsGrant(configured(client.ClientSecretBasic(system.clientSecret)))
  await expect(basic).rejects.toThrow()
  expect(system.requests.at(-1)?.status).toBe(400)
})
