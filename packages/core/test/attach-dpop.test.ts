/** DPoP tokens at APIs (RFC 9449 §4, §7, §9), by the calls that every integration translates to. */
import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { dpopKey } from '../src/dpop.js'
import { clientCredentials, createTokenSource, TokenSet, type TokenSource } from '../src/index.js'
import { Attachments, attach, parseOrigins, type Refused, readAttachment, type Sending, Trip } from '../src/kit.js'
import { type Answer, issue, setUp as setUpServer } from './scripted-server.js'

const api = 'https://api.example'
const url = `${api}/accounts?page=1`
const attaching = { maker: 'attach', order: 'attach(source)', agentOf: () => 'agent' }

const setUp = (answer: Answer = issue({ token_type: 'DPoP' }), dpop = dpopKey()) => {
  const setup = setUpServer(answer, { dpop })
  const source = createTokenSource({ client: setup.client, grant: clientCredentials(), origins: [api] })
  const trip = new Trip(new Attachments([readAttachment(attaching, source, {})]), { url })
  return { ...setup, source, trip }
}

const sending = (members: Partial<Sending> = {}): Sending => ({
  method: 'GET',
  url,
  request: {},
  has: () => false,
  ...members,
})

const refused = (challenge: string, nonce?: string, status = 401): Refused => ({
  status,
  header: name => ({ 'www-authenticate': challenge, 'dpop-nonce': nonce })[name],
  body: async () => '',
})
const wantsNonce = (nonce?: string) => refused('DPoP error="use_dpop_nonce"', nonce)
const invalidToken = refused('DPoP algs="ES256", error="invalid_token"')

const proofIn = (headers: Readonly<Record<string, string>>) => decodeJwt(headers.dpop as string)

describe('an API request with a DPoP token', () => {
  test('carries the token by its own scheme, and a proof for this request and this token', async () => {
    const { trip, clock } = setUp()
    const headers = await trip.headersFor(sending({ method: 'POST' }), 'first')
    expect(Object.keys(headers).sort()).toEqual(['authorization', 'dpop'])
    expect(headers.authorization).toBe('DPoP token-1')
    expect(proofIn(headers)).toEqual({
      jti: expect.any(String),
      htm: 'POST',
      htu: 'https://api.example/accounts',
      iat: Math.floor(clock.now() / 1000),
      ath: createHash('sha256').update('token-1').digest('base64url'),
    })
  })

  test('carries another proof at each attempt and hop, for the method and the URL of that', async () => {
    const { trip } = setUp()
    const first = proofIn(await trip.headersFor(sending({ method: 'POST' }), 'first'))
    const hop = proofIn(trip.headersOnward(sending({ url: `${api}/moved` })))
    const retry = proofIn(await trip.headersFor(sending({ method: 'POST' }), 'retry'))
    expect([first, hop, retry].map(({ htm, htu }) => [htm, htu])).toEqual([
      ['POST', `${api}/accounts`],
      ['GET', `${api}/moved`],
      ['POST', `${api}/accounts`],
    ])
    expect(new Set([first, hop, retry].map(({ jti }) => jti)).size).toBe(3)
  })

  test('leaves both headers behind where a redirect leaves the origins', async () => {
    const { trip } = setUp()
    await trip.headersFor(sending(), 'first')
    expect(trip.headersOnward(sending({ url: 'https://other.example/' }))).toEqual({})
    expect(trip.headersOnward(sending())).toEqual({})
  })

  test("leaves a caller's own proof as it is", async () => {
    const { trip } = setUp()
    const headers = await trip.headersFor(sending({ has: name => name === 'dpop' }), 'first')
    expect(headers).toEqual({ authorization: 'DPoP token-1' })
  })

  test('is proved for the whole URL where the library has no more than its origin', async () => {
    const { trip } = setUp()
    const headers = await trip.headersFor(sending({ url: `${api}/`, target: `${api}/a?b=c` }), 'first')
    expect(proofIn(headers).htu).toBe(`${api}/a`)
  })

  test('is proved by headersFor() too, for WebSockets by the URL they open with', async () => {
    const { source } = setUp()
    const headers = await source.headersFor('GET', 'wss://api.example/socket?a=b')
    expect([headers.authorization, proofIn(headers).htu]).toEqual(['DPoP token-1', `${api}/socket`])
  })

  test('is a Bearer request where the server knows nothing of DPoP', async () => {
    const { trip } = setUp(issue())
    expect(await trip.headersFor(sending(), 'first')).toEqual({ authorization: 'Bearer token-1' })
  })
})

