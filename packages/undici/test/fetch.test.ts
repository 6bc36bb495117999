/** What `fetchWithTokens` does beyond the contract, around undici's fetch and the global one. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { clientCredentials, createTokenSource } from '@grantkit/core'
import { authorizationServer } from '@grantkit/testing'
import * as undici from 'undici'
import * as undici6 from 'undici-6'
import { describe, expect, test } from 'vitest'
import { fetchWithTokens, type TokenOptions } from '../src/index.js'
import { accepting, type Handler, inTurn, json, ok, recordingServer, redirect } from './recording-server.js'
import { agentOf, credentials, rejection } from './setup.js'

type Fetch = typeof globalThis.fetch

interface Tested {
  readonly name: string
  readonly fetch: Fetch
  readonly Request: typeof globalThis.Request
  readonly Response: typeof globalThis.Response
}

const tested: readonly Tested[] = [
  { name: 'the global fetch', fetch, Request, Response },
  { name: 'the fetch of undici 7', ...(undici as unknown as Omit<Tested, 'name'>) },
  { name: 'the fetch of undici 6', ...(undici6 as unknown as Omit<Tested, 'name'>) },
]

async function setUp(fetch: Fetch, handler: Handler = ok, options: TokenOptions = {}) {
  const [api, server] = [await recordingServer(handler), authorizationServer()]
  return { api, server, call: fetchWithTokens(fetch, server.source, { origins: [api.origin], ...options }) }
}

const large = Buffer.alloc(1_500_000, 'abcdefghij')

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000)
}

for (const { name, fetch, Request, Response } of tested)
  describe(name, () => {
    describe('requests', () => {
      test('a Request is sent as it is, with a length, and once more the same', async () => {
        const { api, call } = await setUp(fetch, accepting('secret-token-2'))
        const headers = { 'content-type': 'application/json', 'x-own': 'kept' }
        const request = new Request(`${api.origin}/a?b`, { method: 'PUT', headers, body: '{"a":1}' })
        expect((await call(request)).status).toBe(200)
        for (const { method, url, headers, body } of api.requests)
          expect([
            method,
            url,
            headers['content-type'],
            headers['x-own'],
            headers['content-length'],
            `${body}`,
          ]).toEqual(['PUT', '/a?b', 'application/json', 'kept', '7', '{"a":1}'])
        expect(api.requests).toHaveLength(2)
      })

      test('init has the last word over a Request', async () => {
        const { api, call } = await setUp(fetch)
        const request = new Request(`${api.origin}/`, { method: 'PUT', headers: { 'x-own': 'one' }, body: 'one' })
        await call(request, { method: 'post', headers: { 'x-own': 'two' }, body: 'two' })
        const { method, headers, body } = api.requests[0] as (typeof api.requests)[0]
        expect([method, headers['x-own'], `${body}`]).toEqual(['POST', 'two', 'two'])
      })

      test('a Request given as init says what is sent', async () => {
        const { api, call } = await setUp(fetch)
        const init = { method: 'PUT', headers: { 'x-own': 'kept' }, body: 'text' }
        await call(`${api.origin}/`, new Request(`${api.origin}/elsewhere`, init))
        const { method, url, headers, body } = api.requests[0] as (typeof api.requests)[0]
        expect([method, url, headers['x-own'], `${body}`]).toEqual(['PUT', '/', 'kept', 'text'])
      })

      test('what the caller changes while a token is waited for is not sent', async () => {
        const { api, call } = await setUp(fetch)
        const init = { method: 'PUT', headers: { 'x-user': 'ann' } as Record<string, string>, body: 'one' }
        const sent = call(`${api.origin}/`, init)
        Object.assign(init.headers, { 'x-user': 'bob', authorization: 'Bearer own' })
        Object.assign(init, { method: 'DELETE', body: 'two' })
        await sent
        const { method, headers, body } = api.requests[0] as (typeof api.requests)[0]
        expect([method, headers['x-user'], `${body}`]).toEqual(['PUT', 'ann', 'one'])
        expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      })

      for (const [form, headers] of Object.entries<() => RequestInit['headers']>({
        'an object': () => ({ 'X-Own': 'kept', Authorization: 'Bearer own' }),
        pairs: () => [
          ['X-Own', 'kept'],
          ['Authorization', 'Bearer own'],
        ],
        Headers: () => new Headers({ 'X-Own': 'kept', Authorization: 'Bearer own' }),
        'a Map': () => new Map(Object.entries({ 'X-Own': 'kept', Authorization: 'Bearer own' })) as never,
      }))
        test(`headers as ${form} are sent, and a credential among them stays`, async () => {
          const { api, server, call } = await setUp(fetch)
          await call(`${api.origin}/`, { headers: headers() ?? {} })
          expect([api.requests[0]?.headers['x-own'], credentials(api)]).toEqual(['kept', ['Bearer own']])
          expect(server.requests).toBe(0)
        })

      test('a Request that was read before is refused, and nothing sent', async () => {
        const { api, server, call } = await setUp(fetch)
        const request = new Request(`${api.origin}/`, { method: 'POST', body: 'text' })
        await request.text()
        expect(await rejection(call(request))).toBeInstanceOf(TypeError)
        expect([api.bytes(), server.requests]).toEqual(['', 0])
      })

      test('a Request that was begun to be read is refused too', async () => {
        const { api, server, call } = await setUp(fetch)
        const request = new Request(`${api.origin}/`, { method: 'POST', body: 'text' })
        const reader = request.body?.getReader()
        await reader?.read()
        reader?.releaseLock()
        expect(await rejection(call(request))).toBeInstanceOf(TypeError)
        expect([api.bytes(), server.requests]).toEqual(['', 0])
      })

      test('a Request larger than 1 MiB is sent as a stream, and its 401 returned', async () => {
        const { api, server, call } = await setUp(fetch, accepting('secret-token-2'))
        const send = () => call(new Request(`${api.origin}/`, { method: 'POST', body: large }))
        expect([(await send()).status, (await send()).status]).toEqual([401, 200])
        for (const { body } of api.requests) expect(body.equals(large)).toBe(true)
        expect([api.requests.length, server.requests]).toEqual([2, 2])
      })

      test('the signal of a Request ends it while its body is read', async () => {
        const { api, server, call } = await setUp(fetch)
        const controller = new AbortController()
        const stream = new ReadableStream({ pull: () => new Promise(() => {}) })
        const init = { method: 'POST', body: stream, duplex: 'half', signal: controller.signal } as RequestInit
        const aborted = rejection(call(new Request(`${api.origin}/`, init)))
        controller.abort()
        expect(await aborted).toMatchObject({ name: 'AbortError' })
        expect([api.bytes(), server.requests]).toEqual(['', 0])
      })

      for (const [kind, body] of Object.entries<() => RequestInit['body']>({
        'a Blob': () => new Blob(['text'], { type: 'text/x' }),
        'an ArrayBuffer': () => new TextEncoder().encode('text').buffer,
        'a DataView': () => new DataView(new TextEncoder().encode('text').buffer),
      }))
        test(`${kind} is sent once more`, async () => {
          const { api, call } = await setUp(fetch, accepting('secret-token-2'))
          expect((await call(`${api.origin}/`, { method: 'POST', body: body() ?? null })).status).toBe(200)
          expect(api.requests.map(({ body }) => `${body}`)).toEqual(['text', 'text'])
        })

      test('a URL with user information of the caller’s own gets no token', async () => {
        const { api, server, call } = await setUp(fetch)
        expect(await rejection(call(api.origin.replace('//', '//user:word@')))).toBeInstanceOf(TypeError)
        expect([api.bytes(), server.requests]).toEqual(['', 0])
      })
    })

    describe('answers', () => {
      test('a 401 is handed on with its body, URL and class', async () => {
        const { api, call } = await setUp(
          fetch,
          (_, response) => void response.writeHead(401, { 'x-a': 'b' }).end(large),
        )
        const response = await call(`${api.origin}/accounts`)
        expect(response).toBeInstanceOf(Response)
        expect([response.status, response.statusText, response.url, response.redirected]).toEqual([
          401,
          'Unauthorized',
          `${api.origin}/accounts`,
          false,
        ])
        expect(response.headers.get('x-a')).toBe('b')
        const copy = response.clone()
        expect(Buffer.from(await response.arrayBuffer()).equals(large)).toBe(true)
        expect((await copy.arrayBuffer()).byteLength).toBe(large.length)
      })

      test('a 401 that breaks off is handed on as far as it came', async () => {
        const { api, call } = await setUp(fetch, (_, response) => {
          response.writeHead(401, { 'content-length': '9' }).write('begin', () => response.destroy())
        })
        const response = await call(`${api.origin}/`)
        expect(response.status).toBe(401)
        expect(await rejection(response.text())).toBeInstanceOf(Error)
      })

      test('a 401 nobody reads lets its connection go when it is cancelled', async () => {
        let answer: ServerResponse | undefined
        const { api, call } = await setUp(fetch, (_, response) => {
          answer = response
          response.writeHead(401).write(large)
        })
        const response = await call(`${api.origin}/`)
        const closed = once(answer as ServerResponse, 'close')
        await response.body?.cancel()
        await closed
        expect(answer?.writableFinished).toBe(false)
      })

      test('a rejected token whose 401 does not end: the connection is let go', async () => {
        let answer: ServerResponse | undefined
        const { api, call } = await setUp(fetch, (request, response) => {
          if (request.number > 1) return ok(request, response)
          answer = response
          response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).write(large)
        })
        const sent = call(`${api.origin}/`)
        await api.arrived(1)
        const closed = once(answer as ServerResponse, 'close')
        expect((await sent).status).toBe(200)
        await closed
      })

      test('headers are one object, and say to caches what is theirs to know', async () => {
        const { api, call } = await setUp(fetch, (_, response) => {
          response.writeHead(200, { 'cache-control': 'public, max-age=600', 'x-a': 'b' }).end()
        })
        const response = await call(`${api.origin}/`)
        expect(inspect(response, { depth: 9 })).not.toMatch(/max-age=600(?!.*private, no-store)/s)
        expect([response.headers.get('cache-control'), response.headers.get('x-a')]).toEqual(['private, no-store', 'b'])
        expect(response.headers).toBe(response.headers)
        response.headers.set('x-a', 'c')
        expect(response.headers.get('x-a')).toBe('c')
      })

      test('a clone says the same to caches, and where it came from', async () => {
        const { api, call } = await setUp(
          fetch,
          inTurn(redirect(302, '/moved'), (_, response) => {
            response.writeHead(200, { 'cache-control': 'public, max-age=600' }).end('body')
          }),
        )
        const response = await call(`${api.origin}/`)
        const copies = [response.clone(), response.clone().clone()]
        for (const { headers, url, redirected } of copies)
          expect([headers.get('cache-control'), url, redirected]).toEqual([
            'private, no-store',
            `${api.origin}/moved`,
            true,
          ])
        expect(await Promise.all([response, ...copies].map(each => each.text()))).toEqual(['body', 'body', 'body'])
      })

      test('headers are there when the answer was frozen or made a prototype, and of one class whatever they say', async () => {
        const says = ['public', 'private, no-store']
        const { api, call } = await setUp(
          fetch,
          (request, response) => void response.writeHead(200, { 'cache-control': says[request.number - 1] }).end(),
        )
        for (const _ of says) {
          const { headers } = Object.create(Object.freeze(await call(api.origin)))
          expect(headers.get('cache-control')).toBe('private, no-store')
          expect(headers).toBeInstanceOf(Headers)
        }
      })

      test('a body is handed on while it comes', async () => {
        let answer: ServerResponse | undefined
        const { api, call } = await setUp(fetch, (_, response) => {
          answer = response
          response.writeHead(200).write('one')
        })
        const { body } = await call(`${api.origin}/`)
        const reader = (body as ReadableStream<Uint8Array>).getReader()
        expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('one')
        answer?.end('two')
        expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('two')
      })

      test('nothing secret is in a response, printed as deep as it goes', async () => {
        const { api, call } = await setUp(fetch, json(500, {}))
        const response = await call(`${api.origin}/`)
        expect(inspect(response, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(/secret-token/)
      })
    })

    describe('redirects', () => {
      test('url and redirected tell where the answer came from', async () => {
        const { api, call } = await setUp(fetch, inTurn(redirect(302, '/moved?a=b'), ok))
        const { url, redirected } = await call(`${api.origin}/`)
        expect([url, redirected]).toEqual([`${api.origin}/moved?a=b`, true])
      })

      for (const [status, method, expected] of [
        [301, 'POST', 'GET'],
        [302, 'POST', 'GET'],
        [302, 'post', 'GET'],
        [303, 'PUT', 'GET'],
        [303, 'HEAD', 'HEAD'],
        [302, 'PUT', 'PUT'],
        [307, 'POST', 'POST'],
        [308, 'POST', 'POST'],
      ] as const)
        test(`a ${status} after ${method} leads to ${expected}`, async () => {
          const { api, call } = await setUp(fetch, inTurn(redirect(status, '/moved'), ok))
          const body = method === 'HEAD' ? {} : { body: 'text', headers: { 'content-language': 'en' } }
          await call(`${api.origin}/`, { method, ...body })
          const moved = api.requests[1]
          const keepsBody = expected !== 'GET' && method !== 'HEAD'
          expect([moved?.method, `${moved?.body}`]).toEqual([expected, keepsBody ? 'text' : ''])
          expect([moved?.headers['content-type'], moved?.headers['content-language']]).toEqual(
            keepsBody ? ['text/plain;charset=UTF-8', 'en'] : [undefined, undefined],
          )
        })

      test("the caller's cookies stay at home too, other headers do not", async () => {
        const elsewhere = await recordingServer()
        const { api, call } = await setUp(fetch, redirect(307, elsewhere.origin))
        await call(`${api.origin}/`, { headers: { cookie: 'a=b', 'x-own': 'kept' } })
        expect(elsewhere.requests[0]?.headers).toMatchObject({ 'x-own': 'kept' })
        expect(elsewhere.bytes()).not.toMatch(/cookie|authorization/i)
      })

      test('a 401 behind a 303 repeats what was rejected, not what went before', async () => {
        const { api, server, call } = await setUp(fetch)
        api.handler = (request, response) =>
          (request.method === 'POST' ? redirect(303, '/made') : accepting('secret-token-2'))(request, response)
        expect((await call(`${api.origin}/`, { method: 'POST', body: 'text' })).status).toBe(200)
        expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /', 'GET /made', 'GET /made'])
        expect(server.requests).toBe(2)
      })

      test('`manual` returns a redirect, `error` rejects it', async () => {
        const { api, call } = await setUp(fetch, redirect(302, '/moved'))
        const manual = await call(`${api.origin}/`, { redirect: 'manual' })
        expect([manual.status, manual.headers.get('location')]).toEqual([302, '/moved'])
        expect(await rejection(call(new Request(`${api.origin}/`, { redirect: 'error' })))).toBeInstanceOf(TypeError)
        expect(api.requests).toHaveLength(2)
      })

      test('twenty are followed, and no more', async () => {
        const { api, call } = await setUp(fetch, (request, response) =>
          (request.number <= 20 ? redirect(302, `/${request.number}`) : ok)(request, response),
        )
        expect((await call(`${api.origin}/`)).status).toBe(200)
        api.handler = redirect(302, '/again')
        expect(await rejection(call(`${api.origin}/`))).toMatchObject({ name: 'TypeError', message: 'fetch failed' })
        expect(api.requests).toHaveLength(42)
      })

      for (const location of ['ftp://127.0.0.1/', 'data:,text', 'http://', 'javascript:alert(1)'])
        test(`to ${location} none is followed`, async () => {
          const { api, call } = await setUp(fetch, redirect(302, location))
          expect(await rejection(call(`${api.origin}/`))).toMatchObject({ name: 'TypeError', message: 'fetch failed' })
        })

      test('a target in UTF-8 is understood', async () => {
        const { api, call } = await setUp(fetch)
        const target = Buffer.from('/bücher').toString('latin1')
        api.handler = (request, response) => (request.number === 1 ? redirect(302, target) : ok)(request, response)
        await call(`${api.origin}/`)
        expect(api.requests[1]?.url).toBe(encodeURI('/bücher'))
      })

      test('a stream cannot follow, except to a GET', async () => {
        const { api, call } = await setUp(fetch, inTurn(redirect(303, '/a'), ok, redirect(307, '/b'), ok))
        const send = () =>
          call(`${api.origin}/`, {
            method: 'POST',
            body: ReadableStream.from(chunksOf(Buffer.from('text'))),
            duplex: 'half',
          } as RequestInit)
        expect((await send()).status).toBe(200)
        expect(await rejection(send())).toMatchObject({ name: 'TypeError', message: 'fetch failed' })
        expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /', 'GET /a', 'POST /'])
      })
    })
  })

describe('any other fetch', () => {
  const seen: [unknown, Record<string, unknown>][] = []
  const recording: Fetch = (input, init) => {
    seen.push([input, { ...init } as Record<string, unknown>])
    return fetch(input, init)
  }

  test('is called with a URL and init, whatever it was given', async () => {
    const { api, call } = await setUp(recording)
    await call(new URL(api.origin), { next: { revalidate: 1 }, redirect: 'follow' } as RequestInit)
    await call(new Request(api.origin, { cache: 'no-store' } as RequestInit))
    expect(seen.map(([input]) => input)).toEqual([`${api.origin}/`, `${api.origin}/`])
    expect(seen[0]?.[1]).toMatchObject({ next: { revalidate: 1 }, redirect: 'manual', method: 'GET' })
    expect(seen[1]?.[1]).toMatchObject({ cache: 'no-store', redirect: 'manual' })
    for (const [, init] of seen) expect(init).not.toHaveProperty('dispatcher')
  })

  test('is called with an origin that no parser mistakes', async () => {
    const { api, call } = await setUp(recording)
    const before = seen.length
    for (const url of [` ${api.origin}/a`, api.origin.replace('http', 'HTTP'), api.origin.replace('//', '\t/\\')])
      await call(url)
    for (const host of ['0177.0.0.1', '127.1', '2130706433', '0x7f.0.0.1'])
      await call(`${api.origin.replace('127.0.0.1', host)}/`)
    const [first, ...others] = seen.slice(before).map(([input]) => input)
    expect(first).toBe(`${api.origin}/a`)
    expect(others).toEqual(Array(6).fill(`${api.origin}/`))
  })

  test('may answer with an object of no class', async () => {
    const answer = Object.assign(Object.create(null), { status: 200, headers: new Headers() })
    const { api, call } = await setUp((async () => answer) as unknown as Fetch)
    expect((await call(api.origin)).headers.get('cache-control')).toBe('private, no-store')
  })

  test('may answer with an object of a class that clones nothing, or of none: it gets no clone()', async () => {
    class Answer {
      readonly status = 200
      get headers() {
        return new Headers({ 'x-a': 'b' })
      }
    }
    for (const answer of [new Answer(), { status: 200, headers: new Headers({ 'x-a': 'b' }) }]) {
      const { api, call } = await setUp((async () => answer) as unknown as Fetch)
      const prototype = Object.getPrototypeOf(answer)
      const response = await call(api.origin)
      expect([response.headers.get('cache-control'), response.headers.get('x-a')]).toEqual(['private, no-store', 'b'])
      expect('clone' in response).toBe(false)
      expect(response).toBeInstanceOf(answer.constructor)
      if (prototype === Object.prototype) expect(Object.getPrototypeOf(response)).toBe(Object.prototype)
    }
  })

  test('is called as a function, with nothing of ours for `this`', async () => {
    const callers: unknown[] = []
    const plain = function (this: unknown, url: string, init?: RequestInit) {
      callers.push(this)
      return fetch(url, init)
    }
    const { api, call } = await setUp(plain as unknown as Fetch, ok, { otherOrigins: 'pass-through' })
    const other = await recordingServer()
    await call(api.origin)
    await call(other.origin)
    expect(callers).toEqual([undefined, undefined])
  })

  test('is called at once with a token that is held', async () => {
    const [api, { source }] = [await recordingServer(), authorizationServer()]
    // one that counts how often it is asked has to be asked
    const own = createTokenSource({ client: source.client, grant: clientCredentials() })
    const call = fetchWithTokens(recording, own, { origins: [api.origin] })
    await call(api.origin)
    await call(api.origin)
    const before = seen.length
    const answered = call(api.origin)
    expect(seen.length).toBe(before + 1)
    await answered
    expect(credentials(api)).toEqual(Array(3).fill('Bearer secret-token-1'))
  })

  for (const [what, make] of Object.entries({
    'the same Response every time': () => new Response('text', { headers: { 'x-a': 'b' } }),
    'no Response, but something like it': () => ({ status: 200, headers: new Headers({ 'x-a': 'b' }) }) as Response,
  }))
    test(`may answer with ${what}`, async () => {
      const answer = make()
      const { api, call } = await setUp(async () => answer)
      for (let times = 1; times <= 3; times++) {
        const { headers } = await call(api.origin)
        expect([headers.get('cache-control'), headers.get('x-a')]).toEqual(['private, no-store', 'b'])
      }
    })

  test('a source is chosen by URL, method and headers', async () => {
    const api = await recordingServer()
    const chosen: string[] = []
    const { source } = authorizationServer()
    const call = fetchWithTokens(
      fetch,
      ({ url, method, headers }) => {
        chosen.push(`${method} ${url} ${headers.get('x-user')}`)
        return source
      },
      { origins: [api.origin] },
    )
    await call(api.origin, { headers: { 'X-User': 'ann' } })
    await call(`${api.origin}/bob/../ann?ü`, { headers: { 'X-User': 'ann' } })
    expect(chosen).toEqual([`GET ${api.origin}/ ann`, `GET ${api.origin}/ann?%C3%BC ann`])
  })

  test('that hides where a redirect leads fails, and says so', async () => {
    const opaque = Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' })
    const { call, api } = await setUp(async () => opaque)
    const { cause } = await rejection(call(api.origin))
    expect(String(cause)).toMatch(/where a redirect leads/)
    expect(await call(api.origin, { redirect: 'manual' })).toBe(opaque)
  })
})

describe('dispatchers', () => {
  test('one for the global fetch is refused', async () => {
    const { api, server, call } = await setUp(fetch)
    const error = await rejection(call(api.origin, { dispatcher: agentOf(undici) } as never))
    expect(error).toMatchObject({ name: 'TypeError', option: 'dispatcher' })
    expect([api.bytes(), server.requests]).toEqual(['', 0])
  })

  test('one for the fetch of its own undici is used', async () => {
    const { api, server } = await setUp(fetch)
    const call = fetchWithTokens(undici.fetch, server.source, { origins: [api.origin] })
    let used = 0
    const counting: undici.Dispatcher.DispatcherComposeInterceptor = dispatch => (options, handler) => {
      used++
      return dispatch(options, handler)
    }
    await call(api.origin, { dispatcher: agentOf(undici).compose(counting) })
    expect([used, credentials(api)]).toEqual([1, ['Bearer secret-token-1']])
  })
})
