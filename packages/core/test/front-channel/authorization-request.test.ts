import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  type AuthorizationRequestOptions,
  checkAuthorizationRequest,
  createAuthorizationRequest,
} from '../../src/front-channel/authorization-request.js'
import type { AuthorizationServerMetadata } from '../../src/metadata.js'
import { answering, clientOf, failure, provider } from '../answering.js'

const redirectUri = 'https://app.example/cb?tenant=1'
const authorizationEndpoint = 'https://as.example.com/authorize'

function clientWith(metadata: Partial<AuthorizationServerMetadata> = {}) {
  const { transport, requests } = answering()
  const known = { authorization_endpoint: authorizationEndpoint, jwks_uri: 'https://as.example.com/jwks', ...metadata }
  const clock = { now: () => 1_760_000_000_000 }
  return { client: clientOf(transport, { provider: provider({}, known), clock }), requests }
}

async function requested(options: Partial<AuthorizationRequestOptions> = {}, metadata = {}) {
  const { client, requests } = clientWith(metadata)
  const { url, transaction } = await createAuthorizationRequest(client, { redirectUri, ...options })
  const { origin, pathname, searchParams } = new URL(url)
  return { url, transaction, at: origin + pathname, sent: Object.fromEntries(searchParams), searchParams, requests }
}

const random = /^[\w-]{43}$/

describe('an authorization request', () => {
  test('goes to the authorization endpoint with a new state and a PKCE challenge, and asks the server nothing before', async () => {
    const { at, sent, transaction, requests } = await requested()
    expect(at).toBe(authorizationEndpoint)
    expect(sent).toEqual({
      response_type: 'code',
      client_id: 'client-1',
      redirect_uri: redirectUri,
      state: expect.stringMatching(random),
      code_challenge: createHash('sha256').update(transaction.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
    expect(requests).toEqual([])
  })

  test('for an ID token that nothing could check is refused before anybody logs in', async () => {
    const withoutKeys = { jwks_uri: undefined }
    expect(await failure(requested({ scope: 'openid' }, withoutKeys))).toMatchObject({ option: 'jwks_uri' })
    expect((await requested({ scope: 'openid' }, { ...withoutKeys, jwks: { keys: [] } })).sent.scope).toBe('openid')
    expect((await requested({ scope: 'accounts' }, withoutKeys)).sent.scope).toBe('accounts')
  })

  test.each(['state', 'nonce', 'codeVerifier', 'codeChallenge'])('makes its %s itself, and says so', async name => {
    const error = await failure(requested({ [name]: 'ours' }))
    expect(error).toMatchObject({ option: name, message: expect.stringContaining('is made anew for each request') })
  })

  test('makes another state, nonce and verifier each time', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => requested({ scope: 'openid' })))
    const secrets = all.flatMap(({ transaction: { state, nonce, codeVerifier } }) => [state, nonce, codeVerifier])
    expect(new Set(secrets).size).toBe(60)
    for (const secret of secrets) expect(secret).toMatch(random)
  })

  test('says all that the options say', async () => {
    const { sent } = await requested({
      scope: ['openid', 'accounts payments'],
      responseType: 'code id_token',
      responseMode: 'form_post',
      resource: 'https://api.example/',
      prompt: ['login', 'consent'],
      maxAgeSeconds: 0,
      acrValues: ['urn:a', 'urn:b'],
      loginHint: 'ann@example.com',
      idTokenHint: 'e.y.J',
      uiLocales: 'de-AT',
      authorizationDetails: [{ type: 'payment', amount: { value: '1.00' } }],
      parameters: { p: 'b2c_1' },
    })
    expect(sent).toMatchObject({
      scope: 'openid accounts payments',
      response_type: 'code id_token',
      response_mode: 'form_post',
      nonce: expect.stringMatching(random),
      resource: 'https://api.example/',
      prompt: 'login consent',
      max_age: '0',
      acr_values: 'urn:a urn:b',
      login_hint: 'ann@example.com',
      id_token_hint: 'e.y.J',
      ui_locales: 'de-AT',
      authorization_details: '[{"type":"payment","amount":{"value":"1.00"}}]',
      p: 'b2c_1',
    })
  })

  test('repeats resource for each API (RFC 8707 §2)', async () => {
    const resource = ['https://one.example/', 'https://two.example/']
    const { searchParams, transaction } = await requested({ resource })
    expect(searchParams.getAll('resource')).toEqual(resource)
    expect(transaction.resource).toEqual(resource)
  })

  test('sends a nonce with openid alone', async () => {
    expect((await requested({ scope: 'accounts' })).sent).not.toHaveProperty('nonce')
    expect((await requested({ scope: 'accounts openidx' })).sent).not.toHaveProperty('nonce')
    expect((await requested({ scope: 'accounts openid' })).sent.nonce).toMatch(random)
  })

  test('keeps what the authorization endpoint has in its own query', async () => {
    const own = { authorization_endpoint: `${authorizationEndpoint}?p=b2c_1&q=%20x` }
    const { url, sent } = await requested({}, own)
    expect(url.startsWith(`${authorizationEndpoint}?p=b2c_1&q=%20x&`)).toBe(true)
    expect(sent).toMatchObject({ p: 'b2c_1', q: ' x', client_id: 'client-1' })
  })
})

