import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { authorizationServer, tokenResponse } from '@grantkit/testing'
import FormDataPackage from 'form-data'
import type { ExtendOptions, OptionsInit, Response } from 'got'
import { describe, expect, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import {
  accepting,
  type Handler,
  inTurn,
  invalidToken,
  json,
  ok,
  type Received,
  recordingServer,
} from './recording-server.js'

/** Bodies that can be sent twice, and what arrives. */
const replayable: Record<string, [options: () => OptionsInit, arrived: string | RegExp]> = {
  'no body': [() => ({ method: 'GET' }), ''],
  JSON: [() => ({ json: { amount: 1 } }), '{"amount":1}'],
  'a form': [() => ({ form: { a: '1 2' } }), 'a=1+2'],
  text: [() => ({ body: 'text' }), 'text'],
  'a Buffer': [() => ({ body: Buffer.from('bytes') }), 'bytes'],
  'a typed array': [() => ({ body: new TextEncoder().encode('bytes') }), 'bytes'],
  FormData: [() => ({ body: formData() }), /name="field"\r\n\r\nvalue\r\n[\s\S]*filename="file"[\s\S]*\r\nbytes\r\n/],
}

function formData(): FormData {
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['bytes']), 'file')
  return form
}

/** Bodies that cannot. */
const streams: Record<string, () => { body: NonNullable<OptionsInit['body']> }> = {
  'a Node stream': () => ({ body: Readable.from([Buffer.from('bytes')]) }),
  'an async generator': () => ({
    body: (async function* () {
      yield Buffer.from('bytes')
    })(),
  }),
  'a generator': () => ({
    body: (function* () {
      yield Buffer.from('bytes')
    })(),
  }),
  'a form of the form-data package': () => {
    const form = new FormDataPackage()
    form.append('field', 'value')
    return { body: form as unknown as Readable }
  },
}

const bodyOf = ({ body }: Received) => body.toString()

const refusal = (status: number, challenge: string): Handler => json(status, {}, { 'www-authenticate': challenge })

