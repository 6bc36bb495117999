import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { clientCertificate } from '../src/certificate.js'
import { type Circumstances, explain } from '../src/circumstances.js'
import { type ClientOptions, createClient } from '../src/client.js'
import { clientSecretJwt } from '../src/client-auth/client-secret-jwt.js'
import { none } from '../src/client-auth/none.js'
import { privateKeyJwt } from '../src/client-auth/private-key-jwt.js'
import { createTokenSource } from '../src/create-token-source.js'
import { defineProvider } from '../src/define-provider.js'
import { discoverMetadata } from '../src/discovery.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import { TransportError } from '../src/errors.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { refreshToken } from '../src/grants/refresh-token.js'
import { type Answer, answering, clientOf, endpoint, failure, issuer, provider, responseOf } from './answering.js'
import { issue } from './fixtures/certificates.js'

const asked = `POST ${endpoint}`

async function told(answer: Answer | Error, options: Partial<ClientOptions> = {}, grant = clientCredentials()) {
  const { transport } = answering(answer, answer)
  return failure(requestTokenSet(clientOf(transport, options), grant))
}

describe('a refusal says method and URL, status, and what came where JSON was expected', () => {
  const page = '<html>no</html>'.repeat(270)
  const html = { 'content-type': 'text/html; charset=utf-8' }
  const cases: readonly [string, Answer, string][] = [
    ['an HTML page', { status: 502, headers: html, body: page }, `${asked} answered 502 with text/html, 4 kB`],
    [
      'a short text',
      { status: 400, headers: { 'content-type': 'Text/Plain' }, body: 'no' },
      'answered 400 with text/plain, 2 bytes',
    ],
    ['no type', { status: 500, body: 'oops' }, 'answered 500 with no content type, 4 bytes'],
    ['no body', { status: 403 }, `${asked} answered 403 without a body`],
    ['a page with 200', { status: 200, headers: html, body: page }, `${asked} answered 200 with text/html, 4 kB`],
    ['an empty 200', { status: 200 }, 'answered 200 without a body'],
    [
      'a redirect',
      { status: 302, headers: { location: 'https://x.example/?mkr' } },
      `${asked} answered 302 without a body`,
    ],
    ['JSON that is no token response', { body: { hello: 1 } }, `${asked} answered 200`],
  ]
  for (const [name, answer, words] of cases)
    test(name, async () => {
      const error = await told(answer)
      expect(error.message).toContain(words)
      expect(error.provider).toBe('example')
      expect(error.message).not.toMatch(/mkr|<html>/)
    })

  test('JSON is not described', async () => {
    const error = await told({ status: 400, body: { error: 'invalid_request', error_description: 'No.' } })
    expect(error.message).toBe(`example refused with 400 (invalid_request: No.); ${asked} answered 400`)
  })

  test('printing shows the same as the message', async () => {
    const error = await told({ status: 502, headers: html, body: page })
    expect(inspect(error)).toContain(`${asked} answered 502 with text/html, 4 kB`)
  })

  test('a type that is none of a body is not repeated', async () => {
    const { message } = await told({ status: 500, headers: { 'content-type': 'mkr"<script>' }, body: 'x' })
    expect(message).toContain('with no content type, 1 bytes')
    expect(message).not.toContain('mkr')
  })

  test('a type that may be a secret of ours is not repeated', async () => {
    for (const type of ['mkr/12345678', 'text/mkr', 'application/mkr+json']) {
      const { message } = await told({ status: 500, headers: { 'content-type': type }, body: 'x' })
      expect(message).toContain('with an unusual content type, 1 bytes')
      expect(message).not.toContain('mkr')
    }
  })

  test('a URL loses its query', async () => {
    const token_endpoint = `${endpoint}?key=mkr`
    const { transport } = answering({ status: 400, body: {} })
    const client = clientOf(transport, { provider: provider({}, { token_endpoint }) })
    const { message } = await failure(requestTokenSet(client, clientCredentials()))
    expect(message).toContain(`${asked} answered 400`)
    expect(message).not.toContain('mkr')
  })

  test('an error of a transport is told once where it went', async () => {
    const { message } = await told(new Error('socket hang up'))
    expect(message).toBe(`The transport failed: socket hang up; ${asked}`)
    const ours = new TransportError('ERR_TRANSPORT_TLS', `${asked}: the TLS handshake failed (X)`, { neverSent: true })
    expect((await told(ours)).message).toBe(`${asked}: the TLS handshake failed (X)`)
  })

  test('one that is thrown twice is told once', () => {
    const error = new TransportError('ERR_TRANSPORT', 'reset', { neverSent: false })
    const about: Circumstances = { method: 'POST', url: endpoint, requestedAt: 0, now: 0 }
    explain(explain(error, about), about)
    expect(error.message).toBe(`reset; ${asked}`)
    expect(explain('no error', about)).toBe('no error')
  })
})

