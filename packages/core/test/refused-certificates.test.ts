import net from 'node:net'
import tls from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { clientCertificate } from '../src/certificate.js'
import { createClient } from '../src/client.js'
import { none } from '../src/client-auth/none.js'
import { createUserTokenSources } from '../src/create-token-source.js'
import { defineProvider } from '../src/define-provider.js'
import type { TransportError } from '../src/errors.js'
import { memoryStore } from '../src/store/memory-store.js'
import { createTransport, type TransportResponse } from '../src/transport.js'
import { ca, httpsServer, listen, localhost } from './fixtures/servers.js'
import {
  gnutlsServer,
  nodeServer,
  opensslServer,
  type StartServer,
  shown,
  type TlsVersion,
} from './fixtures/tls-servers.js'

type Shown = keyof typeof shown

function transportWith(what: Shown) {
  const issued = shown[what]
  const certificate = issued && clientCertificate({ cert: issued.cert, key: issued.key })
  const transport = createTransport({ ca: ca.cert, caMode: 'replace', proxy: false, timeoutMs: 5_000, certificate })
  onTestFinished(() => transport.close())
  return transport
}

const post = (port: number) => ({ method: 'POST', url: `https://localhost:${port}/token`, headers: {}, body: 'a=b' })

const failure = (answer: Promise<TransportResponse>): Promise<TransportError> =>
  answer.then(
    ({ status }) => Promise.reject(new Error(`It was answered with ${status}`)),
    error => error,
  )

/** The server has said what it has against the certificate: nothing was handled, and another try would be the same. */
const refused = { code: 'ERR_TRANSPORT_TLS', retryable: false, neverSent: true }
/** It closed the connection in the middle of the handshake, without a word. */
const cut = { code: 'ERR_TRANSPORT', retryable: true, neverSent: true }
/** It closed the connection after its side of the handshake, without a word: a server that falls over does that too. */
const unknown = { code: 'ERR_TRANSPORT', retryable: true, neverSent: false }

interface Make {
  readonly start: StartServer
  readonly needs?: string
  readonly closesOn?: Readonly<Record<TlsVersion, typeof refused>>
}

const makes: Record<string, Make> = {
  // Node takes any certificate in the handshake, and then drops the connection of one that it does not like.
  "Node's": { start: nodeServer, closesOn: { 'TLSv1.2': cut, 'TLSv1.3': unknown } },
  "OpenSSL's": { start: opensslServer, needs: 'openssl' },
  "GnuTLS's": { start: gnutlsServer, needs: 'gnutls-bin' },
}

for (const [make, { start, needs, closesOn }] of Object.entries(makes))
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    describe(`${make} server, with ${version}`, () => {
      for (const what of ['no', 'a wrong', 'an expired', 'a revoked'] as const) {
        const expected = what === 'no' ? refused : (closesOn?.[version] ?? refused)
        test(`given ${what} client certificate: ${expected.code}, ${tell(expected)}`, async context => {
          const server = await start(version)
          if (server === undefined) return context.skip(`needs ${needs}`)
          const transport = transportWith(what)
          for (let attempt = 0; attempt < 3; attempt++)
            expect(await failure(transport(post(server.port)))).toMatchObject(expected)
          expect(server.handled?.() ?? 0).toBe(0)
        })
      }

      test('given a good one: it takes it', async context => {
        const server = await start(version)
        if (server === undefined) return context.skip(`needs ${needs}`)
        const request = { method: 'GET', url: `https://localhost:${server.port}/ca`, headers: {} }
        const answer = await transportWith('a good')(request).catch((error: TransportError) => error)
        // what gnutls-serv answers is no HTTP
        if (needs === 'gnutls-bin') expect(answer).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: false })
        else expect(answer).toMatchObject({ status: 200 })
      })
    })

function tell({ retryable, neverSent }: { readonly retryable: boolean; readonly neverSent: boolean }): string {
  return `${retryable ? 'retryable' : 'final'}, ${neverSent ? 'never sent' : 'perhaps sent'}`
}

describe('a server that closes the connection without an alert', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`after the first read, with ${version}: retryable, perhaps sent, whatever certificate it was`, async () => {
      const port = await closingServer(version, socket => socket.once('data', () => socket.destroy()))
      for (const what of ['no', 'a wrong', 'a good'] as const) {
        const error = await failure(transportWith(what)(post(port)))
        expect(error).toMatchObject(unknown)
        expect(error.message.includes('client certificate')).toBe(what !== 'no')
      }
    })

  test('after an earlier answer on the same connection: says nothing of the certificate', async () => {
    let requests = 0
    const { port } = await httpsServer(
      (request, response) => (requests++ === 0 ? response.end('taken') : request.socket.destroy()),
      { requestCert: true, rejectUnauthorized: true, ca: ca.cert },
    )
    const transport = transportWith('a good')
    await transport(post(port))
    const error = await failure(transport(post(port)))
    expect(error).toMatchObject(unknown)
    expect(error.message).not.toContain('client certificate')
  })
})

test('a refused client certificate is told in words that say what to do', async context => {
  const server = await opensslServer('TLSv1.3')
  if (server === undefined) return context.skip('needs openssl')
  const url = `POST https://localhost:${server.port}/token`
  expect((await failure(transportWith('no')(post(server.port)))).message).toMatch(
    `${url}: the server wants a client certificate: pass the one it knows as \`certificate\` (ERR_SSL_`,
  )
  expect((await failure(transportWith('a revoked')(post(server.port)))).message).toMatch(
    `${url}: the server refuses the client certificate: pass the one it knows as \`certificate\` (ERR_SSL_`,
  )
})

test('a refused client certificate ends no session: with the right one the user goes on', async () => {
  const tokens: string[] = []
  const { port } = await httpsServer(
    (request, response) => {
      request.on('data', chunk => tokens.push(new URLSearchParams(String(chunk)).get('refresh_token') ?? ''))
      const answer = { access_token: 'access', token_type: 'Bearer', expires_in: 3600, refresh_token: 'second' }
      request.on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)))
    },
    { requestCert: true, rejectUnauthorized: true, ca: ca.cert, minVersion: 'TLSv1.3' },
  )
  const issuer = `https://localhost:${port}`
  const provider = defineProvider({ name: 'example', metadata: { issuer, token_endpoint: `${issuer}/token` } })
  const store = memoryStore()
  const user = (what: Shown) => {
    const client = createClient({ provider, clientId: 'app', auth: none(), transport: transportWith(what) })
    const sources = createUserTokenSources({ client, store })
    onTestFinished(() => sources.close())
    return sources.for('alice')
  }
  await user('no').import({ refreshToken: 'first' })
  for (let call = 0; call < 5; call++)
    await expect(user('no').getTokenSet()).rejects.toMatchObject({ code: 'ERR_TRANSPORT_TLS', neverSent: true })
  await expect(user('a good').getTokenSet()).resolves.toMatchObject({ accessToken: 'access' })
  expect(tokens).toEqual(['first'])
})

async function closingServer(version: TlsVersion, close: (socket: tls.TLSSocket) => void): Promise<number> {
  const options = { cert: localhost.cert, key: localhost.key, ca: ca.cert, minVersion: version, maxVersion: version }
  const secure = tls.createSecureContext(options)
  const { port } = await listen(
    net.createServer(plain => {
      const asks = { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext: secure }
      const socket = new tls.TLSSocket(plain, asks)
      socket.on('error', () => {})
      close(socket)
    }),
  )
  return port
}