/** The parts of the body, with the boundary its content type names. */
function parse({ headers, body }: Received): Promise<FormData> {
  return new globalThis.Response(new Uint8Array(body), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData()
}

for (const client of clients) {
  const buffersAlone = client.name === 'got 14.4.3'

  describe(`a rejected token, ${client.name}`, () => {
    for (const [name, [options, arrived]] of Object.entries(replayable))
      test(`with ${name} the request is sent once more, whole, with a new token`, async context => {
        context.skip(buffersAlone && name === 'a typed array', 'of bytes, the lowest got takes Buffers alone')
        const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
        const { statusCode } = (await instance('', { method: 'PUT', ...options() })) as Response
        expect(statusCode).toBe(200)
        expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
        for (const request of api.requests) expect(bodyOf(request)).toMatch(arrived)
        expect(api.requests[1]?.headers['content-type']?.split(';')[0]).toBe(
          api.requests[0]?.headers['content-type']?.split(';')[0],
        )
        expect(server.requests).toBe(2)
      })

    test('FormData arrives under the boundary it names', async () => {
      const { api, instance } = await setUp(client, accepting('secret-token-2'))
      await instance.post('', { body: formData() })
      for (const request of api.requests) expect((await parse(request)).get('field')).toBe('value')
      expect(api.requests).toHaveLength(2)
    })

    // got 15 takes no forms but the platform's
    test('FormData keeps a type the caller gave it', async () => {
      const { api, instance } = await setUp(client, accepting('secret-token-2'))
      await instance.post('', { body: formData(), headers: { 'content-type': 'multipart/own' } })
      expect(api.requests.map(({ headers }) => headers['content-type'])).toEqual(['multipart/own', 'multipart/own'])
    })

    test('FormData does not come back where a hook has put a stream in its place', async () => {
      const { api, instance } = await setUp(client, invalidToken)
      const replacing = instance.extend({
        hooks: {
          beforeRequest: [
            options => {
              delete options.headers['content-length']
              options.body = Readable.from([Buffer.from('other')])
            },
          ],
        },
      })
      await rejection(replacing.post('', { body: formData() }))
      expect(api.requests.map(bodyOf)).toEqual(['other'])
    })

    for (const [name, options] of Object.entries(streams)) {
      // got 15 and 16 take no forms but the platform's
      if (name.startsWith('a form') && !client.name.startsWith('got 14')) continue
      test(`with ${name} the 401 is returned, and the next request has a new token`, async () => {
        const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
        expect(await rejection(instance.post('', options()))).toMatchObject({ response: { statusCode: 401 } })
        expect(api.requests).toHaveLength(1)
        await instance.get('')
        expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
        expect(server.requests).toBe(2)
      })
    }

    test('with a stream it is renewed once, however many hooks the instance has', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const other = authorizationServer({ name: 'other', origins: ['https://b.example'] })
      const merged = instance.extend(instance, tokenHooks(other.source))
      await rejection(merged.post('', { body: Readable.from([Buffer.from('bytes')]) }))
      expect([api.requests.length, server.requests, other.requests]).toEqual([1, 2, 0])
    })

    test('one that was replaced already costs no token request', async () => {
      const { api, server, instance } = await setUp(client)
      await instance.get('')
      let release = () => {}
      api.handler = (request, response) => {
        if (request.url === '/slow') release = () => invalidToken(request, response)
        else accepting('secret-token-2')(request, response)
      }
      const slow = instance.get('slow').text()
      await api.arrived(2)
      await instance.get('')
      api.handler = accepting('secret-token-2')
      release()
      await slow
      expect(credentials(api)).toEqual([1, 1, 1, 2, 2].map(number => `Bearer secret-token-${number}`))
      expect(server.requests).toBe(2)
    })

    test('a second 401 is returned as it is, and the new token is kept', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const { response } = await rejection(instance.get('', { responseType: 'json' }))
      expect([response?.statusCode, response?.body]).toEqual([401, { fault: 'Invalid Credentials' }])
      api.handler = ok
      await instance.get('')
      expect(credentials(api)).toEqual([1, 2, 2].map(number => `Bearer secret-token-${number}`))
      expect(server.requests).toBe(2)
    })

    for (const [name, handler] of Object.entries({
      '401 with insufficient_scope': refusal(401, 'Bearer error="insufficient_scope"'),
      '401 with another challenge': refusal(401, 'Basic realm="api"'),
      '403 with invalid_token': refusal(403, 'Bearer error="invalid_token"'),
      '500 with invalid_token': refusal(500, 'Bearer error="invalid_token"'),
    }))
      test(`${name} renews nothing`, async () => {
        const { api, server, instance } = await setUp(client, handler)
        await rejection(instance.get(''))
        expect([api.requests.length, server.requests]).toEqual([1, 1])
      })

    test('the provider’s own sign of it counts, read from a compressed body', async () => {
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const refused: Handler = (_, response) => {
        const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
        response.writeHead(401, headers).end(gzipSync('{"code":"900901"}'))
      }
      const { api, instance } = await setUp(client, inTurn(refused, ok), { conform })
      expect(await instance.get('').json()).toEqual({ ok: true })
      expect(api.requests).toHaveLength(2)
    })

    test('everything in flight is sent once more after one renewal', async () => {
      const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, number) => instance.post('', { json: { number } }).json()),
      )
      expect(answers).toEqual(Array(20).fill({ ok: true }))
      expect([api.requests.length, server.requests]).toEqual([40, 2])
    })

    for (const [name, options] of Object.entries<OptionsInit>({
      'throwHttpErrors: false': { throwHttpErrors: false },
      'retry.limit: 0': { retry: { limit: 0 } },
      'retry.calculateDelay that declines': { retry: { calculateDelay: () => 0 } },
      'another method, which got does not repeat': { method: 'POST' },
    }))
      test(`is renewed with ${name} as well`, async () => {
        const { api, instance } = await setUp(client, accepting('secret-token-2'))
        const { statusCode } = (await instance('', options)) as Response
        expect([statusCode, api.requests.length]).toEqual([200, 2])
      })

    test('the caller’s calculateDelay is in force again afterwards', async () => {
      const failures: unknown[] = []
      const retry = {
        limit: 1,
        calculateDelay: ({ error, computedValue }: { error: { code: string }; computedValue: number }) => {
          failures.push(error.code)
          return Math.sign(computedValue)
        },
      }
      const { api, instance } = await setUp(client, inTurn(invalidToken, json(503, {}), ok), { config: { retry } })
      await instance.get('')
      expect(failures).toEqual(['ERR_NON_2XX_3XX_RESPONSE'])
      expect(credentials(api)).toEqual([1, 2, 2].map(number => `Bearer secret-token-${number}`))
    })

    test('hooks behind ours see the final answer, and that once; those before it both', async () => {
      const seen: [string, number][] = []
      const look = (name: string): ExtendOptions => ({
        hooks: {
          afterResponse: [
            response => {
              seen.push([name, response.statusCode])
              return response
            },
          ],
        },
      })
      const { instance } = await setUp(client, accepting('secret-token-2'), { config: look('before') })
      const { hooks } = instance.extend(look('behind')).defaults.options
      expect(hooks.afterResponse).toHaveLength(3)
      await instance.extend(look('behind')).get('')
      expect(seen).toEqual([
        ['before', 401],
        ['before', 200],
        ['behind', 200],
      ])
    })

    test('a hook of the caller’s that repeats, and keeps all hooks, does not make ours replay again', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const stubborn = instance.extend({
        hooks: {
          afterResponse: [
            (response, retryWithMergedOptions) => {
              if (api.requests.length >= 6) return response
              const { hooks } = response.request.options
              const { afterResponse } = hooks
              try {
                return retryWithMergedOptions({})
              } finally {
                hooks.afterResponse = afterResponse
              }
            },
          ],
        },
      })
      await rejection(stubborn.get(''))
      expect([api.requests.length, server.requests]).toEqual([6, 2])
    })

    test('a status that got repeats by itself is replayed once all the same', async () => {
      const retry = {
        limit: 2,
        statusCodes: [401],
        calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue),
      }
      const { api, instance } = await setUp(client, invalidToken, { config: { retry } })
      await rejection(instance.get(''))
      expect(credentials(api)).toEqual([1, 2, 2, 2].map(number => `Bearer secret-token-${number}`))
    })

    test('got’s own attempts each take a token', async () => {
      const retry = { limit: 1, calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue) }
      const { api, server, instance } = await setUp(client, undefined, { config: { retry } })
      api.handler = inTurn((request, response) => {
        void server.source.drop('secret-token-1')
        json(503, {})(request, response)
      }, ok)
      await instance.put('', { json: { a: 1 } })
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
      expect(api.requests.map(bodyOf)).toEqual(['{"a":1}', '{"a":1}'])
    })

    test('one of them after a replay too', async () => {
      const retry = { limit: 1, calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue) }
      const { api, server, instance } = await setUp(client, undefined, { config: { retry } })
      const failing: Handler = (request, response) => {
        void server.source.drop('secret-token-2')
        json(503, {})(request, response)
      }
      api.handler = inTurn(invalidToken, failing, ok)
      await instance.get('')
      expect(credentials(api)).toEqual([1, 2, 3].map(number => `Bearer secret-token-${number}`))
    })

    for (const otherOrigins of ['refuse', 'pass-through'] as const)
      test(`a hook that moves the second attempt elsewhere takes no token there: ${otherOrigins}`, async () => {
        const elsewhere = await recordingServer(invalidToken)
        const { api, server, instance } = await setUp(client, invalidToken, { otherOrigins })
        const moving = instance.extend({
          hooks: {
            beforeRequest: [
              options => {
                if (api.requests.length > 0) options.url = new URL(elsewhere.origin)
              },
            ],
          },
        })
        const error = await rejection(moving.get(api.origin, { prefixUrl: '' }))
        expect(elsewhere.bytes()).not.toContain('secret')
        expect(error).toMatchObject(
          otherOrigins === 'refuse' ? { code: 'ERR_ORIGIN' } : { response: { statusCode: 401 } },
        )
        expect([api.requests.length, server.requests]).toEqual([1, 2])
      })

    test('failure to renew it fails the request: got’s error has the code, and the cause', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const { answer } = server
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'unauthorized_client' }))
      const error = await rejection(instance.get(''))
      expect([error.name, error.code]).toEqual(['RequestError', 'ERR_SERVER_REFUSED'])
      expect(error.cause).toMatchObject({ name: 'AuthorizationServerError', error: 'unauthorized_client' })
      expect(api.requests).toHaveLength(1)
    })

    test('an abort during the renewal ends the request', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const { answer } = server
      const controller = new AbortController()
      server.answer = number => {
        if (number === 1) return answer(number)
        controller.abort()
        return new Promise(() => {})
      }
      const error = await rejection(instance.get('', { signal: controller.signal }))
      expect([error.name, api.requests.length]).toEqual(['AbortError', 1])
    })
  })

  /** What the caller reads of a 401 that was looked into and handed on. */
  describe(`the body of a 401, ${client.name}`, () => {
    const text = JSON.stringify({ fault: 'x'.repeat(100_000) })
    const unauthorized: Handler = (_, response) => {
      const headers = { 'content-type': 'application/json', 'www-authenticate': 'Bearer error="invalid_token"' }
      response.writeHead(401, headers).end(text)
    }
    const read: Record<string, (body: never) => unknown> = {
      json: body => JSON.stringify(body),
      text: body => body,
      buffer: body => Buffer.from(body).toString(),
    }
    for (const [responseType, readBody] of Object.entries(read))
      for (const resolveBodyOnly of [false, true])
        test(`is whole as ${responseType}${resolveBodyOnly ? ', alone' : ''}`, async () => {
          const { api, instance } = await setUp(client, unauthorized, { config: { throwHttpErrors: false } })
          const options = { responseType: responseType as 'json', resolveBodyOnly }
          const result = (await instance('', options as OptionsInit)) as Response
          expect(readBody((resolveBodyOnly ? result : result.body) as never)).toBe(text)
          expect(api.requests).toHaveLength(2)
        })

    test('that is no JSON is handed on as text', async () => {
      const { instance } = await setUp(client, (_, response) => void response.writeHead(401).end('<html>'))
      const { response } = await rejection(instance.get('', { responseType: 'json' }))
      expect(response?.body).toBe('<html>')
    })
  })
}
