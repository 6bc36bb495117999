/** What a case has at hand: servers, tokens, clients; closed after it, and searched for what should not have got there. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Conform, isGrantKitError, type KnownError } from '@grantkit/core'
import { ok } from '../servers/answers.js'
import {
  type ForwardingProxy,
  forwardingProxy,
  type Handler,
  type Received,
  type RecordingServer,
  recordingServer,
} from '../servers/recording-server.js'
import {
  type AuthorizationServer,
  authorizationServer,
  clientSecret,
  resourceHeaders,
  tokenPrefix,
} from './authorization-server.js'
import type {
  ClientRequest,
  ClientResponse,
  HttpClientAttachment,
  HttpClientOptions,
  HttpClientSetup,
  HttpClientUnderTest,
} from './client-under-test.js'

/** A case before a client is known; `run` rejects when the client does not do what the name says. */
export interface HttpClientCase {
  readonly name: string
  readonly run: (scene: Scene) => Promise<void>
}

export interface Scene {
  /** A server the token is meant for. */
  api(handler?: Handler, scheme?: 'http' | 'https'): Promise<RecordingServer>
  /** A server of another origin: the case fails when a byte of what we add gets there, or a certificate. */
  foreign(handler?: Handler, scheme?: 'http' | 'https'): Promise<RecordingServer>
  proxy(): Promise<ForwardingProxy>
  client(attachments: readonly HttpClientAttachment[], options?: HttpClientOptions): Promise<HttpClientUnderTest>
  /** What most cases need: one API, its authorization server, and a client that knows both. */
  usual(handler?: Handler, options?: UsualOptions): Promise<Usual>
}

interface UsualOptions extends HttpClientOptions {
  readonly conform?: Conform
  readonly otherOrigins?: HttpClientAttachment['otherOrigins']
  /** For cases that wait until the source was asked. */
  readonly isCounted?: boolean
}

export interface Usual {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly client: HttpClientUnderTest
}

/** Runs one case, closes everything, and looks through what servers of other origins received. */
export async function runCase({ name, run }: HttpClientCase, setup: HttpClientSetup): Promise<void> {
  const clients: HttpClientUnderTest[] = []
  const servers: { close(): Promise<void> }[] = []
  const foreign: RecordingServer[] = []
  const scene = sceneOf(setup, { clients, servers, foreign })
  const deadline = deadlineOf(name)
  try {
    await Promise.race([run(scene), deadline.passed])
  } finally {
    deadline.cancel()
    for (const client of clients) await client.close?.()
    for (const server of servers) await server.close()
  }
  if (foreign.length === 0) return
  const traffic = {
    name,
    requests: sum(foreign.map(({ requests }) => requests.length)),
    bytes: sum(foreign.map(server => server.bytes().length)),
    bytesOfOurs: sum(foreign.map(server => bytesOfOurs(server.bytes()))),
    certificates: sum(foreign.map(({ certificates }) => certificates.length)),
  }
  setup.onForeignTraffic?.(traffic)
  assert.equal(traffic.bytesOfOurs, 0, 'a server of another origin received bytes of ours')
  assert.equal(traffic.certificates, 0, 'a server of another origin saw a client certificate')
}

/** For what would never end: a client that does not ask, send or give up where it should. */
const deadlineMs = 60_000

function deadlineOf(name: string): { passed: Promise<never>; cancel: () => void } {
  let cancel = () => {}
  const passed = new Promise<never>((_, reject) => {
    const error = new assert.AssertionError({ message: `${name}: still waiting after ${deadlineMs / 1000} s` })
    const timer = setTimeout(reject, deadlineMs, error)
    cancel = () => clearTimeout(timer)
  })
  return { passed, cancel }
}

interface Opened {
  readonly clients: HttpClientUnderTest[]
  readonly servers: { close(): Promise<void> }[]
  readonly foreign: RecordingServer[]
}

