/** Cases: answers that a new token would not change are handed on, and what the API wants of a login is told. */
import assert from 'node:assert/strict'
import { createUserTokenSources, type LoginRequiredError } from '@grantkit/core'
import { accepting, ok, refusal } from '../servers/answers.js'
import type { Handler } from '../servers/recording-server.js'
import { authorizationServer } from './authorization-server.js'
import { bearers, credentials, type HttpClientCase, ourError, rejectionOf, succeed } from './scene.js'

const handedOn: Readonly<Record<string, Handler>> = {
  'a 401 with insufficient_scope': refusal(401, 'Bearer error="insufficient_scope"'),
  'a 401 with another challenge': refusal(401, 'Basic realm="api"'),
  "an application's 401 with insufficient_user_authentication": refusal(
    401,
    'Bearer error="insufficient_user_authentication", acr_values="urn:strong"',
  ),
  'a 403 with invalid_token': refusal(403, 'Bearer error="invalid_token"'),
  'a 403 with insufficient_scope': refusal(403, 'Bearer error="insufficient_scope"'),
}

const unchanged = Object.entries(handedOn).map(
  ([name, handler]): HttpClientCase => ({
    name: `returns ${name}, and renews nothing`,
    async run(scene) {
      const { api, server, client } = await scene.usual(handler)
      const { status } = await client.send({ url: '/' })
      assert.equal(status, Number(/\d{3}/.exec(name)?.[0]))
      assert.deepEqual([api.requests.length, server.requests], [1, 1])
    },
  }),
)

/** A user's token is good, and the API wants another login of theirs (RFC 9470 §3). */
const stepUps: readonly HttpClientCase[] = [
  {
    name: "fails a user's request with what the API wants of a login, and renews nothing",
    async run(scene) {
      const wanted = 'Bearer error="insufficient_user_authentication", acr_values="urn:strong urn:phr", max_age="300"'
      const api = await scene.api(refusal(401, wanted))
      const server = authorizationServer()
      const users = createUserTokenSources({ client: server.source.client })
      await users.for('ann').import({ refreshToken: 'of-ann', accessToken: server.token(1) })
      const client = await scene.client([{ source: users.for('ann'), origins: [api.origin] }], {
        baseUrl: api.origin,
      })
      const error = ourError(await rejectionOf(client, { method: 'POST', url: '/', body: { json: { a: 1 } } }))
      const { code, subject, reason, acrValues, maxAgeSeconds } = error as LoginRequiredError
      assert.deepEqual([code, subject, reason], ['ERR_LOGIN_REQUIRED', 'ann', 'insufficient_user_authentication'])
      assert.deepEqual([acrValues, maxAgeSeconds], [['urn:strong', 'urn:phr'], 300])
      api.handler = ok
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 1))
      assert.equal(server.requests, 0)
      await users.close()
    },
  },
  {
    name: "fails a user's request sent once more with what the API then wants of a login",
    async run(scene) {
      const api = await scene.api()
      const server = authorizationServer()
      const users = createUserTokenSources({ client: server.source.client })
      await users.for('ann').import({ refreshToken: 'of-ann', accessToken: 'a-dead-one' })
      api.handler = accepting(
        server.token(1),
        refusal(401, 'Bearer error="insufficient_user_authentication", max_age=0'),
      )
      const client = await scene.client([{ source: users.for('ann'), origins: [api.origin] }], {
        baseUrl: api.origin,
      })
      const error = ourError(await rejectionOf(client, { url: '/' }))
      const { code, acrValues, maxAgeSeconds } = error as LoginRequiredError
      assert.deepEqual([code, acrValues, maxAgeSeconds], ['ERR_LOGIN_REQUIRED', undefined, 0])
      assert.deepEqual([api.requests.length, server.requests], [2, 1])
      await users.close()
    },
  },
]

export const finalAnswers: readonly HttpClientCase[] = [...unchanged, ...stepUps]
