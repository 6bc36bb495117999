import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { tokenResponse } from '@grantkit/testing'
import FormDataPackage from 'form-data'
import { describe, expect, test } from 'vitest'
import { clients, credentials, rejection, setUp } from './clients.js'
import { accepting, type Handler, inTurn, invalidToken, json, ok, type Received } from './recording-server.js'

/** Bodies that can be sent twice, and what arrives. */
const replayable: Record<string, [body: () => unknown, arrived: string | RegExp]> = {
  'no body': [() => undefined, ''],
  JSON: [() => ({ amount: 1 }), '{"amount":1}'],
  text: [() => 'text', 'text'],
  'a form': [() => new URLSearchParams({ a: '1 2' }), 'a=1+2'],
  'a Buffer': [() => Buffer.from('bytes'), 'bytes'],
  'a typed array': [() => new TextEncoder().encode('bytes'), 'bytes'],
  'an ArrayBuffer': [() => new TextEncoder().encode('bytes').buffer, 'bytes'],
  'a Blob': [() => new Blob(['bytes']), 'bytes'],
  FormData: [formData, /name="field"\r\n\r\nvalue\r\n[\s\S]*filename="file"[\s\S]*\r\nbytes\r\n/],
}

function formData(): FormData {
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['bytes']), 'file')
  return form
}

/** Bodies that cannot. */
const streams: Record<string, () => unknown> = {
  'a Node stream': () => Readable.from([Buffer.from('bytes')]),
  'a form of the form-data package': () => {
    const form = new FormDataPackage()
    form.append('field', 'value')
    return form
  },
}

async function readAll(stream: unknown): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const bodyOf = ({ body }: Received) => body.toString()

const refusal = (status: number, challenge: string): Handler => json(status, {}, { 'www-authenticate': challenge })

