import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { exportJWK, jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  type AuthenticationRequestId,
  type BackchannelAuthenticationOptions,
  type ClientOptions,
  ciba,
  createClient,
  createUserTokenSources,
  defineProvider,
  isGrantKitError,
  privateKeyJwt,
  requestBackchannelAuthentication,
  signer,
} from '../../src/index.js'
import { failure, refusal } from '../answering.js'
import { type Answer, json, refuse, scriptedServer, start } from '../scripted-server.js'

const issuer = 'https://as.example'
const serverKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const clientKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
const seconds = start / 1000
const answered = { auth_req_id: 'secret-request-id', expires_in: 120, interval: 2 }

const idToken = (claims: object = {}, key: KeyObject = serverKey.privateKey) =>
  new SignJWT({ iss: issuer, aud: 'app', sub: 'alice', iat: seconds, exp: seconds + 60, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'server' })
    .sign(key)

/** A server whose endpoints answer each for itself. */
function setUp(answers: Readonly<Record<string, Answer>> = {}, options: Partial<ClientOptions> = {}) {
  const server = scriptedServer(async request => {
    const path = new URL(request.url).pathname
    if (path === '/jwks') return json(200, { keys: [{ ...(await exportJWK(serverKey.publicKey)), kid: 'server' }] })
    return (answers[path] ?? (() => json(200, answered)))(request)
  })
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/token`,
    backchannel_authentication_endpoint: `${issuer}/ciba`,
    jwks_uri: `${issuer}/jwks`,
  }
  let now = start
  const client = createClient({
    provider: defineProvider({ name: 'example', metadata }),
    clientId: 'app',
    auth: privateKeyJwt({ key: clientKey.privateKey, alg: 'PS256' }),
    metadata: { id_token_signed_response_alg: 'ES256' },
    transport: server.transport,
    clock: { now: () => now },
    ...options,
  })
  const wait = async (delayMs: number) => {
    now += delayMs
  }
  const asked = () => server.requests.filter(({ url }) => url === `${issuer}/ciba`).map(({ form }) => form)
  return { server, client, wait, asked }
}

const hint = { loginHint: '+44 7700 900000' }

describe('requestBackchannelAuthentication', () => {
  test('sends what CIBA Core §7.1 names', async () => {
    const { client, asked } = setUp()
    const authentication = await requestBackchannelAuthentication(client, {
      ...hint,
      scope: 'openid accounts',
      bindingMessage: 'W4SCT',
      userCode: '1234',
      requestedExpirySeconds: 120,
      acrValues: ['urn:strong', 'urn:weak'],
      parameters: { transaction_context: 'payment' },
    })
    expect(authentication).toMatchObject({
      authReqId: 'secret-request-id',
      expiresAt: start + 120_000,
      intervalMs: 2_000,
    })
    expect(asked()[0]).toMatchObject({
      scope: 'openid accounts',
      login_hint: '+44 7700 900000',
      binding_message: 'W4SCT',
      user_code: '1234',
      requested_expiry: '120',
      acr_values: 'urn:strong urn:weak',
      transaction_context: 'payment',
      client_id: 'app',
      client_assertion: expect.any(String),
    })
    expect(asked()[0]).not.toHaveProperty('request')
  })

  test('signs a request with all that in it, and nothing of it beside', async () => {
    const { client, asked } = setUp()
    const ps256 = signer({ key: clientKey.privateKey, alg: 'PS256', kid: 'request-1' })
    await requestBackchannelAuthentication(client, { loginHintToken: 'a.b.c', signer: ps256, lifetimeSeconds: 300 })
    const [form = {}] = asked()
    expect(Object.keys(form).sort()).toEqual(['client_assertion', 'client_assertion_type', 'client_id', 'request'])
    const { payload, protectedHeader } = await jwtVerify(form.request ?? '', clientKey.publicKey, {
      currentDate: new Date(start),
    })
    expect(protectedHeader).toEqual({ alg: 'PS256', kid: 'request-1', typ: 'JWT' })
    expect(payload).toEqual({
      iss: 'app',
      aud: issuer,
      // for a server whose clock runs behind
      iat: seconds - 10,
      nbf: seconds - 10,
      exp: seconds + 300,
      jti: expect.any(String),
      scope: 'openid',
      login_hint_token: 'a.b.c',
    })
  })

  test('that cannot be signed is not sent, and says so', async () => {
    const { client, server } = setUp()
    const away = () => Promise.reject(new Error('KMS is away'))
    const error = await failure(
      requestBackchannelAuthentication(client, { ...hint, signer: signer({ key: away, alg: 'PS256' }) }),
    )
    expect(error).toMatchObject({ code: 'ERR_REQUEST_OBJECT', neverSent: true, cause: { message: 'KMS is away' } })
    expect(server.requests).toEqual([])
  })

  test('is signed as was registered, or not sent', async () => {
    const metadata = { backchannel_authentication_request_signing_alg: 'ES256' }
    const { client, server } = setUp({}, { metadata })
    const ps256 = signer({ key: clientKey.privateKey, alg: 'PS256' })
    for (const options of [hint, { ...hint, signer: ps256 }])
      expect(await failure(requestBackchannelAuthentication(client, options))).toMatchObject({ option: 'signer' })
    expect(server.requests).toEqual([])
  })

  test('asks a user once: a request whose answer was lost is not sent again', async () => {
    const lost = () => {
      throw new Error('reset')
    }
    const { client, asked } = setUp({ '/ciba': lost })
    expect(await failure(requestBackchannelAuthentication(client, hint))).toMatchObject({ code: 'ERR_TRANSPORT' })
    expect(asked()).toHaveLength(1)
  })

  test('fails as the server refuses, and shows nothing it waits by', async () => {
    const { client } = setUp({ '/ciba': refuse(400, 'unknown_user_id') })
    expect(await failure(requestBackchannelAuthentication(client, hint))).toMatchObject({ error: 'unknown_user_id' })
    const authentication = await requestBackchannelAuthentication(setUp().client, hint)
    expect(inspect(authentication) + JSON.stringify(authentication)).not.toContain('secret-request-id')
  })

  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ['auth_req_id', { auth_req_id: undefined }],
    ['auth_req_id', { auth_req_id: ['a'] }],
    ['expires_in', { expires_in: 'never' }],
    ['interval', { interval: {} }],
    ['interval', { interval: 'Infinity' }],
  ]
  test.each(wrong)('refuses %s: %o', async (check, members) => {
    const { client } = setUp({ '/ciba': () => json(200, { ...answered, ...members }) })
    expect(await failure(requestBackchannelAuthentication(client, hint))).toMatchObject({
      code: 'ERR_VALIDATION',
      check,
    })
  })

  test('reads whatever comes within bounds, or refuses it by name', async () => {
    const anything = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.double())
    const answers = fc.record(
      { auth_req_id: anything, expires_in: fc.oneof(anything, fc.constant(60)), interval: anything },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(answers, async answer => {
        const { client } = setUp({ '/ciba': () => json(200, answer) })
        const outcome = await requestBackchannelAuthentication(client, hint).catch((error: unknown) => error)
        if (isGrantKitError(outcome)) return
        const { authReqId, intervalMs } = outcome as AuthenticationRequestId
        expect(authReqId).toMatch(/^[\x21-\x7e]{1,8192}$/)
        expect(intervalMs).toBeGreaterThanOrEqual(1_000)
      }),
      { numRuns: 200 },
    )
  })

  const misused: readonly (readonly [string, object, string])[] = [
    ['no hint', {}, 'loginHint'],
    ['two hints', { ...hint, idTokenHint: 'a.b.c' }, 'idTokenHint'],
    ['a scope without openid', { ...hint, scope: 'accounts' }, 'scope'],
    ['a life of no time', { ...hint, requestedExpirySeconds: 0 }, 'requestedExpirySeconds'],
    ['a key in place of a signer', { ...hint, signer: clientKey.privateKey }, 'signer.signJwt'],
    ['a request of its own', { ...hint, parameters: { request: 'a.b.c' } }, 'parameters.request'],
    [
      'a second hint among the parameters',
      { ...hint, parameters: { login_hint_token: 'x' } },
      'parameters.login_hint_token',
    ],
  ]
  test.each(misused)('refuses %s before anybody is asked', async (_, options, option) => {
    const { client, server } = setUp()
    const ask = requestBackchannelAuthentication(client, options as BackchannelAuthenticationOptions)
    expect(await failure(ask)).toMatchObject({ option })
    expect(server.requests).toEqual([])
  })

  test('asks nobody where the answer could not be checked', async () => {
    const metadata = {
      issuer,
      token_endpoint: `${issuer}/token`,
      backchannel_authentication_endpoint: `${issuer}/ciba`,
    }
    const { client, server } = setUp({}, { provider: defineProvider({ name: 'example', metadata }) })
    expect(await failure(requestBackchannelAuthentication(client, hint))).toMatchObject({ option: 'jwks_uri' })
    expect(server.requests).toEqual([])
  })
})

describe('ciba', () => {
  /** The user agrees the second time; the answer has an ID token, or none. */
  async function agreed(token: Promise<string> | undefined) {
    let polls = 0
    const answer = async () => {
      if (++polls === 1) return json(400, { error: 'authorization_pending' })
      const tokens = { access_token: 'at', refresh_token: 'rt', token_type: 'Bearer', expires_in: 60 }
      return json(200, { ...tokens, id_token: await token })
    }
    const setup = setUp({ '/token': answer })
    const user = createUserTokenSources({ client: setup.client }).for('alice')
    const authentication = await requestBackchannelAuthentication(setup.client, hint)
    return { ...setup, user, redeem: () => user.redeem(ciba(authentication, { wait: setup.wait })) }
  }

  test('waits until the user has agreed, and keeps their tokens and what the ID token says', async () => {
    const { redeem, user, server } = await agreed(
      idToken({ 'urn:openid:params:jwt:claim:auth_req_id': 'secret-request-id' }),
    )
    const tokenSet = await redeem()
    expect(await user.getTokenSet()).toBe(tokenSet)
    const [, , poll] = server.requests
    expect(poll?.form).toMatchObject({
      grant_type: 'urn:openid:params:grant-type:ciba',
      auth_req_id: 'secret-request-id',
      client_id: 'app',
    })
  })

  test('takes an ID token that does not name the request', async () => {
    await (await agreed(idToken())).redeem()
  })

  const forged: readonly (readonly [string, () => Promise<string> | undefined, string])[] = [
    ['of another request', () => idToken({ 'urn:openid:params:jwt:claim:auth_req_id': 'another' }), 'auth_req_id'],
    ['of another issuer', () => idToken({ iss: 'https://evil.example' }), 'iss'],
    ['for another client', () => idToken({ aud: 'another' }), 'aud'],
    ['that is over', () => idToken({ exp: seconds - 600 }), 'exp'],
    ['of another access token', () => idToken({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), 'at_hash'],
    [
      'signed by somebody else',
      () => idToken({}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      'signature',
    ],
    ['that is not there', () => undefined, 'id_token'],
  ]
  test.each(forged)('hands out no tokens with an ID token %s', async (_, token, check) => {
    const { redeem, user } = await agreed(token())
    const error = await failure(redeem())
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check })
    expect(inspect(error, { depth: 9 })).not.toContain('secret-request-id')
    expect(await failure(user.getTokenSet())).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
  })

  test('refuses what no request brought', () => {
    const take = (authentication: object) => () => ciba(authentication as AuthenticationRequestId)
    expect(refusal(take({ authReqId: '' })).option).toBe('authentication.authReqId')
    expect(refusal(take({ authReqId: 'x', expiresAt: 1 })).option).toBe('authentication.intervalMs')
  })
})
