import { createHash, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type OpenBankingSystem, type Sandbox, startSandbox, type Wso2ApiManager } from '../src/index.js'
import { assertionType, call, callApi, clientAssertion, postForm, type Received, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2ApiManager
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2ApiManager
})
afterEach(() => sandbox.stop())

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())

/** A bare request over a TLS session of its own, or one taken up again. */
async function callOverTls(session?: Buffer): Promise<{ session: Buffer | undefined; resumed: boolean }> {
  const { host, port } = system.connectTo
  const resumption = session === undefined ? {} : { session }
  const socket = connect({ host, port, servername: 'localhost', ca: sandbox.ca, ...system.certificate, ...resumption })
  let ticket: Buffer | undefined
  let resumed = false
  socket.on('session', received => (ticket = received))
  socket.on('secureConnect', () => (resumed = socket.isSessionReused()))
  socket.resume()
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  await once(socket, 'close')
  return { session: ticket, resumed }
}

const error = ({ status, json }: Received) => [status, json.error, json.error_description]

describe('an application token', () => {
  test('arrives with the ID token of the 2.0 era, in the order and with the blanks of the published sample', async () => {
    const answer = await requestToken(sandbox, system)
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.json)).toEqual(['access_token', 'scope', 'id_token', 'token_type', 'expires_in'])
    expect(answer.json).toMatchObject({ scope: 'accounts  openid', token_type: 'Bearer', expires_in: 3600 })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    expect(claimsOf(answer.json.id_token)).toMatchObject({
      iss: system.tokenEndpoint,
      aud: [system.clientId, 'http://org.wso2.apimgt/gateway'],
      amr: ['client_credentials'],
      scope: ['am_application_scope', 'openid'],
    })
  })

  test('has its kid from the SHA-1 of the JWK, 27 characters', () => {
    const { e, kty, n } = createPublicKey(system.signingKey).export({ format: 'jwk' })
    expect(system.kid).toBe(createHash('sha1').update(`{"e":"${e}","kty":"${kty}","n":"${n}"}`).digest('base64url'))
    expect(system.kid).toHaveLength(27)
  })

  test('is the same opaque one with a shrinking lifetime, until about a second is left', async () => {
    const first = (await requestToken(sandbox, system)).json
    sandbox.advance(3_000_000)
    const second = (await requestToken(sandbox, system)).json
    expect(second.access_token).toBe(first.access_token)
    expect(second.expires_in).toBeLessThanOrEqual(600)
    expect(second.expires_in).toBeGreaterThan(500)
    sandbox.advance(600_000 - 500)
    const third = (await requestToken(sandbox, system)).json
    expect(third.access_token).not.toBe(first.access_token)
    expect(third.expires_in).toBe(3600)
  })

  test('is another one for another scope or another certificate', async () => {
    const first = (await requestToken(sandbox, system)).json.access_token
    const otherScope = (await requestToken(sandbox, system, { scope: 'accounts' })).json.access_token
    const { other } = sandbox.certificates
    const otherCertificate = (await requestToken(sandbox, system, {}, { certificate: other })).json.access_token
    expect(new Set([first, otherScope, otherCertificate]).size).toBe(3)
  })

  test('as a JWT revokes the one before at once, unless told not to', async () => {
    system.settings.accessTokenFormat = 'jwt'
    const first = (await requestToken(sandbox, system)).json.access_token
    const second = (await requestToken(sandbox, system)).json.access_token
    expect((await callApi(sandbox, system, first)).status).toBe(401)
    expect((await callApi(sandbox, system, second)).status).toBe(200)
    system.settings.renewWithoutRevoking = true
    const third = (await requestToken(sandbox, system)).json.access_token
    expect((await callApi(sandbox, system, second)).status).toBe(200)
    expect((await callApi(sandbox, system, third)).status).toBe(200)
  })

  test('loses unregistered scopes silently, or is refused when the settings say so', async () => {
    expect((await requestToken(sandbox, system, { scope: 'accounts cards' })).json.scope).toBe('accounts')
    system.settings.unregisteredScopes = 'refuse'
    expect(error(await requestToken(sandbox, system, { scope: 'accounts cards' }))).toEqual([
      400,
      'invalid_scope',
      'Invalid or unauthorized scope requested.',
    ])
  })

  test('can be granted more than was asked, as in the published sample', async () => {
    system.settings.addedScopes = ['payments']
    expect((await requestToken(sandbox, system)).json.scope).toBe('accounts openid  payments')
  })

  test.each(['9223372036854775807', '9223372036854775', '"3600"', '-1', '3600.0'])(
    'writes expires_in as the text %s',
    async text => {
      system.settings.expiresIn = text
      expect((await requestToken(sandbox, system)).text).toContain(`"expires_in":${text}`)
    },
  )

  test('leaves expires_in out when the text is empty', async () => {
    system.settings.expiresIn = ''
    expect(Object.keys((await requestToken(sandbox, system)).json)).not.toContain('expires_in')
  })
})

