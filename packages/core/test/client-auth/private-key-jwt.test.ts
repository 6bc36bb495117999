import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { type PrivateKeyJwtOptions, privateKeyJwt } from '../../src/client-auth/private-key-jwt.js'
import { requestTokenSet } from '../../src/endpoints/token.js'
import { TransportError } from '../../src/errors.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import type { Conform } from '../../src/provider.js'
import { answering, authenticated, clientOf, failure, formOf, granted, provider, refusal } from '../answering.js'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const base = { key: ec.privateKey, alg: 'ES256' } as const

async function verified(options: PrivateKeyJwtOptions, conform?: Conform, publicKey: KeyObject = ec.publicKey) {
  const { parameters } = await authenticated(privateKeyJwt(options), conform)
  const assertion = String(parameters.client_assertion)
  return jwtVerify(assertion, publicKey, { currentDate: new Date(1_760_000_000_000) })
}

describe('an assertion', () => {
  test('is sent with the client id and its type, and no header', async () => {
    const { parameters, headers } = await authenticated(privateKeyJwt(base))
    expect(parameters).toEqual({
      grant_type: 'x',
      client_id: 'client-1',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    })
    expect(headers).toEqual({})
  })

  test('says what RFC 7523 as updated by RFC 10070 wants: the issuer alone as audience, a type of its own', async () => {
    const { payload, protectedHeader } = await verified({ ...base, kid: 'k1' })
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'k1', typ: 'client-authentication+jwt' })
    expect(payload).toEqual({
      iss: 'client-1',
      sub: 'client-1',
      aud: 'https://as.example.com',
      jti: expect.any(String),
      iat: 1_760_000_000,
      exp: 1_760_000_060,
    })
  })

  test('is one of its own for every attempt', async () => {
    const neverSent = new TransportError('ERR_TRANSPORT', 'x', { neverSent: true })
    const { transport, requests } = answering(neverSent, granted, granted)
    const client = clientOf(transport, { auth: privateKeyJwt(base) })
    await requestTokenSet(client, clientCredentials())
    await requestTokenSet(client, clientCredentials())
    const sent = await Promise.all(
      requests.map(request => jwtVerify(formOf(request).client_assertion ?? '', ec.publicKey)),
    )
    const ids = sent.map(({ payload }) => payload.jti)
    expect(ids).toHaveLength(3)
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
  })

  test('takes the kid of a JWK, and one that is given first', async () => {
    const jwk = { ...ec.privateKey.export({ format: 'jwk' }), kid: 'from-jwk' }
    expect((await verified({ key: jwk, alg: 'ES256' })).protectedHeader.kid).toBe('from-jwk')
    expect((await verified({ key: jwk, alg: 'ES256', kid: 'given' })).protectedHeader.kid).toBe('given')
    expect((await verified(base)).protectedHeader).not.toHaveProperty('kid')
  })

  test('is signed by whatever signs', async () => {
    const key = async (data: Uint8Array) => sign('sha256', data, ec.privateKey)
    expect((await verified({ key, alg: 'ES256' })).payload.iss).toBe('client-1')
    expect((await verified({ key: rsa.privateKey, alg: 'PS256' }, {}, rsa.publicKey)).protectedHeader.alg).toBe('PS256')
  })
})

describe('what an assertion says', () => {
  test('can be set: audience, type, lifetime, skew', async () => {
    const { payload, protectedHeader } = await verified({
      ...base,
      audience: 'https://other.example',
      typ: 'JWT',
      lifetimeSeconds: 900,
      clockSkewSeconds: 10,
    })
    expect(protectedHeader.typ).toBe('JWT')
    expect(payload).toMatchObject({ aud: 'https://other.example', iat: 1_759_999_990, exp: 1_760_000_900 })
  })

  test('can differ by endpoint', async () => {
    const { payload } = await verified({ ...base, audience: endpoint => `${endpoint}#` })
    expect(payload.aud).toBe('https://as.example.com/token#')
  })

  test("is the provider's where nothing is set, and the caller's first", async () => {
    const clientAssertion = { audience: (endpoint: string) => endpoint, typ: 'JWT', lifetimeSeconds: 600 }
    const ruled = await verified(base, { clientAssertion })
    expect(ruled.payload).toMatchObject({ aud: 'https://as.example.com/token', exp: 1_760_000_600 })
    expect(ruled.protectedHeader.typ).toBe('JWT')
    const set = await verified({ ...base, audience: 'a', typ: 't', lifetimeSeconds: 30 }, { clientAssertion })
    expect(set.payload).toMatchObject({ aud: 'a', exp: 1_760_000_030 })
    expect(set.protectedHeader.typ).toBe('t')
  })

  test('can be more: header members, claims, claims asked for each time', async () => {
    const { payload, protectedHeader } = await verified({
      ...base,
      header: { 'x5t#S256': 'thumb', x5c: ['MIIB'] },
      claims: { nbf: 1_760_000_000, realm: 'r' },
    })
    expect(protectedHeader).toMatchObject({ 'x5t#S256': 'thumb', x5c: ['MIIB'] })
    expect(payload).toMatchObject({ nbf: 1_760_000_000, realm: 'r' })
    let count = 0
    const auth = privateKeyJwt({ ...base, claims: () => ({ count: ++count }) })
    await authenticated(auth)
    const { parameters } = await authenticated(auth)
    const { payload: second } = await jwtVerify(String(parameters.client_assertion), ec.publicKey, {
      currentDate: new Date(1_760_000_000_000),
    })
    expect(second.count).toBe(2)
  })

  test('sends no nbf by itself', async () => {
    expect((await verified(base)).payload).not.toHaveProperty('nbf')
  })
})