describe('claims', () => {
  test('the consent of an open-banking login and an essential acr have options of their own', async () => {
    const { sent, transaction } = await requested({
      scope: 'openid',
      openbankingIntentId: 'c-123',
      essentialAcr: ['urn:sca', 'urn:ca'],
      claims: { userinfo: { email: null } },
    })
    expect(JSON.parse(sent.claims ?? '')).toEqual({
      id_token: {
        acr: { values: ['urn:sca', 'urn:ca'], essential: true },
        openbanking_intent_id: { value: 'c-123', essential: true },
      },
      userinfo: { email: null, openbanking_intent_id: { value: 'c-123', essential: true } },
    })
    expect(transaction.essentialAcr).toEqual(['urn:sca', 'urn:ca'])
    expect(transaction.expectedClaims).toEqual({ openbanking_intent_id: 'c-123' })
  })

  test('as they are written are sent so; what is essential in them is remembered', async () => {
    const claims = { id_token: { acr: { essential: true, value: 'urn:sca' }, sub: { value: 'ann' } } }
    const { sent, transaction } = await requested({ scope: 'openid', claims })
    expect(JSON.parse(sent.claims ?? '')).toEqual(claims)
    expect(transaction).toMatchObject({ essentialAcr: ['urn:sca'], expectedClaims: { sub: 'ann' } })
  })

  test('acr as a wish is no claim, and nothing is refused for it', async () => {
    const { sent, transaction } = await requested({ scope: 'openid', acrValues: 'urn:sca' })
    expect(sent).not.toHaveProperty('claims')
    expect(transaction.essentialAcr).toBeUndefined()
  })
})

describe('the transaction', () => {
  test('is JSON, and says all that the answer is checked by', async () => {
    const { transaction, sent } = await requested({
      scope: 'openid',
      resource: 'https://api.example/',
      maxAgeSeconds: 60,
    })
    expect(JSON.parse(JSON.stringify(transaction))).toEqual({
      version: 1,
      issuer: 'https://as.example.com',
      clientId: 'client-1',
      redirectUri,
      responseType: 'code',
      responseMode: 'query',
      state: sent.state,
      nonce: sent.nonce,
      codeVerifier: expect.stringMatching(random),
      scope: 'openid',
      resource: ['https://api.example/'],
      maxAgeSeconds: 60,
      expiresAt: 1_760_003_600_000,
    })
  })

  test('shows none of its secrets when it is printed', async () => {
    const request = await requested({ scope: 'openid' })
    const { state, nonce = '', codeVerifier } = request.transaction
    const shown = inspect({ transaction: request.transaction }, { depth: 9 })
    expect(shown).toContain(redirectUri)
    for (const secret of [state, nonce, codeVerifier]) expect(shown).not.toContain(secret)
  })

  test.each([
    ['code', undefined, 'query'],
    ['code id_token', undefined, 'fragment'],
    ['code', 'jwt', 'query.jwt'],
    ['code id_token', 'jwt', 'fragment.jwt'],
    ['code', 'form_post.jwt', 'form_post.jwt'],
  ] as const)('of %s with response mode %s waits for an answer by %s', async (responseType, responseMode, resolved) => {
    const { transaction, sent } = await requested({ scope: 'openid', responseType, responseMode })
    expect(transaction.responseMode).toBe(resolved)
    expect(sent.response_mode).toBe(responseMode)
  })
})

