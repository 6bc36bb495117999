import http, { type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { deflateSync } from 'node:zlib'
import type { ExtendOptions, OptionsOfTextResponseBody, Response } from 'got'
import { describe, expect, test } from 'vitest'
import { clients, rejection, setUp, type TestedClient } from './clients.js'
import { type Handler, invalidToken, json, ok, redirect } from './recording-server.js'

const conform = { resourceHeaders: { 'X-Api-Key': 'secret-key' } }
const secrets = /secret-token|secret-key/

/** Everything a log can make of a value. */
function shown(value: unknown): string {
  return [
    inspect(value, { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }),
    walked(value),
    value instanceof Error ? `${value} ${value.stack}` : '',
    jsonOf(value),
  ].join('\n')
}

function jsonOf(value: unknown): string {
  const seen = new Set()
  return (
    JSON.stringify(value, (_, each) => (seen.has(each) || typeof each === 'bigint' ? undefined : add(seen, each))) ?? ''
  )
}

function add<Value>(seen: Set<unknown>, value: Value): Value {
  if (typeof value === 'object' && value !== null) seen.add(value)
  return value
}

/** What a logger meets that follows every enumerable property itself. */
function walked(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value === 'string') return `${value}\n`
  if (ArrayBuffer.isView(value)) return `${textOf(value)}\n`
  if (typeof value !== 'object' || value === null || seen.has(value)) return ''
  seen.add(value)
  if (value instanceof Map || value instanceof Set) return [...value].map(one => walked(one, seen)).join('')
  const keys = Reflect.ownKeys(value).filter(key => Object.prototype.propertyIsEnumerable.call(value, key))
  return keys.map(key => `${String(key)} ${walked((value as Record<PropertyKey, unknown>)[key], seen)}`).join('')
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('latin1')
}

interface Failure {
  readonly handler: Handler
  readonly options?: () => OptionsOfTextResponseBody
  readonly agent?: http.Agent
}

const tornBody = () => ({
  method: 'POST' as const,
  body: Readable.from(
    (async function* () {
      yield Buffer.from('a')
      throw new Error('torn')
    })(),
  ),
})

const cutOff: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': '9' }).write('1', () => response.destroy())
}

const failures: Record<string, Failure> = {
  'a 401': { handler: invalidToken },
  'a 500': { handler: json(500, { error: 'oops' }) },
  'a 500 to FormData': { handler: json(500, {}), options: () => ({ method: 'POST', body: new FormData() }) },
  'a body that does not parse': {
    handler: (_, response) => void response.writeHead(200).end('{'),
    options: () => ({ responseType: 'json' }) as object,
  },
  'a cut connection': { handler: (_, response) => void response.destroy() },
  'a body cut off': { handler: cutOff },
  'too many redirects': { handler: redirect(302, '/again'), options: () => ({ maxRedirects: 1 }) },
  'a redirect to nowhere': { handler: redirect(302, 'http://127.0.0.1:1/') },
  'a time-out before the answer': { handler: () => {}, options: () => ({ timeout: { response: 20 } }) },
  'an answer in the cache’s way': { handler: json(500, {}), options: () => ({ cache: new Map() }) },
  'a stream that fails while it is sent': { handler: ok, options: tornBody },
  'the same on Node’s own agent': { handler: ok, options: tornBody, agent: http.globalAgent },
}

function setUpWith(client: TestedClient, handler: Handler, config: ExtendOptions = {}) {
  return setUp(client, handler, { conform, config })
}

