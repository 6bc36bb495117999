/** Cases: a token the API rejects is replaced, and the request sent once more where that is possible. */
import assert from 'node:assert/strict'
import {
  accepting,
  acceptingSecond,
  byPath,
  inTurn,
  invalidToken,
  invalidTokenBody,
  json,
  ok,
  okBody,
} from '../servers/answers.js'
import type { Handler } from '../servers/recording-server.js'
import { tokenResponse } from './authorization-server.js'
import { bearers, bodyOf, credentials, type HttpClientCase, ourError, rejectionOf, succeed } from './scene.js'

export const rejectedTokens: readonly HttpClientCase[] = [
  {
    name: 'returns the 401 of a streamed body, sends it once, and renews the token for the next request',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server)
      const response = await client.send({ method: 'POST', url: '/', body: { stream: streamOf('one', 'two') } })
      assert.deepEqual([response.status, response.body], [401, invalidTokenBody])
      assert.deepEqual(api.requests.map(bodyOf), ['onetwo'])
      await succeed(client, { method: 'POST', url: '/', body: { stream: streamOf('three') } })
      assert.deepEqual(api.requests.map(bodyOf), ['onetwo', 'three'])
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'sends a request once more without a token request when its token was replaced already',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      await succeed(client, { url: '/' })
      let reject = () => {}
      api.handler = (request, response) => {
        if (request.url === '/slow') reject = () => invalidToken(request, response)
        else acceptingSecond(server)(request, response)
      }
      const slow = succeed(client, { url: '/slow' })
      await api.arrived(2)
      await succeed(client, { url: '/' })
      api.handler = acceptingSecond(server)
      reject()
      await slow
      assert.deepEqual(credentials(api), bearers(server, 1, 1, 1, 2, 2))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'returns a second 401 as it is, and keeps the new token',
    async run(scene) {
      const { api, server, client } = await scene.usual(invalidToken)
      const { status, headers, body } = await client.send({ method: 'POST', url: '/', body: { json: { a: 1 } } })
      assert.deepEqual([status, body], [401, invalidTokenBody])
      assert.match(headers['www-authenticate'] ?? '', /invalid_token/)
      api.handler = ok
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'makes no token request for each call to an API that rejects every token',
    async run(scene) {
      const { api, server, client } = await scene.usual(invalidToken)
      for (let call = 0; call < 5; call++) assert.equal((await client.send({ url: '/' })).status, 401)
      assert.equal(server.requests, 2)
      assert.ok(api.requests.length >= 6)
    },
  },
  {
    name: 'sends everything in flight once more after one renewal',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      const held: (() => void)[] = []
      api.handler = (request, response) => {
        if (request.headers.authorization !== `Bearer ${server.token(1)}`) return ok(request, response)
        held.push(() => invalidToken(request, response))
        if (held.length === 20) for (const reject of held) reject()
      }
      const calls = Array.from({ length: 20 }, (_, number) =>
        succeed(client, { method: 'POST', url: '/', body: { json: { number } } }),
      )
      await Promise.all(calls)
      assert.equal(server.requests, 2)
      const sent = Array.from({ length: 20 }, (_, number) => `{"number":${number}}`).sort()
      assert.deepEqual(api.requests.slice(0, 20).map(bodyOf).sort(), sent)
      assert.deepEqual(api.requests.slice(20).map(bodyOf).sort(), sent)
    },
  },
  {
    name: 'lets requests that begin during a renewal wait for it',
    async run(scene) {
      const { api, server, client } = await scene.usual(ok, { isCounted: true })
      await succeed(client, { url: '/' })
      api.handler = acceptingSecond(server)
      const release = server.hold()
      const rejected = succeed(client, { url: '/' })
      await server.requested(2)
      const during = succeed(client, { url: '/' })
      await server.asked(4)
      release()
      await Promise.all([rejected, during])
      assert.deepEqual(credentials(api), bearers(server, 1, 1, 2, 2))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'fails the request when no new token can be had, and says why',
    async run(scene) {
      const { api, server, client } = await scene.usual(invalidToken)
      const { answer } = server
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'unauthorized_client' }))
      const error = ourError(await rejectionOf(client, { url: '/' }))
      assert.equal((error as { error?: string }).error, 'unauthorized_client')
      assert.equal(api.requests.length, 1)
    },
  },
  {
    name: 'follows the redirect of an answer to a request sent once more',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      const moved: Handler = (_, response) => void response.writeHead(302, { location: '/moved' }).end()
      api.handler = byPath({ '/': acceptingSecond(server, moved), '/moved': acceptingSecond(server) })
      assert.equal((await succeed(client, { url: '/' })).body, okBody)
      assert.deepEqual(
        api.requests.map(({ url }) => url),
        ['/', '/', '/moved'],
      )
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2))
    },
  },
  {
    name: 'retries the answer to a request sent once more, as the library does',
    async run(scene) {
      const { api, server, client } = await scene.usual(undefined, { retries: 1 })
      api.handler = inTurn(invalidToken, json(503, {}), ok)
      assert.equal((await succeed(client, { url: '/' })).body, okBody)
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2))
    },
  },
  {
    name: 'hands on the answer to a request sent once more like a first one',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      const created = json(201, { made: 'ünïcödé' }, { 'x-made': 'yes', 'set-cookie': 'a=b' })
      api.handler = accepting(server.token(2), created)
      const [again, first] = [await client.send({ url: '/' }), await client.send({ url: '/' })]
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2))
      assert.deepEqual(withoutDate(again), withoutDate(first))
      assert.deepEqual([again.status, again.headers['x-made'], again.body], [201, 'yes', '{"made":"ünïcödé"}'])
    },
  },
  {
    name: 'starts anew with a new token when a redirect within the origins led to the 401',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      const moved: Handler = (_, response) => void response.writeHead(307, { location: '/moved' }).end()
      api.handler = byPath({ '/': moved, '/moved': acceptingSecond(server) })
      await succeed(client, { method: 'POST', url: '/', body: { json: { a: 1 } } })
      const last = api.requests.at(-1)
      assert.deepEqual([last?.method, last?.url, last && bodyOf(last)], ['POST', '/moved', '{"a":1}'])
      assert.equal(server.requests, 2)
    },
  },
]

function withoutDate({ headers, ...rest }: { readonly headers: Readonly<Record<string, string>> }) {
  const { date, ...others } = headers
  return { ...rest, headers: others }
}

async function* streamOf(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}
