/** One listener on loopback, of TLS or plain: reads a request, records it, applies a fault or lets its route answer. */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { type Answer, Refusal, text } from './answer.js'
import { type CertificateAndKey, type CertificateAuthority, certificateThumbprint } from './certificates.js'
import type { SandboxClock } from './clock.js'
import { applyFault, type FaultList } from './faults.js'
import type { PresentedCertificate, ReceivedRequest, RequestKind } from './record.js'

/** What answers a request, chosen by method and path; a request of a known path and another method gets 405. */
export interface Route {
  readonly kind: RequestKind
  /** `*` answers every method. */
  readonly method: string
  /** Asked for every request, so that a path may be a setting. */
  readonly matches: (path: string) => boolean
  readonly handle: (request: ReceivedRequest) => Answer | Promise<Answer>
}

/** What makes one server differ from another. */
export interface ServerOptions {
  readonly authority: CertificateAuthority
  readonly clock: SandboxClock
  /** Without one it is plain HTTP. */
  readonly certificate: CertificateAndKey | undefined
  readonly host: string
  readonly port: number
  readonly faults: FaultList
  readonly routes: readonly Route[]
  readonly record: (request: ReceivedRequest) => void
  /** Asks for a client certificate in the handshake and accepts any, or none. */
  readonly requestClientCertificate: boolean
  /** Cuts a connection whose certificate is missing or foreign right after the handshake. */
  readonly refuseInHandshake?: () => boolean
  /** Answers instead of the routes, for instance when the host name is wrong. */
  readonly precheck?: (request: ReceivedRequest) => Answer | undefined
  readonly notFound?: (request: ReceivedRequest) => Answer
}

/** A server that is listening. */
export interface RunningServer {
  readonly port: number
  /** Closes every connection, answered or not. */
  close(): Promise<void>
}

const maximumBodyBytes = 5_000_000

/** Listens on `options.host`; rejects with the system's error when the port is taken. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const stopping = new AbortController()
  const connections = new Map<number | undefined, Connection>()
  const { certificate, requestClientCertificate } = options
  const keepAlive = { keepAliveTimeout: 30_000 }
  const server: Server = certificate
    ? createServer({ ...certificate, ...keepAlive, requestCert: requestClientCertificate, rejectUnauthorized: false })
    : createPlainServer(keepAlive)
  let connectionCount = 0

  server.on('connection', (socket: Socket) => {
    const port = socket.remotePort
    connections.set(port, { id: ++connectionCount, socket, clientCertificate: undefined })
    socket.on('close', () => connections.get(port)?.socket === socket && connections.delete(port))
    socket.on('error', () => socket.destroy())
    if (options.faults.takeForConnection()) socket.resetAndDestroy()
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = connections.get(socket.remotePort)
    if (!connection) return
    if (requestClientCertificate) connection.clientCertificate = presented(socket, options.authority)
    if (options.refuseInHandshake?.() && !isAcceptable(connection.clientCertificate, options.clock)) socket.destroy()
  })
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(message.socket.remotePort)
    if (!connection) return
    serve(options, message, response, connection, stopping.signal).catch(() => response.destroy())
  })
  return { port: await listen(server, options), close: () => close(server, connections, stopping) }
}

/** A TCP connection, maybe under a TLS one, found by its remote port: Node does not give the one from the other. */
interface Connection {
  readonly id: number
  readonly socket: Socket
  clientCertificate: PresentedCertificate | undefined
}

