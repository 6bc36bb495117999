import http from 'node:http'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type { InternalAxiosRequestConfig } from 'axios'
import { describe, expect, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { clients, rejection, setUp, type TestedClient } from './clients.js'
import { type Handler, invalidToken, json, ok, redirect } from './recording-server.js'

const conform = { resourceHeaders: { 'X-Api-Key': 'secret-key' } }

/** Everything a log can make of a value. */
function shown(value: unknown): string {
  return [
    inspect(value, { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }),
    walked(value),
    value instanceof Error ? String(value) : '',
    jsonOf(value),
  ].join('\n')
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return ''
  }
}

/** What a logger meets that follows every enumerable property itself. */
function walked(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value === 'string') return `${value}\n`
  if (typeof value !== 'object' || value === null || seen.has(value)) return ''
  seen.add(value)
  if (value instanceof Map || value instanceof Set) return [...value].map(one => walked(one, seen)).join('')
  const keys = Reflect.ownKeys(value).filter(key => Object.prototype.propertyIsEnumerable.call(value, key))
  return keys.map(key => `${String(key)} ${walked((value as Record<PropertyKey, unknown>)[key], seen)}`).join('')
}

const unending: Handler = (_, response) => void response.writeHead(500).write('begin')

interface Failure {
  readonly handler: Handler
  readonly request?: object
}

const failures: Record<string, Failure> = {
  'a 401': { handler: invalidToken },
  'a 401 read as a stream': { handler: invalidToken, request: { responseType: 'stream' } },
  'a 500': { handler: json(500, { error: 'oops' }) },
  'a 500 read as a stream': { handler: unending, request: { responseType: 'stream' } },
  'a 500 read as bytes': { handler: json(500, { error: 'oops' }), request: { responseType: 'arraybuffer' } },
  'a body that does not parse': {
    handler: (_, response) => void response.writeHead(200).end('{'),
    request: { responseType: 'json', transitional: { silentJSONParsing: false } },
  },
  'a 401 to a stream': { handler: invalidToken, request: { method: 'post', data: () => Readable.from(['a']) } },
  'a 401 to a stream that no redirect follows': {
    handler: invalidToken,
    request: { method: 'post', data: () => Readable.from(['a']), maxRedirects: 0 },
  },
  'a 401 to a stream whose progress is told': {
    handler: invalidToken,
    request: { method: 'post', data: () => Readable.from(['a']), onUploadProgress() {} },
  },
  'a cut connection': { handler: (_, response) => void response.destroy() },
  'a body cut off': {
    handler: (_, response) =>
      void response.writeHead(200, { 'content-length': '9' }).write('1', () => response.destroy()),
  },
  'too many redirects': { handler: redirect(302, '/again'), request: { maxRedirects: 1 } },
  'a redirect to nowhere': { handler: redirect(302, 'http://127.0.0.1:1/') },
  'a time-out before the answer': { handler: () => {}, request: { timeout: 20 } },
  'an answer too large': { handler: ok, request: { maxContentLength: 1 } },
  'a request body too large': { handler: ok, request: { method: 'post', data: 'too large', maxBodyLength: 1 } },
  'a stream that fails while it is sent': {
    handler: ok,
    request: {
      method: 'post',
      data: () =>
        Readable.from(
          (async function* () {
            yield Buffer.from('a')
            throw new Error('torn')
          })(),
        ),
    },
  },
}

async function failWith(client: TestedClient, { handler, request }: Failure) {
  const agent = new http.Agent({ keepAlive: true })
  const { instance, api } = await setUp(client, handler, { conform, config: { httpAgent: agent } })
  const config = { url: '/', ...request } as { data?: unknown }
  if (typeof config.data === 'function') config.data = config.data()
  const error = await rejection(instance.request(config))
  return { error, api, agent }
}

const lateFailures: Record<string, (response: http.ServerResponse) => void> = {
  'is cut off': response => response.destroy(),
  'grows too large': response => response.end('x'.repeat(2_000)),
}

async function readOn(stream: AsyncIterable<Uint8Array>, proceed: () => void): Promise<void> {
  for await (const _ of stream) proceed()
}

