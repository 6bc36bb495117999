import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ActiveToken, introspectToken, readIntrospection } from '../../src/endpoints/introspection.js'
import { isGrantKitError } from '../../src/errors.js'
import type { TransportRequest } from '../../src/transport.js'
import { type Answer, answering, clientOf, failure, formOf, provider } from '../answering.js'
import { issuer, keyFor, now, openIdServer, sign } from '../openid-server.js'
import { json } from '../scripted-server.js'

const introspection_endpoint = 'https://as.example.com/introspect'

function serving(...answers: readonly (Answer | Error)[]) {
  const { transport, requests } = answering(...answers)
  const client = clientOf(transport, { provider: provider({}, { introspection_endpoint }), clientSecret: 's3cret' })
  return { client, requests }
}

describe('introspectToken', () => {
  test('gives what the server knows of an active token, by its names on the wire', async () => {
    const body = {
      active: true,
      scope: 'accounts payments',
      client_id: 'app',
      exp: 1_800_000_000,
      aud: ['https://api.example.com'],
      cnf: { 'x5t#S256': 'abc' },
      username: null,
      'https://example.com/branch': { id: 7 },
    }
    const { client, requests } = serving({ body })
    const { username, ...said } = body
    expect(await introspectToken(client, { token: 'at-1', tokenTypeHint: 'access_token' })).toEqual(said)
    const [request] = requests as [TransportRequest]
    expect(request).toMatchObject({ method: 'POST', url: introspection_endpoint })
    expect(request.headers).toMatchObject({
      accept: 'application/json',
      authorization: expect.stringMatching(/^Basic /),
    })
    expect(formOf(request)).toEqual({ token: 'at-1', token_type_hint: 'access_token' })
  })

  test('gives no more of a token that is not active, though the server says more', async () => {
    const { client } = serving({ body: { active: false, sub: 'alice', exp: 'long ago' } })
    expect(await introspectToken(client, { token: 'at-1' })).toEqual({ active: false })
  })

  test.each<[string, unknown, string]>([
    ['active', {}, 'active: expected true or false, got undefined'],
    ['active', { active: null }, 'active: expected true or false, got undefined'],
    ['active', { active: 'true' }, 'active: expected true or false, got a string'],
    ['active', [true], 'active: expected an object, got an array'],
    ['exp', { active: true, exp: '2026-11-28' }, 'exp: expected epoch seconds, got a string'],
    ['scope', { active: true, scope: ['a'] }, 'scope: expected a text, got an array'],
    ['aud', { active: true, aud: ['a', 7] }, 'aud: expected a text or a list of texts, got an array'],
    ['cnf', { active: true, cnf: 'x' }, 'cnf: expected an object, got a string'],
    [
      'authorization_details',
      { active: true, authorization_details: ['a'] },
      'expected a list of objects, got an array',
    ],
  ])('names %s when the answer %j does not hold', async (check, body, words) => {
    const { client } = serving({ body })
    const error = await failure(introspectToken(client, { token: 'at-1' }))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check, message: expect.stringContaining(words) })
  })

  test('is refused as a client is, when the asker is not known', async () => {
    const { client } = serving({ status: 401 })
    expect(await failure(introspectToken(client, { token: 'at-1' }))).toMatchObject({ kind: 'invalid_client' })
  })

  test('asks again when no answer came: asking changes nothing', async () => {
    const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    const { client, requests } = serving(lost, { body: { active: false } })
    expect(await introspectToken(client, { token: 'at-1' })).toEqual({ active: false })
    expect(requests).toHaveLength(2)
  })

  test.each([
    ['client', undefined, { token: 'at-1' }],
    ['token', serving().client, { token: '' }],
    ['tokenTypeHint', serving().client, { token: 'at-1', tokenTypeHint: 7 }],
    ['introspection_endpoint', clientOf(answering().transport), { token: 'at-1' }],
  ])('names %s when it is wrong, and sends nothing', async (option, client, options) => {
    expect(await failure(introspectToken(client as never, options as never))).toMatchObject({ option })
  })
})

