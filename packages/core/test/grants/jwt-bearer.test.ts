import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  createTokenSource,
  type JwtBearerOptions,
  jwtBearer,
  memoryStore,
  requestTokenSet,
  signer,
  TransportError,
} from '../../src/index.js'
import { failure, refusal } from '../answering.js'
import { issue, json, type Setup, setUp, start } from '../scripted-server.js'

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const es256 = signer({ key: privateKey, alg: 'ES256', kid: 'key-1' })
const sourceOf = ({ client }: Pick<Setup, 'client'>, options: JwtBearerOptions) =>
  createTokenSource({ client, grant: jwtBearer(options) })
const assertions = ({ server }: Pick<Setup, 'server'>) => server.requests.map(({ form }) => form.assertion ?? '')
const verified = (assertion = '') =>
  jwtVerify(assertion, createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), {
    currentDate: new Date(start),
  })

describe('jwtBearer with an assertion of its own', () => {
  test('signs one anew for each attempt, by default about the client itself, for the issuer', async () => {
    const setup = setUp()
    const source = sourceOf(setup, { signer: es256, scope: 'a' })
    await source.getTokenSet()
    await source.getTokenSet({ force: true })
    const [first, second] = await Promise.all(assertions(setup).map(verified))
    expect(setup.server.requests[0]?.form).toMatchObject({ grant_type: grantType, scope: 'a' })
    expect(first?.protectedHeader).toEqual({ alg: 'ES256', kid: 'key-1', typ: 'authorization-grant+jwt' })
    const seconds = start / 1000
    expect(first?.payload).toEqual({
      iss: 'app',
      sub: 'app',
      aud: 'https://as.example',
      iat: seconds,
      exp: seconds + 60,
      jti: expect.any(String),
    })
    expect(second?.payload.jti).not.toBe(first?.payload.jti)
  })

  test('says what it is told to', async () => {
    const setup = setUp()
    const claims = () => ({ scope: 'https://api.example/read' })
    await sourceOf(setup, {
      signer: es256,
      issuer: 'robot@project.example',
      subject: 'alice',
      audience: endpoint => endpoint,
      typ: 'JWT',
      lifetimeSeconds: 3600,
      clockSkewSeconds: 5,
      header: { 'x5t#S256': 'thumb' },
      claims,
    }).getTokenSet()
    const { payload, protectedHeader } = await verified(assertions(setup)[0])
    expect(protectedHeader).toMatchObject({ typ: 'JWT', 'x5t#S256': 'thumb' })
    expect(payload).toMatchObject({
      iss: 'robot@project.example',
      sub: 'alice',
      aud: 'https://as.example/token',
      scope: 'https://api.example/read',
      iat: start / 1000 - 5,
      exp: start / 1000 + 3600,
    })
  })

  test('has the audience and the lifetime of the provider, and not the type of its client assertions', async () => {
    const clientAssertion = { audience: (endpoint: string) => endpoint, lifetimeSeconds: 600, typ: 'JWT' }
    const setup = setUp(undefined, {}, { clientAssertion })
    await sourceOf(setup, { signer: es256 }).getTokenSet()
    const { payload, protectedHeader } = await verified(assertions(setup)[0])
    expect([payload.aud, payload.exp]).toEqual(['https://as.example/token', start / 1000 + 600])
    expect(protectedHeader.typ).toBe('authorization-grant+jwt')
  })

  test('has tokens of its own for each subject, issuer, audience and key', async () => {
    const setup = setUp()
    const other = signer({ key: generateKeyPairSync('ed25519').privateKey, alg: 'Ed25519' })
    const all: JwtBearerOptions[] = [
      { signer: es256 },
      { signer: es256, subject: 'alice' },
      { signer: es256, issuer: 'alice' },
      { signer: es256, audience: 'https://other.example' },
      { signer: es256, claims: { act: 'alice' } },
      { signer: other },
    ]
    const tokens = []
    for (const options of [...all, ...all]) tokens.push((await sourceOf(setup, options).getTokenSet()).accessToken)
    expect(tokens.slice(all.length)).toEqual(tokens.slice(0, all.length))
    expect(new Set(tokens).size).toBe(all.length)
  })

  test('tells of a signer that fails, and sends nothing', async () => {
    const setup = setUp()
    const broken = signer({ key: () => Promise.reject(new Error('the vault is sealed')), alg: 'ES256' })
    expect(await failure(sourceOf(setup, { signer: broken }).getTokenSet())).toMatchObject({
      code: 'ERR_GRANT',
      neverSent: true,
      cause: { message: 'the vault is sealed' },
    })
    expect(setup.server.requests).toEqual([])
  })
})