describe('a client assertion', () => {
  const now = () => Math.floor(sandbox.now() / 1000)
  const claims = (changes: Record<string, unknown>) => clientAssertion(sandbox, system, { claims: changes })
  const attempt = (assertion: string) => requestToken(sandbox, system, {}, { assertion })

  test.each(['iss', 'aud', 'exp', 'jti'])('without %s is refused by name', async claim => {
    expect(error(await attempt(claims({ [claim]: undefined })))).toEqual([
      400,
      'invalid_request',
      `Mandatory field :${claim} is missing in the JWT assertion.`,
    ])
  })

  test('without sub is refused by name though its iss is known', async () => {
    expect(error(await attempt(claims({ sub: undefined })))[2]).toBe(
      'Mandatory field :sub is missing in the JWT assertion.',
    )
  })

  test('of another issuer is refused', async () => {
    expect(error(await attempt(claims({ iss: 'someone-else' })))).toEqual([
      400,
      'invalid_request',
      "Invalid issuer 'someone-else' is found in the JWT. ",
    ])
  })

  test('of an unknown client is refused', async () => {
    expect(error(await attempt(claims({ iss: 'nobody', sub: 'nobody' })))).toEqual([
      401,
      'invalid_client',
      'A valid OAuth client could not be found for client_id: nobody',
    ])
  })

  test.each([
    ['a trailing slash', (url: string) => `${url}/`],
    ['another port', () => 'https://localhost:8243/token'],
    ['the address instead of the name', (url: string) => url.replace('localhost', '127.0.0.1')],
    ['an array without the endpoint', () => ['https://example.com']],
  ])('with %s as its audience is refused', async (_name, change) => {
    expect(error(await attempt(claims({ aud: change(system.tokenEndpoint) })))).toEqual([
      400,
      'invalid_request',
      'Failed to match audience values.',
    ])
  })

  test('may name the other token endpoint, or several audiences', async () => {
    expect((await attempt(claims({ aud: sandbox.wso2IdentityServer.tokenEndpoint }))).status).toBe(200)
    expect((await attempt(claims({ aud: ['https://example.com', system.tokenEndpoint] }))).status).toBe(200)
    system.settings.audiences = [system.tokenEndpoint]
    expect((await attempt(claims({ aud: sandbox.wso2IdentityServer.tokenEndpoint }))).status).toBe(400)
  })

  test('lives 300 seconds less than it says, so one minute is already over', async () => {
    const [status, code, description] = error(await attempt(claims({ exp: now() + 60 })))
    expect([status, code]).toEqual([400, 'invalid_request'])
    expect(description).toMatch(/^JWT Token is expired\. Expired Time: /)
    system.settings.assertionSkewSeconds = 0
    expect((await attempt(claims({ exp: now() + 60 }))).status).toBe(200)
  })

  test('expires when the time is moved on', async () => {
    const assertion = claims({})
    sandbox.advance(601_000)
    expect(error(await attempt(assertion))[2]).toMatch(/^JWT Token is expired/)
  })

  test('with nbf equal to now is too early for a server without skew', async () => {
    system.settings.assertionSkewSeconds = 0
    expect(error(await attempt(claims({ nbf: now() + 1 })))).toEqual([
      400,
      'invalid_request',
      'The token is used before the nbf claim value.',
    ])
  })

  test('issued more than five hours ago is too old whatever its exp', async () => {
    expect(error(await attempt(claims({ iat: now() - 18_001, exp: now() + 86_400 })))).toEqual([
      400,
      'invalid_request',
      'The jwt is too old to use.',
    ])
  })

  test('is accepted once, and refused ever after', async () => {
    const assertion = clientAssertion(sandbox, system, { claims: { jti: 'jti-1', exp: now() + 100_000_000 } })
    expect((await attempt(assertion)).status).toBe(200)
    expect(error(await attempt(assertion))).toEqual([
      400,
      'invalid_request',
      'JWT Token with jti: jti-1 has been replayed',
    ])
    sandbox.advance(10_000_000)
    system.settings.replayWord = 'JTI'
    expect(error(await attempt(assertion))[2]).toBe('JWT Token with JTI: jti-1 has been replayed')
  })

  test('used at one endpoint is used up at the other', async () => {
    const assertion = claims({})
    expect((await attempt(assertion)).status).toBe(200)
    const elsewhere = await requestToken(sandbox, sandbox.wso2IdentityServer, {}, { assertion })
    expect(elsewhere.json.error_description).toMatch(/has been replayed$/)
  })

  test('that failed may be used again, except where builds record it on arrival', async () => {
    const jti = randomUUID()
    await attempt(claims({ jti, aud: 'https://example.com' }))
    expect((await attempt(claims({ jti }))).status).toBe(200)
    system.settings.recordJtiOn = 'arrival'
    const burnt = randomUUID()
    await attempt(claims({ jti: burnt, aud: 'https://example.com' }))
    expect(error(await attempt(claims({ jti: burnt })))[2]).toMatch(/has been replayed$/)
  })

  test('may be reused where the operator allows it', async () => {
    system.settings.preventTokenReuse = false
    const assertion = claims({})
    expect((await attempt(assertion)).status).toBe(200)
    expect((await attempt(assertion)).status).toBe(200)
  })

  test('signed with another algorithm than the registered one is refused', async () => {
    const assertion = clientAssertion(sandbox, system, { header: { alg: 'RS256' } })
    const refused = [401, 'invalid_client', 'Registered algorithm does not match with the token signed algorithm']
    expect(error(await attempt(assertion))).toEqual(refused)
    system.settings.signingAlgorithms = ['PS256', 'RS256']
    expect((await attempt(assertion)).status).toBe(200)
    expect(error(await attempt(clientAssertion(sandbox, system, { header: { alg: 'none' } })))).toEqual(refused)
  })

  test('with an unknown kid is refused, with the unquoted challenge', async () => {
    const assertion = clientAssertion(sandbox, system, { header: { kid: 'stale' } })
    const answer = await attempt(assertion)
    expect(error(answer)).toEqual([401, 'invalid_client', 'Client credentials are invalid.'])
    expect(answer.headers['www-authenticate']).toBe('Basic realm=localhost')
  })

  test('with an unknown kid passes where the application certificate is used', async () => {
    system.settings.keyLookup = 'certificate'
    expect((await attempt(clientAssertion(sandbox, system, { header: { kid: 'stale' } }))).status).toBe(200)
  })

  test('signed with another key is refused, until that key is published', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const signed = () => clientAssertion(sandbox, system, { key, header: { kid: 'new' } })
    expect(error(await attempt(clientAssertion(sandbox, system, { key })))[0]).toBe(401)
    expect(error(await attempt(signed()))[0]).toBe(401)
    system.clientKeys.push({ kid: 'new', publicKey })
    expect((await attempt(signed())).status).toBe(200)
  })

  test('that is no JWT is refused', async () => {
    expect(error(await attempt('not.a.jwt'))).toEqual([
      401,
      'invalid_request',
      'Error occurred while parsing the signed assertion',
    ])
  })

  test('without its type is an unsupported method', async () => {
    const { client_assertion_type: _, ...rest } = { client_assertion_type: '', scope: 'accounts' }
    const answer = await postForm(
      sandbox,
      system,
      { ...rest, grant_type: 'client_credentials', client_assertion: claims({}) },
      { certificate: system.certificate },
    )
    expect(error(answer)).toEqual([401, 'invalid_client', 'Unsupported Client Authentication Method!'])
  })
})

