/** openid-client against the OpenID Provider: the good way in every form, and what it refuses of the bad ones. */
import { createPrivateKey, webcrypto } from 'node:crypto'
import * as client from 'openid-client'
import { fetch, type RequestInit } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Misbehaviour, type Openid, type OpenidSettings, type Sandbox, startSandbox } from '../src/index.js'
import { agentFor, call, callApi } from './client.js'

let sandbox: Sandbox
let openid: Openid
const cleanUp: (() => Promise<void>)[] = []
beforeEach(async () => {
  sandbox = await startSandbox()
  openid = sandbox.openid
})
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map(close => close()))
  await sandbox.stop()
})

function customFetch(): client.CustomFetch {
  const dispatcher = agentFor(sandbox, openid, openid.certificate)
  cleanUp.push(() => dispatcher.close())
  return (url, options) => fetch(url, { ...options, dispatcher } as RequestInit) as unknown as Promise<Response>
}

async function signingKey(name = 'RSA-PSS', usages: webcrypto.KeyUsage[] = ['sign']) {
  const pkcs8 = createPrivateKey(openid.signingKey).export({ type: 'pkcs8', format: 'der' })
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, { name, hash: 'SHA-256' }, false, usages)
  return { key, kid: openid.kid }
}

async function authentication(): Promise<client.ClientAuth> {
  const { clientSecret, settings } = openid
  if (settings.authMethod === 'private_key_jwt') return client.PrivateKeyJwt(await signingKey())
  if (settings.authMethod === 'tls_client_auth') return client.TlsClientAuth()
  if (settings.authMethod === 'none') return client.None()
  return settings.authMethod === 'client_secret_post'
    ? client.ClientSecretPost(clientSecret)
    : client.ClientSecretBasic(clientSecret)
}

async function configure(): Promise<client.Configuration> {
  const { settings } = openid
  const metadata = {
    id_token_signed_response_alg: settings.idTokenSignedResponseAlg,
    authorization_signed_response_alg: settings.authorizationSignedResponseAlg,
    userinfo_signed_response_alg: settings.userinfoSignedResponseAlg,
    use_mtls_endpoint_aliases: settings.mtlsEndpointAliases,
  } as Partial<client.ClientMetadata>
  const config = await client.discovery(new URL(openid.issuer), openid.clientId, metadata, await authentication(), {
    [client.customFetch]: customFetch(),
  })
  client.enableNonRepudiationChecks(config)
  return config
}

/** What a browser brings back: the URL it was sent to, or the form it posts. */
async function browse(url: URL): Promise<URL | Request> {
  const answer = await call(sandbox, openid, url.href)
  if (answer.status === 303) return new URL(answer.headers.location as string)
  expect(answer.text).toContain(`action="${openid.redirectUri}"`)
  const inputs = [...answer.text.matchAll(/name="([^"]*)" value="([^"]*)"/g)]
  const decoded = (text = '') => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
  const body = new URLSearchParams(inputs.map(([, name, value]): [string, string] => [decoded(name), decoded(value)]))
  return new Request(openid.redirectUri, { method: 'POST', body })
}

interface Flow {
  readonly parameters?: Record<string, string>
  readonly prepare?: (config: client.Configuration) => void
  readonly pushed?: boolean
  readonly signed?: boolean
  readonly dpop?: client.DPoPHandle
}

/** A login from discovery to tokens. */
async function logIn({ parameters = {}, prepare, pushed, signed, dpop }: Flow = {}, known?: client.Configuration) {
  const config = known ?? (await configure())
  prepare?.(config)
  const verifier = client.randomPKCECodeVerifier()
  const request: Record<string, string> = {
    redirect_uri: openid.redirectUri,
    scope: 'openid accounts',
    state: 'the state',
    nonce: 'the nonce',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  }
  let url = client.buildAuthorizationUrl(config, request)
  if (signed) url = await client.buildAuthorizationUrlWithJAR(config, request, await signingKey())
  if (pushed) url = await client.buildAuthorizationUrlWithPAR(config, url.searchParams, { DPoP: dpop } as never)
  const checks = { expectedState: 'the state', expectedNonce: 'the nonce', pkceCodeVerifier: verifier }
  const callback = await browse(url)
  const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, { DPoP: dpop } as never)
  return { config, tokens }
}

const hybrid = (config: client.Configuration) => client.useCodeIdTokenResponseType(config)
const hybridParameters = { response_type: 'code id_token' }
const jarm = (config: client.Configuration) => client.useJwtResponseMode(config)