describe('a refused assertion', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const auth = privateKeyJwt({ key, alg: 'ES256', kid: 'key-7' })
  const refused: Answer = { status: 401, body: { error: 'invalid_client', error_description: 'bad assertion' } }

  test('is told by its aud, kid and alg', async () => {
    const { message } = await told(refused, { auth })
    expect(message).toBe(
      `example refused with 401 (invalid_client: bad assertion); ${asked} answered 401; the assertion had aud ${issuer}, kid key-7, alg ES256`,
    )
  })

  test('without a kid says so, and shows nothing else of it', async () => {
    const jwt = clientSecretJwt('s'.repeat(32), { alg: 'HS256', claims: { note: 'mkr' }, header: { x5c: ['mkr'] } })
    const { message } = await told({ status: 400, body: { error: 'invalid_request' } }, { auth: jwt })
    expect(message).toContain(`the assertion had aud ${issuer}, no kid, alg HS256`)
    expect(message).not.toMatch(/mkr|eyJ/)
  })

  test('keeps the slash at the end of aud, which may be the fault, and no query', async () => {
    const of = (audience: string) => told(refused, { auth: privateKeyJwt({ key, alg: 'ES256', audience }) })
    expect((await of('https://as.example/')).message).toContain('aud https://as.example/,')
    expect((await of('https://user:mkr@as.example/token?a=mkr')).message).toContain('aud https://as.example/token,')
    expect((await of('bank-realm')).message).toContain('aud bank-realm,')
  })

  for (const answer of [{ status: 400 }, { status: 401 }, { status: 403, body: '  ' }] as Answer[])
    test(`with ${answer.status} and no reason hints at aud`, async () => {
      const { message } = await told(answer, { auth })
      expect(message).toContain(
        `without a body; the assertion had aud ${issuer}, kid key-7, alg ES256; the server gives no reason: it may want another aud`,
      )
    })

  test('is not spoken of where the server speaks of something else, or is down', async () => {
    for (const answer of [
      { status: 400, body: { error: 'invalid_grant' } },
      { status: 503 },
      { status: 400, body: { error: 'authorization_pending' } },
    ] as Answer[])
      expect((await told(answer, { auth }, refreshToken({ refreshToken: 'r' }))).message).not.toContain('assertion')
    expect((await told({ status: 400 })).message).not.toContain('aud')
  })
})