function sceneOf(setup: HttpClientSetup, { clients, servers, foreign }: Opened): Scene {
  const scene: Scene = {
    async api(handler = ok, scheme) {
      const server = await recordingServer(handler, scheme)
      servers.push(server)
      return server
    },
    async foreign(handler, scheme) {
      const server = await scene.api(handler, scheme)
      foreign.push(server)
      return server
    },
    async proxy() {
      const proxy = await forwardingProxy()
      servers.push(proxy)
      return proxy
    },
    async client(attachments, options = {}) {
      const client = await setup.create(attachments, options)
      clients.push(client)
      return { send: request => handled(client.send(request)) }
    },
    async usual(handler, { conform, otherOrigins, isCounted = false, ...options } = {}) {
      const api = await scene.api(handler)
      const server = authorizationServer(conform)
      const source = isCounted ? server.counted : server.source
      const attachment = { source, origins: [api.origin], otherOrigins }
      const client = await scene.client([attachment], { baseUrl: api.origin, ...options })
      return { api, server, client }
    },
  }
  return scene
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

/** How many bytes of a text belong to lines with a token, a proof, a header of the provider's, or a secret anywhere. */
export function bytesOfOurs(text: string): number {
  const names = [
    'authorization: *(?:bearer|dpop)',
    'dpop: *eyJ',
    ...Object.keys(resourceHeaders).map(name => `${name}:`),
  ].join('|')
  const secrets = [tokenPrefix, clientSecret, ...Object.values(resourceHeaders)].join('|')
  const ours = text.match(new RegExp(`^(?:(?:${names}).*|.*(?:${secrets}).*)$`, 'gim')) ?? []
  return sum(ours.map(line => line.length))
}

/** What a request came to: an answer, or what the client threw. */
export type Outcome = { readonly response: ClientResponse } | { readonly error: unknown }

/** Sends, and waits for either end; nothing is left unhandled meanwhile. */
export function outcomeOf(client: HttpClientUnderTest, request: ClientRequest): Promise<Outcome> {
  return client.send(request).then(
    response => ({ response }),
    error => ({ error }),
  )
}

/** What a request is rejected with. */
export async function rejectionOf(client: HttpClientUnderTest, request: ClientRequest): Promise<unknown> {
  return errorIn(await outcomeOf(client, request))
}

export function errorIn(outcome: Outcome): unknown {
  assert.ok('error' in outcome, `was answered, and should have been rejected: ${inspect(outcome)}`)
  return outcome.error
}

/** Sends, and takes nothing but 200. */
export function succeed(client: HttpClientUnderTest, request: ClientRequest): Promise<ClientResponse> {
  const success = client.send(request).then(response => {
    assert.equal(response.status, 200, `${response.status}: ${response.body}`)
    return response
  })
  return handled(success)
}

/** A failure that a case comes to look at later, or never because it has failed already, is not the process's end. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** An error and what it was caused by, outermost first. */
export function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = []
  for (let each = error; each !== undefined && each !== null && causes.length < 10; each = (each as Error).cause)
    causes.push(each)
  return causes
}

/** Our error in a chain of causes. */
export function ourError(error: unknown): KnownError {
  const ours = causesOf(error).find(isGrantKitError)
  assert.ok(ours, `no error of ours in ${inspect(error)}`)
  return ours
}

/** The `Authorization` headers received, in order; `-` where there was none. */
export function credentials({ requests }: RecordingServer): string[] {
  return requests.map(({ headers }) => headers.authorization ?? '-')
}

export function bearers(server: AuthorizationServer, ...numbers: readonly number[]): string[] {
  return numbers.map(number => `Bearer ${server.token(number)}`)
}

/** A body as it arrived. Libraries are free to draw another boundary for the second time. */
export function bodyOf({ headers, body }: Received): string {
  const boundary = /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1]
  const text = body.toString('latin1')
  return boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY')
}
