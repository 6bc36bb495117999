/** Cases: which token a request gets, and which request gets none. */
import assert from 'node:assert/strict'
import { TransportError } from '@grantkit/core'
import { invalidToken, ok } from '../servers/answers.js'
import { authorizationServer, lifetimeMs, resourceHeaders, tokenResponse } from './authorization-server.js'
import { bearers, causesOf, credentials, type HttpClientCase, ourError, rejectionOf, succeed } from './scene.js'

export const attaching: readonly HttpClientCase[] = [
  {
    name: 'sends the token, and the headers the provider wants',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/accounts?page=1' })
      assert.deepEqual(credentials(api), bearers(server, 1))
      assert.equal(api.requests[0]?.url, '/accounts?page=1')
      assert.equal(api.requests[0]?.headers['x-contract-key'], resourceHeaders['X-Contract-Key'])
    },
  },
  {
    name: 'reuses a token for every request',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      for (const url of ['/a', '/b', '/c']) await succeed(client, { url })
      assert.deepEqual(credentials(api), bearers(server, 1, 1, 1))
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'sends absolute URLs the token too, where the origin is listed',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: `${api.origin}/accounts` })
      assert.deepEqual(credentials(api), bearers(server, 1))
    },
  },
  {
    name: 'makes one token request for 1,000 callers at once',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok, { isCounted: true })
      const release = server.hold()
      const calls = Array.from({ length: 1_000 }, (_, number) => succeed(client, { url: `/${number}` }))
      await server.asked(1_000)
      release()
      await Promise.all(calls)
      assert.equal(server.requests, 1)
      assert.deepEqual(new Set(credentials(api)), new Set(bearers(server, 1)))
      assert.equal(api.requests.length, 1_000)
    },
  },
  {
    name: 'renews in the background, unseen by callers',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok, { isCounted: true })
      await succeed(client, { url: '/' })
      server.clock.advance(lifetimeMs - 30_000)
      const release = server.hold()
      await succeed(client, { url: '/' })
      assert.equal(server.requests, 2)
      server.clock.advance(25_000)
      const next = succeed(client, { url: '/' })
      await server.asked(3)
      release()
      await next
      assert.deepEqual(credentials(api), bearers(server, 1, 1, 2))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'shows no caller that a renewal in the background failed',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/' })
      server.clock.advance(lifetimeMs - 30_000)
      server.answer = () => tokenResponse(503, {})
      await succeed(client, { url: '/' })
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 1, 1))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'sends no expired token',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/' })
      server.clock.advance(lifetimeMs)
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
    },
  },
  {
    name: 'serves each origin from its own source',
    async run(scene) {
      const [api, other] = [await scene.api(), await scene.api()]
      const [server, otherServer] = [authorizationServer(), authorizationServer()]
      const client = await scene.client(
        [
          { source: server.source, origins: [api.origin] },
          { source: otherServer.source, origins: [other.origin] },
        ],
        { baseUrl: api.origin },
      )
      await succeed(client, { url: '/' })
      await succeed(client, { url: `${other.origin}/` })
      assert.deepEqual(credentials(api), bearers(server, 1))
      assert.deepEqual(credentials(other), bearers(otherServer, 1))
    },
  },
  {
    name: 'renews the rejected token of one source, and leaves the other alone',
    async run(scene) {
      const [api, other] = [await scene.api(invalidToken), await scene.api()]
      const [server, otherServer] = [authorizationServer(), authorizationServer()]
      const client = await scene.client([
        { source: server.source, origins: [api.origin] },
        { source: otherServer.source, origins: [other.origin] },
      ])
      await succeed(client, { url: `${other.origin}/` })
      await client.send({ url: `${api.origin}/` })
      await succeed(client, { url: `${other.origin}/` })
      assert.deepEqual([server.requests, otherServer.requests], [2, 1])
    },
  },
  {
    name: 'asks for the source of each request',
    async run(scene) {
      const api = await scene.api()
      const [ann, bob] = [authorizationServer(), authorizationServer()]
      const users: Readonly<Record<string, typeof ann>> = { ann, bob }
      const source = async (request: { header(name: string): string | undefined }) => {
        const user = users[request.header('x-user') ?? '']
        assert.ok(user, 'the function was not given the x-user header')
        return user.source
      }
      const client = await scene.client([{ source, origins: [api.origin] }], { baseUrl: api.origin })
      const order = ['bob', 'ann', 'bob']
      for (const user of order) await succeed(client, { url: '/', headers: { 'X-User': user } })
      assert.deepEqual(
        credentials(api),
        [bob, ann, bob].flatMap(server => bearers(server, 1)),
      )
    },
  },
  {
    name: "leaves a caller's own Authorization as it is, and asks for no token",
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/', headers: { Authorization: 'Basic b3du' } })
      await succeed(client, { url: '/', headers: { AUTHORIZATION: 'Basic b3du' } })
      assert.deepEqual(credentials(api), ['Basic b3du', 'Basic b3du'])
      assert.equal(server.requests, 0)
    },
  },
  {
    name: "returns the 401 of a caller's own Authorization, and renews nothing",
    async run(scene) {
      const { api, server, client } = await scene.usual(invalidToken)
      const { status } = await client.send({ url: '/', headers: { Authorization: 'Bearer own' } })
      assert.equal(status, 401)
      assert.deepEqual(credentials(api), ['Bearer own'])
      assert.equal(server.requests, 0)
    },
  },
  {
    name: "leaves a caller's own value of a header the provider wants",
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/', headers: { 'x-contract-key': 'own' } })
      assert.equal(api.requests[0]?.headers['x-contract-key'], 'own')
      assert.deepEqual(credentials(api), bearers(server, 1))
    },
  },
  {
    name: 'fails the request when no token can be had, and says why',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      server.answer = () => tokenResponse(400, { error: 'invalid_scope' })
      const error = ourError(await rejectionOf(client, { url: '/', method: 'POST', body: 'text' }))
      assert.equal(error.code, 'ERR_SERVER_REFUSED')
      assert.equal((error as { error?: string }).error, 'invalid_scope')
      assert.equal(api.bytes(), '')
    },
  },
  {
    name: 'keeps the cause of a failure to get a token',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
      server.answer = () => {
        throw new TransportError('ERR_TRANSPORT', 'no answer', { neverSent: true, cause })
      }
      const error = await rejectionOf(client, { url: '/' })
      assert.equal(ourError(error).code, 'ERR_TRANSPORT')
      assert.ok(causesOf(error).includes(cause))
      assert.equal(api.bytes(), '')
    },
  },
  {
    name: 'works again after a failure to get a token',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok)
      const { answer } = server
      server.answer = () => tokenResponse(503, {})
      ourError(await rejectionOf(client, { url: '/' }))
      server.answer = answer
      server.clock.advance(60_000)
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 2))
    },
  },
]