async function listen(server: Server, { host, port }: ServerOptions): Promise<number> {
  server.listen(port, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function close(
  server: Server,
  connections: Map<number | undefined, Connection>,
  stopping: AbortController,
): Promise<void> {
  stopping.abort()
  const closed = server.listening ? once(server, 'close') : undefined
  server.close()
  for (const { socket } of connections.values()) socket.destroy()
  await closed
}

async function serve(
  options: ServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
  connection: Connection,
  stopping: AbortSignal,
): Promise<void> {
  const body = await readBody(message)
  const path = (message.url ?? '/').split('?')[0] ?? '/'
  const routes = options.routes.filter(route => route.matches(path))
  const request = toRequest(options.clock.now(), message, body ?? '', path, routes[0]?.kind ?? 'other', connection)
  options.record(request)
  const handle = async (): Promise<Answer> => {
    if (body === undefined) return text(413, 'Request Entity Too Large')
    return options.precheck?.(request) ?? answerOf(options, routes, request)
  }
  const fault = options.faults.takeFor(request)
  request.fault = fault?.kind
  const reset = () => connection.socket.resetAndDestroy()
  const wait = (ms: number) => delay(ms, undefined, { signal: stopping })
  const answer = fault ? await applyFault(fault, { handle, reset, wait }) : await handle()
  if (answer && !response.destroyed) await respond(response, request, answer)
}

async function answerOf(options: ServerOptions, routes: readonly Route[], request: ReceivedRequest): Promise<Answer> {
  const route = routes.find(({ method }) => method === '*' || method === request.method)
  if (route) return answerOrRefusal(route, request)
  if (routes.length > 0) return text(405, 'Method Not Allowed')
  return options.notFound?.(request) ?? text(404, 'Not Found')
}

async function answerOrRefusal(route: Route, request: ReceivedRequest): Promise<Answer> {
  try {
    return await route.handle(request)
  } catch (error) {
    if (error instanceof Refusal) return error.answer
    throw error
  }
}

async function respond(response: ServerResponse, request: ReceivedRequest, answer: Answer): Promise<void> {
  request.status = answer.status
  if (answer.body instanceof Readable) {
    response.writeHead(answer.status, answer.headers ?? {})
    return pipeline(answer.body, response)
  }
  const body = Buffer.from(answer.body ?? '')
  const length = answer.status === 204 ? {} : { 'content-length': body.length }
  response.writeHead(answer.status, { ...answer.headers, ...length })
  response.end(body)
}

async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message) {
    size += (chunk as Buffer).length
    if (size <= maximumBodyBytes) chunks.push(chunk as Buffer)
  }
  return size <= maximumBodyBytes ? Buffer.concat(chunks).toString('utf8') : undefined
}

function toRequest(
  at: number,
  message: IncomingMessage,
  body: string,
  path: string,
  kind: RequestKind,
  { id, clientCertificate }: Connection,
): ReceivedRequest {
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  const parameterList = /^application\/x-www-form-urlencoded/i.test(headers['content-type'] ?? '')
    ? [...new URLSearchParams(body)]
    : []
  const servername = (message.socket as TLSSocket & { servername?: string | false }).servername
  return {
    at,
    kind,
    method: message.method ?? 'GET',
    path,
    query: (message.url ?? '').split('?').slice(1).join('?'),
    headers,
    rawHeaders: message.rawHeaders,
    body,
    parameters: parameterList.length > 0 ? Object.fromEntries(parameterList) : jsonMembers(body),
    parameterList,
    tlsServername: servername || undefined,
    clientCertificate,
    clientCertificateThumbprint: clientCertificate?.thumbprint,
    connectionId: id,
    status: undefined,
    fault: undefined,
  }
}

function jsonMembers(body: string): Record<string, string> {
  if (!/^\s*\{/.test(body)) return {}
  try {
    const members = Object.entries(JSON.parse(body) as Record<string, unknown>)
    return Object.fromEntries(
      members.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    )
  } catch {
    return {}
  }
}

function presented(socket: TLSSocket, authority: CertificateAuthority): PresentedCertificate | undefined {
  const { raw } = socket.getPeerCertificate()
  if (!raw) return undefined
  const certificate = new X509Certificate(raw)
  return {
    thumbprint: certificateThumbprint(raw),
    trusted: authority.issued(certificate),
    serialNumber: certificate.serialNumber,
    issuer: certificate.issuer,
    expiresAt: Date.parse(certificate.validTo),
  }
}

/** Trusted and not expired at the sandbox's time. */
function isAcceptable(certificate: PresentedCertificate | undefined, clock: SandboxClock): boolean {
  return certificate?.trusted === true && certificate.expiresAt > clock.now()
}
