/** Interceptors above and beneath the tokens: the orders that are safe, and those the README warns of. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { type AuthorizationServer, authorizationServer } from '@grantkit/testing'
import type { Dispatcher } from 'undici'
import { describe, expect, test } from 'vitest'
import { type DispatchOptions, tokenInterceptor, withTokens } from '../src/index.js'
import { type Copy, copies } from './copies.js'
import {
  type Handler,
  inTurn,
  invalidToken,
  json,
  ok,
  type RecordingServer,
  recordingServer,
  redirect,
} from './recording-server.js'
import { agentOf, credentials, rejection, setUp } from './setup.js'

type Interceptor = Dispatcher.DispatcherComposeInterceptor

const fresh: Handler = (request, response) =>
  void response.writeHead(200, { 'cache-control': 'public, max-age=600' }).end(String(request.number))

/** Two users, each with tokens of their own; `x-user` says who asks. */
function twoUsers() {
  const users: Record<string, AuthorizationServer> = {
    ann: authorizationServer({ name: 'secret-token-ann' }),
    bob: authorizationServer({ name: 'secret-token-bob' }),
  }
  const source = ({ opaque }: DispatchOptions & { opaque?: string }) =>
    (users[opaque ?? ''] as AuthorizationServer).source
  return { users, source }
}

async function textFor({ undici }: Copy, dispatcher: Dispatcher, url: string, user?: string): Promise<string> {
  const { body } = await undici.request(url, { dispatcher, opaque: user, headers: { accept: '*/*' } })
  return body.text()
}

async function outAndBack(): Promise<{ api: RecordingServer; elsewhere: RecordingServer }> {
  const elsewhere = await recordingServer()
  const api = await recordingServer(inTurn(redirect(302, `${elsewhere.origin}/out`), ok))
  elsewhere.handler = redirect(302, `${api.origin}/back`)
  return { api, elsewhere }
}

/** What an undici does not have yet is not tested with it. */
const testWhere = (exists: boolean) => (exists ? test : () => {})
const describeWhere = (exists: boolean) => (exists ? describe : () => {})

