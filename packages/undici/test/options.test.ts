import { authorizationServer } from '@grantkit/testing'
import * as undici from 'undici'
import type { Dispatcher as Dispatcher6 } from 'undici-6'
import type { Dispatcher as Dispatcher8 } from 'undici-8'
import { describe, expect, test } from 'vitest'
import { fetchWithTokens, type TokenOptions, tokenInterceptor, withTokens } from '../src/index.js'
import { copies } from './copies.js'
import { recordingServer } from './recording-server.js'
import { agentOf, credentials, rejection } from './setup.js'

const { source } = authorizationServer()
const origins = ['https://api.example']
const agent = new undici.Agent()

type Attach = (source: never, options?: TokenOptions) => unknown

const ways: Readonly<Record<string, Attach>> = {
  tokenInterceptor,
  withTokens: (source, options) => withTokens(agent, source, options),
  fetchWithTokens: (source, options) => fetchWithTokens(fetch, source, options),
}

for (const [name, attach] of Object.entries(ways) as [string, (source: unknown, options?: object) => unknown][])
  describe(`${name}: a TypeError that names the option`, () => {
    const cases: Readonly<Record<string, [option: string, attach: () => unknown]>> = {
      'something else than a source': ['source', () => attach({}, { origins })],
      'no source': ['source', () => attach(undefined, { origins })],
      'no origins': ['origins', () => attach(source)],
      'a function without origins': ['origins', () => attach(() => source)],
      'an http origin': ['origins', () => attach(source, { origins: ['http://api.example'] })],
      'an empty list': ['origins', () => attach(source, { origins: [] })],
      'a misspelt option': ['origin', () => attach(source, { origin: origins })],
      'an unknown policy': ['otherOrigins', () => attach(source, { origins, otherOrigins: 'allow' })],
      'no attachment': ['source', () => attach([])],
      'options beside a list': ['origins', () => attach([{ source, origins }], { origins })],
      'a misspelt option in a list': ['origin', () => attach([{ source, origins, origin: '' }])],
      'two sources for an origin': [
        'origins',
        () =>
          attach([
            { source, origins },
            { source, origins: ['https://API.example:443/'] },
          ]),
      ],
    }
    for (const [name, [option, attach]] of Object.entries(cases))
      test(name, () => {
        expect(attach).toThrow(expect.objectContaining({ name: 'TypeError', option }))
      })
  })

describe('swapped arguments, and what is no source, are told in words', () => {
  const waiting = Promise.resolve(source)
  const cases: Readonly<Record<string, [call: (...args: never[]) => unknown, args: unknown[], message: string]>> = {
    'withTokens(source, dispatcher)': [
      withTokens,
      [source, agent],
      'dispatcher: is a token source; the order is withTokens(dispatcher, source, options)',
    ],
    'withTokens(function, dispatcher)': [withTokens, [() => source, agent, { origins }], 'source: is an HTTP client'],
    'withTokens(nothing, source)': [withTokens, [undefined, source, { origins }], 'dispatcher: must be an Agent'],
    'tokenInterceptor(options, source)': [
      tokenInterceptor,
      [{ origins }, source],
      'options: is a token source; the order is tokenInterceptor(source, options)',
    ],
    'fetchWithTokens(source, fetch)': [
      fetchWithTokens,
      [source, fetch],
      'fetch: is a token source; the order is fetchWithTokens(fetch, source, options)',
    ],
    'fetchWithTokens(function, fetch)': [fetchWithTokens, [() => source, fetch, { origins }], 'source: is a fetch'],
    'a source that was not awaited': [fetchWithTokens, [fetch, waiting, { origins }], 'did you forget await?'],
    'one in a list': [tokenInterceptor, [[{ source: waiting, origins }]], 'source: is a promise'],
  }
  for (const [name, [call, args, message]] of Object.entries(cases))
    test(name, () => {
      const attach = () => call(...(args as never[]))
      expect(attach).toThrow(TypeError)
      expect(attach).toThrow(message)
    })
})

test('withTokens names an interceptor that is none', () => {
  for (const option of ['retry', 'redirect', 'cache', 'deduplicate'])
    expect(() => withTokens(agent, source, { origins, [option]: { maxRetries: 1 } })).toThrow(
      expect.objectContaining({ name: 'TypeError', option }),
    )
})

test("the source's own origins are the default", async () => {
  const api = await recordingServer()
  const { source } = authorizationServer({ origins: [api.origin] })
  await undici.request(api.origin, { dispatcher: agentOf(undici).compose(tokenInterceptor(source)) })
  expect(credentials(api)).toEqual(['Bearer secret-token-1'])
})

test('a function that returns no source fails the request', async () => {
  const api = await recordingServer()
  const call = fetchWithTokens(fetch, () => undefined as never, { origins: [api.origin] })
  const dispatcher = agentOf(undici).compose(tokenInterceptor(() => ({}) as never, { origins: [api.origin] }))
  for (const sent of [call(api.origin), undici.request(api.origin, { dispatcher })])
    expect(await rejection(sent)).toMatchObject({ name: 'TypeError', option: 'source' })
  expect(api.bytes()).toBe('')
})

for (const { name, undici } of copies)
  test(`${name}: a Client or Pool without an origin in its request is refused, or known by its own`, async () => {
    const api = await recordingServer()
    const client = new undici.Client(api.origin)
    try {
      const dispatcher = client.compose(tokenInterceptor(source, { origins: [api.origin] }))
      const outcome = await dispatcher.request({ path: '/', method: 'GET' }).then(
        ({ statusCode }) => statusCode,
        error => error.code,
      )
      expect(outcome).toBe(name === 'undici 8' ? 200 : 'ERR_ORIGIN')
      expect((await dispatcher.request({ origin: api.origin, path: '/', method: 'GET' })).statusCode).toBe(200)
    } finally {
      await client.destroy()
    }
  })

test('the types fit every undici', () => {
  const interceptor = tokenInterceptor(source, { origins })
  const typed = () => [
    interceptor satisfies undici.Dispatcher.DispatcherComposeInterceptor,
    interceptor satisfies Dispatcher6.DispatcherComposeInterceptor,
    interceptor satisfies Dispatcher8.DispatcherComposeInterceptor,
    withTokens(agent, source, { redirect: undici.interceptors.redirect() }) satisfies undici.Dispatcher,
    fetchWithTokens(undici.fetch, source) satisfies typeof undici.fetch,
    fetchWithTokens(fetch, source) satisfies typeof fetch,
    fetchWithTokens(async (path: string, extra?: { a: 1 }) => new Response(path + extra?.a), source) satisfies (
      path: string,
      extra?: { a: 1 },
    ) => Promise<Response>,
  ]
  expect(typed).toBeTypeOf('function')
})
