import { authorizationServer } from '@grantkit/testing'
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
  recordingServer,
  redirect,
} from './recording-server.js'

const conform = { resourceHeaders: { 'X-Api-Key': 'secret-key', DPoP: 'secret-proof' } }

for (const client of clients) {
  describe(`redirects, ${client.name}`, () => {
    for (const status of [301, 302, 303, 307, 308])
      for (const method of ['GET', 'POST'] as const)
        test(`${status} to another origin after ${method} is followed with nothing of ours`, async () => {
          const elsewhere = await recordingServer()
          const { api, instance } = await setUp(client, redirect(status, `${elsewhere.origin}/landed`), { conform })
          const body = method === 'POST' ? { json: { amount: 1 } } : {}
          expect(await instance('', { method, ...body }).json()).toEqual({ ok: true })
          expect(api.requests[0]?.headers).toMatchObject({ 'x-api-key': 'secret-key', dpop: 'secret-proof' })
          expect(elsewhere.requests).toHaveLength(1)
          expect(elsewhere.bytes()).not.toMatch(/secret|authorization|x-api-key|dpop/i)
        })

    test('within the origin the headers stay', async () => {
      const { api, instance } = await setUp(client, inTurn(redirect(302, '/moved'), ok), { conform })
      await instance.get('')
      expect(api.requests[1]).toMatchObject({
        url: '/moved',
        headers: { authorization: 'Bearer secret-token-1', 'x-api-key': 'secret-key' },
      })
    })

    test('another listed origin gets them, though got takes Authorization off', async () => {
      const other = await recordingServer()
      const api = await recordingServer(redirect(307, other.origin))
      const { source } = authorizationServer({ name: 'both', conform, origins: [api.origin, other.origin] })
      await client.got.extend(tokenHooks(source)).post(api.origin, { body: 'text' })
      expect(other.requests).toMatchObject([
        { headers: { authorization: 'Bearer both-1', 'x-api-key': 'secret-key' }, body: Buffer.from('text') },
      ])
    })

    test('the origin of another source gets nothing', async () => {
      const other = await recordingServer()
      const { instance } = await setUp(client, redirect(302, other.origin), { conform })
      const { source } = authorizationServer({ name: 'secret-other', origins: [other.origin] })
      await instance.extend(tokenHooks(source)).get('')
      expect(other.requests).toHaveLength(1)
      expect(other.bytes()).not.toContain('secret')
    })

    test('a chain that left and came back gets nothing back', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, inTurn(redirect(302, elsewhere.origin), ok), { conform })
      elsewhere.handler = redirect(302, `${api.origin}/back`)
      await instance.get('')
      expect(elsewhere.bytes()).not.toContain('secret')
      expect(api.requests[1]?.url).toBe('/back')
      expect(api.requests[1]?.headers).not.toHaveProperty('authorization')
      expect(api.requests[1]?.headers).not.toHaveProperty('x-api-key')
    })

    test('nor when got repeats a hop on the way', async () => {
      const elsewhere = await recordingServer()
      const retry = {
        limit: 1,
        statusCodes: [503],
        calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue),
      }
      const { api, instance } = await setUp(client, undefined, { conform, config: { retry } })
      api.handler = inTurn(redirect(302, elsewhere.origin), ok)
      elsewhere.handler = inTurn(json(503, {}), redirect(302, `${api.origin}/back`))
      await instance.get('')
      expect(elsewhere.requests).toHaveLength(2)
      expect(elsewhere.bytes()).not.toContain('secret')
      expect(credentials(api)).toEqual(['Bearer secret-token-1', undefined])
    })

    test('an attempt that got repeats behind a redirect takes a token of its own', async () => {
      const retry = { limit: 1, calculateDelay: ({ computedValue = 0 }) => Math.sign(computedValue) }
      const { api, server, instance } = await setUp(client, undefined, { config: { retry } })
      const failing: Handler = (request, response) => {
        void server.source.drop('secret-token-1')
        json(503, {})(request, response)
      }
      api.handler = inTurn(redirect(302, '/moved'), failing, ok)
      await instance.get('')
      expect(credentials(api)).toEqual([1, 1, 2].map(number => `Bearer secret-token-${number}`))
    })

    test('a credential that a hook of the caller’s brings on the way is theirs', async () => {
      const { api, server, instance } = await setUp(client, inTurn(redirect(302, '/moved'), invalidToken), { conform })
      const bringing = instance.extend({
        hooks: { beforeRedirect: [({ headers }) => void Object.assign(headers, { authorization: 'Bearer own' })] },
      })
      expect(await rejection(bringing.get(''))).toMatchObject({ response: { statusCode: 401 } })
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer own'])
      expect(api.requests[1]?.headers).not.toHaveProperty('x-api-key')
      expect(server.requests).toBe(1)
    })

    test('a request that passed through gets nothing where it is sent on to', async () => {
      const { api, server, instance } = await setUp(client, undefined, { otherOrigins: 'pass-through' })
      const elsewhere = await recordingServer(redirect(302, api.origin))
      await instance.get(elsewhere.origin, { prefixUrl: '' })
      expect([credentials(api), server.requests]).toEqual([[undefined], 0])
    })

    test('another port, and another name of the machine, are other origins', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, redirect(302, elsewhere.origin), { conform })
      elsewhere.handler = inTurn(redirect(302, `http://localhost:${elsewhere.port}/again`), ok)
      await instance.get('')
      expect([api.requests.length, elsewhere.requests.length]).toEqual([1, 2])
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('protocol-relative targets are other origins', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(302, `//127.0.0.1:${elsewhere.port}/`), { conform })
      await instance.get('')
      expect(elsewhere.requests).toHaveLength(1)
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('a target that a hook puts in its place is checked as it ends up', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, inTurn(redirect(302, '/moved'), ok), { conform })
      const moving = instance.extend({
        hooks: {
          beforeRedirect: [
            options => {
              options.url = new URL(elsewhere.origin)
            },
          ],
        },
      })
      await moving.get('').catch(() => {})
      expect(api.requests).toHaveLength(1)
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('the caller’s own Authorization does not leave the origin, and ours does not take its place', async () => {
      const other = await recordingServer()
      const api = await recordingServer(inTurn(redirect(302, '/moved'), redirect(302, other.origin)))
      const server = authorizationServer({ origins: [api.origin, other.origin] })
      await client.got.extend(tokenHooks(server.source)).get(api.origin, { headers: { Authorization: 'Bearer own' } })
      expect(credentials(api)).toEqual(['Bearer own', 'Bearer own'])
      expect([credentials(other), server.requests]).toEqual([[undefined], 0])
    })

    test('a 401 of another origin renews nothing', async () => {
      const elsewhere = await recordingServer(invalidToken)
      const { api, server, instance } = await setUp(client, redirect(302, elsewhere.origin))
      expect(await rejection(instance.get(''))).toMatchObject({ response: { statusCode: 401 } })
      expect([api.requests.length, elsewhere.requests.length, server.requests]).toEqual([1, 1, 1])
    })

    test('a 401 behind a redirect is sent once more to where it came from, with a new token', async () => {
      const { api, server, instance } = await setUp(client)
      api.handler = (request, response) =>
        (request.url === '/' ? redirect(307, '/moved') : accepting('secret-token-2'))(request, response)
      expect(await instance.post('', { json: { amount: 1 } }).json()).toEqual({ ok: true })
      expect(api.requests.map(({ url, body }) => url + body)).toEqual(
        ['/', '/moved', '/moved'].map(url => `${url}{"amount":1}`),
      )
      expect(server.requests).toBe(2)
    })

    test('a stream’s redirect carries nothing away either', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(302, elsewhere.origin), { conform })
      await instance.stream('').toArray()
      expect(elsewhere.requests).toHaveLength(1)
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('followRedirect: false hands the redirect on', async () => {
      const { api, instance } = await setUp(client, redirect(302, '/again'), { config: { followRedirect: false } })
      expect((await instance.get('')).statusCode).toBe(302)
      expect(api.requests).toHaveLength(1)
    })
  })
}
