import { TokenSet, type TokenSource } from '@grantkit/core'
import { authorizationServer, tokenResponse } from '@grantkit/testing'
import axios, { Axios } from 'axios'
import { describe, expect, test, vi } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { json, recordingServer } from './recording-server.js'

for (const client of clients) {
  const { axios, adapter } = client

  describe(`attachTokenSource, ${client.name}`, () => {
    test('a request carries the token', async () => {
      const { api, instance } = await setUp(client)
      await instance.get('/accounts', { params: { page: 1, name: "O'Hara & sons" } })
      expect(api.requests).toMatchObject([{ method: 'GET', headers: { authorization: 'Bearer secret-token-1' } }])
      expect(new URL(api.requests[0]?.url ?? '', api.origin).search).toBe('?page=1&name=O%27Hara+%26+sons')
    })

    test('a cached token serves every request', async () => {
      const { server, instance } = await setUp(client)
      for (let count = 0; count < 3; count++) await instance.get('/')
      expect(server.requests).toBe(1)
    })

    test('concurrent first requests share one token request', async () => {
      const { api, server, instance } = await setUp(client)
      await Promise.all(Array.from({ length: 50 }, () => instance.get('/')))
      expect(server.requests).toBe(1)
      expect(credentials(api)).toEqual(Array(50).fill('Bearer secret-token-1'))
    })

    test('the headers the provider wants go along', async () => {
      const { api, instance } = await setUp(client, undefined, {
        conform: { resourceHeaders: { 'X-Api-Version': '2' } },
      })
      await instance.get('/')
      expect(api.requests[0]?.headers).toMatchObject({ 'x-api-version': '2' })
    })

    test('a header the caller set is kept', async () => {
      const { api, instance } = await setUp(client, undefined, {
        conform: { resourceHeaders: { 'X-Api-Version': '2' } },
      })
      await instance.get('/', { headers: { 'x-api-version': '3' } })
      expect(api.requests[0]?.headers).toMatchObject({
        'x-api-version': '3',
        authorization: 'Bearer secret-token-1',
      })
    })

    test('bodies and their types arrive as axios serialised them', async () => {
      const { api, instance } = await setUp(client)
      await instance.post('/', { amount: 1 })
      await instance.put('/', new URLSearchParams({ a: '1 2' }))
      expect(api.requests.map(({ headers, body }) => [headers['content-type'], body.toString()])).toEqual([
        ['application/json', '{"amount":1}'],
        ['application/x-www-form-urlencoded;charset=utf-8', 'a=1+2'],
      ])
    })

    test('after detach a request carries nothing', async () => {
      const { api, instance, detach } = await setUp(client)
      detach()
      detach()
      await instance.get('/')
      expect(credentials(api)).toEqual([undefined])
    })

    test('a source can be attached again after detach', async () => {
      const { api, instance, detach } = await setUp(client)
      detach()
      attachTokenSource(instance, authorizationServer({ name: 'other' }).source)
      await instance.get('/')
      expect(credentials(api)).toEqual(['Bearer other-1'])
    })

    test('each of several sources serves its own origins', async () => {
      const { api, instance } = await setUp(client)
      const other = await recordingServer()
      attachTokenSource(instance, authorizationServer({ name: 'other', origins: [other.origin] }).source)
      await instance.get('/')
      await instance.get(`${other.origin}/`)
      expect([credentials(api), credentials(other)]).toEqual([['Bearer secret-token-1'], ['Bearer other-1']])
    })

    test('detaching one of several sources leaves the others', async () => {
      const { api, instance, detach } = await setUp(client)
      const other = await recordingServer()
      attachTokenSource(instance, authorizationServer({ name: 'other', origins: [other.origin] }).source)
      detach()
      await instance.get(`${other.origin}/`)
      expect(credentials(other)).toEqual(['Bearer other-1'])
      expect(await rejection(instance.get('/'))).toMatchObject({ code: 'ERR_ORIGIN' })
      expect(api.requests).toHaveLength(0)
    })

    test('a function chooses the source for each request', async () => {
      const api = await recordingServer()
      const sources: Record<string, TokenSource> = {
        ann: authorizationServer({ name: 'ann' }).source,
        bob: authorizationServer({ name: 'bob' }).source,
      }
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokenSource(instance, async config => sources[String(config.headers.get('x-user'))] as TokenSource)
      await instance.get('/', { headers: { 'x-user': 'bob' } })
      await instance.get('/', { headers: { 'x-user': 'ann' } })
      expect(credentials(api)).toEqual(['Bearer bob-1', 'Bearer ann-1'])
    })

    test('a function that returns no source fails the request', async () => {
      const api = await recordingServer()
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokenSource(instance, () => undefined as unknown as TokenSource)
      expect(await rejection(instance.get('/'))).toMatchObject({ name: 'TypeError', option: 'source' })
      expect(api.requests).toHaveLength(0)
    })

    for (const [name, headers] of Object.entries({
      'an Authorization header': { Authorization: 'Basic b3du' },
      'an authorization header in capitals': { AUTHORIZATION: 'Basic b3du' },
      'an Authorization header switched off': { Authorization: false },
    }))
      test(`a caller’s own credential wins: ${name}`, async () => {
        const { api, server, instance } = await setUp(client)
        await instance.get('/', { headers })
        expect(credentials(api)).toEqual([Object.values(headers)[0] || undefined])
        expect(server.requests).toBe(0)
      })

    test('a caller’s own credential wins: config.auth', async () => {
      const { api, server, instance } = await setUp(client)
      await instance.get('/', { auth: { username: 'ann', password: 'pw' } })
      expect(credentials(api)).toEqual([`Basic ${btoa('ann:pw')}`])
      expect(server.requests).toBe(0)
    })

    test('a caller’s own credential wins: user information in the URL', async () => {
      const { api, server, instance } = await setUp(client)
      await instance.get(`http://ann:pw@127.0.0.1:${api.port}/`).catch(() => {})
      expect(api.bytes()).not.toContain('secret-token')
      expect(server.requests).toBe(0)
    })

    test('a request with a credential of the caller’s own is not sent again', async () => {
      const { api, server, instance } = await setUp(
        client,
        json(401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' }),
      )
      expect(await rejection(instance.get('/', { headers: { Authorization: 'Bearer own' } }))).toMatchObject({
        response: { status: 401 },
      })
      expect([api.requests.length, server.requests]).toEqual([1, 0])
    })

    test('failure to get a token fails the request with that error', async () => {
      const { api, server, instance } = await setUp(client)
      server.answer = () => tokenResponse(400, { error: 'invalid_scope' })
      const error = await rejection(instance.get('/'))
      expect(error).toMatchObject({
        name: 'AuthorizationServerError',
        code: 'ERR_SERVER_REFUSED',
        error: 'invalid_scope',
      })
      expect(api.requests).toHaveLength(0)
    })

    test('the error of a source passes the caller’s response interceptors', async () => {
      const { server, instance } = await setUp(client)
      server.answer = () => tokenResponse(400, { error: 'invalid_scope' })
      instance.interceptors.response.use(undefined, error => Promise.resolve({ data: error.code }))
      expect((await instance.get('/')).data).toBe('ERR_SERVER_REFUSED')
    })

    test('an abort while the token is on its way detaches this caller alone', async () => {
      const { api, server, instance } = await setUp(client)
      let open = () => {}
      server.answer = number =>
        new Promise(resolve => {
          open = () =>
            resolve(tokenResponse(200, { access_token: `late-${number}`, token_type: 'Bearer', expires_in: 60 }))
        })
      const controller = new AbortController()
      const aborted = rejection(instance.get('/a', { signal: controller.signal }))
      const waiting = instance.get('/b')
      await vi.waitFor(() => expect(server.requests).toBe(1), { timeout: 60_000 })
      controller.abort()
      expect(axios.isCancel(await aborted)).toBe(true)
      open()
      await waiting
      expect(api.requests.map(({ url }) => url)).toEqual(['/b'])
      expect(server.requests).toBe(1)
    })

    test('a cancel token does the same', async () => {
      const { api, server, instance } = await setUp(client)
      server.answer = () => new Promise(() => {})
      const { token, cancel } = axios.CancelToken.source()
      const canceled = rejection(instance.get('/', { cancelToken: token, signal: new AbortController().signal }))
      cancel('enough')
      const error = await canceled
      expect([axios.isCancel(error), error.message]).toEqual([true, 'enough'])
      expect(api.requests).toHaveLength(0)
    })

    test('a cancel token that many requests share holds none of them', async () => {
      const { instance } = await setUp(client)
      const { token } = axios.CancelToken.source()
      for (let count = 0; count < 3; count++) await instance.get('/', { cancelToken: token })
      expect(Object(token)._listeners ?? []).toEqual([])
    })

    test('an abort while the request is on its way ends it', async () => {
      const { api, instance } = await setUp(client, () => {})
      const controller = new AbortController()
      const aborted = rejection(instance.get('/', { signal: controller.signal }))
      await api.arrived(1)
      controller.abort()
      expect(axios.isCancel(await aborted)).toBe(true)
    })

    test('a timeout does not count the time a token takes', async () => {
      const { server, instance } = await setUp(client)
      const { answer } = server
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      server.answer = number => {
        // more than the request has, less than the token request
        vi.advanceTimersByTime(20_000)
        vi.useRealTimers()
        return answer(number)
      }
      expect((await instance.get('/', { timeout: 10_000 })).status).toBe(200)
    })
  })
}

const source: TokenSource = { getTokenSet: async () => new TokenSet({ accessToken: 'a', obtainedAt: 0 }) }

describe('options', () => {
  const cases: Record<string, [option: string, attach: () => unknown]> = {
    'no source': [
      'source',
      () => attachTokenSource(axios.create({ baseURL: 'https://a.example' }), undefined as never),
    ],
    'an instance axios did not make': [
      'instance',
      () => attachTokenSource(new Axios({ baseURL: 'https://a.example' }), source),
    ],
    'no origins anywhere': ['origins', () => attachTokenSource(axios.create(), source)],
    'a relative baseURL': ['origins', () => attachTokenSource(axios.create({ baseURL: '/api' }), source)],
    'an http baseURL': ['origins', () => attachTokenSource(axios.create({ baseURL: 'http://a.example/v1' }), source)],
    'an http origin': ['origins', () => attachTokenSource(axios.create(), source, { origins: ['http://a.example'] })],
    'an empty list': ['origins', () => attachTokenSource(axios.create(), source, { origins: [] })],
    'a misspelt option': [
      'origin',
      () => attachTokenSource(axios.create(), source, { origin: ['https://a.example'] } as never),
    ],
    'an unknown policy': [
      'otherOrigins',
      () =>
        attachTokenSource(axios.create({ baseURL: 'https://a.example' }), source, { otherOrigins: 'allow' as never }),
    ],
    'tls that is not what core takes': [
      'tls.caMode',
      () =>
        attachTokenSource(axios.create({ baseURL: 'https://a.example' }), source, { tls: { caMode: 'only' as never } }),
    ],
  }
  for (const [name, [option, attach]] of Object.entries(cases))
    test(`${name} is a TypeError that names ${option}`, () => {
      expect(attach).toThrow(expect.objectContaining({ name: 'TypeError', option }))
    })

  describe('swapped arguments, and what is no source, are told in words', () => {
    const instance = axios.create({ baseURL: 'https://a.example' })
    const order = 'the order is attachTokenSource(instance, source, options)'
    test.each<[string, unknown[], string]>([
      ['source first', [source, instance], `instance: is a token source; ${order}`],
      ['a function that chooses first', [() => source, instance], `source: is an HTTP client; ${order}`],
      ['options second', [instance, { origins: ['https://a.example'] }, source], order],
      [
        'a source that was not awaited',
        [instance, Promise.resolve(source)],
        'source: is a promise; did you forget await?',
      ],
      ['options that were not awaited', [instance, source, Promise.resolve({})], 'did you forget await?'],
      ['the sources of many users', [instance, { for: () => source }], 'a function that returns users.for(subject)'],
      ['a client', [instance, { transport: async () => {} }], 'createTokenSource({ client, grant })'],
      ['a token set', [instance, new TokenSet({ accessToken: 'secret-token', obtainedAt: 0 })], 'this is one token'],
      ['nothing', [undefined, source], 'instance: must be axios itself or come from axios.create()'],
    ])('%s', (_, args, message) => {
      const attach = () => attachTokenSource(...(args as Parameters<typeof attachTokenSource>))
      expect(attach).toThrow(TypeError)
      expect(attach).toThrow(message)
      expect(attach).not.toThrow('secret-token')
    })
  })

  test('a second source for an origin is refused until the first is detached', () => {
    const instance = axios.create({ baseURL: 'https://a.example' })
    const detach = attachTokenSource(instance, source)
    const attachAgain = () =>
      attachTokenSource(instance, source, { origins: ['https://b.example', 'https://A.example:443'] })
    expect(attachAgain).toThrow(expect.objectContaining({ name: 'TypeError', option: 'origins' }))
    detach()
    expect(attachAgain).not.toThrow()
  })

  test('nothing stays on an instance whose sources are all detached', () => {
    const instance = axios.create({ baseURL: 'https://a.example' })
    attachTokenSource(instance, source)()
    const { handlers = [] } = instance.interceptors.request
    expect(handlers.filter(Boolean)).toHaveLength(0)
  })

  test('the source’s origins come before baseURL, the option before both', async () => {
    const [one, two] = [await recordingServer(), await recordingServer()]
    const instance = axios.create({ baseURL: one.origin })
    const detach = attachTokenSource(instance, authorizationServer({ origins: [two.origin] }).source)
    expect(await rejection(instance.get('/'))).toMatchObject({ code: 'ERR_ORIGIN' })
    detach()
    attachTokenSource(instance, authorizationServer({ origins: [two.origin] }).source, { origins: [one.origin] })
    await instance.get('/')
    expect([one.requests.length, two.requests.length]).toEqual([1, 0])
  })

  test('axios itself can be given', async () => {
    const api = await recordingServer()
    const detach = attachTokenSource(axios, authorizationServer().source, { origins: [api.origin] })
    try {
      await axios.get(`${api.origin}/`)
    } finally {
      detach()
    }
    expect(credentials(api)).toEqual(['Bearer secret-token-1'])
  })
})
