/**
 * A JSON document that a server publishes for everybody, such as its metadata: asked for once by all who want it at the same
 * time, and kept for a while, so that a program may ask for it at each request.
 */
import { json } from './answer-shape.js'
import { isObject } from './body.js'
import { checkTls, type TlsOptions } from './certificate.js'
import { explain } from './circumstances.js'
import { type Clock, systemClock } from './clock.js'
import { isGrantKitError, TokenResponseError, TransportError } from './errors.js'
import { checkNumber, optionError, parseUrl } from './options.js'
import { redact } from './redaction/redact.js'
import { checkRequestHeaders, headersReader, type RequestHeaders } from './request-headers.js'
import { fingerprint, identityOf } from './secret.js'
import { parseServerResponse, retryAfterMs } from './server-response.js'
import {
  createTransport,
  type Transport,
  type TransportOptions,
  type TransportResponse,
  withDeadline,
} from './transport.js'

/** How a document is asked for, and how long it serves. */
export interface DocumentOptions {
  /** Headers beside the protocol's own, such as an API key a gateway asks for. */
  readonly headers?: RequestHeaders | undefined
  /** What the connection is made with. Default: Node's own CAs, no client certificate. */
  readonly tls?: TlsOptions | undefined
  /** Limits and proxy of the built-in transport, or a transport of your own, which has 30 s. */
  readonly transport?: Transport | Omit<TransportOptions, keyof TlsOptions> | undefined
  /**
   * How long the document serves before it is asked for again, in milliseconds; 0 asks each time. Default 300,000. Who asks
   * in the same way has the same document, anywhere in the process; those who ask at the same time share a request.
   */
  readonly maxAgeMs?: number | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

export const documentOptionNames = ['headers', 'tls', 'transport', 'maxAgeMs', 'clock'] as const

/** What is asked, of whom. */
export interface DocumentRequest extends DocumentOptions {
  readonly url: string
  /** Names the server in errors. */
  readonly provider: string
  /** As an error names it, such as `a metadata document`. */
  readonly what: string
  /** What may be done where it is not there; said of a redirect with its target, and of a 404. */
  readonly advice: (answer: 'redirect' | 'not_found') => string
}

const defaultMaxAgeMs = 300_000
/** One of a thousand tenants is asked for again now and then; a hostile server fills no memory. */
const mostDocuments = 100
const mostBytes = 131_072
/** How long a failure is told to those who ask again, unless the server wants more. */
const restMs = 1_000
const longestRestMs = 30_000

/**
 * Refuses options that cannot be meant.
 *
 * @param maker the function they were given to
 * @throws TypeError naming the option
 */
export function checkDocumentOptions(maker: string, options: DocumentOptions): void {
  const { headers, tls = {}, maxAgeMs, clock = systemClock } = options
  if (headers !== undefined) checkRequestHeaders('headers', headers)
  if (maxAgeMs !== undefined && maxAgeMs !== Number.POSITIVE_INFINITY) checkNumber('maxAgeMs', maxAgeMs, 0)
  if (typeof Object(clock).now !== 'function') throw optionError('clock', 'must have a function now()')
  checkTls(maker, tls, clock.now())
}

/**
 * Reads a document, with options that were checked.
 *
 * @param read what is made of it; called each time, with an object of the caller's own
 * @throws TransportError; TokenResponseError when there is no document; what `read` throws. The same is told to who asks
 *   again within a second, or what `Retry-After` says, at most half a minute
 */
export async function readPublished<T>(
  request: DocumentRequest,
  read: (document: Record<string, unknown>) => T,
): Promise<T> {
  const { url, provider, clock = systemClock } = request
  const kept = documentFor(request)
  let response: TransportResponse | undefined
  try {
    response = await (kept.asking ?? kept.outcome?.())
    return read(documentIn(response as TransportResponse, request))
  } catch (error) {
    kept.rest ??= restAfter(response, clock.now())
    if (isGrantKitError(error)) Object.assign(error, { provider })
    throw explain(error, { method: 'GET', url, requestedAt: kept.askedAt, now: clock.now(), response })
  }
}

/** Returns the answer, or throws. */
type Outcome = () => TransportResponse

/** A document that is asked for, or what came of that. */
interface Kept {
  readonly askedAt: number
  /** While it is asked for. A promise holds the context it was made in, so it is not kept. */
  asking?: Promise<TransportResponse> | undefined
  outcome?: Outcome
  /** When that came. */
  at?: number
  /** How long a failure is told, in milliseconds. */
  rest?: number
}

const documents = new Map<string, Kept>()

function documentFor(request: DocumentRequest): Kept {
  const { clock = systemClock } = request
  const { key, ask } = prepare(request)
  const found = documents.get(key)
  if (found !== undefined && serves(found, request)) return found
  const kept: Kept = { askedAt: clock.now() }
  kept.asking = outcomeOf(ask()).then(outcome => {
    Object.assign(kept, { asking: undefined, outcome, at: clock.now() })
    if (!isWorthKeeping(outcome, request) && documents.get(key) === kept) documents.delete(key)
    return outcome()
  })
  keep(key, kept)
  return kept
}

function outcomeOf(asking: Promise<TransportResponse>): Promise<Outcome> {
  const fail = (error: unknown) => () => {
    throw error
  }
  return asking.then(response => () => response, fail)
}

function serves({ asking, at = 0, rest }: Kept, { clock = systemClock, maxAgeMs = defaultMaxAgeMs }: DocumentRequest) {
  if (asking !== undefined) return true
  const age = clock.now() - at
  return age >= 0 && age < Math.min(maxAgeMs, rest ?? maxAgeMs)
}

function isWorthKeeping(outcome: Outcome, { maxAgeMs = defaultMaxAgeMs }: DocumentRequest): boolean {
  if (maxAgeMs === 0) return false
  try {
    return outcome().body.byteLength <= mostBytes
  } catch {
    return true
  }
}

/** The one that was asked for first has to go. */
function keep(key: string, kept: Kept): void {
  documents.delete(key)
  for (const oldest of documents.keys()) {
    if (documents.size < mostDocuments) break
    documents.delete(oldest)
  }
  documents.set(key, kept)
}

/** How it is asked for, and what tells it from all that is asked for in another way. */
function prepare(request: DocumentRequest) {
  const { url, provider, headers = {}, tls = {}, transport, clock = systemClock } = request
  const asked = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : identityOf(value),
  ])
  const certificate = tls.certificate && identityOf(tls.certificate)
  const key = (connection: unknown) =>
    fingerprint(JSON.stringify([url, provider, asked, certificate, identityOf(clock), connection]))
  if (typeof transport === 'function')
    return { key: key(identityOf(transport)), ask: () => ask(request, bounded(transport)) }
  const own = createTransport({ ...transport, ...tls })
  const askAndClose = () => ask(request, own).finally(() => own.close())
  return { key: key([own.identity, Object.entries(transport ?? {})]), ask: askAndClose }
}

