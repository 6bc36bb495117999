/** Cases: tokens that are bound to a key. Each attempt and each hop carries a proof of its own (RFC 9449 §7). */
import assert from 'node:assert/strict'
import { dpopKey } from '@grantkit/core'
import { answer, byPath, inTurn, invalidTokenBody, json, ok, okBody, redirect } from '../servers/answers.js'
import { nonceWanted, type ProvingOptions, proofOf, proving } from '../servers/proofs.js'
import type { Handler, RecordingServer } from '../servers/recording-server.js'
import { type AuthorizationServer, authorizationServer } from './authorization-server.js'
import type { ClientBody, HttpClientOptions, HttpClientUnderTest } from './client-under-test.js'
import { bytesOfOurs, credentials, errorIn, type HttpClientCase, outcomeOf, type Scene, succeed } from './scene.js'
import { assertShowsNothing } from './secrets.js'

interface Bound {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly client: HttpClientUnderTest
  /** Takes a request to this API if its proof holds. */
  readonly proving: (options?: Partial<ProvingOptions>) => Handler
}

/** An API that takes DPoP tokens alone, their authorization server, and a client that knows both. */
async function bound(scene: Scene, handler?: Handler, options: HttpClientOptions = {}): Promise<Bound> {
  const server = authorizationServer({}, { dpop: dpopKey() })
  const own = (more: Partial<ProvingOptions> = {}) => provingFor(server, more)
  const api = await scene.api(own({ handler }))
  const attachment = { source: server.source, origins: [api.origin] }
  const client = await scene.client([attachment], { baseUrl: api.origin, ...options })
  return { api, server, client, proving: own }
}

function provingFor({ source, clock }: AuthorizationServer, more: Partial<ProvingOptions> = {}): Handler {
  return proving({ jkt: source.client.dpop?.thumbprint, now: () => clock.now(), ...more })
}

const tokens = (server: AuthorizationServer, ...numbers: readonly number[]) =>
  numbers.map(number => `DPoP ${server.token(number)}`)

const noncesOf = ({ requests }: RecordingServer) => requests.map(request => proofOf(request).nonce)

function assertAllDifferent({ requests }: RecordingServer): void {
  assert.equal(new Set(requests.map(request => proofOf(request).jti)).size, requests.length, 'a proof was sent twice')
}

const rejected = json(
  401,
  { fault: 'Invalid Credentials' },
  { 'www-authenticate': 'DPoP realm="api", error="invalid_token", algs="ES256"' },
)

/** Takes the second token alone. */
const second =
  (server: AuthorizationServer): Handler =>
  (request, response) =>
    (request.headers.authorization === `DPoP ${server.token(2)}` ? ok : rejected)(request, response)

/** Bodies that can be sent twice, and what arrives. */
const bodies: Readonly<Record<string, readonly [body: ClientBody, arrives: string]>> = {
  'a JSON body': [{ json: { amount: 1 } }, '{"amount":1}'],
  'a form body': [new URLSearchParams({ a: '1 2' }), 'a=1+2'],
}

