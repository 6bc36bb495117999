import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { authorizationServer, tokenResponse } from '@grantkit/testing'
import type { Request } from 'got'
import { describe, expect, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { accepting, invalidToken, json } from './recording-server.js'

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The stream that got makes for another attempt, once the program has asked for it. */
function retried(stream: Request): Promise<Request> {
  return new Promise((resolve, reject) => {
    stream.once('retry', (_count, _error, createRetryStream: () => Request) => resolve(createRetryStream()))
    stream.once('error', reject)
    stream.resume()
  })
}

for (const client of clients) {
  describe(`got.stream, ${client.name}`, () => {
    test('a stream carries the token', async () => {
      const { api, instance } = await setUp(client)
      expect(await readAll(instance.stream('a'))).toBe('{"ok":true}')
      expect(api.requests).toMatchObject([{ url: '/a', headers: { authorization: 'Bearer secret-token-1' } }])
    })

    test('what is piped into one is sent, once the token is there', async () => {
      const { api, instance } = await setUp(client)
      const answer = instance.stream.post('a')
      await pipeline(Readable.from([Buffer.from('one '), Buffer.from('two')]), answer, async received => {
        expect(await readAll(received)).toBe('{"ok":true}')
      })
      expect(api.requests.map(({ body }) => body.toString())).toEqual(['one two'])
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    test('a rejected token is an error with the body, and the next request has a new token', async () => {
      const { api, server, instance } = await setUp(client, accepting('secret-token-2'))
      const { response } = await rejection(readAll(instance.stream('')))
      expect([response?.statusCode, response?.body]).toEqual([401, '{"fault":"Invalid Credentials"}'])
      await instance.get('')
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
      expect(server.requests).toBe(2)
    })

    test('with the provider’s own sign of it read from the body', async () => {
      const conform = { recognizeRejection: ({ body }: { body: string }) => body.includes('900901') }
      const { api, server, instance } = await setUp(client, undefined, { conform })
      api.handler = (_, response) => {
        response.writeHead(401, { 'content-encoding': 'gzip' }).end(gzipSync('{"code":"900901"}'))
      }
      await rejection(readAll(instance.stream('')))
      expect([api.requests.length, server.requests]).toEqual([1, 2])
    })

    test('with throwHttpErrors: false the 401 flows, whole, and the next request has a new token', async () => {
      const { api, instance } = await setUp(client, accepting('secret-token-2'), { config: { throwHttpErrors: false } })
      expect(await readAll(instance.stream(''))).toBe('{"fault":"Invalid Credentials"}')
      await instance.get('')
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
    })

    test('with throwHttpErrors: false a renewal that fails is the next request’s to report', async () => {
      const { server, instance } = await setUp(client, invalidToken, { config: { throwHttpErrors: false } })
      const { answer } = server
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'unauthorized_client' }))
      expect(await readAll(instance.stream(''))).toBe('{"fault":"Invalid Credentials"}')
      expect(await rejection(instance.get(''))).toMatchObject({ code: 'ERR_SERVER_REFUSED' })
    })

    test('a rejected token is renewed once, however many hooks the instance has', async () => {
      const { server, instance } = await setUp(client, invalidToken)
      const other = authorizationServer({ name: 'other', origins: ['https://b.example'] })
      const merged = instance.extend(instance, tokenHooks(other.source)) as typeof instance
      await rejection(readAll(merged.stream('')))
      expect([server.requests, other.requests]).toEqual([2, 0])
    })

    test('another answer renews nothing', async () => {
      const { server, instance } = await setUp(
        client,
        json(403, {}, { 'www-authenticate': 'Bearer error="invalid_token"' }),
      )
      expect(await rejection(readAll(instance.stream('')))).toMatchObject({ response: { statusCode: 403 } })
      expect(server.requests).toBe(1)
    })

    test('failure to renew is the stream’s error, with the code and the cause', async () => {
      const { server, instance } = await setUp(client, invalidToken)
      const { answer } = server
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'unauthorized_client' }))
      const error = await rejection(readAll(instance.stream('')))
      expect([error.code, error.cause]).toMatchObject(['ERR_SERVER_REFUSED', { name: 'AuthorizationServerError' }])
    })

    test('a program that asks got to repeat streams on 401 has the new token there', async () => {
      const retry = {
        limit: 1,
        statusCodes: [401],
        calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue),
      }
      const { api, server, instance } = await setUp(client, accepting('secret-token-2'), { config: { retry } })
      expect(await readAll(await retried(instance.stream('')))).toBe('{"ok":true}')
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
      expect(server.requests).toBe(2)
    })

    test('failure to get a token is its error', async () => {
      const { api, server, instance } = await setUp(client)
      server.answer = () => tokenResponse(400, { error: 'invalid_scope' })
      expect(await rejection(readAll(instance.stream('')))).toMatchObject({ code: 'ERR_SERVER_REFUSED' })
      expect(api.requests).toHaveLength(0)
    })

    test('one that is destroyed while the token is on its way sends nothing', async () => {
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
      const stream = instance.stream('a')
      await asked
      stream.destroy()
      open()
      await instance.get('b')
      expect(api.bytes().match(/GET/g)).toHaveLength(1)
    })
  })
}
