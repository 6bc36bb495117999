import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dpopKey } from '../../src/dpop.js'
import { readUserInfo, requestUserInfo } from '../../src/endpoints/userinfo.js'
import { isGrantKitError } from '../../src/errors.js'
import { TokenSet } from '../../src/token-set.js'
import type { GetTokenSetOptions } from '../../src/token-source.js'
import type { TransportRequest } from '../../src/transport.js'
import { type Answer, answering, clientOf, failure, provider } from '../answering.js'
import { claims, forged, keyFor, now, openIdServer, sign } from '../openid-server.js'
import { json } from '../scripted-server.js'

const userinfo_endpoint = 'https://as.example.com/userinfo'
const alice = { sub: 'alice', email: 'alice@example.com' }

function serving(...answers: readonly (Answer | Error)[]) {
  const { transport, requests } = answering(...answers)
  return { client: clientOf(transport, { provider: provider({}, { userinfo_endpoint }) }), requests }
}

const tokenSet = (accessToken = 'at-1') => new TokenSet({ accessToken, obtainedAt: 0 })

/** A source that has tokens in turn, and tells how it was asked. */
function sourceOf(...tokens: readonly string[]) {
  const asked: (GetTokenSetOptions | undefined)[] = []
  const getTokenSet = async (options?: GetTokenSetOptions) => {
    asked.push(options)
    return tokenSet(tokens[Math.min(asked.length, tokens.length) - 1])
  }
  return { source: { getTokenSet }, asked }
}

describe('requestUserInfo', () => {
  test('is asked with the token alone, and tells of the user whose ID token it was', async () => {
    const { client, requests } = serving({ body: alice })
    const answer = await requestUserInfo(client, tokenSet(), { subject: 'alice' })
    expect(answer).toEqual(alice)
    expect(Object.isFrozen(answer)).toBe(true)
    const [request] = requests as [TransportRequest]
    expect(request).toMatchObject({ method: 'GET', url: userinfo_endpoint })
    expect(request.body).toBeUndefined()
    expect(request.headers).toMatchObject({ authorization: 'Bearer at-1', accept: 'application/json' })
  })

  test('may be asked by POST, the token in the header all the same', async () => {
    const { client, requests } = serving({ body: alice })
    await requestUserInfo(client, tokenSet(), { subject: 'alice', method: 'POST' })
    expect(requests[0]).toMatchObject({ method: 'POST', body: '', headers: { authorization: 'Bearer at-1' } })
  })

  test('knows whose claims they have to be by the ID token of the login', async () => {
    const { client } = serving({ body: alice })
    const idTokenClaims = { ...claims(), sub: 'alice' } as never
    const withIdToken = new TokenSet({ accessToken: 'at-1', obtainedAt: 0, idTokenClaims })
    expect(await requestUserInfo(client, withIdToken)).toEqual(alice)
  })

  test.each<[string, unknown]>([
    ['another one than that of the ID token', { sub: 'mallory-marker' }],
    ['another one than that of the ID token', { sub: 'Alice' }],
    ['expected a text, got undefined', { email: 'alice@example.com' }],
    ['expected a text, got an array', { sub: ['alice'] }],
    ['expected an object of claims, got an array', ['alice']],
  ])('refuses claims of somebody else: %s', async (words, body) => {
    const { client } = serving({ body })
    const error = await failure(requestUserInfo(client, tokenSet(), { subject: 'alice' }))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'sub', message: expect.stringContaining(words) })
    expect(error.message).not.toMatch(/marker|at-1/)
  })

  describe('asks a token source', () => {
    const dead = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }

    test.each([dead, { status: 401 }])('for another token when the first one is refused: %j', async refused => {
      const { client, requests } = serving(refused, { body: alice })
      const { source, asked } = sourceOf('at-1', 'at-2')
      expect(await requestUserInfo(client, source, { subject: 'alice' })).toEqual(alice)
      expect(asked).toEqual([undefined, { rejected: 'at-1' }])
      expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer at-1', 'Bearer at-2'])
    })

    test('once, and gives up when that does not help', async () => {
      const { client, requests } = serving(dead, dead)
      const error = await failure(requestUserInfo(client, sourceOf('at-1', 'at-2').source, { subject: 'alice' }))
      expect(error).toMatchObject({ code: 'ERR_SERVER_REFUSED', error: 'invalid_token' })
      expect(requests).toHaveLength(2)
    })

    test('not to send the same token twice', async () => {
      const { client, requests } = serving(dead)
      expect(await failure(requestUserInfo(client, sourceOf('at-1').source, { subject: 'alice' }))).toMatchObject({
        error: 'invalid_token',
      })
      expect(requests).toHaveLength(1)
    })

    test('not when something else is refused', async () => {
      const challenge = 'Bearer error="insufficient_scope"'
      const { client, requests } = serving({ status: 403, headers: { 'www-authenticate': challenge } })
      const { source, asked } = sourceOf('at-1', 'at-2')
      expect(await failure(requestUserInfo(client, source, { subject: 'alice' }))).toMatchObject({
        error: 'insufficient_scope',
        serverStatus: 403,
      })
      expect([asked.length, requests.length]).toEqual([1, 1])
    })
  })

  describe('with a DPoP token', () => {
    const key = dpopKey()
    const bound = (jkt: string) => new TokenSet({ accessToken: 'at-1', tokenType: 'DPoP', jkt, obtainedAt: 0 })
    const proofIn = ({ headers }: TransportRequest) =>
      JSON.parse(Buffer.from(String(headers.dpop).split('.')[1] as string, 'base64url').toString())

    test('proves that it has the key, again with the nonce that the server wants', async () => {
      const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n-1' }
      const { transport, requests } = answering({ status: 401, headers }, { body: alice })
      const client = clientOf(transport, { provider: provider({}, { userinfo_endpoint }), dpop: key })
      expect(await requestUserInfo(client, bound(key.thumbprint), { subject: 'alice' })).toEqual(alice)
      expect(requests.map(({ headers }) => headers.authorization)).toEqual(['DPoP at-1', 'DPoP at-1'])
      expect(proofIn(requests[0] as TransportRequest)).toMatchObject({ htm: 'GET', htu: userinfo_endpoint })
      const ath = createHash('sha256').update('at-1').digest('base64url')
      expect(proofIn(requests[1] as TransportRequest)).toMatchObject({ nonce: 'n-1', ath })
    })

    test.each([
      ['another key', { dpop: dpopKey() }],
      ['none', {}],
    ])('sends nothing when the client has %s', async (_, options) => {
      const { transport, requests } = answering()
      const client = clientOf(transport, { provider: provider({}, { userinfo_endpoint }), ...options })
      const asked = requestUserInfo(client, bound(key.thumbprint), { subject: 'alice' })
      expect(await failure(asked)).toMatchObject({ code: 'ERR_OPTION', option: 'client' })
      expect(requests).toEqual([])
    })
  })

  test.each([
    ['client', undefined, tokenSet(), {}],
    ['from', serving().client, 'at-1', { subject: 'alice' }],
    ['from', serving().client, Promise.resolve(tokenSet()), { subject: 'alice' }],
    ['subject', serving().client, tokenSet(), {}],
    ['subject', serving().client, tokenSet(), { subject: '' }],
    ['method', serving().client, tokenSet(), { subject: 'alice', method: 'get' }],
    ['sub', serving().client, tokenSet(), { sub: 'alice' }],
    ['userinfo_endpoint', clientOf(answering().transport), tokenSet(), { subject: 'alice' }],
  ])('names %s when it is wrong, and sends nothing', async (option, client, from, options) => {
    const asked = requestUserInfo(client as never, from as never, options as never)
    expect(await failure(asked)).toMatchObject({ code: 'ERR_OPTION', option })
  })
})

