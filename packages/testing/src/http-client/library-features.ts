/** Cases: what the library can do by itself, with tokens attached: aborts, time-outs, retries, redirects left alone. */
import assert from 'node:assert/strict'
import { acceptingSecond, inTurn, invalidToken, json, ok, redirect, silent } from '../servers/answers.js'
import { lifetimeMs } from './authorization-server.js'
import { bearers, credentials, errorIn, type HttpClientCase, outcomeOf, succeed } from './scene.js'

export const libraryFeatures: readonly HttpClientCase[] = [
  {
    name: 'sends nothing of a request aborted beforehand, and asks for no token',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      errorIn(await outcomeOf(client, { url: '/', signal: AbortSignal.abort() }))
      assert.deepEqual([api.bytes(), server.requests], ['', 0])
    },
  },
  {
    name: 'lets an abort during the token request end its own request alone',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok, { isCounted: true })
      const release = server.hold()
      const controller = new AbortController()
      const aborted = outcomeOf(client, { url: '/aborted', signal: controller.signal })
      await server.asked(1)
      const waiting = succeed(client, { url: '/waiting', signal: new AbortController().signal })
      await server.asked(2)
      controller.abort()
      errorIn(await aborted)
      release()
      await waiting
      assert.deepEqual(
        api.requests.map(({ url }) => url),
        ['/waiting'],
      )
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'lets an abort end a request the API has not answered, and keeps the token',
    async run(scene) {
      const { api, server, client } = await scene.usual(silent)
      const controller = new AbortController()
      const aborted = outcomeOf(client, { url: '/', signal: controller.signal })
      await api.arrived(1)
      controller.abort()
      errorIn(await aborted)
      api.handler = ok
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 1))
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'lets an abort during a renewal end its own request alone',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok, { isCounted: true })
      await succeed(client, { url: '/' })
      api.handler = acceptingSecond(server)
      const release = server.hold()
      const controller = new AbortController()
      const aborted = outcomeOf(client, { url: '/aborted', signal: controller.signal })
      await server.requested(2)
      const waiting = succeed(client, { url: '/waiting' })
      await server.asked(4)
      controller.abort()
      errorIn(await aborted)
      release()
      await waiting
      assert.deepEqual(
        api.requests.map(({ url }) => url),
        ['/', '/aborted', '/waiting'],
      )
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'lets a time-out of the library end a request, and keeps the token',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/' })
      api.handler = silent
      errorIn(await outcomeOf(client, { url: '/silent', timeoutMs: 100 }))
      api.handler = ok
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api).at(-1), bearers(server, 1)[0])
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'lets a time-out of the library end a request that was sent once more',
    async run(scene) {
      const { api, client } = await scene.usual(inTurn(invalidToken, silent))
      errorIn(await outcomeOf(client, { url: '/', timeoutMs: 500 }))
      api.handler = ok
      await succeed(client, { url: '/' })
    },
  },
  {
    name: 'gives each attempt of the library’s own retries the token of its time',
    async run(scene) {
      const { api, server, client } = await scene.usual(undefined, { retries: 2 })
      api.handler = (request, response) => {
        server.clock.advance(lifetimeMs)
        ;(request.number < 3 ? json(503, {}) : ok)(request, response)
      }
      await succeed(client, { method: 'PUT', url: '/', body: { json: { a: 1 } } })
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 3))
      assert.deepEqual(
        api.requests.map(({ body }) => body.toString()),
        Array(3).fill('{"a":1}'),
      )
    },
  },
  {
    name: 'asks for no new token when the library retries with one that is still good',
    async run(scene) {
      const { api, server, client } = await scene.usual(inTurn(json(503, {}), ok), { retries: 1 })
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 1))
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'sends each attempt of the library’s own retries once more when its token is rejected',
    async run(scene) {
      const { api, server, client } = await scene.usual(undefined, { retries: 1 })
      api.handler = inTurn(invalidToken, json(503, {}), invalidToken, ok)
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2, 3))
    },
  },
  {
    name: 'returns a redirect that is not to be followed',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, client } = await scene.usual(redirect(302, elsewhere.origin), { followRedirects: false })
      const { status, headers } = await client.send({ url: '/' })
      assert.deepEqual([status, headers.location], [302, elsewhere.origin])
      assert.deepEqual([api.requests.length, elsewhere.requests.length], [1, 0])
    },
  },
  {
    name: 'returns answers of other statuses as they are',
    async run(scene) {
      const { api, server, client } = await scene.usual(json(404, { error: 'no such account' }))
      const { status, body } = await client.send({ url: '/' })
      assert.deepEqual([status, body], [404, '{"error":"no such account"}'])
      api.handler = json(500, {}, { 'www-authenticate': 'Bearer error="invalid_token"' })
      assert.equal((await client.send({ url: '/' })).status, 500)
      assert.deepEqual([api.requests.length, server.requests], [2, 1])
    },
  },
]
