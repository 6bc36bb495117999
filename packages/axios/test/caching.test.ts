/** Beside axios-cache-interceptor: an answer to a token is for whoever has it. */

import { authorizationServer } from '@grantkit/testing'
import axios, { type InternalAxiosRequestConfig } from 'axios'
import { setupCache } from 'axios-cache-interceptor'
import { describe, expect, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { type Handler, invalidToken, recordingServer } from './recording-server.js'

type Answers = Readonly<Record<string, string>>

/** Answers with a number of its own each time, and these headers. */
const numbered =
  (headers: Answers): Handler =>
  (request, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(String(request.number))

const orders = {
  'the cache set up first': (instance: ReturnType<typeof axios.create>, attach: () => void) => {
    const cached = setupCache(instance)
    attach()
    return cached
  },
  'the tokens attached first': (instance: ReturnType<typeof axios.create>, attach: () => void) => {
    attach()
    return setupCache(instance)
  },
}

async function twoUsers(order: keyof typeof orders, handler: Handler) {
  const api = await recordingServer(handler)
  const users: Record<string, ReturnType<typeof authorizationServer>> = {
    ann: authorizationServer({ name: 'secret-ann' }),
    bob: authorizationServer({ name: 'secret-bob' }),
  }
  const instance = axios.create({ baseURL: api.origin, validateStatus: () => true })
  const source = (config: InternalAxiosRequestConfig) => {
    const user = users[String(config.headers.get('x-user'))]
    if (user === undefined) throw new Error('no such user')
    return user.source
  }
  const cached = orders[order](instance, () =>
    attachTokenSource(instance, source, { origins: [api.origin], otherOrigins: 'pass-through' }),
  )
  const get = async (user: string, more: object = {}): Promise<string> =>
    String((await cached.get('/', { headers: { 'x-user': user }, ...more })).data)
  return { api, users, cached, get }
}

const answers: Readonly<Record<string, Answers>> = {
  'nothing of caching': {},
  'Vary: Authorization': { 'cache-control': 'max-age=600', vary: 'Authorization' },
  public: { 'cache-control': 'public, max-age=600' },
  'Vary: Accept-Language': { 'cache-control': 'public, max-age=600', vary: 'accept-language' },
}

for (const order of Object.keys(orders) as (keyof typeof orders)[])
  describe(order, () => {
    for (const [says, headers] of Object.entries(answers))
      test(`an answer that says ${says} is not served to another user`, async () => {
        const { get } = await twoUsers(order, numbered(headers))
        const [ann, bob] = [await get('ann'), await get('bob')]
        expect(bob).not.toBe(ann)
        const languages = { 'accept-language': 'de' }
        const inGerman = [
          await get('ann', { headers: { 'x-user': 'ann', ...languages } }),
          await get('bob', { headers: { 'x-user': 'bob', ...languages } }),
        ]
        expect(inGerman[0]).not.toBe(inGerman[1])
      })

    test('whatever the cache is told: a time of its own, other headers ignored, an id', async () => {
      for (const more of [{ cache: { ttl: 60_000, interpretHeader: false } }, { id: 'one-id' }]) {
        const { get } = await twoUsers(order, numbered({ 'cache-control': 'no-cache' }))
        const [ann, bob] = [await get('ann', more), await get('bob', more)]
        expect([ann, bob]).toEqual(['1', '2'])
      }
    })

    test('users who ask at once get their own, and one’s failure is nobody else’s', async () => {
      const { api, cached } = await twoUsers(order, numbered({}))
      await cached.get('/before', { headers: { 'x-user': 'ann' } })
      api.handler = (request, response) =>
        void response.writeHead(request.headers.authorization?.includes('ann') ? 500 : 200).end('of bob')
      const settled = await Promise.allSettled(
        ['ann', 'bob', 'ann', 'bob'].map(user =>
          cached.get('/', { headers: { 'x-user': user }, validateStatus: status => status < 400 }),
        ),
      )
      const outcomes = settled.map(one => (one.status === 'fulfilled' ? one.value.data : one.reason.response.status))
      expect(outcomes).toEqual([500, 'of bob', 500, 'of bob'])
    })

    test('a repetition with a new token reaches the API', async () => {
      const { api, users, get } = await twoUsers(order, (request, response) =>
        (request.headers.authorization === 'Bearer secret-ann-2' ? numbered({}) : invalidToken)(request, response),
      )
      expect(await get('ann')).toBe('2')
      expect([api.requests.length, users.ann?.requests]).toEqual([2, 2])
    })

    test('what is answered to no token of ours is kept as ever', async () => {
      const { cached } = await twoUsers(order, numbered({}))
      const elsewhere = await recordingServer(numbered({}))
      const get = async () => String((await cached.get(`${elsewhere.origin}/`)).data)
      expect([await get(), await get()]).toEqual(['1', '1'])
    })
  })

test('with the cache set up first, each token’s answers are kept for it', async () => {
  const { users, get } = await twoUsers('the cache set up first', numbered({}))
  expect([await get('ann'), await get('bob'), await get('ann'), await get('bob')]).toEqual(['1', '2', '1', '2'])
  await users.ann?.source.getTokenSet({ force: true })
  expect(await get('ann')).toBe('3')
})

test('with the cache set up first, one answer serves those who ask for the same at once', async () => {
  const { api, get } = await twoUsers('the cache set up first', numbered({}))
  expect(await Promise.all(['ann', 'ann', 'bob'].map(user => get(user)))).toEqual(['1', '1', '2'])
  expect(api.requests).toHaveLength(2)
})

test('no token stands in what is kept', async () => {
  const { cached, get } = await twoUsers('the cache set up first', numbered({}))
  await get('ann')
  expect(JSON.stringify((cached.storage as unknown as { data: unknown }).data)).not.toContain('secret-ann')
})

test('a token that cannot be had fails the request as ever, and is not kept', async () => {
  const { get } = await twoUsers('the cache set up first', numbered({}))
  await expect(get('nobody')).rejects.toThrow('no such user')
  expect(await get('ann')).toBe('1')
})

test('an adapter with a cache of its own is told to leave requests with a token alone', async () => {
  const seen: unknown[] = []
  const instance = axios.create({
    baseURL: 'https://api.example',
    adapter: async config => {
      seen.push(config.headers.get('cache-control'))
      return { data: '', status: 200, statusText: '', headers: {}, config }
    },
  })
  attachTokenSource(instance, authorizationServer().source)
  await instance.get('/')
  await instance.get('/', { headers: { 'cache-control': 'max-age=0' } })
  await instance.get('/', { headers: { authorization: 'Basic b3du' } })
  expect(seen).toEqual(['no-store', 'max-age=0', undefined])
})