describe('privateKeyJwt', () => {
  const wrong: readonly [name: string, option: string, options: unknown][] = [
    ['nothing', 'privateKeyJwt()', undefined],
    ['no alg', 'alg', { key: ec.privateKey }],
    ['alg none', 'alg', { ...base, alg: 'none' }],
    ['an alg of secrets', 'alg', { ...base, alg: 'HS256' }],
    ['an alg the key cannot do', 'key', { ...base, alg: 'PS256' }],
    ['a public key', 'key', { ...base, key: ec.publicKey }],
    ['a misspelt option', 'Kid', { ...base, Kid: 'k' }],
    ['an empty kid', 'kid', { ...base, kid: '' }],
    ['an empty audience', 'audience', { ...base, audience: '' }],
    ['two audiences', 'audience', { ...base, audience: ['a', 'b'] }],
    ['a typ that is no text', 'typ', { ...base, typ: 1 }],
    ['a lifetime of none', 'lifetimeSeconds', { ...base, lifetimeSeconds: 0 }],
    ['a lifetime as text', 'lifetimeSeconds', { ...base, lifetimeSeconds: '60' }],
    ['a negative skew', 'clockSkewSeconds', { ...base, clockSkewSeconds: -1 }],
    ['a header that is text', 'header', { ...base, header: 'typ' }],
    ['claims that are a list', 'claims', { ...base, claims: [] }],
    ['claims that are null', 'claims', { ...base, claims: 'x' }],
    ...['alg', 'kid', 'typ', 'crit', 'b64'].map(
      name => [`header.${name}`, `header.${name}`, { ...base, header: { [name]: 'x' } }] as [string, string, unknown],
    ),
    ...['iss', 'sub', 'aud', 'jti', 'iat', 'exp'].map(
      name => [`claims.${name}`, `claims.${name}`, { ...base, claims: { [name]: 'x' } }] as [string, string, unknown],
    ),
  ]
  for (const [name, option, options] of wrong)
    test(`refuses ${name} and names ${option}`, () => {
      expect(refusal(() => privateKeyJwt(options as PrivateKeyJwtOptions)).option).toBe(option)
    })

  test("refuses the protocol's own claims from a function too, and what is no object", async () => {
    expect(await failure(authenticated(privateKeyJwt({ ...base, claims: () => ({ exp: 1 }) })))).toMatchObject({
      name: 'TypeError',
      option: 'claims.exp',
    })
    const claims = (() => undefined) as never
    expect(await failure(authenticated(privateKeyJwt({ ...base, claims })))).toMatchObject({ option: 'claims' })
  })

  test('refuses an audience function that returns no text', async () => {
    for (const audience of [() => '', () => undefined, () => ['a']])
      expect(await failure(authenticated(privateKeyJwt({ ...base, audience: audience as never })))).toMatchObject({
        option: 'audience',
      })
  })

  test('refuses an algorithm the provider does not take, when the client is made', () => {
    const limited = provider({}, { token_endpoint_auth_signing_alg_values_supported: ['PS256'] })
    const make = (auth: ReturnType<typeof privateKeyJwt>) => () =>
      clientOf(answering().transport, { provider: limited, auth })
    expect(refusal(make(privateKeyJwt(base)))).toMatchObject({
      option: 'alg',
      message: 'alg: example accepts PS256, not ES256',
    })
    expect(make(privateKeyJwt({ key: rsa.privateKey, alg: 'PS256' }))).not.toThrow()
  })
})

describe('replaceKey', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const assertionOf = async (auth: ReturnType<typeof privateKeyJwt>) =>
    String((await authenticated(auth)).parameters.client_assertion)
  const options = { currentDate: new Date(1_760_000_000_000) }

  test('signs with the new key and its kid from then on', async () => {
    const auth = privateKeyJwt({ ...base, kid: 'k1' })
    auth.replaceKey({ key: other.privateKey, alg: 'ES256', kid: 'k2' })
    const { protectedHeader } = await jwtVerify(await assertionOf(auth), other.publicKey, options)
    expect(protectedHeader.kid).toBe('k2')
  })

  test('keeps its place in caches, and is known to be another to a cool-down', async () => {
    const auth = privateKeyJwt(base)
    const before = [auth.identity, await auth.fingerprint?.()]
    auth.replaceKey({ key: other.privateKey, alg: 'ES256' })
    expect(auth.identity).toBe(before[0])
    expect(await auth.fingerprint?.()).not.toBe(before[1])
  })

  test('with a wrong key changes nothing', async () => {
    const auth = privateKeyJwt({ ...base, kid: 'k1' })
    expect(refusal(() => auth.replaceKey({ key: other.privateKey, alg: 'PS256' })).option).toBe('key')
    expect(refusal(() => auth.replaceKey({ key: 'no key', alg: 'ES256' })).option).toBe('key')
    expect(refusal(() => auth.replaceKey({ ...base, audience: 'a' } as never)).option).toBe('audience')
    expect((await jwtVerify(await assertionOf(auth), ec.publicKey, options)).protectedHeader.kid).toBe('k1')
  })
})
