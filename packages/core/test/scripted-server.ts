/** An authorization server in a function: a transport whose answers the test writes, and what it received. */
import {
  type Client,
  type ClientOptions,
  createClient,
  defineProvider,
  type GrantKitEvent,
  type ProviderDefinition,
  type TransportRequest,
  type TransportResponse,
} from '../src/index.js'

interface Received {
  /** Counted from 1. */
  readonly number: number
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
}

export type Answer = (request: Received) => TransportResponse | Promise<TransportResponse>

export interface ScriptedServer {
  /** What is answered from now on. */
  answer: Answer
  readonly requests: readonly Received[]
  readonly transport: (request: TransportRequest) => Promise<TransportResponse>
  /** Resolves once so many requests have come in. */
  arrived(count: number): Promise<void>
}

/** Starts with {@link issue} unless told otherwise. */
export function scriptedServer(answer: Answer = issue()): ScriptedServer {
  const requests: Received[] = []
  const waiting: (() => void)[] = []
  const server: ScriptedServer = {
    answer,
    requests,
    async transport({ url, headers, body }) {
      const form = Object.fromEntries(new URLSearchParams(String(body)))
      const received = { number: requests.length + 1, url, headers, form }
      requests.push(received)
      for (const wake of waiting.splice(0)) wake()
      return server.answer(received)
    },
    async arrived(count) {
      while (requests.length < count) await new Promise<void>(wake => waiting.push(wake))
    },
  }
  return server
}

/** An answer with a JSON body. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): TransportResponse {
  return { status, headers: new Headers(headers), body: new TextEncoder().encode(JSON.stringify(body)) }
}

/** Hands out `token-1`, `token-2`, … good for an hour; `members` replaces or, when `undefined`, takes out. */
export function issue(members: Readonly<Record<string, unknown>> = {}): Answer {
  return ({ number }) =>
    json(200, { access_token: `token-${number}`, token_type: 'Bearer', expires_in: 3600, ...members })
}

/** Hands out a new refresh token with each access token: `refresh-2` for request 2. */
export function rotate(members: Readonly<Record<string, unknown>> = {}): Answer {
  return request => issue({ refresh_token: `refresh-${request.number}`, ...members })(request)
}

/** Refuses with an OAuth error. */
export function refuse(status: number, error: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return () => json(status, { error }, headers)
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve']
  let reject!: Deferred<T>['reject']
  const promise = new Promise<T>((...settle) => {
    ;[resolve, reject] = settle
  })
  return { promise, resolve, reject }
}

/** Holds the answers back until `open()`. */
export function gate(answer: Answer = issue()): { readonly answer: Answer; readonly open: () => void } {
  const { promise, resolve } = deferred()
  return { answer: request => promise.then(() => answer(request)), open: resolve }
}

/** An instant to start from: a clock that stands at 0 would hide a forgotten addition. */
export const start = 1_700_000_000_000

/** A clock moved by hand. */
function handClock(time = start) {
  return {
    now: () => time,
    advance: (milliseconds: number) => {
      time += milliseconds
    },
  }
}

export interface Setup {
  readonly server: ScriptedServer
  readonly clock: ReturnType<typeof handClock>
  readonly events: readonly GrantKitEvent[]
  readonly client: Client
  /** Another client of the same server, connection and clock. */
  readonly another: (options?: Partial<ClientOptions>) => Client
}

/** A server, a clock and a client of both. */
export function setUp(
  answer?: Answer,
  options: Partial<ClientOptions> = {},
  conform: ProviderDefinition['conform'] = {},
): Setup {
  const server = scriptedServer(answer)
  const clock = handClock()
  const events: GrantKitEvent[] = []
  const provider = defineProvider({
    name: 'example',
    metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
    conform,
  })
  const credentials = options.auth === undefined ? { clientSecret: 'a secret' } : {}
  const shared = { provider, clientId: 'app', ...credentials, transport: server.transport, clock }
  const another = (other: Partial<ClientOptions> = {}) =>
    createClient({ ...shared, onEvent: event => void events.push(event), ...options, ...other })
  return { server, clock, events, client: another(), another }
}
