import { createServer as createProxy } from 'node:http'
import { Agent, createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { clientCertificate } from '@grantkit/core'
import { authorizationServer } from '@grantkit/testing'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { issue } from '../../core/test/fixtures/certificates.js'
import { attachTokenSource } from '../src/index.js'
import { clients, rejection } from './clients.js'
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

/** Opens tunnels, as proxies do for https. */
async function tunnelingProxy() {
  const targets: string[] = []
  const proxy = createProxy().on('connect', ({ url = '' }, client) => {
    targets.push(url)
    const [host, port] = url.split(':')
    const onward = connect(Number(port), host === 'localhost' ? '127.0.0.1' : host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.pipe(onward).pipe(client)
    })
    for (const socket of [client, onward]) socket.on('error', () => {})
    onTestFinished(() => void [client, onward].map(socket => socket.destroy()))
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const { port } = proxy.address() as AddressInfo
  return { targets, config: { proxy: { protocol: 'http', host: '127.0.0.1', port } } }
}

const certificate = () => clientCertificate({ cert: first.cert, key: first.key })

for (const { name, axios } of clients.filter(({ adapter }) => adapter === 'http')) {
  describe(`tls, ${name}`, () => {
    test('requests present the client certificate and trust the private CA', async () => {
      const api = await mutualTlsServer()
      const instance = axios.create({ baseURL: api.origin })
      attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
      const { config } = await instance.get('/')
      expect(api.seen).toEqual([{ url: '/', authorization: 'Bearer secret-token-1', client: 'first' }])
      expect(config).not.toHaveProperty('httpsAgent')
    })

    test('a certificate that is replaced is used from the next request on', async () => {
      const api = await mutualTlsServer()
      const replaced = certificate()
      const instance = axios.create({ baseURL: api.origin })
      attachTokenSource(instance, authorizationServer().source, { tls: { certificate: replaced, ca: ca.cert } })
      await instance.get('/')
      replaced.replace({ cert: second.cert, key: second.key })
      await instance.get('/')
      expect(api.seen.map(({ client }) => client)).toEqual(['first', 'second'])
    })

    test('a request with a credential of the caller’s own presents it too', async () => {
      const api = await mutualTlsServer()
      const instance = axios.create({ baseURL: api.origin })
      attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
      await instance.get('/', { headers: { Authorization: 'Bearer own' } })
      expect(api.seen).toEqual([{ url: '/', authorization: 'Bearer own', client: 'first' }])
    })

    test('the connection can go elsewhere than the name says', async () => {
      const api = await mutualTlsServer()
      const origin = 'https://api.example'
      const tls = { ca: ca.cert, servername: 'localhost', connectTo: { host: '127.0.0.1', port: api.port } }
      const instance = axios.create({ baseURL: origin })
      attachTokenSource(instance, authorizationServer().source, { tls })
      await instance.get('/named')
      expect(api.seen).toMatchObject([{ url: '/named', authorization: 'Bearer secret-token-1' }])
    })

    for (const [whose, headers, authorization] of [
      ['our', {}, 'Bearer secret-token-1'],
      ['the caller’s', { Authorization: 'Bearer own' }, 'Bearer own'],
    ] as const)
      test(`a redirect elsewhere with ${whose} credential goes on without certificate, by the caller’s agent`, async () => {
        const elsewhere = await mutualTlsServer(() => `${api.origin}/back`)
        const api: Awaited<ReturnType<typeof mutualTlsServer>> = await mutualTlsServer(() => `${elsewhere.origin}/`)
        const instance = axios.create({ baseURL: api.origin, httpsAgent: new Agent({ ca: ca.cert }) })
        attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
        await instance.post('/', 'text', { headers })
        expect(elsewhere.seen).toEqual([{ url: '/', authorization: undefined, client: undefined }])
        expect(api.seen).toEqual([
          { url: '/', authorization, client: 'first' },
          { url: '/back', authorization: undefined, client: undefined },
        ])
      })

    test('a redirect within the origins keeps it', async () => {
      const other = await mutualTlsServer()
      const api = await mutualTlsServer(() => `${other.origin}/`)
      const instance = axios.create()
      const origins = [api.origin, other.origin]
      const tls = { certificate: certificate(), ca: ca.cert }
      attachTokenSource(instance, authorizationServer().source, { origins, tls })
      await instance.get(api.origin)
      expect(other.seen).toEqual([{ url: '/', authorization: 'Bearer secret-token-1', client: 'first' }])
    })

    test('a redirect to http on the same host carries nothing', async () => {
      const plain = await recordingServer()
      const api = await mutualTlsServer(() => `http://localhost:${plain.port}/`)
      const instance = axios.create({ baseURL: api.origin })
      attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
      await instance.get('/')
      expect(plain.requests).toHaveLength(1)
      expect(plain.bytes()).not.toContain('secret-token')
    })

    describe('through a proxy', () => {
      beforeEach(context => context.skip(axios.VERSION === '1.7.0', 'before 1.16.1 axios opens no tunnels'))

      test('the certificate is presented to the API', async () => {
        const api = await mutualTlsServer()
        const { targets, config } = await tunnelingProxy()
        const instance = axios.create({ baseURL: api.origin, ...config })
        attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
        await instance.get('/')
        expect(targets).toEqual([`localhost:${api.port}`])
        expect(api.seen).toEqual([{ url: '/', authorization: 'Bearer secret-token-1', client: 'first' }])
      })

      test('a redirect elsewhere fails rather than present it there', async () => {
        const elsewhere = await mutualTlsServer()
        const api = await mutualTlsServer(() => `${elsewhere.origin}/`)
        const { config } = await tunnelingProxy()
        const instance = axios.create({ baseURL: api.origin, ...config })
        attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
        expect((await rejection(instance.get('/'))).message).toContain('leaves the origins of tls')
        expect(elsewhere.seen).toEqual([])
      })
    })

    test('an unknown CA is refused', async () => {
      const api = await mutualTlsServer()
      const instance = axios.create({ baseURL: api.origin })
      attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate() } })
      expect(await rejection(instance.get('/'))).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' })
      expect(api.seen).toHaveLength(0)
    })

    for (const [what, config] of Object.entries({
      'the fetch adapter': { adapter: 'fetch' },
      'a list that begins with it': { adapter: ['fetch', 'http'] },
      'HTTP/2': { httpVersion: 2 },
    }))
      test(`${what} cannot present a certificate, and says so`, async () => {
        const api = await mutualTlsServer()
        const instance = axios.create({ baseURL: api.origin })
        attachTokenSource(instance, authorizationServer().source, { tls: { certificate: certificate(), ca: ca.cert } })
        expect(await rejection(instance.get('/', config as object))).toMatchObject({ name: 'TypeError', option: 'tls' })
        expect(api.seen).toHaveLength(0)
      })
  })
}