describe('the nonce of an API', () => {
  test('is taken from any answer, for the next proof', async () => {
    const { trip } = setUp()
    await trip.headersFor(sending(), 'first')
    expect(trip.concerns(refused('', 'n-1', 200))).toBe(false)
    expect(proofIn(await trip.headersFor(sending(), 'retry')).nonce).toBe('n-1')
  })

  test('is taken from a redirect, for the hop after it', async () => {
    const { trip } = setUp()
    await trip.headersFor(sending(), 'first')
    trip.concerns(refused('', 'n-1', 307))
    expect(proofIn(trip.headersOnward(sending({ url: `${api}/moved` }))).nonce).toBe('n-1')
  })

  test('is not taken from another origin', async () => {
    const { trip, source } = setUp()
    await trip.headersFor(sending(), 'first')
    trip.headersOnward(sending({ url: 'https://other.example/' }))
    trip.concerns(refused('', 'n-1', 200))
    expect(proofIn(await source.headersFor('GET', url)).nonce).toBeUndefined()
  })

  test('makes the request go out once more, and renews nothing', async () => {
    const { trip, server } = setUp()
    const first = await trip.headersFor(sending(), 'first')
    expect(await trip.decide(wantsNonce('n-1'), true)).toBe(true)
    const again = await trip.headersFor(sending(), 'replay')
    expect(again.authorization).toBe(first.authorization)
    expect(proofIn(again)).toMatchObject({ nonce: 'n-1', ath: proofIn(first).ath })
    expect(proofIn(again).jti).not.toBe(proofIn(first).jti)
    expect(server.requests).toHaveLength(1)
  })

  test('is sent once: who is never content is believed', async () => {
    const { trip, server } = setUp()
    await trip.headersFor(sending(), 'first')
    await trip.decide(wantsNonce('n-1'), true)
    await trip.headersFor(sending(), 'replay')
    expect(await trip.decide(wantsNonce('n-2'), true)).toBe(false)
    expect(server.requests).toHaveLength(1)
  })

  for (const [name, nonce, repeatable] of [
    ['where none comes with the refusal', undefined, true],
    ['where the body cannot be sent again', 'n-1', false],
  ] as const)
    test(`makes nothing go out ${name}`, async () => {
      const { trip, server, source } = setUp()
      await trip.headersFor(sending(), 'first')
      expect(await trip.decide(wantsNonce(nonce), repeatable)).toBe(false)
      expect(server.requests).toHaveLength(1)
      expect(proofIn(await source.headersFor('GET', url)).nonce).toBe(nonce)
    })

  test('is one matter, a token that is rejected another: each is answered once', async () => {
    const { trip, server } = setUp()
    await trip.headersFor(sending(), 'first')
    expect(await trip.decide(wantsNonce('n-1'), true)).toBe(true)
    await trip.headersFor(sending(), 'replay')
    expect(await trip.decide(invalidToken, true)).toBe(true)
    const last = await trip.headersFor(sending(), 'replay')
    expect([last.authorization, proofIn(last).nonce]).toEqual(['DPoP token-2', 'n-1'])
    expect(await trip.decide(invalidToken, true)).toBe(false)
    expect(server.requests).toHaveLength(2)
  })

  test('that never comes says nothing of a token that was replaced without a reason: nobody waits for more', async () => {
    const { client } = setUp()
    const attachWith = (scope: string) =>
      attach(createTokenSource({ client, grant: clientCredentials({ scope }) }), parseOrigins([api]), {
        method: 'GET',
        url,
      })
    const answer = (wwwAuthenticate: string) => ({ status: 401, wwwAuthenticate, body: async () => '' })
    const [first, second] = [await attachWith('a'), await attachWith('b')]
    const { authorization } = first.headers
    expect(await first.replay(answer('DPoP algs="ES256"'), true)).not.toMatchObject({ authorization })
    const waiting = second.replay(answer('DPoP algs="ES256"'), true)
    expect(await first.replay(answer('DPoP error="use_dpop_nonce"'), true)).toBeUndefined()
    const later = new Promise(resolve => setImmediate(resolve, 'waits'))
    expect(await Promise.race([waiting, later])).toBeUndefined()
  })

  test('is asked for with 401 also where the provider knows another status for dead tokens', async () => {
    const client = setUpServer(issue({ token_type: 'DPoP' }), { dpop: dpopKey() }, { rejectionStatuses: [403] }).client
    const source = createTokenSource({ client, grant: clientCredentials(), origins: [api] })
    const attached = await attach(source, parseOrigins([api]), { method: 'GET', url })
    const answer = {
      status: 401,
      wwwAuthenticate: 'DPoP error="use_dpop_nonce"',
      dpopNonce: 'n-1',
      body: async () => '',
    }
    expect(attached.concerns(401, 'n-1')).toBe(true)
    expect(proofIn((await attached.replay(answer, true)) ?? {}).nonce).toBe('n-1')
  })
})

