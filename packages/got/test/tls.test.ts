import { createSecureServer } from 'node:http2'
import { Agent, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { clientCertificate } from '@grantkit/core'
import { authorizationServer } from '@grantkit/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { issue } from '../../core/test/fixtures/certificates.js'
import { type TokenHooksOptions, tokenHooks } from '../src/index.js'
import { clients, rejection, type TestedClient } from './clients.js'
import { recordingServer } from './recording-server.js'

const ca = issue({ name: 'Test CA' })
const server = issue({ name: 'localhost', altNames: ['localhost', '127.0.0.1'], issuer: ca })
const first = issue({ name: 'first', issuer: ca })
const second = issue({ name: 'second', issuer: ca })

interface Seen {
  readonly url: string
  readonly authorization: string | undefined
  /** The name in the client certificate. */
  readonly client: string | undefined
}

/** An https server that asks for a client certificate and takes requests without one. */
async function mutualTlsServer(location?: () => string | undefined) {
  const seen: Seen[] = []
  const listener = createServer(
    { cert: server.cert, key: server.key, ca: ca.cert, requestCert: true, rejectUnauthorized: false },
    ({ url = '', headers, socket }, response) => {
      const { subject } = (socket as TLSSocket).getPeerCertificate()
      const client = subject && String(subject.CN)
      seen.push({ url, authorization: headers.authorization, client })
      const target = url === '/' ? location?.() : undefined
      response.writeHead(target ? 307 : 200, target ? { location: target } : {}).end('{}')
    },
  )
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listener.close()
    listener.closeAllConnections()
  })
  const { port } = listener.address() as AddressInfo
  return { origin: `https://localhost:${port}`, port, seen }
}

const certificate = () => clientCertificate({ cert: first.cert, key: first.key })

function instanceFor({ got }: TestedClient, origins: string[], tls?: TokenHooksOptions['tls']) {
  const hooks = tokenHooks(authorizationServer().source, {
    origins,
    tls: tls ?? { certificate: certificate(), ca: ca.cert },
  })
  return got.extend({ retry: { limit: 0 } }, hooks)
}

for (const client of clients) {
  describe(`tls, ${client.name}`, () => {
    test('requests and streams present the client certificate and trust the private CA', async () => {
      const api = await mutualTlsServer()
      const instance = instanceFor(client, [api.origin])
      await instance.get(`${api.origin}/a`)
      await instance.stream(`${api.origin}/b`).toArray()
      expect(api.seen).toEqual(
        ['/a', '/b'].map(url => ({ url, authorization: 'Bearer secret-token-1', client: 'first' })),
      )
    })

    test('a certificate that is replaced is used from the next request on', async () => {
      const api = await mutualTlsServer()
      const replaced = certificate()
      const instance = instanceFor(client, [api.origin], { certificate: replaced, ca: ca.cert })
      await instance.get(api.origin)
      replaced.replace({ cert: second.cert, key: second.key })
      await instance.get(api.origin)
      expect(api.seen.map(({ client }) => client)).toEqual(['first', 'second'])
    })

    test('a request with a credential of the caller’s own presents it too', async () => {
      const api = await mutualTlsServer()
      await instanceFor(client, [api.origin]).get(api.origin, { headers: { Authorization: 'Bearer own' } })
      expect(api.seen).toEqual([{ url: '/', authorization: 'Bearer own', client: 'first' }])
    })

    test('the connection can go elsewhere than the name says', async () => {
      const api = await mutualTlsServer()
      const origin = 'https://api.example'
      const tls = { ca: ca.cert, servername: 'localhost', connectTo: { host: '127.0.0.1', port: api.port } }
      await instanceFor(client, [origin], tls).get(`${origin}/named`)
      expect(api.seen).toMatchObject([{ url: '/named', authorization: 'Bearer secret-token-1' }])
    })

    test('a redirect elsewhere goes without certificate, by the caller’s own agent, and so does all that follows', async () => {
      const elsewhere = await mutualTlsServer(() => `${api.origin}/back`)
      const api: Awaited<ReturnType<typeof mutualTlsServer>> = await mutualTlsServer(() => `${elsewhere.origin}/`)
      const agent = { https: new Agent({ ca: ca.cert }) }
      await instanceFor(client, [api.origin]).post(api.origin, { agent, body: 'text' })
      expect(elsewhere.seen).toEqual([{ url: '/', authorization: undefined, client: undefined }])
      expect(api.seen).toEqual([
        { url: '/', authorization: 'Bearer secret-token-1', client: 'first' },
        { url: '/back', authorization: undefined, client: undefined },
      ])
    })

    test('a redirect within the origins keeps it', async () => {
      const other = await mutualTlsServer()
      const api = await mutualTlsServer(() => `${other.origin}/`)
      await instanceFor(client, [api.origin, other.origin]).get(api.origin)
      expect(other.seen).toEqual([{ url: '/', authorization: 'Bearer secret-token-1', client: 'first' }])
    })

    test('a redirect to http on the same host carries nothing', async () => {
      const plain = await recordingServer()
      const api = await mutualTlsServer(() => `http://localhost:${plain.port}/`)
      await instanceFor(client, [api.origin]).get(api.origin)
      expect(plain.requests).toHaveLength(1)
      expect(plain.bytes()).not.toContain('secret-token')
    })

    test('an http origin among the listed ones is served beside it', async () => {
      const plain = await recordingServer()
      await instanceFor(client, [plain.origin]).get(plain.origin)
      expect(plain.requests).toMatchObject([{ headers: { authorization: 'Bearer secret-token-1' } }])
    })

    test('an unknown CA is refused, whatever got’s own options say', async () => {
      const api = await mutualTlsServer()
      const instance = instanceFor(client, [api.origin], { certificate: certificate() })
      const error = await rejection(instance.get(api.origin, { https: { rejectUnauthorized: false } }))
      expect(error).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' })
      expect(api.seen).toHaveLength(0)
    })

    test('HTTP/2 cannot present a certificate, and says so', async () => {
      const api = await mutualTlsServer()
      const { cause } = await rejection(instanceFor(client, [api.origin]).get(api.origin, { http2: true }))
      expect(cause).toMatchObject({ name: 'TypeError', option: 'tls' })
      expect(api.seen).toHaveLength(0)
    })

    test('HTTP/2 carries the token without tls', async () => {
      const seen: unknown[] = []
      const listener = createSecureServer(
        { cert: server.cert, key: server.key },
        ({ headers, httpVersion }, response) => {
          seen.push([httpVersion, headers.authorization])
          response.end('{}')
        },
      )
      await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
      const sessions = new Set<{ destroy(): void }>()
      listener.on('session', session => sessions.add(session))
      onTestFinished(() => {
        for (const session of sessions) session.destroy()
        listener.close()
      })
      const origin = `https://localhost:${(listener.address() as AddressInfo).port}`
      const hooks = tokenHooks(authorizationServer().source, { origins: [origin] })
      const https = { certificateAuthority: ca.cert }
      await client.got.extend(hooks).get(origin, { http2: true, https, retry: { limit: 0 } })
      expect(seen).toEqual([['2.0', 'Bearer secret-token-1']])
    })
  })
}