for (const client of clients) {
  describe(`no secret shows, ${client.name}`, () => {
    for (const [name, failure] of Object.entries(failures))
      test(`in the error after ${name}`, async context => {
        const result = await failWith(client, failure).catch(() => undefined)
        if (result === undefined) return context.skip('this axios takes it for no error')
        expect(shown(result.error)).not.toMatch(/secret-token|secret-key/)
      })

    test('in an error beside a request under way on the same agent', async () => {
      const { error, api, agent } = await failWith(client, { handler: json(500, {}) })
      api.handler = () => {}
      const controller = new AbortController()
      const sent = api.requests.length
      const { config } = error
      const { instance } = await setUp(client, undefined, { origins: [api.origin], config: { httpAgent: agent } })
      const underWay = rejection(instance.get(api.origin, { signal: controller.signal }))
      await api.arrived(sent + 1)
      expect(shown(config)).not.toContain('secret-token')
      controller.abort()
      expect(shown(await underWay)).not.toContain('secret-token')
    })

    for (const responseType of ['json', 'stream'] as const)
      test(`in a response read as ${responseType}`, async () => {
        const { instance } = await setUp(client, ok, { conform })
        const response = await instance.get('/', { responseType })
        expect(shown(response)).not.toMatch(/secret-token|secret-key/)
        expect(response.request).toBeTypeOf('object')
      })

    test('in a response to a stream', async () => {
      const { instance } = await setUp(client, ok, { conform })
      const response = await instance.post('/', Readable.from(['a']))
      expect(shown(response)).not.toMatch(/secret-token|secret-key/)
    })

    for (const [name, fail] of Object.entries(lateFailures))
      test(`in the error of a stream that ${name} after it was handed on`, async context => {
        const { api, instance } = await setUp(client, undefined, { conform })
        let proceed = () => {}
        api.handler = (_, response) => {
          proceed = () => fail(response)
          response.writeHead(200).write('x'.repeat(1_000))
        }
        const { data } = await instance.get('/', { responseType: 'stream', maxContentLength: 2_000 })
        const error = await readOn(data, () => proceed()).catch(error => error)
        if (error === undefined) return context.skip('before 1.15 axios does not bound streams')
        expect(shown(error)).not.toMatch(/secret-token|secret-key/)
      })

    test('in the error of an abort', async () => {
      const { api, instance } = await setUp(client, () => {}, { conform })
      const controller = new AbortController()
      const aborted = rejection(instance.get('/', { signal: controller.signal }))
      await api.arrived(1)
      controller.abort()
      expect(shown(await aborted)).not.toMatch(/secret-token|secret-key/)
    })

    for (const origins of ['listed', 'others'] as const)
      test(`in an error that an adapter of the caller’s own throws at once, for ${origins}`, async () => {
        const { api, instance, server, detach } = await setUp(client, undefined, { conform })
        detach()
        const listed = origins === 'listed' ? api.origin : 'https://elsewhere.example'
        attachTokenSource(instance, server.source, { origins: [listed], otherOrigins: 'pass-through' })
        let given: unknown
        const adapter = (config: InternalAxiosRequestConfig) => {
          given = config.headers.get('authorization')
          throw new client.axios.AxiosError('no', 'ERR_OWN', config)
        }
        const error = await rejection(instance.get('/', { adapter: adapter as never }))
        expect([error.code, given]).toEqual(['ERR_OWN', origins === 'listed' ? 'Bearer secret-token-1' : undefined])
        expect(error.config?.adapter).toBe(adapter)
        expect(shown(error)).not.toMatch(/secret-token|secret-key/)
      })

    test('in what an interceptor keeps of a request under way', async () => {
      const { api, instance } = await setUp(client, () => {}, { conform })
      const kept: object[] = []
      instance.interceptors.request.use(config => {
        kept.push(config)
        return config
      })
      const transformRequest = function (this: object, data: unknown) {
        kept.push(this)
        return data
      }
      const controller = new AbortController()
      const aborted = rejection(instance.get('/', { signal: controller.signal, transformRequest }))
      await api.arrived(1)
      expect(kept).toHaveLength(2)
      expect(api.requests[0]?.headers).toMatchObject({ 'x-api-key': 'secret-key' })
      for (const config of kept) expect(shown(config)).not.toMatch(/secret-token|secret-key/)
      controller.abort()
      await aborted
      for (const config of kept) expect(shown(config)).not.toMatch(/secret-token|secret-key/)
    })

    test('in the config, which is the caller’s again', async () => {
      const { instance } = await setUp(client, json(500, {}))
      const error = await rejection(instance.get('/', { headers: { 'X-Own': 'kept' } }))
      const { config, response } = error
      expect(response?.config).toBe(config)
      expect(config).toMatchObject({ url: '/', adapter: client.adapter, headers: { 'X-Own': 'kept' } })
      expect(config).not.toHaveProperty('beforeRedirect')
      expect(config).not.toHaveProperty('fetchOptions')
    })

    test('though the request stays readable', async () => {
      const { instance } = await setUp(client, json(500, {}))
      const error = await rejection(instance.get('/'))
      expect(inspect(error.request, { depth: 5 })).toContain('secret-token')
      expect(error.response?.request).toBe(error.request)
    })
  })
}