/** One of the user's own may never answer. */
function bounded(transport: Transport & { readonly timeoutMs?: unknown }): Transport {
  return typeof transport.timeoutMs === 'number' ? transport : withDeadline(transport, 30_000)
}

async function ask({ url, provider, headers }: DocumentRequest, transport: Transport): Promise<TransportResponse> {
  const read = await headersReader(headers)()
  try {
    return await transport({ method: 'GET', url, headers: { accept: 'application/json', ...read.headers } })
  } catch (error) {
    if (isGrantKitError(error)) throw error
    const message = redact(String(Object(error).message ?? error), 300, read)
    throw new TransportError('ERR_TRANSPORT', `The transport failed: ${message}`, { provider, neverSent: false })
  }
}

function documentIn(response: TransportResponse, request: DocumentRequest): Record<string, unknown> {
  const { status, headers } = response
  const { provider, what, advice, clock = systemClock } = request
  const retryable = status >= 500 || status === 429 || status === 408
  const retryAfter = retryable ? retryAfterMs(headers.get('retry-after'), clock.now()) : undefined
  const fail = (message: string) =>
    new TokenResponseError(`expected ${what}, got ${message}`, {
      provider,
      serverStatus: status,
      retryable,
      retryAfterMs: retryAfter,
    })
  const location = parseUrl(headers.get('location') ?? '')
  if (status >= 300 && status < 400 && location !== undefined)
    throw fail(`a redirect to ${location.origin}${location.pathname}; it is not followed${advice('redirect')}`)
  const answer = parseServerResponse(response, { provider, accepts: [json(async () => {})] })
  if ('content' in answer && isObject(answer.content.body)) return answer.content.body
  if ('content' in answer) throw fail('JSON that is no object')
  throw fail(`status ${status}${status === 404 ? advice('not_found') : ''}`)
}

function restAfter(response: TransportResponse | undefined, now: number): number {
  return Math.min(retryAfterMs(response?.headers.get('retry-after'), now) ?? restMs, longestRestMs)
}
