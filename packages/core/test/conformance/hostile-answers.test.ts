/** What a hostile or broken server may answer: by the browser, from its endpoints, and in its documents. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Fault, Misbehaviour, RequestKind } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import {
  AuthorizationRefusedError,
  AuthorizationServerError,
  createAuthorizationRequest,
  isGrantKitError,
  LoginRequiredError,
  requestUserInfo,
} from '../../src/index.js'
import { basic, basicFormPost, fapi1, fapi2Dpop, hybrid, jarm } from './flows.js'
import {
  always,
  begin,
  callApi,
  expectNoSecret,
  expectRefusedDiscovery,
  expectRefusedLogin,
  expectValidationError,
  type Flow,
  goOut,
  logIn,
  misbehaving,
  refusalOf,
  secretsOf,
  sentTo,
} from './scene.js'

describe('an answer by the browser', () => {
  const refused: readonly [Flow, Misbehaviour, string | RegExp][] = [
    [basic, 'authorization-response: wrong state', 'state'],
    [basic, 'authorization-response: missing state', 'state'],
    [basic, 'authorization-response: doubled state', 'state'],
    [basic, 'authorization-response: wrong iss', 'iss'],
    [basic, 'authorization-response: iss with a slash', 'iss'],
    [basic, 'authorization-response: missing iss', 'iss'],
    [basic, 'authorization-response: doubled iss', 'iss'],
    [basic, 'authorization-response: missing code', 'code'],
    [basic, 'authorization-response: empty code', 'code'],
    [basic, 'authorization-response: doubled code', 'code'],
    [basic, 'authorization-response: access_token in front', 'response_type'],
    [basic, 'authorization-response: other place', 'response_mode'],
    [basic, 'authorization-response: error elsewhere', 'response_mode'],
    [basic, 'authorization-response: code elsewhere', 'response_mode'],
    [basic, 'authorization-response: JARM instead of plain', 'response_mode'],
    [basicFormPost, 'authorization-response: doubled state', 'state'],
    [basicFormPost, 'authorization-response: other place', 'response_mode'],
    [hybrid, 'authorization-response: missing id_token', 'id_token'],
    [hybrid, 'authorization-response: access_token in front', 'response_type'],
    [hybrid, 'authorization-response: other place', 'response_mode'],
    [hybrid, 'authorization-response: wrong state', 'state'],
    [jarm, 'authorization-response: plain instead of JARM', 'response_mode'],
    [jarm, 'authorization-response: other place', 'response_mode'],
  ]
  test.each(refused)('%o %s', async (flow, misbehaviour, check) => {
    await using scene = await misbehaving(flow, misbehaviour)
    await expectRefusedLogin(scene, check, 'in front')
  })

  const errors: readonly Misbehaviour[] = [
    'authorization-response: access_denied',
    'authorization-response: access_denied in the query',
    'authorization-response: access_denied in the fragment',
    'authorization-response: error and code',
    'authorization-response: hostile error_description',
  ]
  test.each(errors)('%s is told as a refusal, in every response mode', async misbehaviour => {
    for (const flow of [basic, hybrid, jarm]) {
      await using scene = await misbehaving(flow, misbehaviour)
      const error = await refusalOf(() => logIn(scene))
      expect(error, String(error)).toBeInstanceOf(AuthorizationRefusedError)
      expect((error as Error).message.length).toBeLessThan(1_000)
      expect(JSON.stringify((error as Error).message)).not.toMatch(/\\[nru]/)
      expect(sentTo(scene.openid)).not.toContain('token')
      expectNoSecret(error, secretsOf(scene))
    }
  })
})

describe('a discovery document', () => {
  test.each<[Misbehaviour, string | RegExp]>([
    ['discovery: other issuer', 'issuer'],
    ['discovery: issuer with a slash', 'issuer'],
    ['discovery: missing issuer', 'issuer'],
    ['discovery: duplicate members', 'issuer'],
    ['discovery: missing token_endpoint', 'metadata'],
    ['discovery: http endpoints', 'metadata'],
  ])('%s', async (misbehaviour, check) => {
    await expectRefusedDiscovery(misbehaviour, check)
  })

  test.each<Misbehaviour>(['discovery: not JSON', 'discovery: JSON array', 'discovery: JSON null'])(
    '%s',
    async misbehaviour => {
      const error = await refusalOf(() => begin(basic, [misbehaviour]))
      expect(isGrantKitError(error)).toBe(true)
    },
  )

  test.each<[Misbehaviour, RegExp]>([
    ['discovery: javascript authorization_endpoint', /authorization_endpoint/],
    ['discovery: missing authorization_endpoint', /authorization_endpoint/],
    ['discovery: authorization_endpoint with a query', /authorization_endpoint/],
  ])('%s', async (misbehaviour, message) => {
    const error = await refusalOf(async () => {
      await using scene = await begin(basic, [misbehaviour])
      await goOut(scene)
    })
    expect((error as Error).message).toMatch(message)
  })

  test.each<Misbehaviour>(['discovery: deep', 'discovery: prototype members', 'discovery: only weak algorithms'])(
    '%s does no harm',
    async misbehaviour => {
      await using scene = await begin(basic, [misbehaviour])
      await logIn(scene)
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    },
  )
})

describe('a JWK set', () => {
  test.each<[Misbehaviour, string | RegExp]>([
    ['jwks: not JSON', 'jwks'],
    ['jwks: JSON array', 'jwks'],
    ['jwks: JSON null', 'jwks'],
    ['jwks: missing keys', 'jwks'],
    ['jwks: keys as object', 'jwks'],
    ['jwks: duplicate members', 'jwks'],
    ['jwks: no keys', 'kid'],
    ['jwks: no kids', 'kid'],
    ['jwks: symmetric keys', 'kid'],
    ['jwks: keys for encryption', 'kid'],
    ["jwks: a stranger's keys", 'signature'],
    ['jwks: too many keys', 'jwks'],
  ])('%s', async (misbehaviour, check) => {
    for (const [flow, moment] of [
      [basic, 'at the token endpoint'],
      [hybrid, 'in front'],
    ] as const) {
      await using scene = await misbehaving(flow, misbehaviour)
      await expectRefusedLogin(scene, check, moment)
    }
  })

  test.each<Misbehaviour>([
    'jwks: deep',
    'jwks: private keys',
    'jwks: duplicated kids',
    'jwks: rubbish among the keys',
    'jwks: prototype members',
  ])('%s does no harm', async misbehaviour => {
    await using scene = await misbehaving(basic, misbehaviour)
    expect((await logIn(scene)).idTokenClaims?.sub).toBe('alice')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  const faults: readonly Fault[] = [
    { kind: 'huge', bytes: 1e12 },
    { kind: 'huge', bytes: 1e9, gzip: true },
    { kind: 'redirect', location: 'https://stranger.example/jwks' },
    { kind: 'status', status: 500 },
    { kind: 'garbage' },
    { kind: 'garbage', body: 'empty' },
    { kind: 'garbage', body: 'truncated' },
    { kind: 'reset' },
  ]
  test.each(faults)('%o', async fault => {
    await using scene = await begin(hybrid)
    scene.openid.fail(fault, { ...always, on: 'jwks' })
    await expectRefusedLogin(scene, 'jwks', 'in front')
  })

  test('that drips in is waited for until the deadline', async () => {
    await using scene = await begin({ ...hybrid, client: () => ({ transport: { timeoutMs: 300 } }) })
    scene.openid.fail({ kind: 'drip', ms: 10 }, { ...always, on: 'jwks' })
    await expectRefusedLogin(scene, 'jwks', 'in front')
  })

  test('is not asked for again and again for keys it has not', async () => {
    await using scene = await begin(hybrid)
    await logIn(scene)
    scene.openid.misbehave('id-token: unknown kid', always)
    for (let login = 0; login < 5; login++) await refusalOf(() => logIn(scene))
    expect(sentTo(scene.openid).filter(kind => kind === 'jwks')).toHaveLength(2)
  })
})

describe('a pushed request', () => {
  const pushed: Flow = { request: { pushed: true } }
  test.each<[Misbehaviour, string]>([
    ['pushed-authorization: missing request_uri', 'request_uri'],
    ['pushed-authorization: empty request_uri', 'request_uri'],
    ['pushed-authorization: request_uri as number', 'request_uri'],
    ['pushed-authorization: duplicate members', 'request_uri'],
    ['pushed-authorization: JSON array', 'request_uri'],
  ])('%s', async (misbehaviour, check) => {
    await using scene = await misbehaving(pushed, misbehaviour)
    const error = await refusalOf(() => goOut(scene))
    expectValidationError(error, check)
    expect(sentTo(scene.openid)).toEqual(['discovery', 'pushed-authorization'])
  })

  test.each<Misbehaviour>([
    'pushed-authorization: missing expires_in',
    'pushed-authorization: expires_in as text',
    'pushed-authorization: status 200',
    'pushed-authorization: deep',
    'pushed-authorization: prototype members',
  ])('%s does no harm', async misbehaviour => {
    await using scene = await misbehaving(pushed, misbehaviour)
    await logIn(scene)
  })

  test.each<Misbehaviour>(['pushed-authorization: not JSON', 'pushed-authorization: JSON null'])(
    '%s',
    async misbehaviour => {
      await using scene = await misbehaving(pushed, misbehaviour)
      expect(await refusalOf(() => goOut(scene))).toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
      expect(sentTo(scene.openid)).toEqual(['discovery', 'pushed-authorization'])
    },
  )

  test('pushed-authorization: request_uri elsewhere, which adds no parameter to the URL', async () => {
    await using scene = await misbehaving(pushed, 'pushed-authorization: request_uri elsewhere')
    const { redirectUri, clientId } = scene.openid
    const { url } = await createAuthorizationRequest(scene.client, { redirectUri, pushed: true })
    expect(url.startsWith(`${scene.client.provider.metadata.authorization_endpoint}?`)).toBe(true)
    expect([...new URL(url).searchParams]).toEqual([
      ['client_id', clientId],
      ['request_uri', 'https://stranger.example/request?client_id=mallory#x'],
    ])
  })
})

describe('a token response', () => {
  test.each<[Flow, Misbehaviour]>([
    [basic, 'token-response: not JSON'],
    [basic, 'token-response: JSON array'],
    [basic, 'token-response: JSON null'],
    [basic, 'token-response: missing access_token'],
    [basic, 'token-response: empty access_token'],
    [basic, 'token-response: access_token as object'],
    [basic, 'token-response: access_token with a line break'],
    [basic, 'token-response: other token_type'],
    [basic, 'token-response: token_type DPoP'],
    [basic, 'token-response: missing id_token'],
    [basic, 'token-response: id_token as number'],
    [basic, 'token-response: missing token_type'],
    [basic, 'token-response: duplicate members'],
    [basic, 'id-token: huge claims'],
    [fapi2Dpop, 'token-response: token_type Bearer'],
    [fapi2Dpop, 'access-token: cnf of another key'],
    [
      { ...fapi1, settings: { ...fapi1.settings, accessTokenFormat: 'jwt' } },
      'access-token: cnf of another certificate',
    ],
  ])('%o %s', async (flow, misbehaviour) => {
    await using scene = await misbehaving(flow, misbehaviour)
    const error = await refusalOf(() => logIn(scene))
    expect(isGrantKitError(error) && error.code, String(error)).toMatch(/^ERR_(VALIDATION|TOKEN_RESPONSE)$/)
    expectNoSecret(error, secretsOf(scene))
    await expect(scene.users.for('alice').getTokenSet()).rejects.toThrow(LoginRequiredError)
    expect(sentTo(scene.openid)).not.toContain('api')
  })

  test.each<Misbehaviour>([
    'token-response: negative expires_in',
    'token-response: zero expires_in',
    'token-response: huge expires_in',
    'token-response: expires_in as text',
    'token-response: expires_in not a number',
    'token-response: deep',
    'token-response: missing scope',
    'token-response: missing refresh_token',
    'token-response: prototype members',
  ])('%s does no harm', async misbehaviour => {
    await using scene = await misbehaving(basic, misbehaviour, { times: 1 })
    await logIn(scene)
    expect(await callApi(scene)).toBe(200)
  })

  test('token-response: other scope is told', async () => {
    await using scene = await misbehaving(basic, 'token-response: other scope')
    expect(await logIn(scene)).toMatchObject({ scope: 'everything', missingScope: ['openid', 'accounts'] })
  })
})

describe('every endpoint', () => {
  const kinds: readonly [Flow, RequestKind][] = [
    [basic, 'token'],
    [fapi1, 'pushed-authorization'],
  ]
  const faults: readonly Fault[] = [
    { kind: 'huge', bytes: 1e12 },
    { kind: 'huge', bytes: 1e9, gzip: true },
    { kind: 'redirect', location: 'https://stranger.example/' },
    { kind: 'garbage' },
    { kind: 'garbage', body: 'empty' },
    { kind: 'garbage', body: 'deep' },
    { kind: 'garbage', body: 'truncated' },
  ]
  test.each(kinds.flatMap(([flow, kind]) => faults.map(fault => [kind, fault, flow] as const)))(
    '%s: %o',
    async (kind, fault, flow) => {
      await using scene = await begin(flow)
      scene.openid.fail(fault, { ...always, on: kind })
      const error = await refusalOf(() => logIn(scene))
      expect(isGrantKitError(error), String(error)).toBe(true)
      expectNoSecret(error, secretsOf(scene))
      expect(sentTo(scene.openid)).not.toContain('api')
    },
  )
})

describe('a DPoP nonce', () => {
  test('that is never the right one ends after a second try', async () => {
    await using scene = await misbehaving(fapi2Dpop, 'dpop: use_dpop_nonce', { ...always, on: 'token' })
    const { openid } = scene
    const error = await refusalOf(() => logIn(scene))
    expect(error).toBeInstanceOf(AuthorizationServerError)
    expect(error).toMatchObject({ error: 'use_dpop_nonce' })
    expect(sentTo(openid).filter(kind => kind === 'token')).toHaveLength(2)
  })

  test('is no matter of a proof that is refused: it is not made again', async () => {
    await using scene = await misbehaving(fapi2Dpop, 'dpop: invalid_dpop_proof', { ...always, on: 'token' })
    expect(await refusalOf(() => logIn(scene))).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(sentTo(scene.openid).filter(kind => kind === 'token')).toHaveLength(1)
  })

  test('that is wanted and not given is not asked for again', async () => {
    await using scene = await misbehaving(fapi2Dpop, 'dpop: use_dpop_nonce without a nonce', { ...always, on: 'token' })
    const { openid } = scene
    expect(await refusalOf(() => logIn(scene))).toMatchObject({ error: 'use_dpop_nonce' })
    expect(sentTo(openid).filter(kind => kind === 'token')).toHaveLength(1)
  })

  test('that no header may carry is not sent', async () => {
    await using scene = await misbehaving(fapi2Dpop, 'dpop: unusable nonce', { ...always, on: 'token' })
    expect(await refusalOf(() => logIn(scene))).toMatchObject({ error: 'use_dpop_nonce' })
    expect(sentTo(scene.openid).filter(kind => kind === 'token')).toHaveLength(1)
  })

  test('at the API, never the right one: the answer is handed on', async () => {
    await using scene = await begin(fapi2Dpop)
    await logIn(scene)
    scene.openid.misbehave('dpop: use_dpop_nonce', { ...always, on: 'api' })
    expect(await callApi(scene)).toBe(401)
    expect(sentTo(scene.openid).filter(kind => kind === 'api')).toHaveLength(2)
  })

  test('a missing proof called an invalid grant ends no session', async () => {
    await using scene = await begin(fapi2Dpop)
    await logIn(scene)
    scene.openid.misbehave('dpop: invalid_grant', { on: 'refresh' })
    const alice = scene.users.for('alice')
    expect(await refusalOf(() => alice.getTokenSet({ force: true }))).toMatchObject({ error: 'invalid_grant' })
    expect((await alice.getTokenSet()).accessToken).toBe(scene.openid.issuedTokens.at(-1)?.token)
  })
})

describe('on refresh', () => {
  test.each<[Misbehaviour, string]>([
    ['id-token: wrong iss', 'iss'],
    ['id-token: other sub', 'sub'],
    ['id-token: wrong aud', 'aud'],
    ['id-token: alg none', 'alg'],
    ['id-token: bad signature', 'signature'],
    ['id-token: expired', 'exp'],
    ["id-token: a stranger's", 'signature'],
    ['id-token: wrong at_hash', 'at_hash'],
  ])('%s is refused, and the rotated refresh token is kept', async (misbehaviour, check) => {
    await using scene = await begin(basic)
    await logIn(scene)
    scene.openid.misbehave(misbehaviour, { on: 'refresh' })
    const alice = scene.users.for('alice')
    const error = await refusalOf(() => alice.getTokenSet({ force: true }))
    expectValidationError(error, check)
    expectNoSecret(error, secretsOf(scene))
    scene.sandbox.advance(120_000)
    expect((await alice.getTokenSet({ force: true })).accessToken).toBe(scene.openid.issuedTokens.at(-1)?.token)
  })
})

describe('userinfo', () => {
  test.each<Misbehaviour>([
    'userinfo: not JSON',
    'userinfo: JSON array',
    'userinfo: JSON null',
    'userinfo: missing sub',
    'userinfo: other sub',
    'userinfo: duplicate members',
  ])('%s', async misbehaviour => {
    await using scene = await begin(basic)
    await logIn(scene)
    scene.openid.misbehave(misbehaviour)
    const error = await refusalOf(() => requestUserInfo(scene.client, scene.users.for('alice')))
    expect(isGrantKitError(error) && error.code, String(error)).toMatch(/^ERR_(VALIDATION|TOKEN_RESPONSE)$/)
    expectNoSecret(error, secretsOf(scene))
  })

  test.each<Misbehaviour>(['userinfo: deep', 'userinfo: prototype members'])('%s does no harm', async misbehaviour => {
    await using scene = await misbehaving(basic, misbehaviour)
    await logIn(scene)
    expect((await requestUserInfo(scene.client, scene.users.for('alice'))).name).toBe('Alice Example')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test.each<Fault>([
    { kind: 'redirect', location: 'https://stranger.example/' },
    { kind: 'huge', bytes: 1e12 },
  ])('%o', async fault => {
    await using scene = await begin(basic)
    await logIn(scene)
    scene.openid.fail(fault, { ...always, on: 'userinfo' })
    const error = await refusalOf(() => requestUserInfo(scene.client, scene.users.for('alice')))
    expect(isGrantKitError(error), String(error)).toBe(true)
  })
})

test('every misbehaviour stands in a test of this folder', async () => {
  await using scene = await begin(basic)
  const folder = new URL('.', import.meta.url)
  const texts = readdirSync(folder).map(file => readFileSync(new URL(file, folder), 'utf8'))
  const isNamed = (name: string) => texts.some(text => text.includes(`'${name}'`) || text.includes(`"${name}"`))
  // rows that go for several stages have the name alone
  const ofAnyJwt = /^(id-token|jarm|userinfo): /
  const unnamed = scene.openid.misbehaviours.filter(name => !isNamed(name) && !isNamed(name.replace(ofAnyJwt, '')))
  expect(unnamed).toEqual([])
})