for (const client of clients) {
  describe(`a rejected token, ${client.name}`, () => {
    for (const [name, [body, arrived]] of Object.entries(replayable))
      test(`with ${name} the request is sent once more, whole, with a new token`, async () => {
        const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
        const { status } = await instance({ method: body() === undefined ? 'get' : 'put', url: '/', data: body() })
        expect(status).toBe(200)
        expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
        for (const request of api.requests) expect(bodyOf(request)).toMatch(arrived)
        expect(api.requests[1]?.headers['content-type']?.split(';')[0]).toBe(
          api.requests[0]?.headers['content-type']?.split(';')[0],
        )
        expect(server.requests).toBe(2)
      })

    for (const [name, body] of Object.entries(streams)) {
      if (client.adapter === 'fetch' && name !== 'a Node stream') continue
      test(`with ${name} the 401 is returned, and the next request has a new token`, async () => {
        const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
        expect(await rejection(instance.post('/', body()))).toMatchObject({ response: { status: 401 } })
        expect(api.requests).toHaveLength(1)
        await instance.get('/')
        expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
        expect(server.requests).toBe(2)
      })
    }

    test('one that was replaced already costs no token request', async () => {
      const { api, server, instance } = await setUp(client)
      await instance.get('/')
      let release = () => {}
      api.handler = (request, response) => {
        if (request.url === '/slow') release = () => invalidToken(request, response)
        else accepting('secret-token-2')(request, response)
      }
      const slow = instance.get('/slow')
      await api.arrived(2)
      await instance.get('/')
      api.handler = accepting('secret-token-2')
      release()
      await slow
      expect(credentials(api)).toEqual([1, 1, 1, 2, 2].map(number => `Bearer secret-token-${number}`))
      expect(server.requests).toBe(2)
    })

    test('a second 401 is returned as it is, and the new token is kept', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      const { response } = await rejection(instance.get('/'))
      expect([response?.status, response?.data]).toEqual([401, { fault: 'Invalid Credentials' }])
      api.handler = ok
      await instance.get('/')
      expect(credentials(api)).toEqual([1, 2, 2].map(number => `Bearer secret-token-${number}`))
      expect(server.requests).toBe(2)
    })

    test('an API that takes no token at all causes one renewal, not one for each request', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      for (let count = 0; count < 3; count++) await rejection(instance.get('/'))
      expect([api.requests.length, server.requests]).toEqual([4, 2])
    })

    for (const [name, handler] of Object.entries({
      '401 with insufficient_scope': refusal(401, 'Bearer error="insufficient_scope"'),
      '401 with another challenge': refusal(401, 'Basic realm="api"'),
      '403 with invalid_token': refusal(403, 'Bearer error="invalid_token"'),
      '500 with invalid_token': refusal(500, 'Bearer error="invalid_token"'),
    }))
      test(`${name} renews nothing`, async () => {
        const { api, server, instance } = await setUp(client, handler)
        await rejection(instance.get('/'))
        expect([api.requests.length, server.requests]).toEqual([1, 1])
      })

    test('the provider’s own sign of it counts, read from the body', async () => {
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const { api, instance } = await setUp(client, inTurn(json(401, { code: '900901' }), ok), { conform })
      expect((await instance.get('/')).data).toEqual({ ok: true })
      expect(api.requests).toHaveLength(2)
    })

    test('everything in flight is sent once more after one renewal', async () => {
      const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
      const answers = await Promise.all(Array.from({ length: 20 }, (_, number) => instance.post('/', { number })))
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect([api.requests.length, server.requests]).toEqual([40, 2])
    })

    test('an answer that axios takes for a success because the caller says so is treated alike', async () => {
      const { api, instance } = await setUp(client, accepting('secret-token-2'))
      const { status } = await instance.get('/', { validateStatus: () => true })
      expect([status, api.requests.length]).toEqual([200, 2])
    })

    test('the answer passes transforms and interceptors once', async () => {
      const { instance } = await setUp(client, accepting('secret-token-2'))
      const passed: string[] = []
      instance.interceptors.request.use(config => {
        passed.push('request interceptor')
        return config
      })
      instance.interceptors.response.use(response => {
        passed.push('response interceptor')
        return response
      })
      const transformRequest = (data: unknown) => {
        passed.push('transformRequest')
        return data
      }
      const transformResponse = (data: unknown) => {
        passed.push('transformResponse')
        return data
      }
      await instance.post('/', 'text', { transformRequest, transformResponse })
      expect(passed).toEqual(['request interceptor', 'transformRequest', 'transformResponse', 'response interceptor'])
    })

    test('failure to renew it fails the request with that error', async () => {
      const { api, server, instance } = await setUp(client, invalidToken)
      await instance.get('/', { validateStatus: () => true, headers: { Authorization: false } })
      const { answer } = server
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'unauthorized_client' }))
      expect(await rejection(instance.get('/'))).toMatchObject({
        code: 'ERR_SERVER_REFUSED',
        error: 'unauthorized_client',
      })
      expect(api.requests).toHaveLength(2)
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
      const error = await rejection(instance.get('/', { signal: controller.signal }))
      expect([client.axios.isCancel(error), api.requests.length]).toEqual([true, 1])
    })
  })

  /** What the caller reads of a 401 that was looked into and handed on. */
  describe(`the body of a 401, ${client.name}`, () => {
    const text = JSON.stringify({ fault: 'x'.repeat(100_000) })
    const unauthorized: Handler = (_, response) => {
      const headers = { 'content-type': 'application/json', 'www-authenticate': 'Bearer error="invalid_token"' }
      response.writeHead(401, headers).end(text)
    }
    const read: Record<string, (data: never) => unknown> = {
      json: data => JSON.stringify(data),
      text: data => data,
      arraybuffer: data => Buffer.from(data).toString(),
      stream: data => readAll(data),
      ...(client.adapter === 'fetch' && { blob: (data: Blob) => data.text() }),
    }
    for (const [responseType, readData] of Object.entries(read))
      test(`is whole as ${responseType}`, async () => {
        const { api, instance } = await setUp(client, unauthorized)
        const { response } = await rejection(instance.get('/', { responseType: responseType as 'json' }))
        expect(await readData(response?.data as never)).toBe(text)
        expect(api.requests).toHaveLength(2)
      })

    test('is decompressed', async () => {
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const { instance } = await setUp(
        client,
        (_, response) => {
          const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
          response.writeHead(401, headers).end(gzipSync('{"code":"900901"}'))
        },
        { conform },
      )
      const { response } = await rejection(instance.get('/', { responseType: 'stream' }))
      expect(await readAll(response?.data)).toBe('{"code":"900901"}')
    })

    test('that breaks off in a stream breaks off for the caller, who has its status', async () => {
      const { instance } = await setUp(client, (_, response) => {
        response.writeHead(401, { 'content-length': '1000' }).write('begin')
        setImmediate(() => response.destroy())
      })
      const { response } = await rejection(instance.get('/', { responseType: 'stream' }))
      expect(response?.status).toBe(401)
      await expect(readAll(response?.data)).rejects.toThrow()
    })

    const holdsOn = client.axios.VERSION === '1.7.0' && client.adapter === 'fetch'
    const why = 'axios 1.7 lets go of a body it got by fetch only when the next chunk arrives'

    test('that goes on for ever is read to its beginning alone, and can be let go', async context => {
      context.skip(holdsOn, why)
      const { api, instance } = await setUp(client)
      let closed: Promise<unknown> = Promise.resolve()
      api.handler = (_, response) => {
        closed = new Promise(resolve => response.on('close', resolve))
        response.writeHead(401)
        response.write('x'.repeat(100_000))
      }
      const { response } = await rejection(instance.get('/', { responseType: 'stream' }))
      const data = response?.data as Readable & ReadableStream
      if (client.adapter === 'http') data.destroy()
      else await data.cancel()
      await closed
    })

    test('is let go when no new token can be had', async context => {
      context.skip(holdsOn, why)
      const { api, server, instance } = await setUp(client)
      await instance.get('/')
      server.answer = () => tokenResponse(400, { error: 'unauthorized_client' })
      let closed: Promise<unknown> = Promise.resolve()
      api.handler = (_, response) => {
        closed = new Promise(resolve => response.on('close', resolve))
        response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' })
        response.write('x'.repeat(100_000))
      }
      await rejection(instance.get('/', { responseType: 'stream' }))
      await closed
    })

    test('of a request that is sent once more is let go', async context => {
      context.skip(holdsOn, why)
      const { api, instance } = await setUp(client)
      let closed: Promise<unknown> = Promise.resolve()
      api.handler = inTurn((_, response) => {
        closed = new Promise(resolve => response.on('close', resolve))
        response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' })
        response.write('x'.repeat(100_000))
      }, ok)
      const { data } = await instance.get('/', { responseType: 'stream' })
      await closed
      expect(await readAll(data)).toBe('{"ok":true}')
    })
  })
}
