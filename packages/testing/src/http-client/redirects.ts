/** Cases: redirects, which take what we add along within the listed origins and nowhere else. */
import assert from 'node:assert/strict'
import { acceptingSecond, byPath, inTurn, invalidToken, ok, redirect } from '../servers/answers.js'
import { certificates } from '../servers/certificates.js'
import type { RecordingServer } from '../servers/recording-server.js'
import { authorizationServer, resourceHeaders } from './authorization-server.js'
import { bearers, bytesOfOurs, credentials, type HttpClientCase, type Scene, succeed } from './scene.js'

const statuses = [301, 302, 303, 307, 308]

const acrossOrigins = statuses.flatMap(status =>
  ['GET', 'POST'].map(
    (method): HttpClientCase => ({
      name: `follows a ${status} after ${method} to another origin with nothing of ours`,
      async run(scene) {
        const elsewhere = await scene.foreign()
        const { api, client } = await scene.usual(redirect(status, `${elsewhere.origin}/landed`))
        await succeed(client, { method, url: '/', ...(method === 'POST' && { body: { json: { a: 1 } } }) })
        assert.equal(api.requests[0]?.headers['x-contract-key'], resourceHeaders['X-Contract-Key'])
        assert.deepEqual(
          elsewhere.requests.map(({ url }) => url),
          ['/landed'],
        )
      },
    }),
  ),
)

/** Ways to write the target of a redirect. */
const targets: Readonly<Record<string, (api: RecordingServer, elsewhere: RecordingServer) => string>> = {
  'a protocol-relative target': (_, elsewhere) => `//127.0.0.1:${elsewhere.port}/`,
  'a target under another name of the same machine': (_, elsewhere) => `http://localhost:${elsewhere.port}/`,
  'a target in capitals': (_, elsewhere) => `HTTP://LOCALHOST:${elsewhere.port}/`,
  'a target with ideographic dots': (_, elsewhere) => encodeURI(`http://127。0。0。1:${elsewhere.port}/`),
  'a target with the API in its fragment': (api, elsewhere) => `${elsewhere.origin}/#@127.0.0.1:${api.port}/`,
  'a target with the API behind a backslash': (api, elsewhere) => `${elsewhere.origin}\\@127.0.0.1:${api.port}/`,
  'a target with the API as user information': (api, elsewhere) =>
    `http://127.0.0.1:${api.port}@127.0.0.1:${elsewhere.port}/`,
}

const byTarget = Object.entries(targets).map(
  ([name, target]): HttpClientCase => ({
    name: `takes nothing of ours to ${name}`,
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, client } = await scene.usual()
      api.handler = byPath({ '/': redirect(302, target(api, elsewhere)) })
      // what such a target means, if anything, is the library's business
      await client.send({ url: '/' }).catch(() => {})
      assert.equal(api.requests[0]?.url, '/')
    },
  }),
)

