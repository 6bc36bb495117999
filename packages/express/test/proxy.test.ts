/** What the proxy hands on, either way, and what it keeps. */
import { gzipSync } from 'node:zlib'
import { LoginRequiredError } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { apiProxy } from '../src/index.js'
import { versions } from './app.js'
import { Proxied, tokensInTurn } from './proxied.js'

describe.each(versions)('%s', (_, express) => {
  test('hands a call on with the user’s token, and the answer back', async () => {
    await using app = await Proxied.start({ express, path: '/v1' })

    const answer = await app.call('/api/accounts/1?of=alice')

    expect(answer).toMatchObject({ status: 200, text: '{"fine":true}' })
    expect(app.last).toMatchObject({ method: 'GET', url: '/v1/accounts/1?of=alice' })
    expect(app.last.headers.authorization).toBe('Bearer token-1')
    expect(app.last.headers.host).toBe(app.api.slice('http://'.length))
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-frame-options': 'SAMEORIGIN' })
  })

  test('answers who is not logged in with 401, and asks the API nothing', async () => {
    await using app = await Proxied.start({ express, user: undefined })

    const answer = await app.call('/api/accounts', { headers: { accept: 'application/json' } })

    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'ERR_LOGIN_REQUIRED' })
    expect(app.received).toEqual([])
  })

  test('lets no credential of the browser’s through, and none of what only a proxy says', async () => {
    await using app = await Proxied.start({ express, user: tokensInTurn({ 'X-API-Key': 'of the app' }) })

    await app.call('/api/', {
      headers: {
        authorization: 'Bearer smuggled',
        cookie: 'session=secret',
        dpop: 'proof',
        'x-api-key': 'smuggled',
        x_api_key: 'smuggled',
        connection: 'close, x-named',
        'x-named': 'for this connection',
        'keep-alive': 'timeout=9',
        te: 'trailers',
        'proxy-authorization': 'Basic eDp5',
        forwarded: 'for=1.2.3.4',
        'x-forwarded-for': '1.2.3.4',
        x_forwarded_for: '1.2.3.4',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-prefix': '/admin',
        'x-real-ip': '1.2.3.4',
        origin: 'http://localhost',
        referer: 'http://localhost/page?code=1',
        'sec-fetch-site': 'same-origin',
        'accept-language': 'en',
        'x-fapi-interaction-id': '7',
      },
    })

    const { host, 'user-agent': agent, connection, ...rest } = app.last.headers
    expect(rest).toEqual({
      authorization: 'Bearer token-1',
      'x-api-key': 'of the app',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `localhost:${app.port}`,
      'x-forwarded-proto': 'http',
      'accept-language': 'en',
      'x-fapi-interaction-id': '7',
    })
    expect(connection).toBe('keep-alive')
    expect(agent).toBeUndefined()
  })

  test('names the browser by what a trusted proxy in front says, and no further', async () => {
    await using app = await Proxied.start({
      express,
      before: app => app.set('trust proxy', ['loopback', '10.0.0.0/8']),
    })

    await app.call('/api/', {
      headers: {
        'x-forwarded-for': '6.6.6.6, 203.0.113.7, 10.0.0.2',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'app.example',
      },
    })

    expect(app.last.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.7, 10.0.0.2, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'app.example',
    })
  })

  test('keeps from the browser what is the app’s to say', async () => {
    await using app = await Proxied.start({
      express,
      allowSetCookie: ['theme'],
      api: (_request, response) => {
        response.writeHead(200, [
          ...['Set-Cookie', 'session=taken-over; Path=/'],
          ...['Set-Cookie', 'theme=dark; Domain=api.example; Path=/'],
          ...['WWW-Authenticate', 'Basic realm="phish"'],
          ...['DPoP-Nonce', 'n'],
          ...['Connection', 'keep-alive, X-Named'],
          ...['X-Named', '1'],
          ...['Keep-Alive', 'timeout=99'],
          ...['Access-Control-Allow-Origin', 'https://evil.example'],
          ...['Access-Control-Allow-Credentials', 'true'],
          ...['Clear-Site-Data', '"cookies"'],
          ...['Strict-Transport-Security', 'max-age=0'],
          ...['X-Frame-Options', 'ALLOWALL'],
          ...['Refresh', '0;url=https://evil.example'],
          ...['Cache-Control', 'public, max-age=60, s-maxage=600'],
          ...['ETag', '"1"'],
          ...['Vary', 'Accept-Language'],
          ...['X-Rate-Limit', '7'],
        ])
        response.end('fine')
      },
    })

    const { headers } = await app.call('/api/')

    expect(headers['x-content-type-options']).toBe('nosniff')

    expect(headers['set-cookie']).toEqual(['theme=dark; Path=/'])
    for (const name of ['www-authenticate', 'dpop-nonce', 'x-named', 'clear-site-data', 'refresh'])
      expect(headers, name).not.toHaveProperty(name)
    expect(Object.keys(headers).filter(name => name.startsWith('access-control-'))).toEqual([])
    expect(headers).toMatchObject({
      'x-frame-options': 'SAMEORIGIN',
      'strict-transport-security': expect.stringContaining('max-age=31536000'),
      'cache-control': 'private, max-age=60',
      etag: '"1"',
      vary: expect.stringContaining('Accept-Language'),
      'x-rate-limit': '7',
    })
    expect(headers['keep-alive']).not.toBe('timeout=99')
  })

  test('has no shared cache keep an answer that says nothing of caching', async () => {
    await using app = await Proxied.start({ express })

    expect((await app.call('/api/')).headers['cache-control']).toBe('private, no-cache')
  })

  test('passes on what the API has compressed, as it is', async () => {
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' })
        response.end(gzipSync('{"fine":true}'))
      },
    })

    const { headers, body } = await app.call('/api/', { headers: { 'accept-encoding': 'gzip' } })

    expect(headers['content-encoding']).toBe('gzip')
    expect(body).toEqual(gzipSync('{"fine":true}'))
  })

  test('serves the path where it is mounted, with and without a slash', async () => {
    await using app = await Proxied.start({ express, path: '/v1/things/' })

    for (const path of ['/api', '/api?a=1', '/api/', '/api/?a=1']) await app.call(path)

    expect(app.received.map(({ url }) => url)).toEqual([
      '/v1/things',
      '/v1/things?a=1',
      '/v1/things/',
      '/v1/things/?a=1',
    ])
  })

  test.each([
    ['a body that express.json() has read', 'application/json', '{"amount":12345678901234567890}'],
    ['a body that express.urlencoded() has read', 'application/x-www-form-urlencoded', 'a=1'],
  ])('says of %s that the proxy belongs before it', async (_name, type, body) => {
    await using app = await Proxied.start({
      express,
      before: app => app.use(express.json(), express.urlencoded({ extended: false })),
    })

    const { status, text } = await app.call('/api/', { method: 'POST', headers: { 'content-type': type }, body })

    expect({ status, text }).toEqual({ status: 500, text: '{"error":"ERR_PROXY_BODY"}' })
    expect(app.errors[0]?.message).toContain('mount the proxy before express.json()')
    expect(app.received).toEqual([])
  })

  test('sends the very bytes where a parser has kept them', async () => {
    const verify = (request: object, _response: object, rawBody: Buffer) => Object.assign(request, { rawBody })
    await using app = await Proxied.start({ express, before: app => app.use(express.json({ verify }), express.raw()) })
    const body = '{ "amount": 12345678901234567890 }'
    const json = { 'content-type': 'application/json' }

    await app.call('/api/', { method: 'POST', headers: json, body })
    await app.call('/api/', { method: 'POST', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(body) })
    await app.call('/api/', { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body })

    expect(app.received.map(({ body }) => body)).toEqual([body, body, body])
    expect(app.received[1]?.headers).not.toHaveProperty('content-encoding')
  })

  test('takes the application’s token, that of a source, or that of a function of the request', async () => {
    const [application, own, chosen] = [tokensInTurn(), tokensInTurn(), tokensInTurn()]
    await using app = await Proxied.start({
      express,
      token: own,
      before: app => {
        app.use('/before-it', (request, response, next) =>
          apiProxy({ target: target(), token: 'application' })(request, response, next),
        )
        app.use((request, _response, next) => next(Object.assign(request, { tokenSource: application }) && undefined))
        app.use('/of-app', (request, response, next) =>
          apiProxy({ target: target(), token: 'application' })(request, response, next),
        )
        app.use('/of-none', (request, response, next) =>
          apiProxy({ target: target(), token: (() => undefined) as never })(request, response, next),
        )
        app.use('/of-function', (request, response, next) =>
          apiProxy({
            target: target(),
            token: async ({ tokenSource }) => (tokenSource === application ? chosen : own),
          })(request, response, next),
        )
      },
    })
    const target = () => app.api

    for (const path of ['/api/', '/of-app', '/of-function', '/of-none', '/before-it']) await app.call(path)

    expect([own.asked(), application.asked(), chosen.asked()]).toEqual([1, 1, 1])
    expect(app.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^token: yields no token source/),
      expect.stringMatching(/^token: is 'application': give one to grantkit/),
    ])
  })

  test('hands what the token source throws to the error handlers', async () => {
    const dead = new LoginRequiredError('dead', { subject: 'alice' })
    await using app = await Proxied.start({ express, token: () => Promise.reject(dead) })

    const { status } = await app.call('/api/', { headers: { accept: 'application/json' } })

    expect(status).toBe(401)
    expect(app.errors).toEqual([dead])
  })

  test.each([undefined, null, '', 'route'])(
    'hands on %j that was thrown as an error, and the request to nobody',
    async thrown => {
      await using app = await Proxied.start({ express, token: () => Promise.reject(thrown) })

      expect((await app.call('/api/', { headers: { accept: 'application/json' } })).status).toBe(500)

      expect(app.errors).toEqual([expect.objectContaining({ cause: thrown })])
    },
  )

  test('says that grantkit() is missing', async () => {
    await using app = await Proxied.start({
      express,
      before: app =>
        app.use((request, _response, next) => next(Object.assign(request, { grantkit: undefined }) && undefined)),
    })

    expect((await app.call('/api/')).status).toBe(500)
    expect(app.errors[0]?.message).toContain('mount grantkit() before the proxy')
  })
})

