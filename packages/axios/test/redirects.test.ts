import { Readable } from 'node:stream'
import { authorizationServer } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { accepting, inTurn, invalidToken, json, ok, recordingServer, redirect } from './recording-server.js'

const conform = { resourceHeaders: { 'X-Api-Key': 'secret-key', DPoP: 'secret-proof' } }

for (const client of clients) {
  describe(`redirects, ${client.name}`, () => {
    for (const status of [301, 302, 303, 307, 308])
      for (const method of ['get', 'post'] as const)
        test(`${status} to another origin after ${method} is followed with nothing of ours`, async () => {
          const elsewhere = await recordingServer()
          const { api, instance } = await setUp(client, redirect(status, `${elsewhere.origin}/landed`), { conform })
          const { data } = await instance({ method, url: '/', ...(method === 'post' && { data: { amount: 1 } }) })
          expect(data).toEqual({ ok: true })
          expect(api.requests[0]?.headers).toMatchObject({ 'x-api-key': 'secret-key', dpop: 'secret-proof' })
          expect(elsewhere.requests).toHaveLength(1)
          expect(elsewhere.bytes()).not.toMatch(/secret|authorization|x-api-key|dpop/i)
        })

    for (const [status, method, expected] of [
      [301, 'POST', 'GET'],
      [302, 'POST', 'GET'],
      [303, 'POST', 'GET'],
      [303, 'PUT', 'GET'],
      [307, 'POST', 'POST'],
      [308, 'POST', 'POST'],
      [302, 'PUT', 'PUT'],
    ] as const)
      test(`${status} makes a ${expected} of a ${method}, with the body or without`, async () => {
        const { api, instance } = await setUp(client, inTurn(redirect(status, '/moved?x=1'), ok))
        await instance({ method, url: '/', params: { page: 1 }, data: { amount: 1 } })
        expect(api.requests[1]).toMatchObject({ method: expected, url: '/moved?x=1' })
        const { headers, body } = api.requests[1] ?? {}
        const withBody = expected === method
        expect(body?.toString()).toBe(withBody ? '{"amount":1}' : '')
        expect(headers?.['content-type']).toBe(withBody ? 'application/json' : undefined)
      })

    test('303 leaves HEAD a HEAD', async () => {
      const { api, instance } = await setUp(client, inTurn(redirect(303, '/moved'), ok))
      await instance.head('/')
      expect(api.requests[1]).toMatchObject({ method: 'HEAD', url: '/moved' })
    })

    test('within the origin the headers stay', async () => {
      const { api, instance } = await setUp(client, inTurn(redirect(302, '/moved'), ok), { conform })
      await instance.get('/')
      expect(api.requests[1]).toMatchObject({
        url: '/moved',
        headers: { authorization: 'Bearer secret-token-1', 'x-api-key': 'secret-key' },
      })
    })

    test('another listed origin gets them back', async () => {
      const other = await recordingServer()
      const api = await recordingServer(redirect(307, other.origin))
      const instance = client.axios.create({ adapter: client.adapter })
      attachTokenSource(instance, authorizationServer({ conform }).source, { origins: [api.origin, other.origin] })
      await instance.post(api.origin, 'text')
      expect(other.requests).toMatchObject([
        { headers: { authorization: 'Bearer secret-token-1', 'x-api-key': 'secret-key' } },
      ])
    })

    test('a chain that left and came back gets nothing back', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, inTurn(redirect(302, elsewhere.origin), ok), { conform })
      elsewhere.handler = redirect(302, `${api.origin}/back`)
      await instance.get('/')
      expect(elsewhere.bytes()).not.toContain('secret')
      expect(api.requests[1]?.url).toBe('/back')
      expect(api.requests[1]?.headers).not.toHaveProperty('authorization')
      expect(api.requests[1]?.headers).not.toHaveProperty('x-api-key')
    })

    test('another port, and another name of the machine, are other origins', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, inTurn(redirect(302, elsewhere.origin)), { conform })
      elsewhere.handler = inTurn(redirect(302, `http://localhost:${elsewhere.port}/again`), ok)
      await instance.get('/')
      expect([api.requests.length, elsewhere.requests.length]).toEqual([1, 2])
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('protocol-relative targets are other origins', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(302, `//127.0.0.1:${elsewhere.port}/`), { conform })
      await instance.get('/')
      expect(elsewhere.requests).toHaveLength(1)
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('the caller’s own cookies do not leave the origin either', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, redirect(302, elsewhere.origin))
      await instance.get('/', { headers: { Cookie: 'session=1', 'X-Own': 'kept' } })
      expect(api.requests[0]?.headers).toMatchObject({ cookie: 'session=1' })
      expect(elsewhere.requests[0]?.headers).toMatchObject({ 'x-own': 'kept' })
      expect(elsewhere.requests[0]?.headers).not.toHaveProperty('cookie')
    })

    test('the caller’s own Authorization does not leave the origin either', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, inTurn(redirect(302, '/moved'), redirect(302, elsewhere.origin)))
      await instance.get('/', { headers: { Authorization: 'Bearer own' } })
      expect(credentials(api)).toEqual(['Bearer own', 'Bearer own'])
      expect(credentials(elsewhere)).toEqual([undefined])
    })

    test('config.auth does not leave the origin either', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(302, elsewhere.origin))
      await instance.get('/', { auth: { username: 'ann', password: 'pw' } })
      expect(credentials(elsewhere)).toEqual([undefined])
    })

    test('a 401 of another origin renews nothing', async () => {
      const elsewhere = await recordingServer(invalidToken)
      const { api, server, instance } = await setUp(client, redirect(302, elsewhere.origin))
      expect(await rejection(instance.get('/'))).toMatchObject({ response: { status: 401 } })
      expect([api.requests.length, elsewhere.requests.length, server.requests]).toEqual([1, 1, 1])
    })

    test('a 401 behind a redirect within the origins starts anew with a new token', async () => {
      const { api, server, instance } = await setUp(client)
      api.handler = (request, response) =>
        (request.url === '/' ? redirect(307, '/moved') : accepting('secret-token-2'))(request, response)
      expect((await instance.post('/', { amount: 1 })).data).toEqual({ ok: true })
      expect(api.requests.map(({ url, body }) => url + body)).toEqual(
        ['/', '/moved', '/', '/moved'].map(url => `${url}{"amount":1}`),
      )
      expect(server.requests).toBe(2)
    })

    test('as many are followed as maxRedirects says', async () => {
      const { api, instance } = await setUp(client, redirect(302, '/again'), { config: { maxRedirects: 3 } })
      await rejection(instance.get('/'))
      expect(api.requests).toHaveLength(4)
    })

    test('maxRedirects: 0 hands the redirect on', async () => {
      const { api, instance } = await setUp(client, redirect(302, '/again'), {
        config: { maxRedirects: 0, validateStatus: () => true },
      })
      const { status, headers } = await instance.get('/')
      expect([status, headers.location, api.requests.length]).toEqual([302, '/again', 1])
    })

    test('a redirect that goes round in circles ends', async () => {
      const { instance } = await setUp(client, redirect(302, '/again'))
      const error = await rejection(instance.get('/'))
      expect(client.axios.isAxiosError(error)).toBe(true)
    })

    test('a stream is not sent a second time, least of all empty', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(307, elsewhere.origin), { config: { maxRedirects: 0 } })
      await rejection(instance.post('/', Readable.from([Buffer.from('abc')])))
      expect(elsewhere.requests).toHaveLength(0)
    })
  })
}

