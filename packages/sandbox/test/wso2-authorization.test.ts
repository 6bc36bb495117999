/** The authorization endpoint of Identity Server: request objects, pages, answers, pushed requests. */
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2IdentityServer } from '../src/index.js'
import { signJwt } from '../src/jwt.js'
import { assertionType, call, callApi, clientAssertion, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2IdentityServer
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2IdentityServer
  sandbox.wso2ApiManager.settings.accountsNeedUserToken = true
})
afterEach(() => sandbox.stop())

type Members = Record<string, unknown>

/** A consent that waits for its account holder. */
async function askConsent(data: Members = {}): Promise<string> {
  const { access_token: token } = (await requestToken(sandbox, system, { scope: 'accounts' })).json
  const created = await call(sandbox, system, sandbox.wso2ApiManager.consentsUrl, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ Data: { Permissions: ['ReadAccountsBasic', 'ReadBalances'], ...data }, Risk: {} }),
    certificate: system.certificate,
  })
  return created.json.Data.ConsentId
}

const now = () => Math.floor(sandbox.now() / 1000)

/** A request object as the documentation has it; members set to undefined are left out. */
function requestObject(consentId: string, claims: Members = {}, header: Members = {}, key = system.signingKey): string {
  const intent = { openbanking_intent_id: { value: consentId, essential: true } }
  const rightful = {
    iss: system.clientId,
    aud: system.issuer,
    client_id: system.clientId,
    response_type: 'code id_token',
    redirect_uri: system.redirectUri,
    scope: 'openid accounts',
    state: 's-1',
    nonce: 'n-1',
    nbf: now(),
    exp: now() + 900,
    claims: { id_token: intent, userinfo: intent },
  }
  return signJwt({ alg: 'PS256', kid: system.kid, ...header }, { ...rightful, ...claims }, createPrivateKey(key))
}

/** The URL as the documentation has it, with changes; `undefined` leaves a parameter out. */
function authorizationUrl(request: string | undefined, changes: Record<string, string | undefined> = {}): string {
  const parameters = {
    response_type: 'code id_token',
    client_id: system.clientId,
    scope: 'openid accounts',
    redirect_uri: system.redirectUri,
    state: 's-1',
    nonce: 'n-1',
    request,
    ...changes,
  }
  const url = new URL(system.authorizationEndpoint)
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

const fragmentOf = (url: string) => Object.fromEntries(new URLSearchParams(new URL(url).hash.slice(1)))
const queryOf = (url: string) => Object.fromEntries(new URL(url).searchParams)
const claimsOf = (jwt = '') => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())

const redeem = (code: string, changes = {}) =>
  requestToken(sandbox, system, { grant_type: 'authorization_code', code, ...changes })