test.each([
  [{}, 'target'],
  [{ target: 'http://api.example' }, 'target'],
  [{ target: 'https://api.example/?key=1' }, 'target'],
  [{ target: 'https://user:secret@api.example' }, 'target'],
  [{ target: 'https://api.example', token: 'session' }, 'token'],
  [{ target: 'https://api.example', token: {} }, 'token'],
  [{ target: 'https://api.example', csrfHeader: 'content-type' }, 'csrfHeader'],
  [{ target: 'https://api.example', csrfHeader: 'no header' }, 'csrfHeader'],
  [{ target: 'https://api.example', csrfHeader: 'Host' }, 'csrfHeader'],
  [{ target: 'https://api.example', csrfHeader: 'if-none-match' }, 'csrfHeader'],
  [{ target: 'https://api.example', pageOrigins: 'https://app.example' }, 'pageOrigins'],
  [{ target: 'https://api.example', pageOrigins: ['https://app.example/'] }, 'pageOrigins'],
  [{ target: 'https://api.example', pageOrigins: ['https://app.example:443'] }, 'pageOrigins'],
  [{ target: 'https://api.example', pageOrigins: ['app.example'] }, 'pageOrigins'],
  [{ target: 'https://api.example', pageOrigins: ['null'] }, 'pageOrigins'],
  [{ target: 'https://api.example', allowSetCookie: true }, 'allowSetCookie'],
  [{ target: 'https://api.example', maxReplayBytes: -1 }, 'maxReplayBytes'],
  [{ target: 'https://api.example', answerTimeoutMs: '60' }, 'answerTimeoutMs'],
  [{ target: 'https://api.example', idleTimeoutMs: Number.NaN }, 'idleTimeoutMs'],
  [{ target: 'https://api.example', tls: { cert: 'x' } }, 'tls.cert'],
  [{ target: 'https://api.example', headers: {} }, 'headers'],
] as const)('refuses %j', (options, option) => {
  expect(() => apiProxy(options as never)).toThrow(expect.objectContaining({ name: 'TypeError', option }))
})

test('takes the origins of pages as browsers say them, of an app on a phone too', () => {
  const pageOrigins = ['https://app.example', 'http://localhost:5173', 'http://app.test', 'capacitor://localhost']
  expect(() => apiProxy({ target: 'https://api.example', pageOrigins })).not.toThrow()
})
