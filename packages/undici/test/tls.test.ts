import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { clientCertificate } from '@grantkit/core'
import { authorizationServer } from '@grantkit/testing'
import * as undici from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { issue } from '../../core/test/fixtures/certificates.js'
import { fetchWithTokens, type TokenOptions, tokenInterceptor, withTokens } from '../src/index.js'
import { recordingServer } from './recording-server.js'
import { agentOf, rejection } from './setup.js'

const ca = issue({ name: 'Test CA' })
const server = issue({ name: 'api.example', altNames: ['api.example', 'other.example', '127.0.0.1'], issuer: ca })
const client = issue({ name: 'client', issuer: ca })

/** An https server that asks for a client certificate and tells which it saw, and under which name it was called. */
async function mutualTlsServer() {
  const listener = createServer(
    { cert: server.cert, key: server.key, ca: ca.cert, requestCert: true, rejectUnauthorized: false },
    ({ headers, socket }, response) => {
      const { servername, getPeerCertificate } = socket as TLSSocket & { servername: string | false }
      const { subject } = getPeerCertificate.call(socket)
      const { host } = headers
      response.writeHead(200, { 'cache-control': 'public, max-age=600' })
      response.end(JSON.stringify({ client: subject?.CN, servername, host, number: ++number }))
    },
  )
  let number = 0
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listener.close()
    listener.closeAllConnections()
  })
  return (listener.address() as AddressInfo).port
}

/** Nobody listens there. */
async function freePort() {
  const listener = createServer()
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise(resolve => listener.close(resolve))
  return port
}

const certificate = () => clientCertificate({ cert: client.cert, key: client.key })

type Get = (url: string) => Promise<{ status: number; json(): Promise<unknown> }>

/** Every way to attach a source. */
const ways: Readonly<Record<string, (options: TokenOptions) => Get>> = {
  withTokens: options => requesting(withTokens(agentOf(undici), authorizationServer().source, options)),
  tokenInterceptor: options =>
    requesting(agentOf(undici).compose(tokenInterceptor(authorizationServer().source, options))),
  fetchWithTokens: options => fetchWithTokens(undici.fetch, authorizationServer().source, options),
}

function requesting(dispatcher: undici.Dispatcher): Get {
  return async url => {
    const { statusCode, body } = await undici.request(url, { dispatcher })
    return { status: statusCode, json: () => body.json() }
  }
}

for (const [name, attach] of Object.entries(ways))
  describe(name, () => {
    test('tells the alert of a server that refuses the client certificate, which comes after the handshake', async () => {
      const listener = createServer({ cert: server.cert, key: server.key, ca: ca.cert, requestCert: true })
      await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void listener.close())
      const url = `https://127.0.0.1:${(listener.address() as AddressInfo).port}/`
      const options = { origins: [new URL(url).origin], tls: { ca: ca.cert } }
      const error = await rejection(attach(options)(url))
      const told = [error, error.cause].map(one => (one as NodeJS.ErrnoException | undefined)?.code)
      expect(told).toContain('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    })

    test('connects elsewhere, and keeps name, Host and verification', async () => {
      const port = await mutualTlsServer()
      const tls = { certificate: certificate(), ca: ca.cert, connectTo: { host: '127.0.0.1', port } }
      const get = attach({ origins: ['https://api.example'], tls })
      expect(await (await get('https://api.example/')).json()).toEqual({
        client: 'client',
        servername: 'api.example',
        host: 'api.example',
        number: 1,
      })
    })

    test('goes by `servername` instead of the name in the URL', async () => {
      const port = await mutualTlsServer()
      const tls = { ca: ca.cert, servername: 'other.example' }
      const get = attach({ origins: [`https://127.0.0.1:${port}`], tls })
      expect(await (await get(`https://127.0.0.1:${port}/`)).json()).toMatchObject({ servername: 'other.example' })
    })

    test('refuses a server with a certificate for another name', async () => {
      const port = await mutualTlsServer()
      const tls = { ca: ca.cert, connectTo: { host: '127.0.0.1', port } }
      const get = attach({ origins: ['https://wrong.example'], tls })
      const error = await rejection(get('https://wrong.example/'))
      expect([error, error.cause].map(each => (each as { code?: string } | undefined)?.code)).toContain(
        'ERR_TLS_CERT_ALTNAME_INVALID',
      )
      expect(inspect(error, { depth: Number.POSITIVE_INFINITY })).not.toMatch(/secret-token|PRIVATE KEY/)
    })

    test('reports a connection that is refused', async () => {
      const origin = `https://127.0.0.1:${await freePort()}`
      const get = attach({ origins: [origin], tls: { ca: ca.cert } })
      const error = await rejection(get(`${origin}/`))
      expect([error, error.cause].map(each => (each as { code?: string } | undefined)?.code)).toContain('ECONNREFUSED')
    })

    test('serves an http origin on loopback as well', async () => {
      const api = await recordingServer()
      const get = attach({ origins: [api.origin], tls: { certificate: certificate() } })
      expect(await (await get(`${api.origin}/`)).json()).toEqual({ ok: true })
    })

    test('wrong options are a TypeError at once', () => {
      const tls = { caMode: 'only' as never, ca: ca.cert }
      expect(() => attach({ origins: ['https://api.example'], tls })).toThrow(
        expect.objectContaining({ name: 'TypeError', option: 'tls.caMode' }),
      )
    })
  })

test('a Host header decides the name that is sent and verified, as in undici itself', async () => {
  const port = await mutualTlsServer()
  const dispatcher = withTokens<undici.Dispatcher>(agentOf(undici), authorizationServer().source, {
    origins: [`https://localhost:${port}`],
    tls: { ca: ca.cert },
  })
  const named = (host: string) => undici.request(`https://localhost:${port}/`, { dispatcher, headers: { host } })
  expect(await (await named('api.example')).body.json()).toMatchObject({ servername: 'api.example' })
  expect(await rejection(named('wrong.example'))).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('a cache keeps what is answered to a client certificate too', async () => {
  const port = await mutualTlsServer()
  const dispatcher = withTokens<undici.Dispatcher>(agentOf(undici), authorizationServer().source, {
    origins: [`https://127.0.0.1:${port}`],
    tls: { certificate: certificate(), ca: ca.cert },
    cache: undici.interceptors.cache({ type: 'private' }),
  })
  const get = async () => (await requesting(dispatcher)(`https://127.0.0.1:${port}/`)).json()
  expect([await get(), await get()]).toMatchObject([
    { client: 'client', number: 1 },
    { client: 'client', number: 1 },
  ])
})

for (const [name, fetch] of Object.entries({
  'the global fetch': globalThis.fetch,
  'a fetch of the caller’s own': async (input: string) => new Response(input),
}))
  test(`tls with ${name} is a TypeError`, () => {
    const options = { origins: ['https://api.example'], tls: { certificate: certificate() } }
    expect(() => fetchWithTokens(fetch, authorizationServer().source, options)).toThrow(
      expect.objectContaining({ name: 'TypeError', option: 'tls' }),
    )
  })
