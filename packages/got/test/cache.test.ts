import { authorizationServer } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { clients, credentials, setUp } from './clients.js'
import { json } from './recording-server.js'

for (const client of clients) {
  describe(`got’s cache, ${client.name}`, () => {
    test('an answer to a token is not kept for those who have another, or none', async () => {
      const cache = new Map()
      const { api, instance } = await setUp(client, json(200, {}, { 'cache-control': 'max-age=60' }), {
        config: { cache },
      })
      const other = client.got.extend(
        { cache },
        tokenHooks(authorizationServer({ name: 'other' }).source, { origins: [api.origin] }),
      )
      await instance.get('a')
      await other.get(`${api.origin}/a`)
      await client.got.get(`${api.origin}/a`, { cache })
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer other-1', undefined])
    })

    test('one that says it is public is kept, without the token, though it varies with it', async () => {
      const cache = new Map()
      const conform = { resourceHeaders: { 'X-Api-Key': 'secret-key' } }
      const answer = json(200, {}, { 'cache-control': 'public, max-age=60', vary: 'authorization, x-api-key' })
      const { api, instance } = await setUp(client, answer, { config: { cache }, conform })
      await instance.get('a')
      await expect.poll(() => cache.size).toBe(1)
      expect(api.bytes()).toContain('secret-token-1')
      expect(JSON.stringify([...cache])).not.toContain('secret')
    })

    test('a public one is served without asking', async () => {
      const cache = new Map()
      const { api, instance } = await setUp(client, json(200, {}, { 'cache-control': 'public, max-age=60' }), {
        config: { cache },
      })
      await instance.get('a')
      await expect.poll(() => cache.size).toBe(1)
      await instance.get('a')
      expect(api.requests).toHaveLength(1)
    })

    test('a public answer to one user is not served to another, nor to who has no token', async () => {
      const cache = new Map()
      const { api, instance } = await setUp(client, json(200, {}, { 'cache-control': 'public, max-age=60' }), {
        config: { cache },
      })
      const other = client.got.extend(
        { cache },
        tokenHooks(authorizationServer({ name: 'other' }).source, { origins: [api.origin] }),
      )
      await instance.get('a')
      await expect.poll(() => cache.size).toBe(1)
      await other.get(`${api.origin}/a`)
      await expect.poll(() => cache.size).toBe(2)
      await client.got.get(`${api.origin}/a`, { cache })
      await instance.get('a')
      await other.get(`${api.origin}/a`)
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer other-1', undefined])
    })

    test('a repetition is not served the 401 that is kept', async () => {
      const { api, instance } = await setUp(client, undefined, { config: { cache: new Map() } })
      api.handler = (request, response) => {
        const isFirst = request.headers.authorization === 'Bearer secret-token-1'
        const caching = { 'cache-control': 'public, max-age=60' }
        const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
        json(isFirst ? 401 : 200, {}, { ...caching, ...(isFirst && challenge) })(request, response)
      }
      expect((await instance.get('a')).statusCode).toBe(200)
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
    })

    test('a Keyv is kept by token too, and a connection string not used', async () => {
      const kept = new Map<string, unknown>()
      const adapter = {
        get: async (key: string) => kept.get(key),
        set: async (key: string, value: unknown) => void kept.set(key, value),
        delete: async (key: string) => kept.delete(key),
        clear: async () => kept.clear(),
      }
      const answer = json(200, {}, { 'cache-control': 'public, max-age=60' })
      for (const [cache, requests] of [
        [adapter, 1],
        ['redis://127.0.0.1:1', 2],
      ] as const) {
        const { api, instance } = await setUp(client, answer, { config: { cache: cache as never } })
        await instance.get('a')
        if (cache === adapter) await expect.poll(() => kept.size).toBe(1)
        await instance.get('a')
        expect(api.requests).toHaveLength(requests)
      }
    })

    test('a redirect within the origins is kept by token, one that leaves them is not of the token', async () => {
      const cache = new Map()
      const { api, instance } = await setUp(client, undefined, { config: { cache } })
      api.handler = (request, response) =>
        request.url === '/a'
          ? json(302, {}, { location: '/b' })(request, response)
          : json(200, {}, { 'cache-control': 'public, max-age=60' })(request, response)
      await instance.get('a')
      await expect.poll(() => cache.size).toBe(1)
      await instance.get('a')
      expect(api.requests.map(({ url }) => url)).toEqual(['/a', '/b', '/a'])
      expect(credentials(api)).toEqual(Array(3).fill('Bearer secret-token-1'))
    })

    test('a rejected token is replaced beneath it too', async () => {
      const { api, instance } = await setUp(client, undefined, { config: { cache: new Map() } })
      const { handler } = api
      api.handler = (request, response) =>
        request.headers.authorization === 'Bearer secret-token-1'
          ? json(401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' })(request, response)
          : handler(request, response)
      expect(await instance.get('a').json()).toEqual({ ok: true })
      expect(credentials(api)).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
    })

    test('other origins are refused beneath it too', async () => {
      const { instance } = await setUp(client, undefined, { config: { cache: new Map(), prefixUrl: '' } })
      await expect(instance.get('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'ERR_ORIGIN' })
    })
  })
}