describe('the transport certificate', () => {
  test('must be there', async () => {
    expect(error(await requestToken(sandbox, system, {}, { certificate: undefined }))).toEqual([
      400,
      'invalid_request',
      'Transport certificate not found in the request',
    ])
  })

  test('must not be foreign', async () => {
    const { foreign } = sandbox.certificates
    expect(error(await requestToken(sandbox, system, {}, { certificate: foreign }))).toEqual([
      400,
      'invalid_request',
      'Transport certificate not passed through the request or the certificate is not valid',
    ])
  })

  test('must not be expired', async () => {
    const { expired } = sandbox.certificates
    expect(error(await requestToken(sandbox, system, {}, { certificate: expired })).slice(0, 2)).toEqual([
      401,
      'Invalid mutual TLS request. Client certificate is expired',
    ])
  })

  test('expires when the time is moved on far enough', async () => {
    sandbox.advance(11 * 365 * 86_400_000)
    expect(error(await requestToken(sandbox, system))[0]).toBe(401)
  })

  test('that is missing ends the connection when the handshake is set to refuse', async () => {
    system.settings.refuseInHandshake = true
    await expect(requestToken(sandbox, system, {}, { certificate: undefined })).rejects.toThrow()
    await expect(requestToken(sandbox, system, {}, { certificate: sandbox.certificates.foreign })).rejects.toThrow()
    expect((await requestToken(sandbox, system)).status).toBe(200)
  })

  test('is seen again when a TLS session is resumed', async () => {
    const first = await callOverTls()
    const second = await callOverTls(first.session)
    expect([first.resumed, second.resumed]).toEqual([false, true])
    const [one, other] = system.requests
    expect(one?.clientCertificateThumbprint).toHaveLength(43)
    expect(other?.clientCertificate).toEqual(one?.clientCertificate)
    expect(other?.connectionId).not.toBe(one?.connectionId)
  })

  test('binds the token: another one at the API is refused', async () => {
    const { access_token: token } = (await requestToken(sandbox, system)).json
    const answer = await callApi(sandbox, system, token, { certificate: sandbox.certificates.other })
    expect([answer.status, answer.json.code]).toEqual([401, '900901'])
    expect((await callApi(sandbox, system, token)).status).toBe(200)
  })
})

