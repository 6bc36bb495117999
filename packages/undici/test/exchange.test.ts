/** What a handler sees while a 401 is looked at and a request sent once more. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { authorizationServer, tokenResponse } from '@grantkit/testing'
import type { Dispatcher } from 'undici'
import { describe, expect, test } from 'vitest'
import { type Dispatch, tokenInterceptor } from '../src/index.js'
import { copies } from './copies.js'
import { accepting, type Handler, inTurn, invalidToken, json, ok, recordingServer } from './recording-server.js'
import { agentOf, credentials, rejection, setUp } from './setup.js'

const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
const anotherScheme = { 'www-authenticate': 'Basic realm="api"' }
const large = Buffer.alloc(1_000_000, 'abcdefghij')

/** A 401 that is no token's fault. */
const forbidden =
  (body: Uint8Array): Handler =>
  (_, response) =>
    void response.writeHead(401, anotherScheme).end(body)

/** Keeps the answer of every request for the test to write. */
function byHand() {
  const responses: ServerResponse[] = []
  const handler: Handler = (_, response) => void responses.push(response)
  return { responses, handler }
}

for (const copy of copies) {
  const { undici } = copy
  const isLegacy = copy.name.startsWith('undici 6')

  describe(copy.name, () => {
    test('a 401 larger than what is looked at is handed on whole', async () => {
      const { api, dispatcher } = await setUp(copy, forbidden(large))
      const { statusCode, body } = await undici.request(`${api.origin}/`, { dispatcher })
      expect(statusCode).toBe(401)
      expect(Buffer.from(await body.arrayBuffer()).equals(large)).toBe(true)
      expect(api.requests).toHaveLength(1)
    })

    test('a 401 that does not end is handed on once its beginning is there', async () => {
      const { responses, handler } = byHand()
      const { api, dispatcher } = await setUp(copy, handler)
      const answer = undici.request(`${api.origin}/`, { dispatcher })
      await api.arrived(1)
      responses[0]?.writeHead(401, anotherScheme).write(large)
      const { body } = await answer
      responses[0]?.end('end')
      const text = await body.text()
      expect(text.length).toBe(large.length + 3)
      expect(text.endsWith('end')).toBe(true)
    })

    test('a rejected token whose 401 does not end: the request is sent once more, the connection let go', async () => {
      const { responses, handler } = byHand()
      const { api, dispatcher } = await setUp(copy, (request, response) =>
        (request.number === 1 ? handler : ok)(request, response),
      )
      const answer = undici.request(`${api.origin}/`, { dispatcher })
      await api.arrived(1)
      const closed = once(responses[0] as ServerResponse, 'close')
      responses[0]?.writeHead(401, challenge).write(large)
      expect((await answer).statusCode).toBe(200)
      await closed
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
    })

    test('a slow reader of a 401 gets it at its own pace', async () => {
      const { api, dispatcher } = await setUp(copy, forbidden(large))
      const { body } = await undici.request(`${api.origin}/`, { dispatcher, highWaterMark: 1 } as never)
      const chunks: Buffer[] = []
      const slow = new Writable({
        highWaterMark: 1,
        write(chunk, _, next) {
          chunks.push(chunk)
          setImmediate(next)
        },
      })
      await pipeline(body, slow)
      expect(Buffer.concat(chunks).equals(large)).toBe(true)
    })

    test('a handler that pauses gets nothing before it resumes', async () => {
      const { api, server } = await setUp(copy, forbidden(large))
      const dispatch = dispatchOf(undici, tokenInterceptor(server.source, { origins: [api.origin] }))
      const seen: string[] = []
      let received = 0
      await new Promise<void>((resolve, reject) => {
        const handler = pausing(isLegacy, {
          onHead: status => void seen.push(`head ${status}`),
          onChunk(chunk, isPaused) {
            if (isPaused) seen.push('chunk while paused')
            received += chunk.length
          },
          onEnd: () => resolve(),
          onError: reject,
        })
        dispatch({ origin: api.origin, path: '/', method: 'GET' }, handler)
      })
      expect([seen, received]).toEqual([['head 401'], large.length])
    })

    test('what comes before and after the body of a 401 is handed on too', async () => {
      const { api, dispatcher } = await setUp(copy, (_, response) => {
        response.writeProcessing()
        response.writeHead(401, { ...anotherScheme, trailer: 'x-after' })
        response.addTrailers({ 'x-after': 'yes' })
        response.end('body')
      })
      const infos: number[] = []
      const onInfo = ({ statusCode }: { statusCode: number }) => infos.push(statusCode)
      const { body, trailers } = await undici.request(`${api.origin}/`, { dispatcher, onInfo } as never)
      expect(await body.text()).toBe('body')
      expect([infos, trailers]).toEqual([[102], { 'x-after': 'yes' }])
    })

    test('a 401 that breaks off is handed on as far as it came', async () => {
      const { api, dispatcher } = await setUp(copy, (_, response) => {
        response.writeHead(401, { 'content-length': '9' }).write('begin', () => response.destroy())
      })
      const { statusCode, body } = await undici.request(`${api.origin}/`, { dispatcher })
      expect(statusCode).toBe(401)
      expect(await rejection(body.text())).toBeInstanceOf(Error)
    })

    test('a compressed 401 is understood, and handed on compressed', async () => {
      const body = gzipSync('{"code":"900901"}')
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const [api, server] = [
        await recordingServer((_, response) => void response.writeHead(401, { 'content-encoding': 'gzip' }).end(body)),
        authorizationServer({ conform }),
      ]
      const dispatcher = agentOf(undici).compose(tokenInterceptor(server.source, { origins: [api.origin] }))
      const answer = await undici.request(`${api.origin}/`, { dispatcher })
      expect(Buffer.from(await answer.body.arrayBuffer()).equals(body)).toBe(true)
      expect(server.requests).toBe(2)
    })

    for (const [name, handler] of Object.entries({ 'an answer': ok, 'a 401 that is handed on': forbidden(large) }))
      test(`the headers of ${name} reach who wants them raw as they came`, async () => {
        const { api, dispatcher } = await setUp(copy, (request, response) => {
          response.setHeader('X-Own', ['One', 'Two'])
          handler(request, response)
        })
        const { headers, body } = await undici.request(`${api.origin}/`, {
          dispatcher,
          responseHeaders: 'raw',
        } as never)
        await body.dump()
        const raw = [headers].flat().map(String)
        const values = raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === 'X-Own')
        expect(values).toEqual(['One', 'Two'])
      })

    test('stream() gets the answer to the request sent once more, and no other', async () => {
      const { api, dispatcher } = await setUp(copy, accepting('secret-token-2'))
      const statuses: number[] = []
      const sink = new PassThrough()
      await undici.stream(`${api.origin}/`, { dispatcher, method: 'GET' }, ({ statusCode }) => {
        statuses.push(statusCode)
        return sink
      })
      expect([statuses, await new Response(Readable.toWeb(sink) as ReadableStream).text()]).toEqual([
        [200],
        '{"ok":true}',
      ])
    })

    test('pipeline() carries the token; its body is a stream, so that a 401 is returned', async () => {
      const { api, server, dispatcher } = await setUp(copy, accepting('secret-token-2'))
      const send = async () => {
        const statuses: number[] = []
        const duplex = undici.pipeline(`${api.origin}/`, { dispatcher, method: 'PUT' }, ({ statusCode, body }) => {
          statuses.push(statusCode)
          return body
        })
        duplex.end('text')
        await duplex.resume().toArray()
        return statuses
      }
      expect([await send(), await send()]).toEqual([[401], [200]])
      expect(api.requests.map(({ body }) => body.toString())).toEqual(['text', 'text'])
      expect(server.requests).toBe(2)
    })

    test('fetch() of the same undici carries the token', async () => {
      const { api, dispatcher } = await setUp(copy, inTurn(invalidToken, ok))
      const response = await undici.fetch(`${api.origin}/`, { dispatcher })
      expect([response.status, await response.text()]).toEqual([200, '{"ok":true}'])
    })

    test('fetch() of the same undici: a redirect that leaves the origins is refused', async () => {
      const elsewhere = await recordingServer()
      const { api, dispatcher } = await setUp(
        copy,
        (_, response) => void response.writeHead(302, { location: elsewhere.origin }).end(),
      )
      const { cause } = await rejection(undici.fetch(`${api.origin}/`, { dispatcher }))
      expect(cause).toMatchObject({ code: 'ERR_ORIGIN' })
      expect(elsewhere.bytes()).toBe('')
    })

    for (const [name, body] of Object.entries({
      'a generator': function* () {
        yield Buffer.from('one')
      },
      'an async generator': async function* () {
        yield Buffer.from('one')
      },
      'a stream': () => Readable.from([Buffer.from('one')]),
    }))
      test(`${name} is sent once: the token is renewed for the next request`, async () => {
        const { api, server, dispatcher } = await setUp(copy, accepting('secret-token-2'))
        const send = () => undici.request(`${api.origin}/`, { dispatcher, method: 'PUT', body: body() as never })
        expect([(await send()).statusCode, (await send()).statusCode]).toEqual([401, 200])
        expect(api.requests.map(({ body }) => body.toString())).toEqual(['one', 'one'])
        expect(server.requests).toBe(2)
      })

    test('an upgrade and CONNECT are left alone', async () => {
      const { api, server, dispatcher } = await setUp(copy)
      const refused = await rejection(undici.upgrade(`${api.origin}/`, { dispatcher }))
      await rejection(undici.connect(api.origin, { dispatcher, path: 'elsewhere.example:1' } as never))
      expect(refused).toBeInstanceOf(Error)
      expect(api.bytes()).toMatch(/upgrade: websocket/i)
      expect(api.bytes()).toMatch(/^CONNECT/m)
      expect(api.bytes()).not.toMatch(/authorization/i)
      expect(server.requests).toBe(0)
    })

    test('an abort while the beginning of a 401 is awaited ends the request', async () => {
      const { responses, handler } = byHand()
      const { api, server, dispatcher } = await setUp(copy, handler)
      const controller = new AbortController()
      const aborted = rejection(undici.request(`${api.origin}/`, { dispatcher, signal: controller.signal }))
      await api.arrived(1)
      const closed = once(responses[0] as ServerResponse, 'close')
      await new Promise(written => responses[0]?.writeHead(401, challenge).write('begin', written))
      controller.abort()
      expect(await aborted).toMatchObject({ name: 'AbortError' })
      await closed
      expect(server.requests).toBe(1)
    })

    test('fetch() that is aborted while the token is awaited ends at once', async () => {
      const { api, server, dispatcher } = await setUp(copy)
      let answer = () => {}
      server.answer = () => new Promise(resolve => (answer = () => resolve(tokenResponse(503, {}))))
      const controller = new AbortController()
      const aborted = rejection(undici.fetch(`${api.origin}/`, { dispatcher, signal: controller.signal }))
      await expect.poll(() => server.requests).toBe(1)
      controller.abort()
      expect(await aborted).toMatchObject({ name: 'AbortError' })
      answer()
      expect(api.bytes()).toBe('')
    })

    test('an abort ends the wait for a source that does not listen', async () => {
      const api = await recordingServer()
      const controller = new AbortController()
      const source = {
        getTokenSet() {
          setImmediate(() => controller.abort())
          return new Promise<never>(() => {})
        },
      }
      const dispatcher = agentOf(undici).compose(tokenInterceptor(source, { origins: [api.origin] }))
      const { signal } = controller
      expect(await rejection(undici.request(api.origin, { dispatcher, signal }))).toMatchObject({ name: 'AbortError' })
    })

    test('a URL that is refused fails through the handler', async () => {
      const { api, server } = await setUp(copy)
      const dispatch = dispatchOf(undici, tokenInterceptor(server.source, { origins: [api.origin] }))
      const errors: unknown[] = []
      const handler = pausing(isLegacy, { onError: error => void errors.push(error) })
      dispatch({ origin: 'http://127.0.0.1:1', path: '/', method: 'GET' }, handler)
      expect(errors).toMatchObject([{ code: 'ERR_ORIGIN' }])
    })

    test('the path cannot name another server', async () => {
      const { api, server, dispatcher } = await setUp(copy)
      for (const path of ['http://elsewhere.example/', 'https://127.0.0.1/']) {
        const error = await rejection(dispatcher.request({ origin: api.origin, path, method: 'GET' }))
        expect(error).toMatchObject({ code: 'ERR_ORIGIN' })
      }
      expect([api.bytes(), server.requests]).toEqual(['', 0])
    })

    test('a handler that throws while a held 401 is handed on gets its error', async () => {
      const { api, server } = await setUp(copy, json(401, {}))
      const dispatch = dispatchOf(undici, tokenInterceptor(server.source, { origins: [api.origin] }))
      const thrown = new Error('thrown by the handler')
      const error = await new Promise(resolve => {
        const handler = pausing(isLegacy, {
          onHead() {
            throw thrown
          },
          onError: resolve,
        })
        dispatch({ origin: api.origin, path: '/', method: 'GET' }, handler)
      })
      expect(error).toBe(thrown)
    })
  })

  /** The interceptor alone, without `compose`: handlers come as they are. */
  function dispatchOf(undici: typeof copy.undici, interceptor: ReturnType<typeof tokenInterceptor>): Dispatch {
    const agent = agentOf(undici)
    return interceptor(agent.dispatch.bind(agent) as never)
  }
}

