/** Cases: tokens bound to a client certificate (RFC 8705 §3), which goes to the listed origins and nowhere else. */
import assert from 'node:assert/strict'
import { type ClientCertificate, clientCertificate } from '@grantkit/core'
import { ok, redirect } from '../servers/answers.js'
import { certificates } from '../servers/certificates.js'
import type { Handler, RecordingServer } from '../servers/recording-server.js'
import { type AuthorizationServer, authorizationServer } from './authorization-server.js'
import type { HttpClientUnderTest } from './client-under-test.js'
import { bearers, credentials, errorIn, type HttpClientCase, outcomeOf, type Scene, succeed } from './scene.js'

interface Bound {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly certificate: ClientCertificate
  readonly client: HttpClientUnderTest
}

async function bound(scene: Scene, handler: Handler = ok, otherOrigins?: 'pass-through'): Promise<Bound> {
  const [api, server] = [await scene.api(handler, 'https'), authorizationServer()]
  const certificate = clientCertificate(pairOf('client'))
  const tls = { certificate, ca: certificates().ca }
  const attachment = { source: server.source, origins: [api.origin], otherOrigins, tls }
  const client = await scene.client([attachment], { baseUrl: api.origin })
  return { api, server, certificate, client }
}

function pairOf(name: 'client' | 'otherClient') {
  const { cert, key } = certificates()[name]
  return { cert, key }
}

function presented({ requests }: RecordingServer): (string | undefined)[] {
  return requests.map(({ certificate }) => certificate)
}

export const clientCertificates: readonly HttpClientCase[] = [
  {
    name: 'calls the API with the client certificate and the CA of `tls`',
    async run(scene) {
      const { api, server, client } = await bound(scene)
      await succeed(client, { url: '/', method: 'POST', body: { json: { a: 1 } } })
      assert.deepEqual(presented(api), [certificates().client.fingerprint])
      assert.deepEqual(credentials(api), bearers(server, 1))
    },
  },
  {
    name: 'presents a certificate that was replaced from the next request on',
    async run(scene) {
      const { api, certificate, client } = await bound(scene)
      await succeed(client, { url: '/' })
      certificate.replace(pairOf('otherClient'))
      await succeed(client, { url: '/' })
      assert.deepEqual(presented(api), [certificates().client.fingerprint, certificates().otherClient.fingerprint])
    },
  },
  {
    name: "presents the client certificate beside a caller's own Authorization",
    async run(scene) {
      const { api, client } = await bound(scene)
      await succeed(client, { url: '/', headers: { Authorization: 'Bearer own' } })
      assert.deepEqual(credentials(api), ['Bearer own'])
      assert.deepEqual(presented(api), [certificates().client.fingerprint])
    },
  },
  {
    name: 'presents the client certificate again where a request is sent once more',
    async run(scene) {
      const { api, server, client } = await bound(scene, (request, response) => {
        const rejected = request.number === 1
        response.writeHead(rejected ? 401 : 200, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('{}')
      })
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      assert.deepEqual(presented(api), Array(2).fill(certificates().client.fingerprint))
    },
  },
  {
    name: 'sends no token to a server whose certificate is not trusted',
    async run(scene) {
      const [api, server] = [await scene.foreign(ok, 'https'), authorizationServer()]
      const tls = { certificate: clientCertificate(pairOf('client')) }
      const client = await scene.client([{ source: server.source, origins: [api.origin], tls }])
      errorIn(await outcomeOf(client, { url: `${api.origin}/` }))
      assert.equal(api.bytes(), '')
    },
  },
  {
    name: 'presents no client certificate to another https server by a redirect',
    async run(scene) {
      const elsewhere = await scene.foreign(ok, 'https')
      const { api, client } = await bound(scene, redirect(307, `${elsewhere.origin}/`))
      // without the CA, which belongs to `tls`, the other server is not trusted
      await outcomeOf(client, { url: '/', method: 'POST', body: 'text' })
      assert.deepEqual(presented(api), [certificates().client.fingerprint])
    },
  },
  {
    name: 'presents no client certificate to another https server by passing a request through',
    async run(scene) {
      const elsewhere = await scene.foreign(ok, 'https')
      const { api, client } = await bound(scene, ok, 'pass-through')
      await succeed(client, { url: '/' })
      await outcomeOf(client, { url: `${elsewhere.origin}/` })
      assert.deepEqual(presented(api), [certificates().client.fingerprint])
    },
  },
]
