import { describe, expect, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { authorizationServer } from './authorization-server.js'
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