describe('an approved request', () => {
  test('comes back in the fragment with a code and the ID token that vouches for it', async () => {
    const { url } = await system.visit(authorizationUrl(requestObject(await askConsent())))

    expect(url.startsWith(`${system.redirectUri}#`)).toBe(true)
    const answer = fragmentOf(url)
    expect(Object.keys(answer).sort()).toEqual(['code', 'id_token', 'session_state', 'state'])
    const { code, id_token, state } = answer
    expect(state).toBe('s-1')
    const claims = claimsOf(id_token)
    expect(claims).toMatchObject({
      iss: system.issuer,
      aud: [system.clientId],
      nonce: 'n-1',
      acr: 'urn:mace:incommon:iap:silver',
      c_hash: expect.any(String),
      s_hash: expect.any(String),
    })
    expect(claims).not.toHaveProperty('at_hash')
    const tokens = (await redeem(code ?? '')).json
    expect(claimsOf(tokens.id_token)).toMatchObject({ sub: claims.sub, nonce: 'n-1', at_hash: expect.any(String) })
    expect((await callApi(sandbox, system, tokens.access_token)).json.Data.Account).toHaveLength(2)
  })

  test('shows the accounts that were chosen, of the one who logged in', async () => {
    const [, savings] = system.accountHolders[0]?.accounts ?? []
    const chosen = [savings?.AccountId ?? '']
    const { url } = await system.visit(authorizationUrl(requestObject(await askConsent())), { accounts: chosen })
    const first = (await redeem(fragmentOf(url).code ?? '')).json
    expect((await callApi(sandbox, system, first.access_token)).json.Data.Account).toEqual([savings])

    const asBob = await system.visit(authorizationUrl(requestObject(await askConsent())), { username: 'bob' })
    const second = (await redeem(fragmentOf(asBob.url).code ?? '')).json
    expect((await callApi(sandbox, system, second.access_token)).json.Data.Account).toEqual(
      system.accountHolders[1]?.accounts,
    )
  })

  test('makes the consent Authorised; it can be decided once', async () => {
    const consentId = await askConsent()
    await system.visit(authorizationUrl(requestObject(consentId)))
    await expect(system.visit(authorizationUrl(requestObject(consentId)))).rejects.toThrow(
      'Consent not in authorizable state: it is Authorised',
    )
  })

  test('may be posted', async () => {
    const url = new URL(authorizationUrl(requestObject(await askConsent())))
    const answer = await call(sandbox, system, system.authorizationEndpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: url.searchParams.toString(),
    })
    expect(answer.status).toBe(302)
    expect(answer.headers.location).toMatch(/^\/authenticationendpoint\/login\.do\?sessionDataKey=/)
  })

  test('may have the type JWT, and any other where the application’s certificate is what counts', async () => {
    const typed = requestObject(await askConsent(), {}, { typ: 'JWT' })
    expect(fragmentOf((await system.visit(authorizationUrl(typed))).url)).toHaveProperty('code')
    system.settings.keyLookup = 'certificate'
    const other = requestObject(await askConsent(), {}, { typ: 'oauth-authz-req+jwt' })
    expect(fragmentOf((await system.visit(authorizationUrl(other))).url)).toHaveProperty('code')
  })

  test('may be signed with ES256 by a key the client has published', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    system.clientKeys.push({ kid: 'ec-1', publicKey })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const object = requestObject(await askConsent(), {}, { alg: 'ES256', kid: 'ec-1' }, pem)
    expect(fragmentOf((await system.visit(authorizationUrl(object))).url)).toHaveProperty('code')
  })

  test('binds the code to its verifier and redirect URI, and lets it be used once', async () => {
    const challenge = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' }
    const verifier = { code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' }
    const approved = async () => {
      const { url } = await system.visit(authorizationUrl(requestObject(await askConsent(), challenge)))
      return fragmentOf(url).code ?? ''
    }
    const code = await approved()
    expect((await redeem(code)).json.error_description).toBe('PKCE validation failed')
    const elsewhere = { ...verifier, redirect_uri: 'https://other.example.com/callback' }
    expect((await redeem(code, elsewhere)).json.error_description).toBe('Callback url mismatch')
    const { access_token: token } = (await redeem(code, verifier)).json
    expect((await redeem(code, verifier)).json.error).toBe('invalid_grant')
    expect((await callApi(sandbox, system, token)).status).toBe(401)
  })

  test('lives as long as its consent', async () => {
    const expires = new Date(sandbox.now() + 600_000).toISOString()
    const object = requestObject(await askConsent({ ExpirationDateTime: expires }))
    const { url } = await system.visit(authorizationUrl(object))
    const { access_token: token } = (await redeem(fragmentOf(url).code ?? '')).json
    sandbox.advance(601_000)
    const answer = await callApi(sandbox, system, token)
    expect([answer.status, answer.json.errors[0].Code]).toEqual([401, '00011'])
  })

  test('is over once its customer has ended the consent at the bank', async () => {
    const consentId = await askConsent()
    const { url } = await system.visit(authorizationUrl(requestObject(consentId)))
    const tokens = (await redeem(fragmentOf(url).code ?? '')).json
    system.endConsent(consentId)
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(401)
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    expect((await requestToken(sandbox, system, refresh)).json.error).toBe('invalid_grant')
  })

  test('shows no accounts without a permission for them', async () => {
    const object = requestObject(await askConsent({ Permissions: ['ReadBalances'] }))
    const { url } = await system.visit(authorizationUrl(object))
    const { access_token: token } = (await redeem(fragmentOf(url).code ?? '')).json
    const answer = await callApi(sandbox, system, token)
    expect([answer.status, answer.json.errors[0].Code]).toEqual([401, '00010'])
  })
})

