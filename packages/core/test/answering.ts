/** A token endpoint that is a function: it gives its answers in turn and remembers what it was asked. */
import { type ClientOptions, createClient } from '../src/client.js'
import type { ClientAuth } from '../src/client-auth/client-auth.js'
import { defineProvider } from '../src/define-provider.js'
import type { Grant } from '../src/grants/grant.js'
import type { Conform, Provider } from '../src/provider.js'
import type { Transport, TransportRequest } from '../src/transport.js'

/** A body that is no string goes out as JSON. */
export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

export const issuer = 'https://as.example.com'
export const endpoint = 'https://as.example.com/token'
export const granted: Answer = { body: { access_token: 'at-1', token_type: 'Bearer', expires_in: 3600 } }

/** Throws the answers that are errors. */
export function answering(...answers: readonly (Answer | Error)[]) {
  const requests: TransportRequest[] = []
  const transport: Transport = async request => {
    requests.push(request)
    const answer = answers[requests.length - 1] ?? new Error('asked once too often')
    if (answer instanceof Error) throw answer
    return responseOf(answer)
  }
  return { transport, requests }
}

export function responseOf({ status = 200, headers = {}, body = '' }: Answer) {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { status, headers: new Headers(headers), body: bytes }
}

export function provider(conform: Conform = {}, metadata: Partial<Provider['metadata']> = {}): Provider {
  return defineProvider({ name: 'example', metadata: { issuer, token_endpoint: endpoint, ...metadata }, conform })
}

/** A client of that endpoint. */
export function clientOf(transport: Transport, options: Partial<ClientOptions> = {}) {
  return createClient({ provider: provider(), clientId: 'client-1', transport, ...options })
}

/** What a method adds to `grant_type=x`. */
export function authenticated(auth: ClientAuth, conform?: Conform, clientId = 'client-1') {
  const clock = { now: () => 1_760_000_000_000 }
  return auth.authenticate(
    { grant_type: 'x' },
    { clientId, provider: provider(conform), endpoint, endpointName: 'token_endpoint', clock },
  )
}

/** What a grant of one's own would send to that endpoint. */
export function sent(grant: Grant) {
  return grant.parameters({ client: clientOf(answering().transport), endpoint })
}

export function formOf({ body }: TransportRequest): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(String(body)))
}

/** The `TypeError` that names an option. */
export function refusal(make: () => unknown): TypeError & { code: string; option: string } {
  try {
    make()
  } catch (error) {
    if (error instanceof TypeError && 'option' in error) return error as ReturnType<typeof refusal>
    throw error
  }
  throw new Error('nothing was refused')
}

/** What a promise is rejected with. */
export async function failure<T = Record<string, unknown>>(promise: Promise<unknown>): Promise<T & Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome === undefined) throw new Error('it did not fail')
  return outcome as T & Error
}