export const dpop: readonly HttpClientCase[] = [
  {
    name: 'sends a DPoP token with a proof for the method, the URL and the token',
    async run(scene) {
      const { api, server, client } = await bound(scene)
      await succeed(client, { url: '/accounts?page=1' })
      await succeed(client, { url: `${api.origin}/accounts/2`, method: 'PUT', body: { json: {} } })
      assert.deepEqual(credentials(api), tokens(server, 1, 1))
      assert.deepEqual(
        api.requests.map(request => [proofOf(request).htm, proofOf(request).htu]),
        [
          ['GET', `${api.origin}/accounts`],
          ['PUT', `${api.origin}/accounts/2`],
        ],
      )
    },
  },
  {
    name: 'proves each request anew',
    async run(scene) {
      const { api, server, client } = await bound(scene)
      for (let call = 0; call < 3; call++) await succeed(client, { url: '/' })
      assertAllDifferent(api)
      assert.equal(server.requests, 1)
    },
  },
  {
    name: 'sends no proof with a Bearer token',
    async run(scene) {
      const { api, client } = await scene.usual()
      await succeed(client, { url: '/' })
      assert.equal(api.requests[0]?.headers.dpop, undefined)
    },
  },
  {
    name: "leaves a caller's own proof as it is",
    async run(scene) {
      const { api, server, client } = await bound(scene)
      api.handler = ok
      await succeed(client, { url: '/', headers: { DPoP: 'own' } })
      assert.deepEqual([api.requests[0]?.headers.dpop, ...credentials(api)], ['own', ...tokens(server, 1)])
    },
  },
  {
    name: "proves nothing beside a caller's own Authorization",
    async run(scene) {
      const { api, server, client } = await bound(scene)
      api.handler = ok
      await succeed(client, { url: '/', headers: { Authorization: 'Basic b3du' } })
      assert.deepEqual([api.requests[0]?.headers.dpop, server.requests], [undefined, 0])
    },
  },
  {
    name: 'proves each attempt of the library’s own retries anew',
    async run(scene) {
      const { api, client } = await bound(scene, inTurn(json(503, {}), ok), { retries: 1 })
      await succeed(client, { url: '/' })
      assertAllDifferent(api)
      assert.equal(api.requests.length, 2)
    },
  },
  ...[302, 303, 307].map(
    (status): HttpClientCase => ({
      name: `proves the hop of a ${status} for its own method and URL`,
      async run(scene) {
        const { api, server, client } = await bound(
          scene,
          byPath({ '/': redirect(status, '/moved?a=b'), '/moved?a=b': ok }),
        )
        await succeed(client, { url: '/', method: 'POST', body: { json: { a: 1 } } })
        // whether it is a GET then is the library's business
        assert.deepEqual(
          api.requests.map(request => [proofOf(request).htm, proofOf(request).htu]),
          api.requests.map(({ method, url }) => [method, `${api.origin}${url.replace(/\?.*/, '')}`]),
        )
        assert.equal(api.requests[1]?.url, '/moved?a=b')
        assertAllDifferent(api)
        assert.deepEqual(credentials(api), tokens(server, 1, 1))
      },
    }),
  ),
  {
    name: 'proves a hop to another listed origin for that, with the nonce of that',
    async run(scene) {
      const server = authorizationServer({}, { dpop: dpopKey() })
      const other = await scene.api(provingFor(server, { nonce: () => 'of-the-other' }))
      const moved = byPath({ '/': ok, '/moved': redirect(307, `${other.origin}/there`) })
      const api = await scene.api(provingFor(server, { nonce: () => 'of-the-api', handler: moved }))
      const client = await scene.client([{ source: server.source, origins: [api.origin, other.origin] }])
      for (const origin of [api.origin, other.origin]) await succeed(client, { url: `${origin}/` })
      await succeed(client, { url: `${api.origin}/moved` })
      assert.deepEqual(noncesOf(api), [undefined, 'of-the-api', 'of-the-api'])
      assert.deepEqual(noncesOf(other), [undefined, 'of-the-other', 'of-the-other'])
      assert.equal(proofOf(other.requests[2] as never).htu, `${other.origin}/there`)
    },
  },
  ...[301, 302, 303, 307, 308].map(
    (status): HttpClientCase => ({
      name: `follows a ${status} to another origin with neither the DPoP token nor a proof`,
      async run(scene) {
        const elsewhere = await scene.foreign()
        const { api, server, client } = await bound(scene, redirect(status, `${elsewhere.origin}/landed`))
        await succeed(client, { url: '/' })
        assert.deepEqual(credentials(api), tokens(server, 1))
        assert.deepEqual([credentials(elsewhere), elsewhere.requests[0]?.headers.dpop], [['-'], undefined])
      },
    }),
  ),
  {
    name: 'gives no proof back to a chain of redirects that was out',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, client } = await bound(scene)
      elsewhere.handler = redirect(302, `${api.origin}/back`)
      api.handler = inTurn(redirect(302, `${elsewhere.origin}/`), ok)
      await succeed(client, { url: '/' })
      assert.deepEqual([credentials(api)[1], api.requests[1]?.headers.dpop], ['-', undefined])
    },
  },
  ...Object.entries(bodies).map(
    ([name, [body, arrives]]): HttpClientCase => ({
      name: `sends a request with ${name} once more with the nonce the API wants, and renews nothing`,
      async run(scene) {
        const { api, server, client, proving } = await bound(scene)
        api.handler = proving({ nonce: () => 'n-1' })
        const response = await succeed(client, { url: '/a?b=c', method: 'POST', body })
        assert.equal(response.body, okBody)
        assert.deepEqual(noncesOf(api), [undefined, 'n-1'])
        assert.deepEqual(
          api.requests.map(request => [request.method, request.url, request.body.toString()]),
          [
            ['POST', '/a?b=c', arrives],
            ['POST', '/a?b=c', arrives],
          ],
        )
        assert.deepEqual([credentials(api), server.requests], [tokens(server, 1, 1), 1])
        await succeed(client, { url: '/' })
        assert.deepEqual(noncesOf(api), [undefined, 'n-1', 'n-1'])
      },
    }),
  ),
  {
    name: 'puts the nonce of a good answer into the next proof',
    async run(scene) {
      const { api, client } = await bound(scene, (request, response) =>
        answer(200, '', { 'DPoP-Nonce': `n-${request.number}` })(request, response),
      )
      for (let call = 0; call < 3; call++) await succeed(client, { url: '/' })
      assert.deepEqual(noncesOf(api), [undefined, 'n-1', 'n-2'])
    },
  },
  {
    name: 'puts the nonce of a redirect into the proof of the hop after it',
    async run(scene) {
      const moved = answer(307, '', { location: '/moved', 'DPoP-Nonce': 'n-1' })
      const { api, client } = await bound(scene, byPath({ '/': moved, '/moved': ok }))
      await succeed(client, { url: '/' })
      assert.deepEqual(noncesOf(api), [undefined, 'n-1'])
    },
  },
  {
    name: 'hands on the 401 of an API that is content with no nonce, after one more request',
    async run(scene) {
      const { api, server, client } = await bound(scene)
      api.handler = (request, response) => {
        response.setHeader('DPoP-Nonce', `n-${request.number}`)
        nonceWanted(request, response)
      }
      const { status, body } = await client.send({ url: '/' })
      assert.deepEqual([status, body], [401, '{"error":"use_dpop_nonce"}'])
      assert.deepEqual([noncesOf(api), server.requests], [[undefined, 'n-1'], 1])
    },
  },
  {
    name: 'hands on the 401 that wants a nonce to who streams a body, and has the nonce for the next request',
    async run(scene) {
      const { api, server, client, proving } = await bound(scene)
      api.handler = proving({ nonce: () => 'n-1' })
      const stream = () => ({ stream: chunks('text') })
      assert.equal((await client.send({ url: '/', method: 'POST', body: stream() })).status, 401)
      await succeed(client, { url: '/', method: 'POST', body: stream() })
      assert.deepEqual([noncesOf(api), server.requests], [[undefined, 'n-1'], 1])
    },
  },
  {
    name: 'renews a DPoP token that is rejected, and sends the request once more with a proof for the new one',
    async run(scene) {
      const { api, server, client, proving } = await bound(scene)
      api.handler = proving({ handler: second(server) })
      await succeed(client, { url: '/', method: 'POST', body: { json: { a: 1 } } })
      assert.deepEqual([credentials(api), server.requests], [tokens(server, 1, 2), 2])
      assertAllDifferent(api)
    },
  },
  {
    name: 'sends the nonce, and then a new token, where an API wants the one and then rejects the other',
    async run(scene) {
      const { api, server, client, proving } = await bound(scene)
      api.handler = proving({ nonce: () => 'n-1', handler: second(server) })
      await succeed(client, { url: '/', method: 'POST', body: { json: { a: 1 } } })
      assert.deepEqual([credentials(api), noncesOf(api)], [tokens(server, 1, 1, 2), [undefined, 'n-1', 'n-1']])
      assert.equal(server.requests, 2)
    },
  },
  {
    name: 'hands on the second 401 of an API that rejects every DPoP token',
    async run(scene) {
      const { api, server, client, proving } = await bound(scene)
      api.handler = proving({ handler: rejected })
      const { status, body } = await client.send({ url: '/' })
      assert.deepEqual([status, body], [401, invalidTokenBody])
      assert.deepEqual([credentials(api), server.requests], [tokens(server, 1, 2), 2])
    },
  },
  {
    name: 'renews nothing because of a proof that an API does not take',
    async run(scene) {
      const { api, server, client, proving } = await bound(scene)
      api.handler = proving({ now: () => 0 })
      assert.equal((await client.send({ url: '/' })).status, 401)
      assert.deepEqual([api.requests.length, server.requests], [1, 1])
    },
  },
  ...Object.entries({
    'a cut connection': (_: unknown, response: { destroy(): unknown }) => void response.destroy(),
    'a redirect to nowhere': redirect(302, 'http://127.0.0.1:1/'),
  }).map(
    ([name, handler]): HttpClientCase => ({
      name: `shows no proof in the error of ${name}`,
      async run(scene) {
        const { api, client } = await bound(scene)
        api.handler = handler as Handler
        const outcome = await outcomeOf(client, { url: '/' })
        assert.ok(bytesOfOurs(api.bytes()) > 0, 'nothing was sent')
        assertShowsNothing(errorIn(outcome), String(api.requests[0]?.headers.dpop))
      },
    }),
  ),
]

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}