describe('requestUserInfo, where signed answers were registered', () => {
  const key = keyFor('ES256')
  const server = openIdServer(key)
  const signedClient = server.client({ metadata: { userinfo_signed_response_alg: 'ES256' } })
  const endpoints = { ...signedClient.provider.metadata, userinfo_endpoint: 'https://as.example/userinfo' }
  const client = { ...signedClient, provider: { ...signedClient.provider, metadata: endpoints } }
  const answered = async (jwt: string | Promise<string>) => {
    const body = Buffer.from(await jwt)
    server.tokens = () => ({ status: 200, headers: new Headers({ 'content-type': 'application/jwt' }), body })
    return requestUserInfo(client, tokenSet(), { subject: 'user' })
  }

  test('takes one that is signed by the server, for this client or for nobody in particular', async () => {
    expect(await answered(sign(key, claims()))).toMatchObject({ sub: 'user' })
    expect(await answered(sign(key, { sub: 'user' }))).toEqual({ sub: 'user' })
    expect(await answered(sign(key, claims({ aud: ['other', 'app'] })))).toMatchObject({ aud: ['other', 'app'] })
  })

  const foreign = keyFor('ES256', { kid: key.kid })
  const header = { alg: 'none', kid: key.kid }
  test.each<[string, () => string | Promise<string>]>([
    ['signature', () => sign(foreign, claims())],
    ['alg', () => forged(header, claims())],
    ['typ', () => sign(key, claims(), { typ: 'at+jwt' })],
    ['sub', () => sign(key, claims({ sub: 'mallory' }))],
    ['iss', () => sign(key, claims({ iss: 'https://other.example' }))],
    ['aud', () => sign(key, claims({ aud: 'other' }))],
    ['exp', () => sign(key, claims({ exp: now - 61 }))],
    ['exp', () => sign(key, claims({ exp: 'tomorrow' }))],
    ['iat', () => sign(key, claims({ iat: now + 61 }))],
  ])('refuses one whose %s does not hold', async (check, jwt) => {
    expect(await failure(answered(jwt()))).toMatchObject({ code: 'ERR_VALIDATION', check })
  })

  test('takes none that is not signed', async () => {
    server.tokens = () => json(200, { sub: 'user' })
    expect(await failure(requestUserInfo(client, tokenSet(), { subject: 'user' }))).toMatchObject({
      code: 'ERR_TOKEN_RESPONSE',
      message: expect.stringContaining('expected a JWT, got something else'),
    })
  })
})

test('any claims are read or refused by name', () => {
  const answer = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('sub', '__proto__', 'other'), fc.jsonValue()))
  fc.assert(
    fc.property(answer, fc.string(), (claims, subject) => {
      try {
        expect(readUserInfo(claims, subject).sub).toBe(subject)
      } catch (error) {
        expect(isGrantKitError(error) && Object(error).check).toBe('sub')
      }
    }),
  )
})