for (const client of clients) {
  describe(`no secret shows, ${client.name}`, () => {
    for (const [name, { handler, options = () => ({}), agent = new http.Agent({ keepAlive: true }) }] of Object.entries(
      failures,
    ))
      test(`in the error after ${name}, its request and its response`, async () => {
        const config = agent === http.globalAgent ? {} : { agent: { http: agent } }
        const { server, instance } = await setUpWith(client, handler, config)
        const error = await rejection(instance('', options()))
        expect(server.requests).toBeGreaterThan(0)
        for (const each of [error, error.options, error.request, error.response])
          expect(shown(each)).not.toMatch(secrets)
      })

    test('in the error beside a request under way on the same agent', async () => {
      const agent = { http: new http.Agent({ keepAlive: true }) }
      const { api, instance } = await setUpWith(
        client,
        ({ url }, response) => {
          if (url === '/failing') response.writeHead(500).end()
        },
        { agent },
      )
      const controller = new AbortController()
      const underWay = rejection(instance.get('hanging', { signal: controller.signal }))
      await api.arrived(1)
      const error = await rejection(instance.get('failing'))
      for (const each of [error, error.request, error.response]) expect(shown(each)).not.toMatch(secrets)
      controller.abort()
      const aborted = await underWay
      for (const each of [aborted, aborted.request]) expect(shown(each)).not.toMatch(secrets)
    })

    for (const [name, handler] of Object.entries<Handler>({
      'a response': ok,
      'a response that was compressed': (_, response) => {
        response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('{}'))
      },
      'a response after a redirect': ({ url }, response) => {
        if (url === '/') response.writeHead(302, { location: '/moved' }).end()
        else response.end('{}')
      },
    }))
      test(`in ${name}, and its request is still there`, async () => {
        const { instance } = await setUpWith(client, handler)
        const response = (await instance.get('')) as unknown as Response
        expect(shown(response)).not.toMatch(secrets)
        expect(response.request.options.url?.toString()).toContain('http://127.0.0.1')
      })

    test('in a response that a function of the caller’s own brought in place of a request', async () => {
      const request = (url: URL, options: http.RequestOptions) =>
        new Promise<http.IncomingMessage>(resolve => http.request(url, options, resolve).end())
      const { api, instance } = await setUpWith(client, ok, { request })
      const response = (await instance.get('')) as unknown as Response
      expect(api.requests[0]?.headers).toMatchObject({ 'x-api-key': 'secret-key' })
      expect(shown(response)).not.toMatch(secrets)
    })

    test('in a stream, before its answer, with it, and after it broke off', async () => {
      const { api, instance } = await setUpWith(client, ok)
      let answer: ServerResponse | undefined
      api.handler = (_, response) => {
        answer = response
      }
      const stream = instance.stream('')
      const events: unknown[] = []
      for (const event of ['request', 'response', 'error']) stream.on(event, value => events.push(value))
      const failed = new Promise(resolve => stream.once('error', resolve))
      await api.arrived(1)
      const shownBefore = shown(stream)
      answer?.writeHead(200, { 'content-length': '9' }).write('1')
      await new Promise(resolve => stream.once('data', resolve))
      const shownWith = shown([stream, events])
      answer?.destroy()
      await failed
      for (const each of [shownBefore, shownWith, shown([stream, events])]) expect(each).not.toMatch(secrets)
      expect(events).toHaveLength(3)
    })

    test('in a stream that waits for a connection', async () => {
      const agent = { http: new http.Agent({ maxSockets: 1 }) }
      const { api, instance } = await setUpWith(client, () => {}, { agent })
      const controller = new AbortController()
      const { signal } = controller
      const first = rejection(instance.get('first', { signal }))
      await api.arrived(1)
      const waiting = instance.stream('second', { signal })
      const failed = new Promise(resolve => waiting.once('error', resolve))
      await new Promise(resolve => waiting.once('request', resolve))
      // got ends it a moment later
      await new Promise(setImmediate)
      const shownMeanwhile = shown(waiting)
      controller.abort()
      for (const each of [shownMeanwhile, shown([waiting, await failed, await first])])
        expect(each).not.toMatch(secrets)
    })

    test('in the errors of the token itself', async () => {
      const { instance } = await setUpWith(client, ok)
      const error = await rejection(instance.get('http://127.0.0.1:1/?key=secret-key', { prefixUrl: '' }))
      expect([String(error), error.message, shown(error.cause)].join('\n')).not.toMatch(secrets)
    })

    test('though Node’s request answers whoever asks it', async () => {
      const { instance } = await setUpWith(client, ok)
      let asked: unknown
      const sent = instance.get('').on('request', request => {
        asked = request.getHeader('authorization')
      })
      await sent
      expect(asked).toBe('Bearer secret-token-1')
    })
  })
}