for (const copy of copies) {
  const { undici } = copy
  const { interceptors } = undici
  const hasCache = interceptors.cache !== undefined
  const redirects = interceptors.redirect({ maxRedirections: 5 }) as Interceptor
  const retries = interceptors.retry({ maxRetries: 4, minTimeout: 0, statusCodes: [503] }) as Interceptor

  describe(`${copy.name}, safe orders`, () => {
    const tokensFor = ({ api, server }: { api: RecordingServer; server: AuthorizationServer }) =>
      tokenInterceptor(server.source, { origins: [api.origin] })

    const above: Readonly<Record<string, readonly Interceptor[]>> = {
      redirect: [redirects],
      'retry, redirect': [retries, redirects],
      'redirect, retry': [redirects, retries],
    }
    for (const [name, around] of Object.entries(above))
      test(`${name} above: a chain that was out gets no token back`, async () => {
        const { api, elsewhere } = await outAndBack()
        const server = authorizationServer()
        const dispatcher = agentOf(undici).compose([tokensFor({ api, server }), ...around])
        const { statusCode } = await undici.request(`${api.origin}/`, { dispatcher })
        expect(statusCode).toBe(200)
        expect(api.requests.map(({ url }) => url)).toEqual(['/', '/back'])
        expect(credentials(api)).toEqual(['Bearer secret-token-1', undefined])
        expect(elsewhere.bytes()).not.toMatch(/secret/)
      })

    test('retry above, redirect above that: what is retried after the chain was out gets no token either', async () => {
      const { api, elsewhere } = await outAndBack()
      elsewhere.handler = inTurn(json(503, {}), redirect(302, `${api.origin}/back`))
      api.handler = inTurn(redirect(302, `${elsewhere.origin}/out`), json(503, {}), ok)
      const server = authorizationServer()
      const dispatcher = agentOf(undici).compose([tokensFor({ api, server }), retries, redirects])
      const { statusCode } = await undici.request(`${api.origin}/`, { dispatcher })
      expect(statusCode).toBe(200)
      expect(api.requests.map(({ url }) => url)).toEqual(['/', '/back', '/back'])
      expect(credentials(api)).toEqual(['Bearer secret-token-1', undefined, undefined])
      expect(elsewhere.requests).toHaveLength(2)
      expect(elsewhere.bytes()).not.toMatch(/secret/)
    })

    test('redirect above: two requests at once do not take each other for a hop', async () => {
      const { api, elsewhere } = await outAndBack()
      const server = authorizationServer()
      api.handler = (request, response) =>
        (request.url === '/out' ? redirect(302, elsewhere.origin) : ok)(request, response)
      elsewhere.handler = ok
      const dispatcher = agentOf(undici).compose([tokensFor({ api, server }), redirects])
      const get = (path: string) => undici.request(`${api.origin}${path}`, { dispatcher })
      await Promise.all(['/out', '/a', '/out', '/b'].map(get))
      expect(credentials(api)).toEqual(Array(4).fill('Bearer secret-token-1'))
      expect(elsewhere.bytes()).not.toMatch(/secret/)
    })

    test('redirect above: a call is sent once more at most, however many hops it has', async () => {
      const { api, server, dispatcher } = await setUp(copy, ok, { redirect: redirects })
      api.handler = inTurn(invalidToken, redirect(302, '/next'), invalidToken)
      const { statusCode } = await undici.request(`${api.origin}/`, { dispatcher })
      expect(statusCode).toBe(401)
      expect(api.requests.map(({ url }) => url)).toEqual(['/', '/', '/next'])
      expect(server.requests).toBe(2)
    })

    testWhere(interceptors.dump !== undefined)('dump above', async () => {
      const { api, server, dispatcher } = await setUp(copy, inTurn(invalidToken, ok))
      const dumping = dispatcher.compose(interceptors.dump() as Interceptor)
      expect((await undici.request(`${api.origin}/`, { dispatcher: dumping })).statusCode).toBe(200)
      expect(server.requests).toBe(2)
    })

    testWhere(interceptors.responseError !== undefined)('responseError above', async () => {
      const { api, server, dispatcher } = await setUp(copy, inTurn(invalidToken, ok, json(500, {})))
      const strict = dispatcher.compose(interceptors.responseError() as Interceptor)
      expect((await undici.request(`${api.origin}/`, { dispatcher: strict })).statusCode).toBe(200)
      expect(await rejection(undici.request(`${api.origin}/`, { dispatcher: strict }))).toMatchObject({
        statusCode: 500,
      })
      expect(server.requests).toBe(2)
    })

    testWhere(interceptors.decompress !== undefined)('decompress beneath', async () => {
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const server = authorizationServer({ conform })
      const api = await recordingServer((request, response) => {
        response.writeHead(request.number === 1 ? 401 : 200, { 'content-encoding': 'gzip' })
        response.end(gzipSync('{"code":"900901"}'))
      })
      const agent = agentOf(undici).compose(interceptors.decompress({ skipErrorResponses: false }) as Interceptor)
      const dispatcher = withTokens<Dispatcher>(agent, server.source, { origins: [api.origin] })
      expect(await textFor(copy, dispatcher, `${api.origin}/`)).toBe('{"code":"900901"}')
      expect(server.requests).toBe(2)
    })

    testWhere(interceptors.dns !== undefined)('dns beneath', async () => {
      const { port, ...api } = await recordingServer()
      const lookup = (_: unknown, __: unknown, callback: (error: null, found: object[]) => void) =>
        callback(null, [{ address: '127.0.0.1', family: 4, ttl: 60_000 }])
      const agent = agentOf(undici).compose(interceptors.dns({ lookup } as never) as Interceptor)
      const origin = `http://localhost:${port}`
      const dispatcher = withTokens(agent, authorizationServer().source, { origins: [origin] })
      expect((await undici.request(`${origin}/`, { dispatcher })).statusCode).toBe(200)
      expect(api.requests[0]?.headers).toMatchObject({
        authorization: 'Bearer secret-token-1',
      })
    })
  })

  describeWhere(hasCache)(`${copy.name}, a cache beneath`, () => {
    async function caching(type: 'shared' | 'private', handler = fresh) {
      const { users, source } = twoUsers()
      const api = await recordingServer(handler)
      const dispatcher = withTokens<Dispatcher>(agentOf(undici), source, {
        origins: [api.origin],
        cache: interceptors.cache({ type }) as Interceptor,
      })
      const get = (user: string) => textFor(copy, dispatcher, `${api.origin}/`, user)
      return { api, users, get }
    }

    test('a shared one keeps nothing that was answered to a token, though it is public', async () => {
      const { get } = await caching('shared')
      expect([await get('ann'), await get('ann'), await get('bob')]).toEqual(['1', '2', '3'])
    })

    test('a private one keeps answers for the token they were given to', async () => {
      const { get } = await caching('private')
      expect([await get('ann'), await get('bob'), await get('ann'), await get('bob')]).toEqual(['1', '2', '1', '2'])
    })

    test('without a cache nothing is marked', async () => {
      const { api, dispatcher } = await setUp(copy, fresh)
      const { headers } = await undici.request(`${api.origin}/`, { dispatcher })
      expect([headers['cache-control'], headers.vary]).toEqual(['public, max-age=600', undefined])
    })

    test('a private one keeps nothing beyond a token', async () => {
      const { users, get } = await caching('private')
      expect([await get('ann'), await get('ann')]).toEqual(['1', '1'])
      await users.ann?.source.getTokenSet({ force: true })
      expect(await get('ann')).toBe('2')
    })

    test('answers that vary already vary by the token too', async () => {
      const { get } = await caching(
        'private',
        (request, response) =>
          void response
            .writeHead(200, { 'cache-control': 'public, max-age=600', vary: 'accept' })
            .end(String(request.number)),
      )
      expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '1'])
    })

    test('an answer to a request without a credential is cached as the server says', async () => {
      const [api, elsewhere] = [await recordingServer(), await recordingServer(fresh)]
      const dispatcher = withTokens<Dispatcher>(agentOf(undici), authorizationServer().source, {
        origins: [api.origin],
        otherOrigins: 'pass-through',
        cache: interceptors.cache() as Interceptor,
      })
      const get = () => textFor(copy, dispatcher, `${elsewhere.origin}/`)
      expect([await get(), await get()]).toEqual(['1', '1'])
    })

    test('a rejected token is replaced, and the answer to the new one kept', async () => {
      const { api, users, get } = await caching('private')
      api.handler = (request, response) =>
        (request.headers.authorization === 'Bearer secret-token-ann-2' ? fresh : invalidToken)(request, response)
      expect([await get('ann'), await get('ann')]).toEqual(['2', '2'])
      expect(users.ann?.requests).toBe(2)
    })
  })

  describeWhere(interceptors.deduplicate !== undefined)(`${copy.name}, deduplicate beneath`, () => {
    test('requests with the same token share an answer, those with another do not', async () => {
      const { source } = twoUsers()
      const held: (() => void)[] = []
      const api = await recordingServer((request, response) => {
        held.push(() => response.end(String(request.headers.authorization)))
      })
      const dispatcher = withTokens<Dispatcher>(agentOf(undici), source, {
        origins: [api.origin],
        deduplicate: interceptors.deduplicate() as Interceptor,
      })
      const answers = ['ann', 'ann', 'bob'].map(user => textFor(copy, dispatcher, `${api.origin}/`, user))
      await api.arrived(2)
      for (const answer of held) answer()
      expect(await Promise.all(answers)).toEqual(['ann', 'ann', 'bob'].map(user => `Bearer secret-token-${user}-1`))
      expect(api.requests).toHaveLength(2)
    })

    test('each of those that share a 401 is sent once more', async () => {
      const held: (() => void)[] = []
      const { api, server, dispatcher } = await setUp(copy, undefined, {
        deduplicate: interceptors.deduplicate() as Interceptor,
        cache: interceptors.cache() as Interceptor,
      })
      api.handler = (request, response) => {
        if (request.headers.authorization === 'Bearer secret-token-2') return ok(request, response)
        held.push(() => invalidToken(request, response))
      }
      const answers = ['a', 'b'].map(() => undici.request(`${api.origin}/`, { dispatcher }))
      await api.arrived(1)
      for (const answer of held) answer()
      expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual([200, 200])
      expect(server.requests).toBe(2)
    })
  })

  describeWhere(hasCache)(`${copy.name}, caches wherever they are`, () => {
    const answers: Readonly<Record<string, Handler>> = {
      'public, max-age=600': fresh,
      'max-age=600': (request, response) =>
        void response.writeHead(200, { 'cache-control': 'max-age=600' }).end(String(request.number)),
    }
    const orders: Readonly<Record<string, (cache: Interceptor, tokens: Interceptor) => Interceptor[]>> = {
      above: (cache, tokens) => [tokens, cache],
      'above, with retry between': (cache, tokens) => [tokens, retries, cache],
      beneath: (cache, tokens) => [cache, tokens],
    }
    for (const [order, arrange] of Object.entries(orders))
      for (const [says, handler] of Object.entries(answers))
        for (const type of ['shared', 'private'] as const)
          test(`a ${type} cache ${order} keeps no answer to a token that says ${says}`, async () => {
            const { source } = twoUsers()
            const api = await recordingServer(handler)
            const tokens = tokenInterceptor(source, { origins: [api.origin] })
            const dispatcher = agentOf(undici).compose(arrange(interceptors.cache({ type }) as Interceptor, tokens))
            const get = (user: string) => textFor(copy, dispatcher, `${api.origin}/`, user)
            expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '3'])
          })

    test('a cache above keeps what is answered to no token of ours', async () => {
      const [api, elsewhere] = [await recordingServer(), await recordingServer(fresh)]
      const tokens = tokenInterceptor(twoUsers().source, { origins: [api.origin], otherOrigins: 'pass-through' })
      const dispatcher = agentOf(undici).compose([tokens, interceptors.cache() as Interceptor])
      const get = () => textFor(copy, dispatcher, `${elsewhere.origin}/`)
      expect([await get(), await get()]).toEqual(['1', '1'])
    })

    test('a repetition passes a cache that has kept the 401', async () => {
      const server = authorizationServer()
      const api = await recordingServer((request, response) => {
        const isFirst = request.headers.authorization === 'Bearer secret-token-1'
        response.writeHead(isFirst ? 401 : 200, {
          'cache-control': 'public, max-age=600',
          ...(isFirst && { 'www-authenticate': 'Bearer error="invalid_token"' }),
        })
        response.end(String(request.number))
      })
      for (const arrange of Object.values(orders)) {
        const tokens = tokenInterceptor(server.source, { origins: [api.origin] })
        const dispatcher = agentOf(undici).compose(arrange(interceptors.cache() as Interceptor, tokens))
        expect((await undici.request(`${api.origin}/`, { dispatcher })).statusCode).toBe(200)
      }
    })
  })

  describeWhere(interceptors.deduplicate !== undefined)(`${copy.name}, an abort of one who shares an answer`, () => {
    async function sharing(count: number) {
      const open: ServerResponse[] = []
      const { api, dispatcher } = await setUp(copy, (_, response) => void open.push(response), {
        deduplicate: interceptors.deduplicate() as Interceptor,
      })
      const callers = Array.from({ length: count }, () => {
        const controller = new AbortController()
        const answer = undici
          .request(`${api.origin}/`, { dispatcher, signal: controller.signal })
          .then(({ body }) => body.text())
        answer.catch(() => {})
        return { answer, abort: () => controller.abort(new Error('mine alone')) }
      })
      await api.arrived(1)
      return { api, callers, response: open[0] as ServerResponse }
    }

    for (const index of [0, 1, 2])
      test(`is its own alone: caller ${index + 1} of 3`, async () => {
        const { api, callers, response } = await sharing(3)
        callers[index]?.abort()
        await expect(callers[index]?.answer).rejects.toThrow('mine alone')
        response.end('for the others')
        const others = callers.filter((_, other) => other !== index)
        expect(await Promise.all(others.map(({ answer }) => answer))).toEqual(Array(2).fill('for the others'))
        expect(api.requests).toHaveLength(1)
      })

    test('is its own alone while the answer comes', async () => {
      const { callers, response } = await sharing(2)
      await new Promise(written => response.write('for ', written))
      callers[0]?.abort()
      await expect(callers[0]?.answer).rejects.toThrow()
      response.end('the other')
      expect(await callers[1]?.answer).toBe('for the other')
    })

    test('ends the request when nobody is left', async () => {
      const { callers, response } = await sharing(2)
      const closed = once(response, 'close')
      for (const { abort } of callers) abort()
      for (const { answer } of callers) await expect(answer).rejects.toThrow('mine alone')
      await closed
    })
  })

  testWhere(interceptors.deduplicate !== undefined)(
    `${copy.name}: deduplicate above the tokens of several users is refused, before anything is sent`,
    async () => {
      const api = await recordingServer()
      const tokens = tokenInterceptor(twoUsers().source, { origins: [api.origin] })
      const dispatcher = agentOf(undici).compose([tokens, interceptors.deduplicate() as Interceptor])
      const error = await rejection(undici.request(`${api.origin}/`, { dispatcher, opaque: 'ann' }))
      expect(error).toMatchObject({ name: 'TypeError', option: 'deduplicate' })
      expect(api.bytes()).toBe('')
    },
  )

  describe(`${copy.name}, a redirect to the request’s own URL`, () => {
    for (const status of [301, 302, 303])
      test(`after a POST, ${status}, is followed by a GET without the body, as fetch does`, async () => {
        const { api, server, dispatcher } = await setUp(copy, undefined, { redirect: redirects })
        api.handler = (request, response) =>
          (request.method === 'POST' ? redirect(status, `${api.origin}/form#done`) : ok)(request, response)
        const { statusCode } = await undici.request(`${api.origin}/form`, {
          dispatcher,
          method: 'POST',
          body: 'a=b',
          headers: { 'content-type': 'text/plain', 'x-own': 'kept' },
        })
        expect(statusCode).toBe(200)
        const [posted, got] = api.requests
        expect(api.requests.map(({ method, url, body }) => [method, url, String(body)])).toEqual([
          ['POST', '/form', 'a=b'],
          ['GET', '/form', ''],
        ])
        expect([got?.headers['content-type'], got?.headers['x-own']]).toEqual([undefined, 'kept'])
        expect(posted?.headers['content-type']).toBe('text/plain')
        expect(credentials(api)).toEqual(Array(2).fill('Bearer secret-token-1'))
        expect(server.requests).toBe(1)
      })

    test('of a GET ends, one way or another', async () => {
      const { api, dispatcher } = await setUp(copy, undefined, { redirect: redirects })
      api.handler = redirect(303, '/')
      await undici
        .request(`${api.origin}/`, { dispatcher, method: 'POST', body: 'a' })
        .then(({ statusCode }) => expect(statusCode).toBe(303))
        .catch(error => expect(String(error)).toMatch(/loop/i))
      expect(api.requests.length).toBeLessThanOrEqual(7)
    })

    test('is handed on where redirects are not followed', async () => {
      const { api, dispatcher } = await setUp(copy, redirect(303, '/'), {})
      const { statusCode } = await undici.request(`${api.origin}/`, { dispatcher, method: 'POST', body: 'a' })
      expect([statusCode, api.requests.length]).toEqual([303, 1])
    })
  })

  describe(`${copy.name}, unsafe orders made harmless`, () => {
    test('redirect beneath the tokens: no redirect is followed', async () => {
      const elsewhere = await recordingServer()
      const { api, server } = await setUp(copy, redirect(302, elsewhere.origin))
      const tokens = tokenInterceptor(server.source, { origins: [api.origin] })
      const dispatcher = agentOf(undici).compose([redirects, tokens])
      expect((await undici.request(`${api.origin}/`, { dispatcher })).statusCode).toBe(302)
      expect(elsewhere.bytes()).toBe('')
    })

    test('redirect asked for beneath the tokens, by the request: refused', async () => {
      const { api, dispatcher } = await setUp(copy)
      const error = await rejection(undici.request(`${api.origin}/`, { dispatcher, maxRedirections: 5 } as never))
      expect(error).toMatchObject({ name: 'TypeError', option: 'maxRedirections' })
      expect(api.bytes()).toBe('')
    })

    testWhere(copy.name.startsWith('undici 6'))('an agent that follows redirects by itself: it does not', async () => {
      const elsewhere = await recordingServer()
      const { api, server } = await setUp(copy, redirect(302, elsewhere.origin))
      const agent = agentOf(undici, { maxRedirections: 5 } as never)
      const dispatcher = agent.compose(tokenInterceptor(server.source, { origins: [api.origin] }))
      expect((await undici.request(`${api.origin}/`, { dispatcher })).statusCode).toBe(302)
      expect(elsewhere.bytes()).toBe('')
    })

    testWhere(interceptors.dns !== undefined)('dns above the tokens: the address is no listed origin', async () => {
      const { api, dispatcher } = await setUp(copy, ok, { origins: ['http://localhost'] })
      const lookup = (_: unknown, __: unknown, callback: (error: null, found: object[]) => void) =>
        callback(null, [{ address: '127.0.0.1', family: 4, ttl: 60_000 }])
      const above = dispatcher.compose(interceptors.dns({ lookup } as never) as Interceptor)
      const error = await rejection(undici.request(`http://localhost:${api.port}/`, { dispatcher: above }))
      expect(error).toMatchObject({ code: 'ERR_ORIGIN' })
      expect(api.bytes()).toBe('')
    })
  })

  describe(`${copy.name}, unsafe orders: what goes wrong`, () => {
    test('retry beneath the tokens: every attempt carries the first token', async () => {
      const { api, server } = await setUp(copy, inTurn(json(503, {}), ok))
      const tokens = tokenInterceptor(server.source, { origins: [api.origin] })
      const dispatcher = agentOf(undici).compose([retries, tokens])
      const answer = api.handler
      api.handler = async (request, response) => {
        await server.source.getTokenSet({ force: true })
        answer(request, response)
      }
      await undici.request(`${api.origin}/`, { dispatcher })
      expect(credentials(api)).toEqual(Array(2).fill('Bearer secret-token-1'))
    })

    test('fetch above, which follows redirects itself, and pass-through: a chain that comes back gets a token', async () => {
      const { api, elsewhere } = await outAndBack()
      const { source } = authorizationServer()
      const dispatcher = withTokens<Dispatcher>(agentOf(undici), source, {
        origins: [api.origin],
        otherOrigins: 'pass-through',
      })
      await undici.fetch(`${api.origin}/`, { dispatcher })
      expect(credentials(api)).toEqual(Array(2).fill('Bearer secret-token-1'))
      expect(elsewhere.bytes()).not.toMatch(/secret/)
    })

    testWhere(interceptors.responseError !== undefined)(
      'responseError beneath the tokens: a rejected token is not noticed',
      async () => {
        const { api, server } = await setUp(copy, invalidToken)
        const tokens = tokenInterceptor(server.source, { origins: [api.origin] })
        const dispatcher = agentOf(undici).compose([
          interceptors.responseError({ throwOnError: true } as never) as Interceptor,
          tokens,
        ])
        await rejection(undici.request(`${api.origin}/`, { dispatcher }))
        expect(server.requests).toBe(1)
      },
    )
  })
}