export const redirects: readonly HttpClientCase[] = [
  ...acrossOrigins,
  ...byTarget,
  ...[302, 307].map(
    (status): HttpClientCase => ({
      name: `keeps the token through a ${status} within the origin`,
      async run(scene) {
        const { api, server, client } = await scene.usual(inTurn(redirect(status, '/moved'), ok))
        await succeed(client, { url: '/' })
        assert.deepEqual(
          api.requests.map(({ url }) => url),
          ['/', '/moved'],
        )
        assert.deepEqual(credentials(api), bearers(server, 1, 1))
        assert.equal(api.requests[1]?.headers['x-contract-key'], resourceHeaders['X-Contract-Key'])
      },
    }),
  ),
  {
    name: 'keeps the token through a redirect to another listed origin',
    async run(scene) {
      const other = await scene.api()
      const api = await scene.api(redirect(307, `${other.origin}/moved`))
      const server = authorizationServer()
      const client = await scene.client([{ source: server.source, origins: [api.origin, other.origin] }])
      await succeed(client, { method: 'POST', url: `${api.origin}/`, body: { json: { a: 1 } } })
      assert.deepEqual(credentials(other), bearers(server, 1))
      assert.equal(other.requests[0]?.headers['x-contract-key'], resourceHeaders['X-Contract-Key'])
      assert.equal(other.requests[0]?.body.toString(), '{"a":1}')
    },
  },
  {
    name: 'takes nothing of ours out by a chain of redirects that began within the origin',
    async run(scene) {
      const [next, elsewhere] = [await scene.foreign(), await scene.foreign()]
      const { client } = await scene.usual(inTurn(redirect(302, '/again'), redirect(307, elsewhere.origin)))
      elsewhere.handler = redirect(302, next.origin)
      await succeed(client, { url: '/' })
      assert.deepEqual([elsewhere.requests.length, next.requests.length], [1, 1])
    },
  },
  {
    name: 'takes nothing of ours out by a chain of redirects that comes back',
    async run(scene) {
      const { elsewhere } = await outAndBack(scene)
      assert.equal(elsewhere.requests.length, 1)
    },
  },
  {
    name: 'gives nothing of ours back to a chain of redirects that was out',
    async run(scene) {
      const { api } = await outAndBack(scene)
      assert.deepEqual(credentials(api).slice(1), ['-'])
      assert.equal(api.requests[1]?.headers['x-contract-key'], undefined)
    },
  },
  {
    name: 'renews nothing because of a 401 of another origin',
    async run(scene) {
      const elsewhere = await scene.foreign(invalidToken)
      const { api, server, client } = await scene.usual(redirect(302, elsewhere.origin))
      assert.equal((await client.send({ url: '/' })).status, 401)
      assert.deepEqual([api.requests.length, elsewhere.requests.length, server.requests], [1, 1, 1])
    },
  },
  {
    name: 'takes nothing of ours along when a request sent once more is redirected to another origin',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server, redirect(307, elsewhere.origin))
      await succeed(client, { method: 'POST', url: '/', body: { json: { a: 1 } } })
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      assert.equal(elsewhere.requests.length, 1)
    },
  },
  {
    name: "takes a caller's own Authorization to no other origin either",
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, client } = await scene.usual(redirect(302, elsewhere.origin))
      await succeed(client, { url: '/', headers: { Authorization: 'Basic b3du' } })
      assert.deepEqual([credentials(api), credentials(elsewhere)], [['Basic b3du'], ['-']])
    },
  },
  {
    name: 'takes nothing of ours from https to http on the same host',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const api = await scene.api(redirect(302, `${elsewhere.origin}/`), 'https')
      const server = authorizationServer()
      const client = await scene.client([
        { source: server.source, origins: [api.origin], tls: { ca: certificates().ca } },
      ])
      await succeed(client, { url: `${api.origin}/` })
      assert.deepEqual(credentials(api), bearers(server, 1))
      assert.equal(elsewhere.requests.length, 1)
    },
  },
  {
    name: 'takes nothing of ours to another origin through a proxy, nor to the proxy itself',
    async run(scene) {
      const [proxy, elsewhere] = [await scene.proxy(), await scene.foreign()]
      const { api, server, client } = await scene.usual(redirect(302, elsewhere.origin), { proxy: proxy.url })
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1))
      assert.deepEqual([proxy.count >= 2, elsewhere.requests.length], [true, 1])
      assert.equal(bytesOfOurs(proxy.tunnelHeads.join('\r\n')), 0)
    },
  },
]

async function outAndBack(scene: Scene) {
  const elsewhere = await scene.foreign()
  const { api, client } = await scene.usual(inTurn(redirect(302, `${elsewhere.origin}/out`), ok))
  elsewhere.handler = redirect(302, `${api.origin}/back`)
  await succeed(client, { url: '/' })
  assert.deepEqual(
    api.requests.map(({ url }) => url),
    ['/', '/back'],
  )
  return { api, elsewhere }
}