for (const client of clients.filter(({ adapter }) => adapter === 'fetch')) {
  describe(`redirects by fetch, ${client.name}`, () => {
    for (const redirectMode of ['manual', 'error'] as const)
      test(`the caller’s own wish counts: ${redirectMode}`, async () => {
        const { api, instance } = await setUp(client, redirect(302, '/again'), {
          config: { fetchOptions: { redirect: redirectMode }, validateStatus: () => true },
        })
        const result = await instance.get('/').catch(error => error)
        expect(api.requests).toHaveLength(1)
        expect([result.status, result.code]).toEqual(
          redirectMode === 'manual' ? [302, undefined] : [undefined, 'ERR_NETWORK'],
        )
      })

    test.each([301, 302, 307, 308])('a stream’s %i is handed on', async status => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(status, elsewhere.origin))
      const error = await rejection(instance.post('/', Readable.from([Buffer.from('abc')])))
      expect([error.response?.status, elsewhere.requests.length]).toEqual([status, 0])
    })

    test('a stream’s 303 is followed', async () => {
      const { api, instance } = await setUp(client, inTurn(redirect(303, '/done'), ok))
      await instance.post('/', Readable.from([Buffer.from('abc')]))
      expect(api.requests).toMatchObject([{ body: Buffer.from('abc') }, { method: 'GET', url: '/done' }])
    })

    for (const [name, location] of Object.entries({ 'no URL': 'http://', 'no HTTP': 'ftp://127.0.0.1/' }))
      test(`a target that is ${name} is handed on`, async () => {
        const { instance } = await setUp(client, redirect(302, location))
        expect(await rejection(instance.get('/'))).toMatchObject({ response: { status: 302 } })
      })

    test('the body of a redirect is let go', async () => {
      let closed: Promise<unknown> = Promise.resolve()
      const { instance } = await setUp(
        client,
        inTurn((_, response) => {
          closed = new Promise(resolve => response.on('close', resolve))
          response.writeHead(302, { location: '/moved' }).write('x')
        }, ok),
      )
      await instance.get('/', { responseType: 'stream' })
      await closed
    })

    test('the last hop’s URL is in response.request', async () => {
      const { api, instance } = await setUp(client, inTurn(redirect(302, '/moved'), ok))
      expect((await instance.get('/')).request.url).toBe(`${api.origin}/moved`)
    })
  })
}

