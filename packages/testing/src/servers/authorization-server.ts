/** An authorization server in a function, and a token source of it on a clock moved by hand. */
import {
  type Conform,
  clientCredentials,
  createClient,
  createTokenSource,
  type DpopKey,
  defineProvider,
  type EventListener,
  type ManagedTokenSource,
  type TlsOptions,
  type TransportResponse,
} from '@grantkit/core'
import { type ManualClock, manualClock } from '../manual-clock.js'

/** What an authorization server in a function may do differently. */
export interface AuthorizationServerOptions {
  /** What its tokens begin with: `<name>-1`, `<name>-2`, …. Default `secret-token`. */
  readonly name?: string | undefined
  /** Where its source's tokens may be sent. Default: said by whoever attaches it. */
  readonly origins?: readonly string[] | undefined
  /** How its provider departs from the RFCs. Default: it does not. */
  readonly conform?: Conform | undefined
  /** The client's certificate, which its tokens are bound to. Default: none. */
  readonly tls?: TlsOptions | undefined
  /** The client's DPoP key, which its tokens are bound to. Default: none, and they are Bearer tokens. */
  readonly dpop?: DpopKey | undefined
  /** Told of every step of the client's. */
  readonly onEvent?: EventListener | undefined
}

/** A server without a port, a client of it, and what came of them. */
export interface AuthorizationServer {
  /** To attach; it obtains its tokens here. */
  readonly source: ManagedTokenSource
  /**
   * The same source, each question to it counted: for tests that wait until so many callers do. Since it is another object
   * than core made, it is asked for every request, also where the token is held.
   */
  readonly counted: ManagedTokenSource
  /** The client's. */
  readonly clock: ManualClock
  /** How many token requests it received. */
  readonly requests: number
  /** The access token of its nth answer. */
  token(number: number): string
  /** Its answers from now on, counted from 1; by default a token that is good for an hour. */
  answer: (number: number) => TransportResponse | Promise<TransportResponse>
  /** Makes answers wait until the function returned is called. */
  hold(): () => void
  /** Resolves once so many token requests have come in. */
  requested(count: number): Promise<void>
  /** Resolves once `counted` was asked so often. */
  asked(count: number): Promise<void>
}

/** Of the client of every such server. */
export const clientSecret = 'secret-of-the-client'
export const lifetimeMs = 3_600_000

let count = 0

/** Each has an issuer of its own: core shares tokens and rests between all that have the same. */
export function authorizationServer(options: AuthorizationServerOptions = {}): AuthorizationServer {
  const { name = 'secret-token', origins, conform = {}, tls, dpop, onEvent } = options
  const issuer = `https://as-${++count}.example`
  const clock = manualClock()
  const tokenRequests = counter()
  const questions = counter()
  let held: Promise<void> | undefined
  const client = createClient({
    provider: defineProvider({ name: 'example', metadata: { issuer, token_endpoint: `${issuer}/token` }, conform }),
    clientId: 'app',
    clientSecret,
    clock,
    tls,
    dpop,
    onEvent,
    async transport() {
      const number = tokenRequests.up()
      await held
      return server.answer(number)
    },
  })
  const source = createTokenSource({ client, grant: clientCredentials(), origins })
  const server: AuthorizationServer = {
    source,
    counted: {
      ...source,
      getTokenSet(options) {
        questions.up()
        return source.getTokenSet(options)
      },
    },
    clock,
    get requests() {
      return tokenRequests.count
    },
    token: number => `${name}-${number}`,
    answer: number =>
      tokenResponse(200, {
        access_token: server.token(number),
        token_type: dpop === undefined ? 'Bearer' : 'DPoP',
        expires_in: lifetimeMs / 1000,
      }),
    hold() {
      let release = () => {}
      held = new Promise(resolve => {
        release = resolve
      })
      return () => {
        held = undefined
        release()
      }
    },
    requested: tokenRequests.reached,
    asked: questions.reached,
  }
  return server
}

/** An answer of a token endpoint, as JSON. */
export function tokenResponse(status: number, body: unknown): TransportResponse {
  return { status, headers: new Headers(), body: new TextEncoder().encode(JSON.stringify(body)) }
}

function counter() {
  const waiting: (() => void)[] = []
  const self = {
    count: 0,
    up(): number {
      self.count++
      for (const wake of waiting.splice(0)) wake()
      return self.count
    },
    async reached(count: number): Promise<void> {
      while (self.count < count) await new Promise<void>(wake => waiting.push(wake))
    },
  }
  return self
}
