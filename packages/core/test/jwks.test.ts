import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { validateIdToken } from '../src/front-channel/id-token.js'
import { createClient, defineProvider, TransportError, ValidationError } from '../src/index.js'
import { readSignedJwt } from '../src/signed-jwt.js'
import { claims, issuer, keyFor, openIdServer, type ServerKeyPair, sign } from './openid-server.js'
import { deferred, json } from './scripted-server.js'

const first = keyFor('RS256')
const second = keyFor('RS256')
const expected = { what: 'ID token', kind: 'id_token' } as const

const minuteMs = 60_000

/** `'holds'`, or which check it failed. */
async function outcome(client: ReturnType<ReturnType<typeof openIdServer>['client']>, jwt: string | Promise<string>) {
  return readSignedJwt(client, await jwt, expected).then(
    () => 'holds',
    error => (error instanceof ValidationError ? error.check : error),
  )
}

const idToken = (key: ServerKeyPair = first, header: Readonly<Record<string, unknown>> = {}) =>
  sign(key, claims(), header)

describe("a server's keys", () => {
  test('are fetched once for 10,000 ID tokens', async () => {
    const server = openIdServer(first)
    const client = server.client()
    const jwt = await idToken()
    for (let round = 0; round < 100; round++)
      await Promise.all(Array.from({ length: 100 }, () => validateIdToken(client, jwt)))
    expect(server.fetches).toBe(1)
  })

  test('are fetched once for all clients of the same server and connection', async () => {
    const server = openIdServer(first)
    const clients = Array.from({ length: 10 }, () => server.client())
    const jwt = await idToken()
    expect(new Set(await Promise.all(clients.map(client => outcome(client, jwt))))).toEqual(new Set(['holds']))
    expect(server.fetches).toBe(1)
  })

  test('are asked for without the credentials of the client', async () => {
    let headers: Readonly<Record<string, string>> = {}
    const client = openIdServer().client({
      transport: async request => {
        headers = request.headers
        return json(200, { keys: [first.jwk] })
      },
      headers: { 'x-api-key': 'of the gateway' },
    })
    expect(await outcome(client, idToken())).toBe('holds')
    expect(headers).toMatchObject({
      accept: 'application/json, application/jwk-set+json',
      'x-api-key': 'of the gateway',
    })
    expect(headers).not.toHaveProperty('authorization')
  })

  const strange: readonly [name: string, key: string][] = [
    ['an algorithm that is no text', JSON.stringify({ ...first.jwk, alg: { toString: 1 } })],
    ['a member without an end', `{"kty":"RSA","more":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ]
  for (const [name, jwk] of strange)
    test(`serve beside one with ${name}`, async () => {
      const server = openIdServer()
      const body = Buffer.from(`{"keys":[${jwk},${JSON.stringify(first.jwk)}]}`)
      server.answer = () => ({ status: 200, headers: new Headers(), body })
      expect(await outcome(server.client(), idToken())).toBe('holds')
    })

  test('are fetched again after ten minutes', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken())
    server.clock.advance(10 * minuteMs - 1)
    await outcome(client, idToken())
    expect(server.fetches).toBe(1)
    server.clock.advance(1)
    await outcome(client, idToken())
    expect(server.fetches).toBe(2)
  })

  test('that were taken out of the set no longer count once it is fetched again', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken())
    server.keys = [second.jwk]
    server.clock.advance(10 * minuteMs)
    expect(await outcome(client, idToken(first))).toBe('kid')
  })

  test('are fetched again for a key that is not there', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken(first))
    server.keys = [first.jwk, second.jwk]
    expect(await outcome(client, idToken(second))).toBe('holds')
    expect(await outcome(client, idToken(first))).toBe('holds')
    expect(server.fetches).toBe(2)
  })

  test('are fetched again when another key has the same name', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken(first))
    const renamed = { ...second, kid: first.kid }
    server.keys = [{ ...second.jwk, kid: first.kid }]
    expect(await outcome(client, idToken(renamed))).toBe('holds')
  })

  test('are fetched again when a key without a name was replaced', async () => {
    const [one, two] = [keyFor('RS256', { kid: undefined }), keyFor('RS256', { kid: undefined })]
    const server = openIdServer()
    server.keys = [{ ...one.jwk, kid: undefined }]
    const client = server.client()
    expect(await outcome(client, idToken(one, { kid: undefined }))).toBe('holds')
    server.keys = [{ ...two.jwk, kid: undefined }]
    expect(await outcome(client, idToken(two, { kid: undefined }))).toBe('holds')
  })

  test('are asked for once in half a minute, however many names are made up', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken())
    const madeUp = async (number: number) => outcome(client, sign({ ...second, kid: `made up ${number}` }, claims()))
    for (let number = 0; number < 100; number++) expect(await madeUp(number)).toBe('kid')
    await Promise.all(Array.from({ length: 100 }, (_, number) => madeUp(number)))
    expect(server.fetches).toBe(2)
    server.clock.advance(30_000)
    for (let number = 0; number < 100; number++) await madeUp(number)
    expect(server.fetches).toBe(3)
    expect(await outcome(client, idToken())).toBe('holds')
  })

  test('that have just been fetched are not fetched again for a key that is not there', async () => {
    const server = openIdServer(first)
    expect(await outcome(server.client(), idToken(second))).toBe('kid')
    expect(server.fetches).toBe(1)
  })

  test('are waited for by all who bring a new key while they are fetched', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken(first))
    const { promise, resolve } = deferred<ReturnType<typeof json>>()
    server.answer = () => promise
    const jwt = await idToken(second)
    const outcomes = [outcome(client, jwt), outcome(client, jwt), outcome(client, jwt)]
    resolve(json(200, { keys: [second.jwk] }))
    expect(await Promise.all(outcomes)).toEqual(['holds', 'holds', 'holds'])
    expect(server.fetches).toBe(2)
  })
})

describe('a set that is away', () => {
  test('is no failure while a kept key fits, for a day', async () => {
    const server = openIdServer(first)
    const client = server.client()
    await outcome(client, idToken())
    server.answer = () => json(503, {})
    server.clock.advance(23 * 60 * minuteMs)
    expect(await outcome(client, idToken())).toBe('holds')
    server.clock.advance(60 * minuteMs)
    expect(await outcome(client, idToken())).toBe('jwks')
  })

  test('is asked for once in half a minute', async () => {
    const server = openIdServer(first)
    const client = server.client()
    server.answer = () => json(503, {})
    expect(await outcome(client, idToken())).toBe('jwks')
    await Promise.all(Array.from({ length: 100 }, () => outcome(client, idToken())))
    expect(server.fetches).toBe(1)
    server.answer = undefined
    server.clock.advance(30_000)
    expect(await outcome(client, idToken())).toBe('holds')
  })

  test('is told as such, with why', async () => {
    const server = openIdServer(first)
    server.answer = () => Promise.reject(new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true }))
    const error = await readSignedJwt(server.client(), await idToken(), expected).catch(error => error)
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'jwks', retryable: true, provider: 'example' })
    expect(error.message).toContain(`GET ${issuer}/jwks`)
    expect(error.cause).toBeInstanceOf(TransportError)
  })

  test('is a wrong setting where nobody has named it', async () => {
    const provider = defineProvider({ name: 'example', metadata: { issuer, token_endpoint: `${issuer}/token` } })
    const client = createClient({ provider, clientId: 'app' })
    const error = await readSignedJwt(client, await idToken(), expected).catch(error => error)
    expect(error).toMatchObject({ name: 'TypeError', option: 'jwks_uri' })
  })
})

describe('a set', () => {
  const notSets: readonly [string, unknown][] = [
    ['a list', []],
    ['a text', 'keys'],
    ['null', null],
    ['an object without keys', {}],
    ['keys that are an object', { keys: {} }],
    ['keys that are null', { keys: null }],
  ]
  for (const [name, body] of notSets)
    test(`is not ${name}`, async () => {
      const server = openIdServer()
      server.answer = () => json(200, body)
      expect(await outcome(server.client(), idToken())).toBe('jwks')
    })

  test('may have members that are no keys, and keys of unknown types', async () => {
    const server = openIdServer(first)
    const odd = [
      null,
      7,
      'key',
      [],
      {},
      { kty: 'unheard-of', kid: first.kid },
      { kty: 'oct', k: 'AAAA', kid: first.kid },
    ]
    server.keys = [...(odd as never[]), first.jwk]
    expect(await outcome(server.client(), idToken())).toBe('holds')
  })

  const unfit: readonly [string, Readonly<Record<string, unknown>>][] = [
    ['is for encryption', { use: 'enc' }],
    ['is for another algorithm', { alg: 'PS256' }],
    ['may do anything but check', { key_ops: ['encrypt'] }],
    ['says nonsense of what it may do', { key_ops: 'verify' }],
    ['has no modulus', { n: undefined }],
    ['has a modulus that is no text', { n: 7 }],
    ['is on a curve', { kty: 'EC', crv: 'P-256' }],
    ['has another name', { kid: 'another' }],
  ]
  for (const [name, members] of unfit)
    test(`does not serve by a key that ${name}`, async () => {
      const server = openIdServer(first)
      server.keys = [JSON.parse(JSON.stringify({ ...first.jwk, ...members }))]
      expect(await outcome(server.client(), idToken())).toBe('kid')
    })

  test('does not serve by a key of RSA with 1024 bits', async () => {
    const weak = keyFor('RS256', { modulusLength: 1024 })
    expect(Buffer.from(String(weak.jwk.n), 'base64url').length).toBe(128)
    expect(await outcome(openIdServer(weak).client(), idToken(first, { kid: weak.kid }))).toBe('kid')
  })

  test('serves by a key on the curve of the algorithm alone', async () => {
    const key = keyFor('ES256')
    const other = keyFor('ES384')
    const client = openIdServer({ ...other, jwk: { ...other.jwk, alg: undefined as never, kid: key.kid } }, key).client(
      {
        metadata: { id_token_signed_response_alg: 'ES256' },
      },
    )
    expect(await outcome(client, idToken(key))).toBe('holds')
  })

  test('serves by each of the keys that fit where a JWT names none, up to eight', async () => {
    const keys = Array.from({ length: 9 }, () => keyFor('ES256'))
    const client = openIdServer(...keys).client({ metadata: { id_token_signed_response_alg: 'ES256' } })
    const outcomes = keys.map(key => outcome(client, idToken(key, { kid: undefined })))
    expect(await Promise.all(outcomes)).toEqual([...Array(8).fill('holds'), 'signature'])
  })

  test('is looked at up to the hundredth key', async () => {
    const server = openIdServer()
    const others = Array.from({ length: 99 }, (_, number) => ({ kty: 'RSA', kid: `other ${number}` }))
    server.keys = [...others, first.jwk, second.jwk]
    const client = server.client()
    expect(await outcome(client, idToken(first))).toBe('holds')
    expect(await outcome(client, idToken(second))).toBe('kid')
  })

  test('may stand in the metadata, where the server publishes none', async () => {
    const server = openIdServer()
    const jwks = { keys: [first.jwk] }
    const provider = defineProvider({ name: 'example', metadata: { issuer, token_endpoint: `${issuer}/token`, jwks } })
    const client = server.client({ provider })
    expect(await outcome(client, idToken(first))).toBe('holds')
    expect(await outcome(client, idToken(second))).toBe('kid')
    expect(server.fetches).toBe(0)
  })

  test('in the metadata has to be one', () => {
    const metadata = { issuer, token_endpoint: `${issuer}/token`, jwks: [first.jwk] as never }
    expect(() => defineProvider({ name: 'example', metadata })).toThrow('jwks: must be a JWK set')
  })

  test('is told by the names of its keys where it has no other', async () => {
    const server = openIdServer(keyFor('RS256', { kid: 'one' }), keyFor('RS256', { kid: 'two' }))
    const error = await readSignedJwt(server.client(), await idToken(first, { kid: 'three' }), expected).catch(e => e)
    expect(error.message).toContain('kid "three"')
    expect(error.message).toContain('its set has "one", "two"')
  })

  test('is told by names that are printable and short, whatever they are', async () => {
    const names = ['a\nb\u001b[31m', 'x'.repeat(300)]
    const [one, other] = names.map(kid => keyFor('RS256', { kid })) as [ServerKeyPair, ServerKeyPair]
    const jwt = await idToken(first, { kid: 'three' })
    const { message } = await readSignedJwt(openIdServer(one, other).client(), jwt, expected).catch(e => e)
    expect(message).toContain('its set has "a b [31m", "xxx')
    expect(message.length).toBeLessThan(500)
  })
})

test('a thumbprint that names a key is no secret, and is shown', async () => {
  const kid = createHash('sha256').update('a key').digest('base64url')
  const error = await readSignedJwt(openIdServer(first).client(), await idToken(first, { kid }), expected).catch(e => e)
  expect(error.message).toContain(`kid "${kid}"`)
})