describe('the good way', () => {
  const ways: Record<string, Flow & { readonly settings?: Partial<OpenidSettings> }> = {
    'code in the query': {},
    'code by form_post': { parameters: { response_mode: 'form_post' } },
    'a pushed request': { pushed: true, settings: { requirePushedAuthorizationRequests: true } },
    'a signed request object': { signed: true, settings: { requireSignedRequestObject: true } },
    'both, ES256 ID tokens, private_key_jwt': {
      pushed: true,
      signed: true,
      settings: { authMethod: 'private_key_jwt', idTokenSignedResponseAlg: 'ES256' },
    },
    'PS256 ID tokens, client_secret_post': {
      settings: { authMethod: 'client_secret_post', idTokenSignedResponseAlg: 'PS256' },
    },
    'JARM in the query': { prepare: jarm, parameters: { response_mode: 'jwt' } },
    'hybrid in the fragment': { prepare: hybrid, parameters: hybridParameters },
    'a certificate and certificate-bound tokens, at the aliases': {
      pushed: true,
      settings: { authMethod: 'tls_client_auth', senderConstrained: 'certificate', mtlsEndpointAliases: true },
    },
    'a public client': { settings: { authMethod: 'none' } },
  }
  test.each(Object.entries(ways))('%s', async (_name, { settings = {}, ...flow }) => {
    Object.assign(openid.settings, settings)
    const { config, tokens } = await logIn(flow)
    expect(tokens.claims()).toMatchObject({ iss: openid.issuer, sub: 'alice', nonce: 'the nonce' })
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, 'alice')
    expect(userinfo.name).toBe('Alice Example')
    const api = await callApi(sandbox, openid, tokens.access_token, { certificate: openid.certificate })
    expect(api.status).toBe(200)
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token as string)
    expect(renewed.claims()?.sub).toBe('alice')
    await expect(client.refreshTokenGrant(config, tokens.refresh_token as string)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  test('DPoP with nonces, from the pushed request to the API', async () => {
    Object.assign(openid.settings, { senderConstrained: 'dpop', dpopNonces: true, accessTokenFormat: 'jwt' })
    const config = await configure()
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
    const { tokens } = await logIn({ dpop, pushed: true }, config)
    expect(tokens.token_type).toBe('dpop')
    const api = () =>
      client.fetchProtectedResource(config, tokens.access_token, new URL(openid.apiUrl), 'GET', null, undefined, {
        DPoP: dpop,
      })
    expect((await api()).status).toBe(200)
    expect((await callApi(sandbox, openid, tokens.access_token)).status).toBe(401)
    expect(JSON.parse(Buffer.from(String(tokens.access_token.split('.')[1]), 'base64url').toString()).cnf).toEqual({
      jkt: await dpop.calculateThumbprint(),
    })
  })

  test.each(['RSA-OAEP', 'RSA-OAEP-256'] as const)('ID tokens encrypted with %s', async alg => {
    for (const enc of ['A256GCM', 'A128GCM', 'A128CBC-HS256'] as const) {
      openid.settings.idTokenEncryption = { alg, enc }
      const config = await configure()
      const name = alg === 'RSA-OAEP' ? 'SHA-1' : 'SHA-256'
      const pkcs8 = createPrivateKey(openid.signingKey).export({ type: 'pkcs8', format: 'der' })
      const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-OAEP', hash: name }, false, ['decrypt'])
      client.enableDecryptingResponses(config, [enc], { key, alg })
      expect((await logIn({}, config)).tokens.claims()?.sub).toBe('alice')
    }
  })

  test('signed userinfo', async () => {
    openid.settings.userinfoSignedResponseAlg = 'ES256'
    const { config, tokens } = await logIn()
    const { sub, iss, aud } = await client.fetchUserInfo(config, tokens.access_token, 'alice')
    expect([sub, iss, aud]).toEqual(['alice', openid.issuer, openid.clientId])
  })

  test('keys rotate, and the next login finds the new ones', async () => {
    const { config } = await logIn()
    await openid.rotateKeys()
    expect((await logIn({}, await configure())).tokens.claims()?.sub).toBe('alice')
    const { keys } = (await call(sandbox, openid, String(config.serverMetadata().jwks_uri))).json
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(['rsa-2', 'ec-2'])
  })
})

describe('openid-client refuses', () => {
  const inFlow = (flow: Flow, names: readonly Misbehaviour[]) => names.map(name => [name, flow] as const)
  const cases = [
    ...inFlow({}, [
      'id-token: wrong iss',
      'id-token: wrong aud',
      'id-token: missing aud',
      'id-token: several aud without azp',
      'id-token: expired',
      'id-token: missing exp',
      'id-token: not yet valid',
      'id-token: missing iat',
      'id-token: missing sub',
      'id-token: wrong nonce',
      'id-token: missing nonce',
      'id-token: alg none',
      'id-token: HS256 with the public key',
      'id-token: other alg',
      'id-token: bad signature',
      'id-token: empty signature',
      'id-token: unknown kid',
      'id-token: another key',
      'id-token: key in the header',
      'id-token: weak key',
      'id-token: claims as array',
      'id-token: two parts',
      'authorization-response: wrong state',
      'authorization-response: missing state',
      'authorization-response: doubled state',
      'authorization-response: wrong iss',
      'authorization-response: missing iss',
      'authorization-response: doubled iss',
      'authorization-response: missing code',
      'authorization-response: access_denied',
      'authorization-response: JARM instead of plain',
      'discovery: other issuer',
      'discovery: not JSON',
      'jwks: not JSON',
      "jwks: a stranger's keys",
      'token-response: missing access_token',
      'token-response: other token_type',
    ]),
    ...inFlow({ prepare: hybrid, parameters: hybridParameters }, [
      'id-token: wrong c_hash',
      'id-token: missing c_hash',
      'id-token: wrong s_hash',
      'authorization-response: missing id_token',
    ]),
    ...inFlow({ prepare: jarm, parameters: { response_mode: 'jwt' } }, [
      'jarm: wrong iss',
      'jarm: wrong aud',
      'jarm: expired',
      'jarm: missing exp',
      'jarm: alg none',
      'jarm: bad signature',
      'jarm: wrong state',
      'authorization-response: plain instead of JARM',
    ]),
    ...inFlow({ pushed: true }, ['pushed-authorization: missing request_uri', 'pushed-authorization: not JSON']),
  ]
  test.each(cases)('%s', async (name, flow) => {
    openid.misbehave(name, { times: Number.POSITIVE_INFINITY })
    await expect(logIn(flow)).rejects.toThrow()
  })

  test('userinfo of another user, and unsigned where it is to be signed', async () => {
    openid.settings.userinfoSignedResponseAlg = 'RS256'
    const { config, tokens } = await logIn()
    for (const name of ['userinfo: other sub', 'userinfo: unsigned', 'userinfo: wrong iss'] as const) {
      openid.misbehave(name)
      await expect(client.fetchUserInfo(config, tokens.access_token, 'alice')).rejects.toThrow()
    }
    expect((await client.fetchUserInfo(config, tokens.access_token, 'alice')).sub).toBe('alice')
  })
})

describe('misbehave', () => {
  test('does it once, or as often as asked, or until it is cancelled', async () => {
    const issuers = async (count: number) => {
      const answers: string[] = []
      for (let asked = 0; asked < count; asked++)
        answers.push((await call(sandbox, openid, `${openid.issuer}/.well-known/openid-configuration`)).json.issuer)
      return answers.map(issuer => issuer === openid.issuer)
    }
    openid.misbehave('discovery: other issuer')
    expect(await issuers(2)).toEqual([false, true])
    openid.misbehave('discovery: other issuer', { times: 2 })
    expect(await issuers(3)).toEqual([false, false, true])
    const cancel = openid.misbehave('discovery: other issuer', { times: Number.POSITIVE_INFINITY })
    expect(await issuers(2)).toEqual([false, false])
    cancel()
    expect(await issuers(1)).toEqual([true])
  })

  test('waits for the occasion it is told', async () => {
    openid.misbehave('id-token: wrong iss', { on: 'refresh' })
    const { config, tokens } = await logIn()
    await expect(client.refreshTokenGrant(config, tokens.refresh_token as string)).rejects.toThrow(
      'unexpected JWT claim value',
    )
  })

  test('what it does not know is a TypeError', () => {
    expect(() => openid.misbehave('id-token: wong iss' as Misbehaviour)).toThrow(TypeError)
    expect(() => openid.misbehave('toString' as Misbehaviour)).toThrow(TypeError)
    expect(() => openid.misbehave('id-token: wrong iss', { times: 0 })).toThrow('options.times')
  })

  test('every name has something to spoil', () => {
    expect(openid.misbehaviours.length).toBeGreaterThan(150)
    for (const name of openid.misbehaviours) expect(typeof openid.misbehave(name)).toBe('function')
  })
})

describe('it refuses', () => {
  const authorize = (parameters: Record<string, string>) => {
    const rightful = {
      client_id: openid.clientId,
      redirect_uri: openid.redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'abc',
      code_challenge_method: 'S256',
    }
    return call(sandbox, openid, `${openid.issuer}/authorize?${new URLSearchParams({ ...rightful, ...parameters })}`)
  }
  test.each([
    ['another client', { client_id: 'mallory' }, 'unauthorized_client'],
    ['another redirect_uri', { redirect_uri: 'https://mallory.example' }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['hybrid without a nonce', { response_type: 'code id_token' }, 'invalid_request'],
    ['an unknown request_uri', { request_uri: 'urn:x' }, 'invalid_request_uri'],
    ['a request object that is none', { request: 'e30.e30.AA' }, 'invalid_request_object'],
  ])('%s', async (_name, parameters, error) => {
    const answer = await authorize(parameters as Record<string, string>)
    expect([answer.status, answer.json.error]).toEqual([400, error])
  })

  test('a code twice, a wrong verifier, a wrong secret', async () => {
    const { headers } = await authorize({})
    const code = new URL(String(headers.location)).searchParams.get('code') ?? ''
    const redeem = (secret: string) =>
      call(sandbox, openid, openid.tokenEndpoint, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: `Basic ${Buffer.from(`${openid.clientId}:${encodeURIComponent(secret)}`).toString('base64')}`,
        },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code,
          redirect_uri: openid.redirectUri,
          code_verifier: 'wrong',
        }).toString(),
      })
    expect((await redeem('another')).json.error).toBe('invalid_client')
    expect((await redeem(openid.clientSecret)).json).toMatchObject({
      error_description: 'the code_verifier does not fit',
    })
    expect((await redeem(openid.clientSecret)).json).toMatchObject({ error_description: 'the code is dead' })
  })
})