describe('introspectToken, where signed answers were registered', () => {
  const key = keyFor('PS256')
  const server = openIdServer(key)
  const signedClient = server.client({ metadata: { introspection_signed_response_alg: 'PS256' } })
  const metadata = { ...signedClient.provider.metadata, introspection_endpoint: 'https://as.example/introspect' }
  const client = { ...signedClient, provider: { ...signedClient.provider, metadata } }
  const typ = 'token-introspection+jwt'
  const answer = (members: object = {}) => ({
    ...{ iss: issuer, aud: 'app', iat: now, token_introspection: { active: true, sub: 'user' } },
    ...members,
  })
  const answered = async (jwt: string | Promise<string>) => {
    const body = Buffer.from(await jwt)
    server.tokens = () => ({ status: 200, headers: new Headers({ 'content-type': `application/${typ}` }), body })
    return introspectToken(client, { token: 'at-1' })
  }

  test('takes what the server has signed for this client', async () => {
    expect(await answered(sign(key, answer(), { typ }))).toEqual({ active: true, sub: 'user' })
    const inactive = { token_introspection: { active: false } }
    expect(await answered(sign(key, answer(inactive), { typ }))).toEqual({ active: false })
  })

  const foreign = keyFor('PS256', { kid: key.kid })
  test.each<[string, () => string | Promise<string>]>([
    ['signature', () => sign(foreign, answer(), { typ })],
    ['typ', () => sign(key, answer())],
    ['typ', () => sign(key, answer(), { typ: 'at+jwt' })],
    ['iss', () => sign(key, answer({ iss: 'https://other.example' }), { typ })],
    ['iss', () => sign(key, answer({ iss: undefined }), { typ })],
    ['aud', () => sign(key, answer({ aud: ['other'] }), { typ })],
    ['aud', () => sign(key, answer({ aud: undefined }), { typ })],
    ['iat', () => sign(key, answer({ iat: now + 61 }), { typ })],
    ['iat', () => sign(key, answer({ iat: undefined }), { typ })],
    ['token_introspection', () => sign(key, answer({ token_introspection: undefined }), { typ })],
    // an access token that is a JWT has such members at its top
    ['token_introspection', () => sign(key, { ...answer({ token_introspection: true }), active: true }, { typ })],
    ['active', () => sign(key, answer({ token_introspection: {} }), { typ })],
  ])('refuses one whose %s does not hold', async (check, jwt) => {
    expect(await failure(answered(jwt()))).toMatchObject({ code: 'ERR_VALIDATION', check })
  })

  test('takes none that is not signed', async () => {
    server.tokens = () => json(200, { active: true })
    expect(await failure(introspectToken(client, { token: 'at-1' }))).toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
  })
})

test('an instant without an end is none', () => {
  const answer = JSON.parse('{"active":true,"exp":1e400}')
  expect(() => readIntrospection(answer)).toThrow('exp: expected epoch seconds')
})

test('any answer is read or refused by name', () => {
  const member = fc.constantFrom('exp', 'scope', 'aud', 'cnf', 'authorization_details', '__proto__', 'other')
  const named = fc.dictionary(member, fc.jsonValue())
  const answer = fc.oneof(
    fc.jsonValue(),
    fc.tuple(named, fc.boolean()).map(([members, active]) => ({ ...members, active })),
  )
  const read = (body: unknown) => {
    try {
      return readIntrospection(body)
    } catch (error) {
      expect(isGrantKitError(error) && error.code).toBe('ERR_VALIDATION')
      return { active: false }
    }
  }
  fc.assert(
    fc.property(answer, body => {
      const { exp = 0, scope = '', cnf = {} } = read(body) as Partial<ActiveToken>
      expect([typeof exp, typeof scope, Array.isArray(cnf)]).toEqual(['number', 'string', false])
    }),
  )
})
