/** A real server on loopback, plain or with TLS, that keeps every byte it receives; and a proxy in front of such. */
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { certificates } from './certificates.js'

/** A request as it arrived, its body whole. */
export interface Received {
  /** In capitals. */
  readonly method: string
  /** Path and query, as they stood in the request. */
  readonly url: string
  /** By name in small letters. */
  readonly headers: IncomingHttpHeaders
  /** Its bytes. */
  readonly body: Buffer
  /** Fingerprint of the client certificate, if one was presented. */
  readonly certificate: string | undefined
  /** Counted from 1. */
  readonly number: number
}

/** Answers one request. */
export type Handler = (request: Received, response: ServerResponse) => void

/** A running server on 127.0.0.1. */
export interface RecordingServer {
  /** Scheme, host and port. */
  readonly origin: string
  /** The port on 127.0.0.1. */
  readonly port: number
  /** What came in, oldest first. */
  readonly requests: readonly Received[]
  /** How it answers from now on. */
  handler: Handler
  /** Every byte it received on any connection, decrypted. */
  bytes(): string
  /** Fingerprints of the client certificates presented, connection by connection. */
  readonly certificates: readonly string[]
  /** Resolves once so many requests have come in. */
  arrived(count: number): Promise<void>
  /** Ends it, and the connections to it. */
  close(): Promise<void>
}

/**
 * Starts a server that keeps what it receives, down to the bytes.
 *
 * @param scheme with `https`, a client certificate is asked for, and none is needed
 */
export async function recordingServer(handler: Handler, scheme: 'http' | 'https' = 'http'): Promise<RecordingServer> {
  const chunks: Buffer[] = []
  const requests: Received[] = []
  const presented: string[] = []
  const waiting: (() => void)[] = []
  const listener = scheme === 'https' ? createHttpsServer(tlsOptions()) : createHttpServer()
  listener.on(scheme === 'https' ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.on('data', chunk => chunks.push(chunk))
    const certificate = certificateOf(socket)
    if (certificate !== undefined) presented.push(certificate)
  })
  listener.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    receive(incoming, response).catch(() => response.destroy())
  })
  async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray())
    const { method = '', url = '', headers, socket } = incoming
    const received = { method, url, headers, body, certificate: certificateOf(socket), number: requests.length + 1 }
    requests.push(received)
    for (const wake of waiting.splice(0)) wake()
    server.handler(received, response)
  }
  const { port, close } = await listen(listener)
  const server: RecordingServer = {
    origin: `${scheme}://127.0.0.1:${port}`,
    port,
    requests,
    handler,
    bytes: () => Buffer.concat(chunks).toString('latin1'),
    certificates: presented,
    async arrived(count) {
      while (requests.length < count) await new Promise<void>(wake => waiting.push(wake))
    },
    close,
  }
  return server
}

function tlsOptions() {
  const { ca, server } = certificates()
  return { ca, cert: server.cert, key: server.key, requestCert: true, rejectUnauthorized: false }
}

function certificateOf(socket: Socket): string | undefined {
  return socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : undefined
}

/** Listens on a free port. Closing does not wait for clients that keep connections. */
async function listen(listener: Server): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  listener.on('connection', socket => {
    sockets.add(socket.on('error', () => {}))
    socket.on('close', () => sockets.delete(socket))
  })
  listener.on('tlsClientError', (_, socket) => socket.destroy())
  await new Promise<void>(resolve => listener.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  const { port } = listener.address() as AddressInfo
  async function close(): Promise<void> {
    const closed = new Promise(resolve => listener.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { port, close }
}

/** An HTTP proxy: forwards absolute URLs, opens tunnels. */
export interface ForwardingProxy {
  readonly url: string
  /** How many requests and tunnels it was asked for. */
  readonly count: number
  /** The heads of the requests for tunnels, the only ones meant for the proxy itself. */
  readonly tunnelHeads: readonly string[]
  close(): Promise<void>
}

export async function forwardingProxy(): Promise<ForwardingProxy> {
  const tunnelHeads: string[] = []
  const onward = new Set<Duplex>()
  let count = 0
  const listener = createHttpServer((incoming, response) => {
    count++
    const { method, headers, url = '' } = incoming
    const forwarded = request(url, { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    incoming.pipe(forwarded)
  })
  listener.on('connect', (incoming: IncomingMessage, socket: Duplex) => {
    count++
    tunnelHeads.push([incoming.url, ...incoming.rawHeaders].join('\r\n'))
    const { hostname, port } = new URL(`http://${incoming.url}`)
    const target = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    for (const each of [socket, target]) onward.add(each.on('error', () => each.destroy()))
  })
  const { port, close } = await listen(listener)
  return {
    url: `http://127.0.0.1:${port}`,
    get count() {
      return count
    },
    tunnelHeads,
    async close() {
      for (const socket of onward) socket.destroy()
      await close()
    },
  }
}