describe('a request that is refused', () => {
  const refused = async (url: string) => {
    const answer = await call(sandbox, system, url)
    expect(answer.status).toBe(302)
    return answer.headers.location ?? ''
  }

  test('by the account holder is access_denied in the fragment, and the consent Rejected', async () => {
    const consentId = await askConsent()
    const { url } = await system.visit(authorizationUrl(requestObject(consentId)), { decision: 'deny' })
    expect(fragmentOf(url)).toEqual({
      error: 'access_denied',
      error_description: 'User denied the consent',
      state: 's-1',
    })
    await expect(system.visit(authorizationUrl(requestObject(consentId)))).rejects.toThrow('it is Rejected')
  })

  test('for the application is told in the fragment, or in the query as some paths of the real server do', async () => {
    const url = authorizationUrl(requestObject(await askConsent(), { nonce: undefined }))
    const problem = {
      error: 'invalid_request',
      error_description: 'nonce parameter is missing in the request object',
      state: 's-1',
    }
    expect(fragmentOf(await refused(url))).toEqual(problem)
    system.settings.authorizationErrors = 'query'
    expect(queryOf(await refused(url))).toEqual(problem)
    expect(system.requests.filter(({ kind }) => kind === 'authorization').map(({ status }) => status)).toEqual([
      302, 302,
    ])
  })

  test.each<[string, Members, string]>([
    ['of another issuer', { iss: 'someone-else' }, 'Invalid parameters found in the Request Object.'],
    ['for another audience', { aud: 'https://other.example.com' }, 'Invalid parameters found in the Request Object.'],
    ['with a request in it', { request: 'a.b.c' }, 'Invalid parameters found in the Request Object.'],
    ['with a request_uri in it', { request_uri: 'urn:x' }, 'Invalid parameters found in the Request Object.'],
    ['without exp', { exp: undefined }, 'exp parameter is missing in the request object'],
    ['without nbf', { nbf: undefined }, 'nbf parameter is missing in the request object'],
    ['without scope', { scope: undefined }, 'Client id or scope cannot be empty'],
    ['without client_id', { client_id: undefined }, 'Client id or scope cannot be empty'],
    [
      'of another client',
      { client_id: 'other' },
      'Request Object and Authorization request contains unmatched client_id',
    ],
    [
      'of another response type',
      { response_type: 'code' },
      'Request Object and Authorization request contains unmatched response_type',
    ],
    ['with a PKCE method nobody knows', { code_challenge_method: 'S512' }, 'Unsupported PKCE Challenge Method'],
    ['with a short challenge', { code_challenge: 'short' }, 'PKCE challenge is not up to RFC 7636 specification'],
    ['with a mode nobody knows', { response_mode: 'pigeon' }, 'Unsupported response mode'],
  ])('has a request object %s', async (_, claims, description) => {
    const url = await refused(authorizationUrl(requestObject(await askConsent(), claims)))
    expect(fragmentOf(url).error_description).toBe(description)
  })

  test('is signed by a key that is not the client’s, or not at all, or is no JWT', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const foreign = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const consentId = await askConsent()
    const verification = 'Request Object signature verification failed.'
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${requestObject(consentId).split('.')[1]}.e`
    for (const [object, description] of [
      [requestObject(consentId, {}, {}, foreign), verification],
      [requestObject(consentId, {}, { kid: 'stale' }), verification],
      [requestObject(consentId, {}, { alg: 'RS256' }), verification],
      [requestObject(consentId, {}, { typ: 'oauth-authz-req+jwt' }), verification],
      [unsigned, verification],
      ['not a JWT', 'Request object is not a signed JWT'],
    ] as const)
      expect(fragmentOf(await refused(authorizationUrl(object))).error_description).toBe(description)
  })

  test('lives five minutes less than it says, since the server counts its clock skew', async () => {
    const consentId = await askConsent()
    const short = requestObject(consentId, { exp: now() + 290 })
    expect(fragmentOf(await refused(authorizationUrl(short))).error_description).toBe('Request object expired')
    system.settings.assertionSkewSeconds = 0
    expect(await refused(authorizationUrl(requestObject(consentId, { exp: now() + 290 })))).toContain('login.do')
  })

  test('has times more than an hour apart', async () => {
    const consentId = await askConsent()
    const long = requestObject(consentId, { exp: now() + 3601 })
    expect(fragmentOf(await refused(authorizationUrl(long))).error_description).toMatch(/too far in the future/)
    const old = requestObject(consentId, { nbf: now() - 3601 })
    expect(fragmentOf(await refused(authorizationUrl(old))).error_description).toMatch(/nbf .* over 1 hour in the past/)
    const early = requestObject(consentId, { nbf: now() + 600, exp: now() + 900 })
    expect(fragmentOf(await refused(authorizationUrl(early))).error_description).toBe('Request object is not valid yet')
  })

  test('has no request object, or no openid beside it, or asks for the code alone', async () => {
    const object = requestObject(await askConsent())
    expect(fragmentOf(await refused(authorizationUrl(undefined))).error_description).toBe('Missing parameters: request')
    const withoutOpenId = fragmentOf(await refused(authorizationUrl(object, { scope: 'accounts' })))
    expect(withoutOpenId.error_description).toMatch(/'openid' scope not found\.$/)
    const code = authorizationUrl(object, { response_type: 'code' })
    expect(queryOf(await refused(code))).toMatchObject({ error: 'unsupported_response_type', state: 's-1' })
    expect(fragmentOf(await refused(authorizationUrl(object, { prompt: 'none' }))).error).toBe('login_required')
  })

  test('names a client or a redirect URI that is not registered: the application hears nothing of it', async () => {
    const object = requestObject(await askConsent())
    const elsewhere = 'https://other.example.com/callback'
    for (const [changes, code, request] of [
      [{ client_id: undefined }, 'invalid_request', object],
      [{ client_id: 'other' }, 'invalid_client', object],
      [{ redirect_uri: elsewhere }, 'invalid_callback', undefined],
      [{}, 'invalid_callback', requestObject('any', { redirect_uri: elsewhere })],
      [{ request_uri: 'urn:unknown', request: undefined }, 'invalid_request_uri', undefined],
      [{ request_uri: 'urn:unknown' }, 'invalid_request', object],
    ] as const) {
      const location = await refused(authorizationUrl(request, changes))
      expect(location).toMatch(/^\/authenticationendpoint\/oauth2_error\.do\?/)
      expect(new URLSearchParams(location.split('?')[1]).get('oauthErrorCode')).toBe(code)
    }
    const twice = `${authorizationUrl(object)}&client_id=${system.clientId}`
    expect(await refused(twice)).toContain('repeated+parameters')
    await expect(system.visit(authorizationUrl(object, { client_id: 'other' }))).rejects.toThrow(
      'A valid OAuth client could not be found for client_id: other',
    )
  })

  test('names no consent that waits', async () => {
    const unknown = authorizationUrl(requestObject(randomUUID()))
    await expect(system.visit(unknown)).rejects.toThrow('names no consent that is known')
    const none = authorizationUrl(requestObject('', { claims: undefined }))
    await expect(system.visit(none)).rejects.toThrow('names no consent that is known')
  })
})

describe('a page', () => {
  const pageOf = async (consentId: string) => {
    const login = (await call(sandbox, system, authorizationUrl(requestObject(consentId)))).headers.location ?? ''
    const key = new URLSearchParams(login.split('?')[1]).get('sessionDataKey') ?? ''
    const post = (path: string, form: [string, string][]) =>
      call(sandbox, system, system.origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      })
    const logIn = (password: string) =>
      post('/commonauth', [
        ['sessionDataKey', key],
        ['username', 'alice'],
        ['password', password],
      ])
    const decide = (...form: [string, string][]) => post('/oauth2/authorize', [['sessionDataKeyConsent', key], ...form])
    const get = (path: string) => call(sandbox, system, system.origin + path)
    return { key, login, logIn, decide, get }
  }

  test('has no script, is never framed or kept, and lets its form go to the application alone', async () => {
    const { login, logIn, get } = await pageOf(await askConsent())
    const { headers, text } = await get(login)
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action /)
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['cache-control']).toBe('no-store')
    expect(text).not.toMatch(/<script|style="|javascript:/)
    const consent = await get((await logIn('alice-password')).headers.location ?? '')
    expect(consent.headers['content-security-policy']).toContain("form-action 'self' https://tpp.example.com;")
  })

  test('names the application, the permissions, how long, and the accounts', async () => {
    const consentId = await askConsent({
      ExpirationDateTime: '2030-01-31T00:00:00Z',
      TransactionFromDateTime: '2029-01-01T00:00:00Z',
    })
    const { logIn, get } = await pageOf(consentId)
    const { text } = await get((await logIn('alice-password')).headers.location ?? '')
    for (const words of [system.clientId, 'Read accounts basic', 'Read balances', 'Until 2030-01-31', '30080012343456'])
      expect(text).toContain(words)
  })

  test('asks again after a wrong password, and for an account where none was chosen', async () => {
    const { logIn, decide, get } = await pageOf(await askConsent())
    const again = (await logIn('wrong')).headers.location ?? ''
    expect((await get(again)).text).toContain('That is not a username and its password.')
    await logIn('alice-password')
    const incomplete = (await decide(['consent', 'approve'], ['accounts', 'not-mine'])).headers.location ?? ''
    expect((await get(incomplete)).text).toContain('Choose at least one account')
  })

  test('cannot be skipped, used twice or made up', async () => {
    const { decide, logIn, get, key } = await pageOf(await askConsent())
    const account: [string, string] = ['accounts', '30080012343456']
    expect((await decide(['consent', 'approve'], account)).status).toBe(400)
    await logIn('alice-password')
    expect((await decide(['consent', 'approve'], account)).status).toBe(302)
    expect((await decide(['consent', 'approve'], account)).status).toBe(400)
    expect((await get(`/authenticationendpoint/login.do?sessionDataKey=${key}`)).status).toBe(400)
  })

  test('shows what it is given as text', async () => {
    const query = new URLSearchParams({ oauthErrorCode: 'x', oauthErrorMsg: `<img src=x onerror="alert('1')">` })
    const { status, text } = await call(
      sandbox,
      system,
      `${system.origin}/authenticationendpoint/oauth2_error.do?${query}`,
    )
    expect(status).toBe(400)
    expect(text).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;')
  })
})

describe('a response mode', () => {
  test('form_post comes as a form to send on', async () => {
    const object = requestObject(await askConsent(), { response_mode: 'form_post' })
    const { url, form } = await system.visit(authorizationUrl(object))
    expect(url).toBe(system.redirectUri)
    expect(form).toMatchObject({ state: 's-1', code: expect.any(String), id_token: expect.any(String) })
  })

  test.each(['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'])('%s is signed, where JARM is on', async mode => {
    const consentId = await askConsent()
    const object = () => requestObject(consentId, { response_mode: mode })
    const refused = await call(sandbox, system, authorizationUrl(object()))
    expect(refused.headers.location ?? refused.text).toMatch(/Unsupported.response.mode/)
    system.settings.jarm = true
    const { url, form } = await system.visit(authorizationUrl(object()))
    const { response } = form ?? { ...fragmentOf(url), ...queryOf(url) }
    expect(claimsOf(response)).toMatchObject({
      iss: system.issuer,
      aud: system.clientId,
      state: 's-1',
      code: expect.any(String),
      exp: expect.any(Number),
    })
  })
})

describe('a pushed request', () => {
  const challenge = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' }
  const push = (endpoint: string, parameters: Record<string, string>, assertion = clientAssertion(sandbox, system)) =>
    call(sandbox, system, endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        client_id: system.clientId,
        client_assertion_type: assertionType,
        client_assertion: assertion,
        ...parameters,
      }).toString(),
      certificate: system.certificate,
    })
  const pushedUrl = (uri: string, changes: Record<string, string> = {}) =>
    `${system.authorizationEndpoint}?${new URLSearchParams({ client_id: system.clientId, request_uri: uri, ...changes })}`
  const endpoints = () => [system.pushedAuthorizationRequestEndpoint, system.pushedAuthorizationRequestEndpointOf3]

  test('is answered with a request_uri for a minute, which is good once, at either endpoint', async () => {
    for (const endpoint of endpoints()) {
      const answer = await push(endpoint, { request: requestObject(await askConsent(), challenge) })
      expect([answer.status, answer.json.expires_in]).toEqual([201, 60])
      expect(answer.json.request_uri).toMatch(/^urn:ietf:params:oauth:(par:)?request_uri:[0-9a-f]{32}$/)
      const url = pushedUrl(answer.json.request_uri)
      expect(fragmentOf((await system.visit(url)).url)).toHaveProperty('code')
      await expect(system.visit(url)).rejects.toThrow('Provided request URI is not valid')

      const late = await push(endpoint, { request: requestObject(await askConsent(), challenge) })
      sandbox.advance(60_000)
      await expect(system.visit(pushedUrl(late.json.request_uri))).rejects.toThrow('Provided request URI is not valid')
    }
  })

  test('takes an assertion for its own URL, where the settings say so', async () => {
    for (const endpoint of endpoints()) {
      const request = requestObject(await askConsent(), challenge)
      const attempt = () => push(endpoint, { request }, clientAssertion(sandbox, system, { claims: { aud: endpoint } }))
      expect((await attempt()).status).toBe(201)
      system.settings.pushedRequestAudience = false
      expect((await attempt()).json.error_description).toBe('Failed to match audience values.')
      system.settings.pushedRequestAudience = true
    }
  })

  test('may ask for the code alone, where the client may', async () => {
    system.settings.responseTypes = ['code id_token', 'code']
    const object = requestObject(await askConsent(), { ...challenge, response_type: 'code' })
    const { json } = await push(system.pushedAuthorizationRequestEndpoint, { request: object })
    const { url } = await system.visit(pushedUrl(json.request_uri))
    expect(Object.keys(queryOf(url)).sort()).toEqual(['code', 'session_state', 'state'])
  })

  test.each<[string, Members, string, string]>([
    ['redirect_uri', { redirect_uri: undefined }, 'invalid_request', 'Mandatory parameter redirect_uri'],
    [
      'a registered redirect_uri',
      { redirect_uri: 'https://x.example' },
      'invalid_request_object',
      'Registered callback',
    ],
    ['its client', { client_id: 'other' }, 'invalid_client', 'The client_id in the request object is different'],
    ['response_type', { response_type: undefined }, 'invalid_request_object', 'Mandatory parameter response_type'],
    ['nonce', { nonce: undefined }, 'invalid_request', 'Invalid Nonce parameter'],
    ['scope', { scope: undefined }, 'invalid_request', 'Mandatory parameter scope'],
    ['openid', { scope: 'accounts' }, 'invalid_request', 'Invalid scope: openid scope not present'],
    ['a registered scope', { scope: 'openid cards' }, 'invalid_request', 'Invalid scopes in the request'],
    ['aud', { aud: undefined }, 'invalid_request_object', 'aud parameter is missing'],
    ['the right aud', { aud: ['https://x.example'] }, 'invalid_request_object', 'Invalid audience value'],
    ['the right iss', { iss: 'other' }, 'invalid_request_object', 'Invalid issuer'],
    ['exp', { exp: undefined }, 'invalid_request_object', 'exp parameter is missing'],
    ['nbf', { nbf: undefined }, 'invalid_request_object', 'nbf parameter is missing'],
    ['code_challenge', { code_challenge: undefined }, 'invalid_request_object', 'Mandatory parameter code_challenge,'],
    [
      'code_challenge_method',
      { code_challenge_method: undefined },
      'invalid_request_object',
      'Mandatory parameter code_challenge_method',
    ],
    ['no request', { request: 'a.b.c' }, 'invalid_request_object', 'Both request and request_uri parameters'],
  ])('of 3.0.0 needs %s', async (_, claims, error, description) => {
    const request = requestObject('any', { ...challenge, ...claims })
    const { status, json } = await push(system.pushedAuthorizationRequestEndpointOf3, { request })
    expect([status, json.error]).toEqual([400, error])
    expect(json.error_description).toMatch(new RegExp(`^${description}`))
  })

  test('of 3.0.0 lives an hour at most', async () => {
    const request = requestObject('any', { ...challenge, exp: now() + 3600 + 300 + 60 })
    const { json } = await push(system.pushedAuthorizationRequestEndpointOf3, { request })
    expect(json.error_description).toBe('exp parameter in the request object is over 1 hour in the future')
  })

  test('is refused without a client, with a request_uri, without a request object, without PKCE', async () => {
    const request = requestObject('any', challenge)
    const stale = () => clientAssertion(sandbox, system, { header: { kid: 'stale' } })
    for (const endpoint of endpoints()) {
      expect((await push(endpoint, { request }, stale())).status).toBe(401)
      expect((await push(endpoint, { request, request_uri: 'urn:x' })).status).toBe(400)
      expect((await push(endpoint, {})).status).toBe(400)
      expect((await push(endpoint, { request: 'not a JWT' })).status).toBe(400)
      expect((await push(endpoint, { request: requestObject('any') })).json.error_description).toMatch(/^Mandatory/)
    }
    const [first] = endpoints()
    const wrong = await push(first ?? '', { request: requestObject('any', { ...challenge, nonce: undefined }) })
    expect(wrong.json.error_description).toBe('nonce parameter is missing in the request object')
  })
})