for (const client of clients.filter(({ adapter }) => adapter === 'http')) {
  describe(`redirects by follow-redirects, ${client.name}`, () => {
    test('the caller’s beforeRedirect is called, with what axios calls it with', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, redirect(302, `${elsewhere.origin}/x`))
      const calls: unknown[][] = []
      await instance.get('/', {
        beforeRedirect(options, ...details) {
          calls.push([options.href, ...details])
          options.headers['x-own'] = 'set on the way'
        },
      })
      expect(calls[0]?.slice(0, 2)).toMatchObject([
        `${elsewhere.origin}/x`,
        { headers: { location: `${elsewhere.origin}/x` } },
      ])
      expect(elsewhere.requests[0]?.headers).toMatchObject({ 'x-own': 'set on the way' })
      expect(api.requests).toHaveLength(1)
    })

    test('what it puts back is taken off again elsewhere', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, redirect(302, elsewhere.origin), { conform })
      await instance.get('/', {
        beforeRedirect(options) {
          Object.assign(options.headers, { Authorization: 'Bearer secret-token-1', 'X-API-KEY': 'secret-key' })
        },
      })
      expect(elsewhere.requests).toHaveLength(1)
      expect(elsewhere.bytes()).not.toContain('secret')
    })

    test('what it throws fails the request', async () => {
      const { instance } = await setUp(client, redirect(302, '/moved'))
      const beforeRedirect = () => {
        throw new Error('not there')
      }
      expect((await rejection(instance.get('/', { beforeRedirect }))).message).toContain('not there')
    })

    test('through a proxy nothing of ours leaves the origins', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, undefined, { conform })
      const proxy = await recordingServer((request, response) =>
        (request.url.startsWith(api.origin) ? redirect(302, `${elsewhere.origin}/`) : json(200, 'elsewhere'))(
          request,
          response,
        ),
      )
      const { data } = await instance.get('/', { proxy: { protocol: 'http', host: '127.0.0.1', port: proxy.port } })
      expect(data).toBe('elsewhere')
      expect(proxy.requests.map(({ url, headers }) => [url, headers.authorization, headers['x-api-key']])).toEqual([
        [`${api.origin}/`, 'Bearer secret-token-1', 'secret-key'],
        [`${elsewhere.origin}/`, undefined, undefined],
      ])
    })
  })
}
