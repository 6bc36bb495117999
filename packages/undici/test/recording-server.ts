/** A real server on loopback that keeps every byte it receives, closed when its test ends. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Counted from 1. */
  readonly number: number
}

export type Handler = (request: Received, response: ServerResponse) => void

export interface RecordingServer {
  readonly origin: string
  readonly port: number
  readonly requests: Received[]
  /** How it answers from now on. */
  handler: Handler
  /** Every byte it received, on any connection. */
  bytes(): string
  /** Resolves once so many requests have come in. */
  arrived(count: number): Promise<void>
}

export async function recordingServer(handler: Handler = ok): Promise<RecordingServer> {
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  const waiting: (() => void)[] = []
  const server = createServer((incoming, response) => void receive(incoming, response))
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('error', () => {})
  })
  async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray())
    const { method = '', url = '', headers } = incoming
    const request = { method, url, headers, body, number: recording.requests.length + 1 }
    recording.requests.push(request)
    for (const wake of waiting.splice(0)) wake()
    recording.handler(request, response)
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const recording: RecordingServer = {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests: [],
    handler,
    bytes: () => Buffer.concat(chunks).toString('latin1'),
    async arrived(count) {
      while (recording.requests.length < count) await new Promise<void>(wake => waiting.push(wake))
    },
  }
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return recording
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
}

export const ok = json(200, { ok: true })

export function redirect(status: number, location: string): Handler {
  return (_, response) => void response.writeHead(status, { location }).end()
}

/** Answers each request by the one whose turn it is, the last one for all that follow. */
export function inTurn(...handlers: Handler[]): Handler {
  return (request, response) => (handlers[request.number - 1] ?? (handlers.at(-1) as Handler))(request, response)
}

/** A gateway's answer to a token it does not take. */
export const invalidToken: Handler = json(
  401,
  { fault: 'Invalid Credentials' },
  { 'www-authenticate': 'Bearer realm="api", error="invalid_token"' },
)

/** Takes these tokens and no other. */
export function accepting(...tokens: string[]): Handler {
  return (request, response) => {
    const accepted = tokens.some(token => request.headers.authorization === `Bearer ${token}`)
    ;(accepted ? ok : invalidToken)(request, response)
  }
}
