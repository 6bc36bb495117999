/** A token endpoint and an API on loopback, for the tests of a provider: the provider's server is what differs. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Clock } from '@grantkit/core'
import type { RequestReceived, SpoiltAnswer, SystemUnderTest } from '../provider/provider-under-test.js'

/** What a server says; a body that is no text goes out as JSON. */
export interface ServerAnswer {
  /** The HTTP status. */
  readonly status: number
  /** Beside `content-type: application/json`, which may be replaced. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text as it is, anything else as JSON. */
  readonly body: unknown
}

/** The tokens a server has handed out, whatever they are for. */
export interface IssuedTokens {
  /** A new one, good for so many milliseconds. */
  issue(lifetimeMs: number): string
  /** Whether there is such a token, and its time is not over. */
  isGood(token: string | undefined): boolean
  /** Ends it, as its use does with a code. */
  revoke(token: string): void
}

/** What a server does differently from any other. */
export interface TokenServerOptions {
  /** The server's time: the client's. */
  readonly clock: Clock
  /** Answers a request to the token endpoint. */
  readonly answer: (request: RequestReceived, tokens: IssuedTokens) => ServerAnswer
  /** What its API says to a token that is not good. */
  readonly rejection: ServerAnswer
}

/** A running server: the `system` that `providerContract()` wants. */
export interface TokenServer extends SystemUnderTest, AsyncDisposable {
  /** `http://127.0.0.1:<port>/token`. */
  readonly tokenEndpoint: string
  /** Also to make a code with, as if a user had logged in. */
  readonly tokens: IssuedTokens
}

/**
 * Starts it on a free port. It reads forms and JSON, keeps every request, and fails as `fail()` says; GET `/api` wants a
 * good token in `Authorization: Bearer`. Dispose of it at the end of the test.
 */
export async function startTokenServer({ clock, answer, rejection }: TokenServerOptions): Promise<TokenServer> {
  const requests: RequestReceived[] = []
  const faults: SpoiltAnswer[] = []
  const tokens = issuedTokens(clock)
  const server = createServer(async (message, response) => {
    const request = await received(message)
    requests.push(request)
    send(response, request.kind === 'api' ? api(request) : (faults.shift() ?? answer(request, tokens)))
  })
  const api = ({ headers }: RequestReceived): ServerAnswer =>
    tokens.isGood(headers.authorization?.replace('Bearer ', '')) ? { status: 200, body: {} } : rejection
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    tokenEndpoint: `${origin}/token`,
    apiUrl: `${origin}/api`,
    tokens,
    requests,
    fail: fault => faults.push(fault),
    revoke: tokens.revoke,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function issuedTokens(clock: Clock): IssuedTokens {
  const endOf = new Map<string, number>()
  return {
    issue(lifetimeMs) {
      const token = randomUUID()
      endOf.set(token, clock.now() + lifetimeMs)
      return token
    },
    isGood: (token = '') => (endOf.get(token) ?? 0) > clock.now(),
    revoke: token => void endOf.delete(token),
  }
}

async function received(message: IncomingMessage): Promise<RequestReceived> {
  const { pathname, search } = new URL(message.url ?? '/', 'http://localhost')
  const headers = message.headers as Record<string, string>
  const parameters = parametersOf(headers['content-type'], await text(message))
  return { kind: pathname === '/token' ? 'token' : 'api', headers, parameters, query: search.slice(1) }
}

function parametersOf(contentType: string | undefined, body: string): Record<string, string> {
  return contentType === 'application/json' ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))
}

function send(response: ServerResponse, { status, headers, body = '' }: ServerAnswer | SpoiltAnswer): void {
  const type = typeof body === 'string' ? {} : { 'content-type': 'application/json' }
  response.writeHead(status, { ...type, ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body))
}
