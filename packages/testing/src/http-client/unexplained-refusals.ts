/** Cases: a refusal that gives no reason, or one that only the provider knows, is tried with a new token, within bounds. */
import assert from 'node:assert/strict'
import { accepting, acceptingSecond, json, ok, okBody, refusal } from '../servers/answers.js'
import type { Handler } from '../servers/recording-server.js'
import { lifetimeMs } from './authorization-server.js'
import { bearers, bodyOf, credentials, type HttpClientCase, succeed } from './scene.js'

/** Refusals that give no reason. */
const unexplained: Readonly<Record<string, Handler>> = {
  'a 401 without a challenge': json(401, { error: 'no reason' }),
  'a 401 with a challenge that nobody can read': refusal(
    401,
    'error=invalid_request,error_description=Invalid request',
  ),
  'a 401 with a challenge without an error': refusal(401, 'Bearer realm="api"'),
}

const tried = Object.entries(unexplained).flatMap(([name, handler]): readonly HttpClientCase[] => [
  {
    name: `sends a request once more after ${name}, with a new token`,
    async run(scene) {
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server, ok, handler)
      const { body } = await succeed(client, { method: 'PUT', url: '/', body: { json: { a: 1 } } })
      assert.equal(body, okBody)
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      assert.deepEqual(api.requests.map(bodyOf), ['{"a":1}', '{"a":1}'])
    },
  },
  {
    name: `makes one token request in some minutes for an API that answers every token by ${name}`,
    async run(scene) {
      const { api, server, client } = await scene.usual(handler)
      for (let call = 0; call < 5; call++) {
        assert.equal((await client.send({ url: '/' })).status, 401)
        server.clock.advance(30_000)
      }
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2, 2, 2, 2))
      assert.equal(server.requests, 2)
    },
  },
])

export const unexplainedRefusals: readonly HttpClientCase[] = [
  ...tried,
  {
    name: 'sends everything in flight once more after one renewal, when 1,000 requests get a 401 without a challenge',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server, ok, json(401, {}))
      await Promise.all(Array.from({ length: 1_000 }, (_, number) => succeed(client, { url: `/${number}` })))
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'renews again after a 401 without a challenge where a new token helped before',
    async run(scene) {
      const { api, server, client } = await scene.usual()
      for (const number of [2, 3, 4]) {
        api.handler = accepting(server.token(number), ok, json(401, {}))
        await succeed(client, { url: '/' })
      }
      assert.equal(server.requests, 4)
    },
  },
  {
    name: 'sends a request once more after a 401 without a challenge when its token was replaced already, though such answers are not believed',
    async run(scene) {
      const { api, server, client } = await scene.usual(json(401, {}))
      await client.send({ url: '/' })
      let refuse = () => {}
      api.handler = (request, response) => {
        refuse = () => json(401, {})(request, response)
      }
      const slow = succeed(client, { url: '/slow' })
      await api.arrived(3)
      server.clock.advance(lifetimeMs)
      api.handler = accepting(server.token(3))
      await succeed(client, { url: '/' })
      refuse()
      await slow
      assert.deepEqual(credentials(api), bearers(server, 1, 2, 2, 3, 3))
      assert.equal(server.requests, 3)
    },
  },
  {
    name: 'asks the provider about the other statuses it names, and sends the request once more',
    async run(scene) {
      const conform = {
        rejectionStatuses: [401, 403],
        recognizeRejection: ({ body }: { readonly body: string }) => body === '"dead"',
      }
      const { api, server, client } = await scene.usual(undefined, { conform })
      api.handler = acceptingSecond(server, ok, json(403, 'dead'))
      await succeed(client, { method: 'POST', url: '/', body: { json: { a: 1 } } })
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      api.handler = json(403, 'not yours')
      const { status, body } = await client.send({ url: '/' })
      assert.deepEqual([status, body], [403, '"not yours"'])
      assert.equal(server.requests, 2)
    },
  },
]