describe('jwtBearer with an assertion from elsewhere', () => {
  const losing = (times: number) => (request: Parameters<ReturnType<typeof issue>>[0]) => {
    if (request.number <= times) throw new TransportError('ERR_TRANSPORT', 'reset', { neverSent: false })
    return issue()(request)
  }

  test('asks a function before each attempt', async () => {
    const setup = setUp(losing(1))
    let asked = 0
    await sourceOf(setup, { assertion: async () => `assertion-${++asked}` }).getTokenSet()
    expect(assertions(setup)).toEqual(['assertion-1', 'assertion-2'])
  })

  test('sends one that is given as it is once where it may have been taken', async () => {
    const setup = setUp(losing(1))
    expect(await failure(sourceOf(setup, { assertion: 'a.b.c' }).getTokenSet())).toMatchObject({
      code: 'ERR_TRANSPORT',
    })
    expect(assertions(setup)).toEqual(['a.b.c'])
  })

  test('keeps tokens of functions apart, in a shared store too, unless they are named', async () => {
    const setup = setUp()
    const store = memoryStore()
    const ask = async (options: JwtBearerOptions) =>
      (await createTokenSource({ client: setup.another(), store, grant: jwtBearer(options) }).getTokenSet()).accessToken
    const alice = async () => 'about-alice'
    expect(await ask({ assertion: alice })).toBe('token-1')
    expect(await ask({ assertion: alice })).toBe('token-1')
    expect(await ask({ assertion: async () => 'about-bob' })).toBe('token-2')
    expect(await ask({ assertion: async () => 'about-carol', identity: 'carol' })).toBe('token-3')
    expect(await ask({ assertion: async () => 'about-carol', identity: 'carol' })).toBe('token-3')
  })

  test.each([undefined, '', 42, 'ends with\n'])('refuses %o from a function, without showing it', async value => {
    const setup = setUp()
    const error = await failure(sourceOf(setup, { assertion: async () => value as string }).getTokenSet())
    expect(error).toMatchObject({ code: 'ERR_GRANT', cause: { message: expect.stringMatching(/^assertion: /) } })
    expect(inspect(error)).not.toContain('ends with\\n')
    expect(setup.server.requests).toEqual([])
  })

  test('appears nowhere', async () => {
    const setup = setUp(({ form }) => json(400, { error: 'invalid_grant', error_description: `no ${form.assertion}` }))
    const grant = jwtBearer({ assertion: 'header.secret-payload.signature' })
    const error = await failure(requestTokenSet(setup.client, grant))
    expect(inspect([error, grant], { depth: 9 })).not.toContain('secret-payload')
  })
})

describe('jwtBearer refuses', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['neither an assertion nor a signer', {}, 'assertion'],
    ['both', { assertion: 'a.b.c', signer: es256 }, 'assertion'],
    ['claims without a signer', { assertion: 'a.b.c', subject: 'alice' }, 'subject'],
    ['an assertion that was not awaited', { assertion: Promise.resolve('a.b.c') }, 'assertion'],
    ['a claim of the protocol', { signer: es256, claims: { sub: 'alice' } }, 'claims.sub'],
    ['a key in place of a signer', { signer: privateKey }, 'signer.signJwt'],
    ['a parameter of its own', { assertion: 'a.b.c', parameters: { assertion: 'x.y.z' } }, 'parameters.assertion'],
    ['an empty name', { assertion: () => 'a', identity: '' }, 'identity'],
  ]
  test.each(cases)('%s', (_, options, option) => {
    expect(refusal(() => jwtBearer(options as JwtBearerOptions)).option).toBe(option)
  })
})