describe("a server's clock", () => {
  const now = Date.parse('2026-11-28T12:00:00Z')
  const clock = { now: () => now }
  const at = (ms: number, more = {}): Answer => ({
    status: 400,
    headers: { date: new Date(now + ms).toUTCString(), ...more },
    body: { error: 'invalid_client' },
  })
  test.each([
    [600_000, "this clock is 10 min behind the server's"],
    [-600_000, "this clock is 10 min ahead of the server's"],
    [61_000, "this clock is 61 s behind the server's"],
    [-90_000, "this clock is 90 s ahead of the server's"],
    [3 * 3_600_000, "this clock is 3 h behind the server's"],
    [-40 * 86_400_000, "this clock is 40 days ahead of the server's"],
  ])('that is %i ms from ours is named', async (ms, words) => {
    expect((await told(at(ms), { clock })).message).toMatch(new RegExp(`; ${words}$`))
  })

  test.each([0, 60_000, -60_000, 30_000])('that is %i ms from ours is not', async ms => {
    expect((await told(at(ms), { clock })).message).not.toContain('clock')
  })

  test('counts what a cache says of its age, and ignores what is no date', async () => {
    expect((await told(at(-600_000, { age: '600' }), { clock })).message).not.toContain('clock')
    expect((await told(at(0, { date: 'soon' }), { clock })).message).not.toContain('clock')
  })

  test('is read from when the request was sent to now: a slow answer is no drift', async () => {
    let time = now
    for (const shift of [0, 600_000]) {
      const client = clientOf(
        async () => {
          const answer = responseOf(at(time - now + shift))
          time += 600_000
          return answer
        },
        { clock: { now: () => time } },
      )
      expect((await failure(requestTokenSet(client, clientCredentials()))).message).not.toContain('clock')
    }
  })

  test('is named for an answer that is no token response too', async () => {
    const answer = { status: 200, headers: { date: new Date(now + 600_000).toUTCString() }, body: '<p>' }
    expect((await told(answer, { clock })).message).toContain("10 min behind the server's")
  })
})

describe('a client certificate that has expired since', () => {
  const { cert, key } = issue({ name: 'client' })
  const certificate = clientCertificate({ cert, key })
  let now = Date.now()
  const options = { tls: { certificate }, clock: { now: () => now } }
  afterEach(() => {
    now = Date.now()
  })

  for (const [name, answer] of [
    ['a handshake', new TransportError('ERR_TRANSPORT_TLS', `${asked}: closed`, { neverSent: true, retryable: false })],
    ['a refusal', { status: 401, body: { error: 'invalid_client' } }],
  ] as const)
    test(`is named by ${name}`, async () => {
      const client = clientOf(answering(answer).transport, options)
      now = certificate.expiresAt + 1000
      const { message } = await failure(requestTokenSet(client, clientCredentials()))
      const date = new Date(certificate.expiresAt).toISOString()
      expect(message).toMatch(new RegExp(`; the client certificate expired on ${date}$`))
    })

  test('is not while it is good', async () => {
    expect((await told({ status: 401, body: { error: 'invalid_client' } }, options)).message).not.toContain(
      'certificate',
    )
  })
})

test('a method that the discovered list lacks is named when the client is refused', async () => {
  const document = { issuer, token_endpoint: endpoint, token_endpoint_auth_methods_supported: ['private_key_jwt'] }
  const metadata = await discoverMetadata({ issuer, transport: answering({ body: document }).transport })
  const discovered = defineProvider({ name: 'example', metadata })
  const error = await told({ status: 401, body: { error: 'invalid_client' } }, { provider: discovered, auth: none() })
  expect(error.message).toMatch(/; its metadata lists private_key_jwt, not none$/)
})

test('a token source says the same, over a real connection', async () => {
  const server = createServer((_, response) => {
    const date = new Date(Date.now() + 600_500).toUTCString()
    response.writeHead(502, { 'content-type': 'text/html', date }).end('<html>'.repeat(700))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const token_endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  const client = createClient({
    provider: defineProvider({ name: 'bank', metadata: { issuer, token_endpoint } }),
    clientId: 'app',
    clientSecret: 's3cret',
  })
  try {
    const error = await failure(createTokenSource({ client, grant: clientCredentials() }).getTokenSet())
    expect(error.message).toBe(
      `bank refused with 502; POST ${token_endpoint} answered 502 with text/html, 4 kB; this clock is 10 min behind the server's`,
    )
  } finally {
    await client.close()
    server.close()
  }
})
