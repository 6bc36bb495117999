import http, { createServer } from 'node:http'
import { TokenSet, type TokenSource } from '@grantkit/core'
import { authorizationServer, tokenResponse } from '@grantkit/testing'
import got, {
  type CancelableRequest,
  type ExtendOptions,
  type Got,
  type OptionsOfTextResponseBody,
  type Response,
} from 'got'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { invalidToken, json, recordingServer } from './recording-server.js'

for (const client of clients) {
  describe(`tokenHooks, ${client.name}`, () => {
    test('a request carries the token, and reaches the joined URL', async () => {
      const { api, instance } = await setUp(client)
      expect(await instance.get('accounts', { searchParams: { page: 1, name: 'Ann & Bob' } }).json()).toEqual({
        ok: true,
      })
      expect(api.requests).toMatchObject([{ method: 'GET', headers: { authorization: 'Bearer secret-token-1' } }])
      expect(api.requests[0]?.url).toBe('/accounts?page=1&name=Ann+%26+Bob')
    })

    test('concurrent first requests share one token request, and it serves those that follow', async () => {
      const { api, server, instance } = await setUp(client)
      await Promise.all(Array.from({ length: 50 }, () => instance.get('')))
      await instance.get('')
      expect(server.requests).toBe(1)
      expect(credentials(api)).toEqual(Array(51).fill('Bearer secret-token-1'))
    })

    test('the headers the provider wants go along, except where the caller set them', async () => {
      const conform = { resourceHeaders: { 'X-Api-Version': '2', 'X-Tenant': 'a' } }
      const { api, instance } = await setUp(client, undefined, { conform })
      await instance.get('', { headers: { 'X-API-Version': '3' } })
      expect(api.requests[0]?.headers).toMatchObject({ 'x-api-version': '3', 'x-tenant': 'a' })
    })

    test('bodies and their types arrive as got serialised them', async () => {
      const { api, instance } = await setUp(client)
      await instance.post('', { json: { amount: 1 } })
      await instance.put('', { form: { a: '1 2' } })
      expect(api.requests.map(({ headers, body }) => [headers['content-type'], body.toString()])).toEqual([
        ['application/json', '{"amount":1}'],
        ['application/x-www-form-urlencoded', 'a=1+2'],
      ])
    })

    test('the headers never stand in got’s options, where hooks, errors and redirects meet them', async () => {
      const seen: unknown[] = []
      const look = ({ headers }: { readonly headers: object }) => {
        seen.push({ ...headers })
      }
      const config: ExtendOptions = { hooks: { beforeRequest: [look] } }
      const { api, instance } = await setUp(client, undefined, { config })
      const later = instance.extend(config)
      const response = (await later.get('', { headers: { 'x-own': 'kept' } })) as unknown as Response
      look(response.request.options)
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      expect(seen).toHaveLength(3)
      for (const headers of seen) {
        expect(headers).toMatchObject({ 'x-own': 'kept' })
        expect(headers).not.toHaveProperty('authorization')
      }
    })

    test('the caller’s own request function is called, with everything', async () => {
      const called: unknown[] = []
      const config: ExtendOptions = {
        request(url, options, callback) {
          called.push(new URL(url).pathname, options.headers?.['authorization' as never])
          return http.request(url, options, callback as never)
        },
      }
      const { api, instance } = await setUp(client, undefined, { config })
      await instance.get('a')
      expect(called).toEqual(['/a', 'Bearer secret-token-1'])
      expect(api.requests).toHaveLength(1)
    })

    test('one that keeps what it was given has the headers there, and got has not', async () => {
      const kept: http.RequestOptions[] = []
      const config = {
        request: (url: URL, options: http.RequestOptions, callback: unknown) => {
          kept.push(options)
          return http.request(url, options, callback as never)
        },
      }
      const { instance } = await setUp(client, undefined, { config })
      const response = (await instance.get('a')) as unknown as Response
      expect(kept[0]?.headers).toMatchObject({ authorization: 'Bearer secret-token-1' })
      expect(response.request.options.headers).not.toHaveProperty('authorization')
    })

    test('Node’s own, should somebody have patched it, is called with them, and they are not left there', async () => {
      const { request } = http
      onTestFinished(() => {
        http.request = request
      })
      const seen: unknown[] = []
      const given: http.RequestOptions[] = []
      http.request = ((url: URL, options: http.RequestOptions, callback: never) => {
        seen.push({ ...options.headers })
        given.push(options)
        return request(url, options, callback)
      }) as never
      const { api, instance } = await setUp(client)
      await instance.get('a', { headers: { 'x-own': 'kept' } })
      expect(seen).toMatchObject([{ authorization: 'Bearer secret-token-1', 'x-own': 'kept' }])
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      expect(given[0]?.headers).toMatchObject({ 'x-own': 'kept' })
      expect(given[0]?.headers).not.toHaveProperty('authorization')
    })

    test('one that leaves it to got is understood', async () => {
      const { api, instance } = await setUp(client, undefined, { config: { request: () => undefined } })
      await instance.get('a')
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    test('pages carry the token, and one in between whose token is rejected is asked for again', async () => {
      const { api, server, instance } = await setUp(client)
      api.handler = (request, response) => {
        const page = Number(request.url.slice(1))
        if (page === 2 && request.headers.authorization === 'Bearer secret-token-1')
          return invalidToken(request, response)
        const link = page < 3 ? { link: `<${api.origin}/${page + 1}>; rel="next"` } : undefined
        json(200, [page], link)(request, response)
      }
      const pages: number[] = []
      for await (const page of instance.paginate<number>('1')) pages.push(page)
      expect(pages).toEqual([1, 2, 3])
      expect(credentials(api)).toEqual([1, 1, 2, 2].map(number => `Bearer secret-token-${number}`))
      expect(server.requests).toBe(2)
    })

    test('a page asked for with the options of the one before is a request of its own', async () => {
      const { api, instance } = await setUp(client)
      let accepted = 1
      api.handler = (request, response) => {
        // every page rejects the token that the one before took
        if (request.headers.authorization === `Bearer secret-token-${accepted}`) return invalidToken(request, response)
        accepted++
        json(200, [accepted])(request, response)
      }
      const pages: number[] = []
      const limits: number[] = []
      const paginate = ({ response }: { response: Response }) => {
        limits.push(response.request.options.retry.limit as number)
        return pages.length < 3 && response.request.options
      }
      const config: ExtendOptions = { retry: { limit: 1 }, pagination: { paginate: paginate as never } }
      for await (const page of instance.extend(config).paginate<number>('1')) pages.push(page)
      expect(pages).toEqual([2, 3, 4])
      expect(api.requests).toHaveLength(6)
      // one more than the caller's, for the page that was asked for twice, and not for those before it
      expect(limits).toEqual([2, 2, 2])
    })

    test('a next page elsewhere is refused', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, json(200, [1], { link: `<${elsewhere.origin}/2>; rel="next"` }))
      const pages = instance.paginate<number>('1')
      expect((await pages.next()).value).toBe(1)
      expect(await rejection(pages.next())).toMatchObject({ code: 'ERR_ORIGIN' })
      expect(elsewhere.bytes()).toBe('')
    })

    test('the source of such a page is chosen once', async () => {
      const api = await recordingServer(json(200, [1]))
      const { source } = authorizationServer()
      let chosen = 0
      const choose = () => {
        chosen++
        return source
      }
      const paginate = ({ response }: { response: Response }) => api.requests.length < 3 && response.request.options
      const config: ExtendOptions = { pagination: { paginate: paginate as never } }
      const instance = client.got.extend(config, tokenHooks(choose, { origins: [api.origin] })) as Got
      for await (const _ of instance.paginate(api.origin));
      expect([api.requests.length, chosen]).toEqual([3, 3])
    })

    test('an instance merged with itself asks once', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const twice = instance.extend(instance)
      await rejection(twice.get(''))
      expect([api.requests.length, server.requests]).toEqual([2, 2])
    })

    test('each of several sources serves its own origins', async () => {
      const { api, instance } = await setUp(client)
      const other = await recordingServer()
      const { source } = authorizationServer({ name: 'other', origins: [other.origin] })
      const both = instance.extend(tokenHooks(source))
      await both.get('')
      await both.get(`${other.origin}/`, { prefixUrl: '' })
      expect([credentials(api), credentials(other)]).toEqual([['Bearer secret-token-1'], ['Bearer other-1']])
    })

    test('two sources for one origin fail every request: nobody could tell whose token it would be', async () => {
      const { api, server, instance } = await setUp(client)
      const other = await recordingServer()
      const both = authorizationServer({ origins: [other.origin, api.origin.replace('http', 'ws')] })
      const shared = instance.extend(tokenHooks(both.source))
      for (const url of [api.origin, other.origin]) {
        const { code, cause } = await rejection(shared.get(url, { prefixUrl: '' }))
        expect([code, cause]).toMatchObject(['ERR_OPTION', { name: 'TypeError', option: 'origins' }])
        expect(cause).toMatchObject({ message: expect.stringContaining(`${api.origin} has a token source already`) })
      }
      expect([api.requests.length, other.requests.length, server.requests, both.requests]).toEqual([0, 0, 0, 0])
    })

    test('two sources for one origin fail a stream too', async () => {
      const { api, instance } = await setUp(client)
      const { source } = authorizationServer({ origins: [api.origin] })
      const stream = instance.extend(tokenHooks(source)).stream('')
      expect(await rejection(stream.toArray())).toMatchObject({ code: 'ERR_OPTION' })
      expect(api.requests).toHaveLength(0)
    })

    test('an instance and one that extends it may have sources for different origins alone', async () => {
      const { api, instance } = await setUp(client)
      const { source } = authorizationServer({ name: 'other', origins: ['https://other.example'] })
      await instance.extend(tokenHooks(source)).get('')
      await instance.get('')
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-1'])
    })

    test('a function chooses the source for each request, by its options', async () => {
      const api = await recordingServer()
      const sources: Record<string, TokenSource> = {
        ann: authorizationServer({ name: 'ann' }).source,
        bob: authorizationServer({ name: 'bob' }).source,
      }
      const hooks = tokenHooks(
        async ({ context, headers }) => sources[String(context.user ?? headers['x-user'])] as TokenSource,
        { origins: [api.origin] },
      )
      const instance = client.got.extend(hooks)
      await instance.get(api.origin, { context: { user: 'bob' } })
      await instance.get(api.origin, { headers: { 'X-User': 'ann' } })
      expect(credentials(api)).toEqual(['Bearer bob-1', 'Bearer ann-1'])
    })

    test('a function that returns no source fails the request', async () => {
      const api = await recordingServer()
      const instance = client.got.extend(tokenHooks(() => undefined as never, { origins: [api.origin] }))
      const { cause } = await rejection(instance.get(api.origin))
      expect(cause).toMatchObject({ name: 'TypeError', option: 'source' })
      expect(api.requests).toHaveLength(0)
    })

    for (const [name, [options, sent]] of Object.entries<[OptionsOfTextResponseBody, string | undefined]>({
      'an Authorization header': [{ headers: { Authorization: 'Basic b3du' } }, 'Basic b3du'],
      'an authorization header in capitals': [{ headers: { AUTHORIZATION: 'Basic b3du' } }, 'Basic b3du'],
      'an authorization header switched off': [{ headers: { authorization: undefined } }, undefined],
      'username and password': [{ username: 'ann', password: 'pw' }, `Basic ${btoa('ann:pw')}`],
      'a hook that sets it': [
        { hooks: { beforeRequest: [({ headers }) => void Object.assign(headers, { authorization: 'Bearer own' })] } },
        'Bearer own',
      ],
    }))
      test(`a caller’s own credential wins, and is not renewed: ${name}`, async () => {
        const { api, server, instance } = await setUp(client, invalidToken)
        expect(await rejection(instance.get('', options))).toMatchObject({ response: { statusCode: 401 } })
        expect(credentials(api)).toEqual([sent])
        expect(server.requests).toBe(0)
      })

    test('a caller’s own credential wins: user information in the URL', async () => {
      const { api, server, instance } = await setUp(client)
      await instance.get(`http://ann:pw@127.0.0.1:${api.port}/`, { prefixUrl: '' })
      expect(credentials(api)).toEqual([`Basic ${btoa('ann:pw')}`])
      expect(server.requests).toBe(0)
    })

    test('failure to get a token fails the request: got’s error has the code, and the cause', async () => {
      const { api, server, instance } = await setUp(client, undefined, { config: { retry: { limit: 2 } } })
      server.answer = () => tokenResponse(400, { error: 'invalid_scope' })
      const error = await rejection(instance.get(''))
      expect([error.name, error.code]).toEqual(['RequestError', 'ERR_SERVER_REFUSED'])
      expect(error.cause).toMatchObject({ name: 'AuthorizationServerError', error: 'invalid_scope' })
      expect([api.requests.length, server.requests]).toEqual([0, 1])
    })

    test('an abort while the token is on its way detaches this caller alone', async () => {
      const { api, server, instance } = await setUp(client)
      let open = () => {}
      server.answer = number =>
        new Promise(resolve => {
          open = () =>
            resolve(tokenResponse(200, { access_token: `late-${number}`, token_type: 'Bearer', expires_in: 60 }))
        })
      const asked = new Promise<void>(resolve => {
        const { answer } = server
        server.answer = number => {
          resolve()
          return answer(number)
        }
      })
      const controller = new AbortController()
      const aborted = rejection(instance.get('a', { signal: controller.signal }))
      const waiting = instance.get('b')
      await asked
      controller.abort()
      expect(await aborted).toMatchObject({ name: 'AbortError', code: 'ERR_ABORTED' })
      open()
      await waiting
      expect(api.requests.map(({ url }) => url)).toEqual(['/b'])
      expect(server.requests).toBe(1)
    })

    test('cancel() while the token is on its way ends the request before it is sent', async context => {
      context.skip(!client.name.startsWith('got 14'), 'got 15 took cancel() away')
      const { api, server, instance } = await setUp(client)
      let open = () => {}
      const asked = new Promise<void>(resolve => {
        server.answer = () => {
          resolve()
          return new Promise(answer => {
            open = () => answer(tokenResponse(200, { access_token: 'late', token_type: 'Bearer', expires_in: 60 }))
          })
        }
      })
      const canceled = instance.get('a') as CancelableRequest<Response>
      const other = instance.get('b')
      await asked
      canceled.cancel()
      expect(await rejection(canceled)).toMatchObject({ name: 'CancelError' })
      open()
      await other
      expect(api.requests.map(({ url }) => url)).toEqual(['/b'])
      expect(api.bytes().match(/GET/g)).toHaveLength(1)
    })

    test('the source is told of the caller’s signal', async () => {
      const api = await recordingServer()
      const { signal } = new AbortController()
      const told: unknown[] = []
      const listening: TokenSource = {
        getTokenSet(options) {
          told.push(options?.signal)
          return source.getTokenSet()
        },
      }
      await client.got.extend(tokenHooks(listening, { origins: [api.origin] })).get(api.origin, { signal })
      expect(told).toEqual([signal])
    })

    test('an abort while the request is on its way ends it', async () => {
      const { api, instance } = await setUp(client, () => {})
      const controller = new AbortController()
      const aborted = rejection(instance.get('', { signal: controller.signal }))
      await api.arrived(1)
      controller.abort()
      expect(await aborted).toMatchObject({ name: 'AbortError' })
    })

    test('a time-out ends it', async () => {
      const { api, instance } = await setUp(client, () => {})
      expect(await rejection(instance.get('', { timeout: { response: 20 } }))).toMatchObject({ name: 'TimeoutError' })
      expect(api.requests).toHaveLength(1)
    })

    test('timeout.request of got 16 counts the time a token takes', async context => {
      context.skip(client.name !== 'got 16', 'before got 16 it counts from the request')
      const { api, server, instance } = await setUp(client)
      const { answer } = server
      server.answer = async number => {
        for (const started = performance.now(); performance.now() - started < 30; ) await new Promise(setImmediate)
        return answer(number)
      }
      expect(await rejection(instance.get('', { timeout: { request: 10 } }))).toMatchObject({ name: 'TimeoutError' })
      expect(api.requests).toHaveLength(0)
    })

    test('a connection that cannot be made fails the request, and nothing else', async () => {
      const closed = createServer().listen(0, '127.0.0.1')
      await new Promise(resolve => closed.once('listening', resolve))
      const origin = `http://127.0.0.1:${(closed.address() as { port: number }).port}`
      await new Promise(resolve => closed.close(resolve))
      const { instance } = await setUp(client, undefined, { origins: [origin] })
      expect(await rejection(instance.get(origin, { prefixUrl: '' }))).toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('a URL that got cannot read fails as it does without us', async () => {
      const { instance } = await setUp(client)
      expect(await rejection(instance.get('http://', { prefixUrl: '' }))).toMatchObject({ code: 'ERR_INVALID_URL' })
      // no options come of this
      const plain = await rejection(client.got.get(5 as never))
      expect((await rejection(instance.get(5 as never))).message).toBe(plain.message)
    })
  })
}

const source: TokenSource = { getTokenSet: async () => new TokenSet({ accessToken: 'a', obtainedAt: 0 }) }

describe('options', () => {
  const origins = ['https://a.example']
  const cases: Record<string, [option: string, attach: () => unknown]> = {
    'no source': ['source', () => tokenHooks(undefined as never, { origins })],
    'no origins anywhere': ['origins', () => tokenHooks(source)],
    'no origins for a function': ['origins', () => tokenHooks(() => source)],
    'an http origin': ['origins', () => tokenHooks(source, { origins: ['http://a.example'] })],
    'an empty list': ['origins', () => tokenHooks(source, { origins: [] })],
    'a misspelt option': ['origin', () => tokenHooks(source, { origin: origins } as never)],
    'an unknown policy': ['otherOrigins', () => tokenHooks(source, { origins, otherOrigins: 'allow' as never })],
    'tls that is not what core takes': [
      'tls.caMode',
      () => tokenHooks(source, { origins, tls: { caMode: 'only' as never } }),
    ],
  }
  for (const [name, [option, attach]] of Object.entries(cases))
    test(`${name} is a TypeError that names ${option}`, () => {
      expect(attach).toThrow(expect.objectContaining({ name: 'TypeError', option }))
    })

  describe('swapped arguments, and what is no source, are told in words', () => {
    const order = 'the order is got.extend(tokenHooks(source, options))'
    test.each<[string, unknown[], string]>([
      ['options first', [{ origins }, source], `options: is a token source; ${order}`],
      ['got itself', [got, source], `options: is a token source; ${order}`],
      ['got as a source', [got, { origins }], `source: is an HTTP client; ${order}`],
      [
        'a source that was not awaited',
        [Promise.resolve(source), { origins }],
        'source: is a promise; did you forget await?',
      ],
    ])('%s', (_, args, message) => {
      const attach = () => tokenHooks(...(args as Parameters<typeof tokenHooks>))
      expect(attach).toThrow(TypeError)
      expect(attach).toThrow(message)
    })
  })

  test('the option comes before the source’s origins', async () => {
    const [one, two] = [await recordingServer(), await recordingServer()]
    const { source } = authorizationServer({ origins: [two.origin] })
    const instance = got.extend(tokenHooks(source, { origins: [one.origin] }))
    await instance.get(one.origin)
    expect(await rejection(instance.get(two.origin))).toMatchObject({ code: 'ERR_ORIGIN' })
    expect([one.requests.length, two.requests.length]).toEqual([1, 0])
  })
})
