/** fetchWithTokens between caches: no answer to a token is kept by who cannot tell tokens apart. */

import { authorizationServer } from '@grantkit/testing'
import type { Dispatcher } from 'undici'
import { expect, test } from 'vitest'
import { fetchWithTokens } from '../src/index.js'
import { copies } from './copies.js'
import { type Handler, recordingServer } from './recording-server.js'
import { agentOf } from './setup.js'

const fresh: Handler = (request, response) =>
  void response.writeHead(200, { 'cache-control': 'public, max-age=600' }).end(String(request.number))

function twoUsers() {
  const users: Record<string, ReturnType<typeof authorizationServer>> = {
    ann: authorizationServer({ name: 'secret-token-ann' }),
    bob: authorizationServer({ name: 'secret-token-bob' }),
  }
  return ({ headers }: { readonly headers: Headers }) => {
    const user = users[headers.get('x-user') ?? '']
    if (user === undefined) throw new Error('no such user')
    return user.source
  }
}

type Fetch = (url: string, init?: RequestInit & { readonly cache?: string }) => Promise<Response>

/** Goes by URL and `Cache-Control` alone, as wrappers do that know nothing of tokens; takes fetch's cache modes. */
function caching(fetch: Fetch): Fetch {
  const kept = new Map<string, Response>()
  return async (url, init) => {
    const found = init?.cache === 'no-store' ? undefined : kept.get(url)
    if (found !== undefined) return found.clone()
    const response = await fetch(url, init)
    const says = response.headers.get('cache-control') ?? ''
    const mayKeep = init?.cache !== 'no-store' && says.includes('max-age') && !says.includes('no-store')
    if (mayKeep) kept.set(url, response.clone())
    return response
  }
}

for (const [place, arrange] of Object.entries({
  above: (attach: (fetch: Fetch) => Fetch) => caching(attach(fetch)),
  beneath: (attach: (fetch: Fetch) => Fetch) => attach(caching(fetch)),
}))
  test(`a cache ${place} serves nobody what another was answered`, async () => {
    const api = await recordingServer(fresh)
    const call = arrange(fetch => fetchWithTokens(fetch, twoUsers(), { origins: [api.origin] }))
    const get = async (user: string) => (await call(`${api.origin}/`, { headers: { 'x-user': user } })).text()
    expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '3'])
  })

test('a cache beneath serves nobody what another was answered to a Request', async () => {
  const api = await recordingServer(fresh)
  const call = fetchWithTokens(caching(fetch), twoUsers(), { origins: [api.origin] })
  const get = async (user: string) => {
    const request = new Request(`${api.origin}/`, { headers: { 'x-user': user } })
    return (await (call as typeof fetch)(request)).text()
  }
  expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '3'])
})

test('a cache beneath serves nobody what another was answered to an init that is a Request', async () => {
  const api = await recordingServer(fresh)
  const call = fetchWithTokens(caching(fetch), twoUsers(), { origins: [api.origin] })
  const get = async (user: string) => {
    const init = new Request(`${api.origin}/`, { headers: { 'x-user': user } })
    return (await call(`${api.origin}/`, init)).text()
  }
  expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '3'])
})

test('a cache mode of the caller’s own stays', async () => {
  const modes: unknown[] = []
  const recording: Fetch = (url, init) => {
    modes.push(init?.cache)
    return fetch(url, init as RequestInit)
  }
  const api = await recordingServer()
  const call = fetchWithTokens(recording, authorizationServer().source, { origins: [api.origin] }) as typeof fetch
  await call(`${api.origin}/`, { cache: 'reload' } as RequestInit)
  await call(`${api.origin}/`, { cache: 'default' } as RequestInit)
  await call(new Request(`${api.origin}/`, { cache: 'force-cache' } as RequestInit))
  await call(new Request(`${api.origin}/`))
  await call(`${api.origin}/`, new Request(`${api.origin}/`, { cache: 'reload' } as RequestInit))
  expect(modes).toEqual(['reload', 'default', 'force-cache', 'no-store', 'reload'])
})

test('a cache beneath does not serve a repetition the 401 it keeps', async () => {
  const { source } = authorizationServer()
  const api = await recordingServer((request, response) => {
    const isFirst = request.headers.authorization === 'Bearer secret-token-1'
    response.writeHead(isFirst ? 401 : 200, { 'cache-control': 'public, max-age=600' }).end()
  })
  const call = fetchWithTokens(caching(fetch), source, { origins: [api.origin] })
  expect((await call(`${api.origin}/`)).status).toBe(200)
})

test('answers to no token of ours are kept as the server says', async () => {
  const [api, elsewhere] = [await recordingServer(), await recordingServer(fresh)]
  const options = { origins: [api.origin], otherOrigins: 'pass-through' as const }
  const call = caching(fetchWithTokens(fetch, twoUsers(), options))
  const get = async () => (await call(`${elsewhere.origin}/`)).text()
  expect([await get(), await get()]).toEqual(['1', '1'])
})

for (const { name, undici } of copies)
  if (undici.interceptors.cache !== undefined)
    test(`${name}: a cache in the dispatcher beneath serves nobody what another was answered`, async () => {
      const api = await recordingServer(fresh)
      const cache = undici.interceptors.cache() as Dispatcher.DispatcherComposeInterceptor
      const dispatcher = agentOf(undici).compose(cache)
      const call = fetchWithTokens(undici.fetch, twoUsers(), { origins: [api.origin] })
      const get = async (user: string) =>
        (await call(`${api.origin}/`, { dispatcher, headers: { 'x-user': user } })).text()
      expect([await get('ann'), await get('bob'), await get('ann')]).toEqual(['1', '2', '3'])
    })