const wrong: readonly (readonly [option: string, options: object])[] = [
  ['redirectUri', { redirectUri: undefined }],
  ['redirectUri', { redirectUri: 'www.app.example' }],
  ['redirectUri', { redirectUri: 'http://app.example/cb' }],
  ['redirectUri', { redirectUri: 'https://app.example/cb#' }],
  ['redirectUri', { redirectUri: 'https://app.example/cb\n' }],
  ['redirectUri', { redirectUri: 'javascript:alert(1)' }],
  ['redirectUri', { redirectUri: 'https://app.example/cb?state=1' }],
  ['responseType', { responseType: 'token' }],
  ['scope', { responseType: 'code id_token', scope: 'accounts' }],
  ['responseMode', { responseMode: 'web_message' }],
  ['responseMode', { responseType: 'code id_token', scope: 'openid', responseMode: 'query' }],
  ['responseMode', { responseType: 'code id_token', scope: 'openid', responseMode: 'query.jwt' }],
  ['resource', { resource: 'api' }],
  ['resource', { resource: 'https://api.example/#a' }],
  ['prompt', { prompt: [] }],
  ['maxAgeSeconds', { maxAgeSeconds: -1 }],
  ['maxAgeSeconds', { maxAgeSeconds: 0.5 }],
  ['scope', { scope: ['openid', undefined] }],
  ['authorizationDetails', { authorizationDetails: [{ amount: 1 }] }],
  ['authorizationDetails', { authorizationDetails: [] }],
  ['claims.id_token.acr', { claims: { id_token: { acr: 'urn:a' } } }],
  ['claims.id_token.acr', { claims: { id_token: { acr: null } }, essentialAcr: 'urn:a' }],
  ['openbankingIntentId', { openbankingIntentId: 'undefined' }],
  ['essentialAcr', { essentialAcr: [''] }],
  ['lifetimeMs', { lifetimeMs: 0 }],
  ['response_type', { response_type: 'code' }],
  ['parameters.p', { parameters: { p: 1 } }],
  ...['client_id', 'redirect_uri', 'state', 'nonce', 'code_challenge', 'scope', 'request', 'request_uri', 'aud'].map(
    name => [`parameters.${name}`, { parameters: { [name]: 'mine' } }] as const,
  ),
]
for (const [option, options] of wrong)
  test(`names ${option} when it is wrong in ${JSON.stringify(options)}, and before the first request`, async () => {
    const wrong = { name: 'TypeError', option }
    expect(await failure(requested(options))).toMatchObject(wrong)
    expect(() => checkAuthorizationRequest(clientWith().client, { redirectUri, ...options })).toThrow(
      expect.objectContaining(wrong),
    )
  })

describe('the authorization endpoint', () => {
  test.each([
    [undefined],
    ['http://as.example.com/authorize'],
    [`${authorizationEndpoint}#x`],
    [`${authorizationEndpoint}?client_id=other`],
    [`${authorizationEndpoint}?request_uri=https%3A%2F%2Fevil.example`],
    [`${authorizationEndpoint}?prompt=none`],
  ])('is named when it is %s', async endpoint => {
    const wrong = { authorization_endpoint: endpoint }
    const refused = { name: 'TypeError', option: 'authorization_endpoint' }
    expect(await failure(requested({}, wrong))).toMatchObject(refused)
    expect(() => checkAuthorizationRequest(clientWith(wrong).client, { redirectUri })).toThrow(
      expect.objectContaining(refused),
    )
  })

  test('is fine as it is, and asked nothing, where options alone are checked', () => {
    const { client, requests } = clientWith()
    checkAuthorizationRequest(client, { redirectUri, scope: 'openid', pushed: true })
    expect(requests).toEqual([])
  })

  test('has a parameter of its own once', async () => {
    const own = { authorization_endpoint: `${authorizationEndpoint}?p=1` }
    expect(await failure(requested({ parameters: { p: '2' } }, own))).toMatchObject({ option: 'parameters.p' })
  })
})

test('says so when it is not awaited', () => {
  const { client } = clientWith()
  const request = createAuthorizationRequest(client, { redirectUri }) as unknown as { url: string }
  expect(() => request.url).toThrow('did you forget await?')
})

test('names a client that is none', async () => {
  const other = createAuthorizationRequest({} as never, { redirectUri })
  expect(await failure(other)).toMatchObject({ option: 'client' })
})
