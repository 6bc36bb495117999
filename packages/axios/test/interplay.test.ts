import { authorizationServer } from '@grantkit/testing'
import type { InternalAxiosRequestConfig } from 'axios'
import axiosRetry from 'axios-retry'
import { describe, expect, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { inTurn, invalidToken, json, ok, recordingServer } from './recording-server.js'

for (const client of clients) {
  const { axios, adapter } = client

  describe(`beside what else works on an instance, ${client.name}`, () => {
    test('axios-retry has a token for each attempt', async () => {
      const { api, server, instance } = await setUp(client, inTurn(json(503, {}), json(503, {}), ok))
      axiosRetry(instance as never, { retries: 2, retryDelay: () => 0, onRetry: () => server.source.forget() })
      await instance.post('/', { amount: 1 }, { 'axios-retry': { retryCondition: () => true } } as object)
      expect(credentials(api)).toEqual([1, 2, 3].map(number => `Bearer secret-token-${number}`))
      expect(api.requests.map(({ body }) => body.toString())).toEqual(Array(3).fill('{"amount":1}'))
    })

    test('each attempt can be sent once more', async () => {
      const { api, instance } = await setUp(client)
      api.handler = inTurn(invalidToken, json(503, {}), invalidToken, ok)
      axiosRetry(instance as never, { retries: 1, retryDelay: () => 0, retryCondition: () => true })
      await instance.get('/')
      expect(credentials(api)).toEqual([1, 2, 2, 3].map(number => `Bearer secret-token-${number}`))
    })

    test('a config of an error or a response can be sent again', async () => {
      const { api, server, instance } = await setUp(client, inTurn(json(500, {}), ok))
      const { config } = await rejection(instance.post('/', { amount: 1 }))
      await server.source.forget()
      const again = await instance.request(config ?? {})
      await server.source.forget()
      await instance.request(again.config)
      expect(credentials(api)).toEqual([1, 2, 3].map(number => `Bearer secret-token-${number}`))
      expect(again.config.adapter).toBe(adapter)
    })

    test('a config sent again by another instance carries nothing', async () => {
      const { api, instance } = await setUp(client, inTurn(json(500, {}), ok))
      const { config } = await rejection(instance.get('/'))
      await axios.create().request(config ?? {})
      expect(credentials(api)).toEqual(['Bearer secret-token-1', undefined])
    })

    test('a config that failed before it was sent can be sent', async () => {
      const { api, instance } = await setUp(client)
      let unsent = {}
      instance.interceptors.request.use(config => {
        unsent = config
        return config
      })
      const transformRequest = () => {
        throw new Error('not yet')
      }
      await rejection(instance.get('/', { transformRequest }))
      const { config } = await instance.request({ ...unsent, transformRequest: [] })
      expect(config.adapter).toBe(adapter)
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    test('nothing of ours is left in a config', async () => {
      const { instance, detach } = await setUp(client)
      const { config } = await instance.get('/')
      detach()
      const plain = await instance.get('/')
      expect(Object.keys(config).sort()).toEqual(Object.keys(plain.config).sort())
    })

    test('interceptors before and after see no token and can change the request', async () => {
      const { api, instance, detach } = await setUp(client)
      detach()
      const seen: unknown[] = []
      const look = (name: string) =>
        instance.interceptors.request.use(async config => {
          seen.push(config.headers.get('Authorization'))
          config.headers.set(name, 'set')
          return config
        })
      look('x-before')
      attachTokenSource(instance, authorizationServer().source)
      look('x-after')
      await instance.get('/')
      expect(seen).toEqual([undefined, undefined])
      expect(api.requests[0]?.headers).toMatchObject({
        'x-before': 'set',
        'x-after': 'set',
        authorization: 'Bearer secret-token-1',
      })
    })

    test('what an interceptor takes off a config stays off', async () => {
      const { api, instance } = await setUp(client, undefined, { config: { params: { page: 1 } } })
      instance.interceptors.request.use(config => {
        delete config.params
        return config
      })
      await instance.get('/')
      expect(api.requests.map(({ url }) => url)).toEqual(['/'])
    })

    test('an adapter of the caller’s own gets the parts of the URL and our headers', async () => {
      const { instance } = await setUp(client)
      const given: unknown[] = []
      const own = async (config: InternalAxiosRequestConfig) => {
        const { url, baseURL, params, headers } = config
        given.push({ url, baseURL, params, authorization: headers.get('authorization') })
        return { status: 200, statusText: 'OK', data: 'mocked', headers: {}, config } as never
      }
      const { data } = await instance.get('/accounts', { adapter: own, params: { page: 1 } })
      expect(data).toBe('mocked')
      const { baseURL } = instance.defaults
      expect(given).toEqual([
        { url: '/accounts', baseURL, params: { page: 1 }, authorization: 'Bearer secret-token-1' },
      ])
    })

    test('an adapter of the caller’s own gets the config as axios makes it, and what it makes of it stays with it', async () => {
      const { instance, detach } = await setUp(client)
      const given: { members: string[]; inherits: boolean; url: string | undefined; own: unknown }[] = []
      const own = async (config: InternalAxiosRequestConfig) => {
        const { beforeRedirect, fetchOptions, ...members } = config
        const inherits = 'constructor' in config || 'toString' in config
        given.push({ members: Object.keys(members), inherits, url: config.url, own: config.headers.get('x-own') })
        config.url += '?changed'
        config.headers.set('x-own', 'changed')
        const status = given.length === 1 ? 401 : 200
        return { status, data: '', config, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } as never
      }
      const request = { adapter: own, headers: { 'X-Own': 'mine' }, timeout: 5_000, custom: 1 } as object
      const { config } = await instance.get('/', request)
      expect([config.url, config.headers.get('x-own')]).toEqual(['/', 'mine'])
      detach()
      await instance.get('/', request)
      expect(given).toEqual([given[2], given[2], given[2]])
    })

    test('of requests under way at once each goes by the adapter it asked for', async () => {
      const { instance } = await setUp(client)
      const sent: string[] = []
      const named = (name: string) => async (config: InternalAxiosRequestConfig) => {
        sent.push(`${name} ${config.url} ${config.headers.get('authorization')}`)
        return { status: 200, data: name, headers: {}, config } as never
      }
      const [a, b] = [named('a'), named('b')]
      const answers = [a, b, a, b].map((adapter, number) => instance.get(`/${number}`, { adapter }))
      expect((await Promise.all(answers)).map(({ data }) => data)).toEqual(['a', 'b', 'a', 'b'])
      expect(sent.sort()).toEqual(['a /0', 'a /2', 'b /1', 'b /3'].map(start => `${start} Bearer secret-token-1`))
    })

    test('an adapter of the caller’s own may answer with a redirect or next to nothing', async () => {
      const { instance } = await setUp(client)
      let calls = 0
      const redirecting = async () => {
        calls++
        return { status: 302, headers: { location: 'http://evil.example/' }, request: {} } as never
      }
      expect((await instance.get('/', { adapter: redirecting })).status).toBe(302)
      expect(calls).toBe(1)
      const bare = async () => ({ status: 401 }) as never
      expect((await instance.get('/', { adapter: bare })).status).toBe(401)
    })

    test('an adapter of the caller’s own has its 401 sent once more', async () => {
      const { server, instance } = await setUp(client)
      const sent: string[] = []
      const own = async ({ headers }: { headers: { get(name: string): unknown } }) => {
        sent.push(String(headers.get('authorization')))
        const status = sent.length === 1 ? 401 : 200
        return {
          status,
          data: { parsed: true },
          headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
        } as never
      }
      expect((await instance.get('/', { adapter: own as never })).status).toBe(200)
      expect(sent).toEqual(['Bearer secret-token-1', 'Bearer secret-token-2'])
      expect(server.requests).toBe(2)
    })

    test('an adapter of the caller’s own may return what has a then and nothing else', async () => {
      const { server, instance } = await setUp(client)
      await server.source.getTokenSet()
      await server.source.getTokenSet()
      const bare = (config: object) => ({
        // biome-ignore lint/suspicious/noThenProperty: it is what some adapters return
        then(onFulfilled: (response: object) => unknown) {
          onFulfilled({ status: 200, data: 'bare', headers: {}, config })
        },
      })
      const { token: cancelToken } = axios.CancelToken.source()
      const answers = [{}, { cancelToken }].map(config => instance.get('/', { adapter: bare as never, ...config }))
      expect((await Promise.all(answers)).map(({ data }) => data)).toEqual(['bare', 'bare'])
    })

    test('an adapter of the caller’s own may fail without an answer in its own way', async () => {
      const { instance } = await setUp(client)
      const failure = Object.assign(new Error('its own'), { response: null })
      expect(await rejection(instance.get('/', { adapter: () => Promise.reject(failure) }))).toBe(failure)
    })

    test('the first usable adapter of a list is taken', async () => {
      const { api, instance } = await setUp(client)
      await instance.get('/', { adapter: ['xhr', adapter] })
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    test('an adapter nobody knows is the error axios makes of it', async () => {
      const { instance } = await setUp(client)
      const error = await rejection(instance.get('/', { adapter: 'carrier-pigeon' as never }))
      expect(error.message).toBe("Unknown adapter 'carrier-pigeon'")
    })

    test('another instance is not touched', async () => {
      const { api, instance } = await setUp(client)
      await axios.create(instance.defaults as object).get('/')
      expect(credentials(api)).toEqual([undefined])
    })

    test('an agent of the caller’s own is used', async () => {
      const { Agent } = await import('node:http')
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const { api, instance } = await setUp(client, undefined, { config: { httpAgent: agent } })
      await instance.get('/')
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      expect(Object.keys(agent.freeSockets)).toHaveLength(adapter === 'http' ? 1 : 0)
      agent.destroy()
    })

    test('progress is reported', async () => {
      const { instance } = await setUp(client)
      let report = (_: number) => {}
      const reported = new Promise<number>(resolve => {
        report = resolve
      })
      await instance.get('/', { onDownloadProgress: ({ loaded }) => report(loaded) })
      expect(await reported).toBe('{"ok":true}'.length)
    })
  })
}

test('sources of two copies of axios do not meet', async () => {
  const api = await recordingServer()
  const instances = clients.map(({ axios, adapter }, index) => {
    const instance = axios.create({ baseURL: api.origin, adapter })
    attachTokenSource(instance, authorizationServer({ name: `copy${index}` }).source)
    return instance
  })
  for (const instance of instances) await instance.get('/')
  expect(credentials(api)).toEqual(instances.map((_, index) => `Bearer copy${index}-1`))
})