describe('the request', () => {
  const form = (changes: Record<string, string> = {}) =>
    new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'accounts',
      client_assertion_type: assertionType,
      client_assertion: clientAssertion(sandbox, system),
      ...changes,
    }).toString()
  const certificate = () => ({ certificate: system.certificate })

  test('may not repeat a parameter', async () => {
    expect(error(await postForm(sandbox, system, `${form()}&scope=payments`, certificate()))).toEqual([
      400,
      'invalid_request',
      'Invalid request with repeated parameters.',
    ])
  })

  test.each(['client_assertion', 'client_secret', 'refresh_token', 'code'])(
    'may not carry %s in the URL',
    async name => {
      const url = `${system.tokenEndpoint}?${name}=value`
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const answer = await call(sandbox, system, url, { method: 'POST', headers, body: form(), ...certificate() })
      expect(error(answer)).toEqual([400, 'invalid_request', 'Invalid request with sensitive data in the URL.'])
    },
  )

  test('may not authenticate in two ways', async () => {
    const authorization = `Basic ${Buffer.from(`${system.clientId}:${system.clientSecret}`).toString('base64')}`
    const twice = await requestToken(sandbox, system, {}, { headers: { authorization } })
    expect(error(twice).slice(0, 2)).toEqual([400, 'invalid_request'])
    expect(twice.json.error_description).toMatch(/more than one authentication method/)
    expect((await requestToken(sandbox, system, { client_secret: system.clientSecret })).status).toBe(400)
  })

  test('must say who the client is', async () => {
    const answer = await postForm(sandbox, system, { grant_type: 'client_credentials' }, certificate())
    expect(error(answer).slice(0, 2)).toEqual([400, 'Could not retrieve Client ID'])
  })

  test('must use the registered method', async () => {
    const parameters = {
      grant_type: 'client_credentials',
      client_id: system.clientId,
      client_secret: system.clientSecret,
    }
    expect(error(await postForm(sandbox, system, parameters, certificate()))).toEqual([
      400,
      'invalid_request',
      'Request does not follow the registered token endpoint auth method private_key_jwt',
    ])
    system.settings.authMethod = 'tls_client_auth'
    expect((await requestToken(sandbox, system)).status).toBe(400)
  })

  test('of a client registered for tls_client_auth needs its own certificate', async () => {
    system.settings.authMethod = 'tls_client_auth'
    const parameters = { grant_type: 'client_credentials', client_id: system.clientId, scope: 'accounts' }
    expect((await postForm(sandbox, system, parameters, certificate())).status).toBe(200)
    const { other } = sandbox.certificates
    expect((await postForm(sandbox, system, parameters, { certificate: other })).status).toBe(401)
  })

  test('of a client registered for client_secret_basic is split at the colon with nothing decoded', async () => {
    system.settings.authMethod = 'client_secret_basic'
    const send = (credentials: string) => {
      const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
      return postForm(
        sandbox,
        system,
        { grant_type: 'client_credentials', scope: 'accounts' },
        { ...certificate(), headers: { authorization } },
      )
    }
    system.clientSecret = 'a+b %/'
    expect((await send(`${system.clientId}:a+b %/`)).status).toBe(200)
    expect((await send(`${system.clientId}:${encodeURIComponent('a+b %/')}`)).status).toBe(401)
    system.clientSecret = 'with:colon'
    expect((await send(`${system.clientId}:with:colon`)).status).toBe(401)
  })

  test('of a client registered for client_secret_post carries the secret in the body', async () => {
    system.settings.authMethod = 'client_secret_post'
    const parameters = {
      grant_type: 'client_credentials',
      client_id: system.clientId,
      client_secret: system.clientSecret,
    }
    expect((await postForm(sandbox, system, parameters, certificate())).status).toBe(200)
    const wrong = { ...parameters, client_secret: 'wrong' }
    expect((await postForm(sandbox, system, wrong, certificate())).status).toBe(401)
  })

  test.each([
    ['', 'invalid_request'],
    ['password', 'unsupported_grant_type'],
    ['toString', 'unsupported_grant_type'],
  ])('with the grant type "%s" is refused as %s', async (grantType, code) => {
    expect(error(await requestToken(sandbox, system, { grant_type: grantType })).slice(0, 2)).toEqual([400, code])
  })

  test('for a grant the client is not registered for is unauthorized', async () => {
    system.settings.grantTypes = ['authorization_code']
    expect(error(await requestToken(sandbox, system)).slice(0, 2)).toEqual([400, 'unauthorized_client'])
  })

  test('is no form when it is JSON, and no POST when it is a GET', async () => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(Object.fromEntries(new URLSearchParams(form())))
    const json = await call(sandbox, system, system.tokenEndpoint, { method: 'POST', headers, body, ...certificate() })
    expect(json.status).toBe(400)
    expect((await call(sandbox, system, system.tokenEndpoint, certificate())).status).toBe(405)
  })
})

