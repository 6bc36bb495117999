/** Cases: caches that the library's users put around it; an answer to a token is for whoever has it (RFC 9111 §3.5). */
import assert from 'node:assert/strict'
import { dpopKey } from '@grantkit/core'
import { accepting, answer, ok } from '../servers/answers.js'
import type { Handler } from '../servers/recording-server.js'
import { authorizationServer } from './authorization-server.js'
import type { HttpClientOptions } from './client-under-test.js'
import { bearers, credentials, type HttpClientCase, type Scene, succeed } from './scene.js'

type Place = NonNullable<HttpClientOptions['cache']>

const places: readonly Place[] = ['above', 'beneath']

/** What an answer may say of caching. */
const sayings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'it is public': { 'cache-control': 'public, max-age=600' },
  'it varies with Authorization': { 'cache-control': 'max-age=600', vary: 'Authorization' },
  'nothing of caching': {},
}

const numbered =
  (headers: Readonly<Record<string, string>>): Handler =>
  (request, response) =>
    answer(200, `answer ${request.number} to ${request.headers.authorization}`, {
      'content-type': 'text/plain',
      ...headers,
    })(request, response)

async function twoUsers(scene: Scene, handler: Handler, cache: Place) {
  const api = await scene.api(handler)
  const users: Readonly<Record<string, ReturnType<typeof authorizationServer>>> = {
    ann: authorizationServer(),
    bob: authorizationServer(),
  }
  const source = (request: { header(name: string): string | undefined }) => {
    const user = users[request.header('x-user') ?? '']
    assert.ok(user, 'the function was not given the x-user header')
    return user.source
  }
  const client = await scene.client([{ source, origins: [api.origin] }], { baseUrl: api.origin, cache })
  const get = async (user: string) => (await succeed(client, { url: '/', headers: { 'x-user': user } })).body
  return { users, get }
}

export const caches: readonly HttpClientCase[] = places.flatMap((cache): readonly HttpClientCase[] => [
  ...Object.entries(sayings).map(
    ([says, headers]): HttpClientCase => ({
      name: `serves no user what another was answered, with a cache ${cache}, by an answer that says ${says}`,
      async run(scene) {
        const { users, get } = await twoUsers(scene, numbered(headers), cache)
        for (const user of ['ann', 'bob', 'ann', 'bob'])
          assert.ok((await get(user)).endsWith(` to Bearer ${users[user]?.token(1)}`), 'the answer is another user’s')
      },
    }),
  ),
  {
    name: `serves who has a new token no answer to the one before, with a cache ${cache}`,
    async run(scene) {
      const { users, get } = await twoUsers(scene, numbered({ 'cache-control': 'public, max-age=600' }), cache)
      await get('ann')
      await users.ann?.source.getTokenSet({ force: true })
      assert.ok((await get('ann')).endsWith(` to Bearer ${users.ann?.token(2)}`), 'the answer is to the token before')
    },
  },
  {
    name: `serves who has a new DPoP token no answer to the one before, with a cache ${cache}`,
    async run(scene) {
      const server = authorizationServer({}, { dpop: dpopKey() })
      const api = await scene.api(numbered({ 'cache-control': 'public, max-age=600' }))
      const client = await scene.client([{ source: server.source, origins: [api.origin] }], { cache })
      await succeed(client, { url: `${api.origin}/` })
      await server.source.getTokenSet({ force: true })
      const { body } = await succeed(client, { url: `${api.origin}/` })
      assert.ok(body.endsWith(` to DPoP ${server.token(2)}`), 'the answer is to the token before')
    },
  },
  {
    name: `sends a request once more past a cache ${cache} that may keep the 401`,
    async run(scene) {
      const { api, server, client } = await scene.usual(undefined, { cache })
      const kept = { 'cache-control': 'public, max-age=600' }
      const refusal = answer(401, '', { ...kept, 'www-authenticate': 'Bearer error="invalid_token"' })
      api.handler = accepting(server.token(2), ok, refusal)
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
    },
  },
])