test('what is above can be called both ways, and what is beneath calls the newer one alone, as undici 8 does', async () => {
  const { source } = authorizationServer()
  const origin = 'https://api.example'
  const tokens = tokenInterceptor(source, { origins: [origin] })
  const beneath: Dispatch = (_, handler) => {
    const { onRequestStart, onResponseStart, onResponseEnd } = handler as Dispatcher.DispatchHandler
    const controller = { paused: false, aborted: false, reason: null, pause() {}, resume() {}, abort() {} }
    onRequestStart?.call(handler, controller, undefined)
    onResponseStart?.call(handler, controller, 200, { 'x-own': 'yes' }, 'OK')
    onResponseEnd?.call(handler, controller, {})
    return true
  }
  const dispatch = tokens(tokens(beneath as never) as never)
  const seen = await new Promise((resolve, onError) => {
    const onResponseStart: Dispatcher.DispatchHandler['onResponseStart'] = (_, status, headers) =>
      resolve([status, headers['x-own']])
    dispatch(
      { origin, path: '/', method: 'GET' },
      { ...pausing(false, { onError }), onResponseStart, onHeaders: () => onError(new Error('the older way')) },
    )
  })
  expect(seen).toEqual([200, 'yes'])
})

interface Events {
  readonly onHead?: (status: number) => void
  readonly onChunk?: (chunk: Uint8Array, isPaused: boolean) => void
  readonly onEnd?: () => void
  readonly onError: (error: unknown) => void
}

/** A handler of either generation that pauses after everything it gets, until the next turn. */
function pausing(isLegacy: boolean, { onHead, onChunk, onEnd, onError }: Events): Dispatcher.DispatchHandler {
  let isPaused = false
  const pause = (resume: () => void) => {
    isPaused = true
    setImmediate(() => {
      isPaused = false
      resume()
    })
    return false
  }
  let goOn = () => {}
  const legacy = {
    onConnect() {},
    onHeaders(status: number, _: unknown, resume: () => void) {
      goOn = resume
      onHead?.(status)
      return pause(resume)
    },
    onData(chunk: Uint8Array) {
      onChunk?.(chunk, isPaused)
      return pause(goOn)
    },
    onComplete: () => onEnd?.(),
    onError,
  }
  const modern: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onResponseStart(controller, status) {
      onHead?.(status)
      controller.pause()
      pause(() => controller.resume())
    },
    onResponseData(controller, chunk) {
      onChunk?.(chunk, isPaused)
      controller.pause()
      pause(() => controller.resume())
    },
    onResponseEnd: () => onEnd?.(),
    onResponseError: (_, error) => onError(error),
  }
  return isLegacy ? (legacy as never) : modern
}