describe('a user token', () => {
  const approve = (changes = {}) => system.approve({ clientId: system.clientId, scope: 'openid accounts', ...changes })
  const exchange = (code: string, parameters = {}, at: OpenBankingSystem = system) =>
    requestToken(sandbox, at, { grant_type: 'authorization_code', code, ...parameters })
  const refresh = (token: string, parameters: Record<string, string> = {}, at: OpenBankingSystem = system) => {
    const { scope, ...rest } = parameters
    return postForm(
      sandbox,
      at,
      {
        grant_type: 'refresh_token',
        refresh_token: token,
        client_id: at.clientId,
        client_assertion_type: assertionType,
        client_assertion: clientAssertion(sandbox, at),
        ...(scope === undefined ? {} : { scope }),
        ...rest,
      },
      { certificate: at.certificate },
    )
  }

  test('comes from a code, with a refresh token and an ID token whose acr is not the one asked for', async () => {
    const code = approve({ nonce: 'n-1' })
    const { status, json } = await exchange(code)
    expect(status).toBe(200)
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid  accounts' })
    expect(claimsOf(json.id_token)).toMatchObject({
      nonce: 'n-1',
      acr: 'urn:mace:incommon:iap:silver',
      c_hash: createHash('sha256').update(code).digest().subarray(0, 16).toString('base64url'),
    })
    expect((await callApi(sandbox, system, json.access_token)).status).toBe(200)
  })

  test.each([
    [
      'an unknown code',
      () => ['wrong', {}],
      'Invalid/Inactive/Expired or Revoked authorization code received from token request',
    ],
    [
      'another redirect_uri',
      () => [approve(), { redirect_uri: 'https://tpp.example.com/other' }],
      'Callback url mismatch',
    ],
    ['no code_verifier', () => [approve({ codeChallenge: 'x'.repeat(43) }), {}], 'PKCE validation failed'],
    [
      'a wrong code_verifier',
      () => [approve({ codeChallenge: 'x'.repeat(43) }), { code_verifier: 'y'.repeat(43) }],
      'PKCE validation failed',
    ],
  ] as [string, () => [string, Record<string, string>], string][])(
    'is refused for %s',
    async (_name, make, description) => {
      const [code, parameters] = make()
      expect(error(await exchange(code, parameters))).toEqual([400, 'invalid_grant', description])
    },
  )

  test('needs the verifier that fits the challenge', async () => {
    const verifier = 'v'.repeat(43)
    const codeChallenge = createHash('sha256').update(verifier).digest('base64url')
    expect((await exchange(approve({ codeChallenge }), { code_verifier: verifier })).status).toBe(200)
  })

  test('is refused 300 seconds after the approval', async () => {
    const code = approve()
    sandbox.advance(300_000)
    expect(error(await exchange(code)).slice(0, 2)).toEqual([400, 'invalid_grant'])
  })

  test('dies with its refresh token when its code is used again', async () => {
    const code = approve()
    const { access_token: token, refresh_token: refreshToken } = (await exchange(code)).json
    expect(error(await exchange(code)).slice(0, 2)).toEqual([400, 'invalid_grant'])
    expect((await callApi(sandbox, system, token)).status).toBe(401)
    expect((await refresh(refreshToken)).status).toBe(400)
  })

  test('is renewed with the same refresh token, while the old access token dies', async () => {
    const first = (await exchange(approve())).json
    const answer = await refresh(first.refresh_token)
    expect(answer.json.refresh_token).toBe(first.refresh_token)
    expect(answer.headers.deactivatedaccesstoken).toBe(first.access_token)
    expect((await callApi(sandbox, system, first.access_token)).status).toBe(401)
    expect((await callApi(sandbox, system, answer.json.access_token)).status).toBe(200)
  })

  test('is renewed no longer than the refresh token first lived', async () => {
    const { refresh_token: token } = (await exchange(approve())).json
    sandbox.advance(80_000_000)
    expect((await refresh(token)).status).toBe(200)
    sandbox.advance(6_399_500)
    expect(error(await refresh(token))).toEqual([400, 'invalid_grant', 'Refresh token is expired.'])
  })

  test('gets a new refresh token where they rotate, and the old one is dead', async () => {
    system.settings.rotateRefreshTokens = true
    const { refresh_token: first } = (await exchange(approve())).json
    const { refresh_token: second } = (await refresh(first)).json
    expect(second).not.toBe(first)
    expect(error(await refresh(first))).toEqual([400, 'invalid_grant', 'Persisted access token data not found'])
    expect((await refresh(second)).status).toBe(200)
  })

  test('has a rotated refresh token live on only when it is extended', async () => {
    system.settings.rotateRefreshTokens = true
    system.settings.extendRotatedRefreshTokens = true
    const { refresh_token: first } = (await exchange(approve())).json
    sandbox.advance(80_000_000)
    const { refresh_token: second } = (await refresh(first)).json
    sandbox.advance(80_000_000)
    system.settings.extendRotatedRefreshTokens = false
    const { refresh_token: third } = (await refresh(second)).json
    sandbox.advance(10_000_000)
    expect(error(await refresh(third))).toEqual([400, 'invalid_grant', 'Refresh token is expired.'])
  })

  test('may be renewed for fewer scopes, not for more', async () => {
    const { refresh_token: token } = (await exchange(approve())).json
    expect((await refresh(token, { scope: 'accounts' })).json.scope).toBe('accounts')
    expect(error(await refresh(token, { scope: 'accounts payments' })).slice(0, 2)).toEqual([400, 'invalid_scope'])
    expect((await refresh(token)).json.scope).toBe('openid  accounts')
  })

  test('is not renewed by a refresh token that was revoked', async () => {
    const { refresh_token: token } = (await exchange(approve())).json
    expect(system.revoke(token)).toBe(true)
    expect(error(await refresh(token))).toEqual([400, 'invalid_grant', 'Persisted access token data not found'])
  })

  test('of a code given to Identity Server may be renewed here, and the other way round', async () => {
    const { wso2IdentityServer } = sandbox
    const { refresh_token: token } = (await exchange(approve(), {}, wso2IdentityServer)).json
    expect((await refresh(token)).status).toBe(200)
    expect((await refresh(token, {}, wso2IdentityServer)).status).toBe(200)
  })

  test('breaks old builds when it is renewed twice at once', async () => {
    const { refresh_token: token } = (await exchange(approve())).json
    system.settings.parallelRefreshFails = true
    const statuses = await Promise.all([refresh(token), refresh(token)])
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 500])
    expect(statuses.find(({ status }) => status === 500)?.json.error).toBe('server_error')
    system.settings.parallelRefreshFails = false
    expect((await Promise.all([refresh(token), refresh(token)])).map(({ status }) => status)).toEqual([200, 200])
  })

  test('cannot be approved for a client or a scope that is missing', () => {
    expect(() => approve({ clientId: 'nobody' })).toThrow(/clientId/)
    expect(() => approve({ scope: ' ' })).toThrow(/scope/)
  })
})