describe('a DPoP token that is rejected', () => {
  const challenges = {
    invalid_token: 'DPoP error="invalid_token", algs="ES256"',
    'no reason': 'DPoP algs="ES256"',
    'nothing at all': '',
  }
  for (const [name, challenge] of Object.entries(challenges))
    test(`with ${name} is renewed, and the request goes out once more`, async () => {
      const { trip } = setUp()
      const first = await trip.headersFor(sending(), 'first')
      expect(await trip.decide(refused(challenge), true)).toBe(true)
      const again = await trip.headersFor(sending(), 'replay')
      expect(again.authorization).toBe('DPoP token-2')
      expect(proofIn(again).ath).not.toBe(proofIn(first).ath)
    })

  for (const challenge of ['DPoP error="invalid_dpop_proof"', 'Bearer realm="api"', 'DPoP error="insufficient_scope"'])
    test(`with ${challenge} is not: the token is not the reason`, async () => {
      const { trip, server } = setUp()
      await trip.headersFor(sending(), 'first')
      expect(await trip.decide(refused(challenge), true)).toBe(false)
      expect(server.requests).toHaveLength(1)
    })
})

describe('a DPoP token without its key', () => {
  const held = (tokenSet: TokenSet, client?: TokenSource['client']): TokenSource => ({
    client,
    getTokenSet: async () => tokenSet,
  })
  const bound = new TokenSet({ accessToken: 'secret-token', tokenType: 'DPoP', jkt: 'other', obtainedAt: 0 })
  const unbound = new TokenSet({ accessToken: 'secret-token', tokenType: 'DPoP', obtainedAt: 0 })
  const { client } = setUpServer(undefined, { dpop: dpopKey() })

  for (const [name, source] of Object.entries({
    'of a source without a client': held(unbound),
    'of a client without a key': held(unbound, setUpServer().client),
    'of a client with another key': held(bound, client),
  }))
    test(`${name} is never sent, as Bearer or otherwise`, async () => {
      const { headers } = await attach(source, parseOrigins([api]), { method: 'GET', url }).then(attached => ({
        headers: () => attached.headers,
      }))
      expect(headers).toThrow(/^source: yields a DPoP token whose key its client does not have/)
      expect(headers).not.toThrow('secret-token')
    })
})
