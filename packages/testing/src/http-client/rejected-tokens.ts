/** Cases: a token the API rejects is replaced, and the request sent once more where that is possible. */
import assert from 'node:assert/strict'
import { createUserTokenSources, type LoginRequiredError } from '@grantkit/core'
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
import type { Handler, Received } from '../servers/recording-server.js'
import { authorizationServer, lifetimeMs, tokenResponse } from './authorization-server.js'
import type { ClientBody } from './client-under-test.js'
import { bearers, credentials, type HttpClientCase, ourError, rejectionOf, succeed } from './scene.js'

interface Body {
  readonly body: () => ClientBody | undefined
  /** What arrives, and as what. */
  readonly arrives: RegExp
  readonly type: string | undefined
}

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** Bodies that can be sent twice. */
const bodies: Readonly<Record<string, Body>> = {
  'no body': { body: () => undefined, arrives: /^$/, type: undefined },
  'a JSON body': { body: () => ({ json: { amount: 1 } }), arrives: /^\{"amount":1\}$/, type: 'application/json' },
  'a text body': { body: () => 'text', arrives: /^text$/, type: 'text/plain' },
  'a form body': {
    body: () => new URLSearchParams({ a: '1 2' }),
    arrives: /^a=1\+2$/,
    type: 'application/x-www-form-urlencoded',
  },
  'a body of bytes': {
    body: () => bytes,
    arrives: new RegExp(`^${[...bytes].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}$`),
    type: 'application/octet-stream',
  },
  'a FormData body': {
    body: formData,
    arrives:
      /^--BOUNDARY\r\n[\s\S]*name="field"\r\n\r\nvalue\r\n--BOUNDARY\r\n[\s\S]*filename="file"[\s\S]*\r\nbytes\r\n--BOUNDARY--/,
    type: 'multipart/form-data',
  },
}

function formData(): FormData {
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['bytes']), 'file')
  return form
}

/** A body as it arrived. Libraries are free to draw another boundary for the second time. */
function bodyOf({ headers, body }: Received): string {
  const boundary = /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1]
  const text = body.toString('latin1')
  return boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY')
}

function typeOf({ headers }: Received): string | undefined {
  return headers['content-type']?.split(';')[0]
}

const replays = Object.entries(bodies).map(
  ([name, { body, arrives, type }]): HttpClientCase => ({
    name: `sends a request with ${name} once more, the same, when its token is rejected`,
    async run(scene) {
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server)
      const method = name === 'no body' ? 'GET' : 'PUT'
      const headers: Record<string, string> =
        type?.endsWith('octet-stream') || type === 'text/plain' ? { 'content-type': type } : {}
      const response = await succeed(client, {
        method,
        url: '/a?b=c',
        headers: { 'x-own': 'kept', ...headers },
        body: body(),
      })
      assert.equal(response.body, okBody)
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      for (const request of api.requests) {
        assert.match(bodyOf(request), arrives)
        assert.deepEqual([request.method, request.url, request.headers['x-own']], [method, '/a?b=c', 'kept'])
        assert.equal(typeOf(request), type)
      }
      const [first, second] = api.requests as readonly [Received, Received]
      assert.equal(bodyOf(second), bodyOf(first))
      assert.equal(second.headers['x-contract-key'], first.headers['x-contract-key'])
      assert.equal(server.requests, 2)
    },
  }),
)

const refusal = (status: number, challenge: string): Handler => json(status, {}, { 'www-authenticate': challenge })

/** Answers that a new token would not change. */
const finalAnswers: Readonly<Record<string, Handler>> = {
  'a 401 with insufficient_scope': refusal(401, 'Bearer error="insufficient_scope"'),
  'a 401 with another challenge': refusal(401, 'Basic realm="api"'),
  "an application's 401 with insufficient_user_authentication": refusal(
    401,
    'Bearer error="insufficient_user_authentication", acr_values="urn:strong"',
  ),
  'a 403 with invalid_token': refusal(403, 'Bearer error="invalid_token"'),
  'a 403 with insufficient_scope': refusal(403, 'Bearer error="insufficient_scope"'),
}

const unchanged = Object.entries(finalAnswers).map(
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

const doubts: readonly HttpClientCase[] = [
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

export const rejectedTokens: readonly HttpClientCase[] = [
  ...replays,
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
  ...unchanged,
  ...stepUps,
  ...doubts,
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
