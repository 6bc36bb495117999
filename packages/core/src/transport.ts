/** Transport: a function, request in, response out. The default is on undici: keep-alive, deadline, size limit, proxy. */
import { setImmediate } from 'node:timers/promises'
import type { Client, Dispatcher } from 'undici'
import { Agents, type ConnectionSettings, type Undici } from './agents.js'
import { checkTlsOptions, type TlsOptions, tlsOptionNames } from './certificate.js'
import { outOfContext } from './context.js'
import { decompress, tooLarge } from './decompress.js'
import { OriginError, TransportError } from './errors.js'
import { checkNumber, checkOptions, checkSecureUrl, parseUrl } from './options.js'
import { chooseProxy } from './proxy.js'
import { keepReceived } from './received.js'
import { sha256 } from './secret.js'
import { whenAborted } from './signal.js'
import { transportError } from './transport-error.js'

/** What is sent; the `Host` header follows the URL. */
export interface TransportRequest {
  /** In capitals. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** By name; names are alike in any case of letters. */
  readonly headers: Readonly<Record<string, string>>
  /** Sent as it is, text in UTF-8. Default: none. */
  readonly body?: string | Uint8Array | undefined
  /** Ends the request, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Whether it wants a connection that nobody has used before. One that lay idle may be dead without anybody knowing, after
   * the process stood still for a while: a request sent over it gets no answer, and what is good for one use is lost.
   */
  readonly fresh?: boolean | undefined
}

/** What came back, whatever its status: redirects are not followed. */
export interface TransportResponse {
  /** The HTTP status. */
  readonly status: number
  /** A fetch `Headers` serves too. */
  readonly headers: { get(name: string): string | null }
  /** Decompressed. */
  readonly body: Uint8Array
}

/**
 * Sends one request, once.
 *
 * @throws {TransportError} when there is no answer, {TokenResponseError} when it is too large or cannot be decompressed,
 *   {OriginError} for a URL that is not https (http to loopback excepted), the signal's reason when it is aborted
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>

/** A transport that holds connections. */
export interface ClosableTransport extends Transport {
  /** Tells this connection from others in a key: name, address and CAs. The certificate is not part of it: it changes. */
  readonly identity: string
  /** What a request takes at most, in milliseconds. */
  readonly timeoutMs: number
  /** Refuses further requests, waits for those under way, closes the connections. */
  close(): Promise<void>
}

/** The limits and the proxy of the built-in transport, and what its connections are made with. */
export interface TransportOptions extends TlsOptions {
  /** From connecting to the last byte of the answer, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Bounds the answer twice: as received, and decompressed. Default 1,048,576. */
  readonly maxResponseBytes?: number | undefined
  /**
   * The URL of an HTTP proxy for https requests, with its credentials, if any; `false` for none. Default: `HTTPS_PROXY`,
   * `HTTP_PROXY` and `NO_PROXY`, read when the transport is made. A proxy is asked for a tunnel: it never sees the content.
   */
  readonly proxy?: string | false | undefined
  /** How long an idle connection is kept when the server does not say, in milliseconds. Default 4,000. */
  readonly keepAliveMs?: number | undefined
}

/**
 * Makes the default transport. Nothing is loaded or opened before the first request.
 *
 * @throws {TypeError} naming the option
 */
export function createTransport(options: TransportOptions = {}): ClosableTransport {
  const settings = checkTransportOptions(options)
  const agents = new Agents(settings)
  const underWay = new Set<Promise<TransportResponse>>()
  let closed = false

  async function answer(request: TransportRequest): Promise<TransportResponse> {
    const url = checkedUrl(request.url)
    if (closed) throw closedError(request)
    const undici = await loadUndici()
    return request.fresh
      ? exchangeOnce({ request, url }, agents.once(undici, url), settings)
      : exchange({ request, url }, agents.current(undici), settings)
  }

  function send(request: TransportRequest): Promise<TransportResponse> {
    const response = answer(request)
    underWay.add(response)
    const done = () => underWay.delete(response)
    response.then(done, done)
    return response
  }

  async function close(): Promise<void> {
    closed = true
    await Promise.allSettled(underWay)
    await agents.close()
  }

  return Object.assign(send, { identity: connectionIdentity(options), timeoutMs: settings.timeoutMs, close })
}

/** A transport of the user's own, held to a deadline: what nobody ends would keep everybody waiting. */
export function withDeadline(send: Transport, timeoutMs: number): Transport {
  return request =>
    new Promise((resolve, reject) => {
      const ending = new AbortController()
      const signal = request.signal ? AbortSignal.any([request.signal, ending.signal]) : ending.signal
      const end = () => {
        const error = timeoutError(request, timeoutMs, false)
        reject(error)
        ending.abort(error)
      }
      const timer = setTimeout(end, timeoutMs)
      const settled = () => clearTimeout(timer)
      const answer = async () => send({ ...request, signal })
      answer().finally(settled).then(resolve, reject)
    })
}

/** What `setTimeout` can count to. */
const longestTimer = 2 ** 31 - 1

interface Settings extends ConnectionSettings {
  readonly tls: TransportOptions
  readonly maxResponseBytes: number
}

function checkTransportOptions(options: TransportOptions): Settings {
  const names = [...tlsOptionNames, 'timeoutMs', 'maxResponseBytes', 'proxy', 'keepAliveMs']
  checkOptions('createTransport', options, names)
  checkTlsOptions(options)
  const { timeoutMs = 30_000, maxResponseBytes = 1_048_576, keepAliveMs = 4_000 } = options
  checkNumber('timeoutMs', timeoutMs, 1)
  checkNumber('maxResponseBytes', maxResponseBytes, 1)
  checkNumber('keepAliveMs', keepAliveMs, 1)
  return {
    tls: options,
    timeoutMs: Math.min(timeoutMs, longestTimer),
    maxResponseBytes,
    keepAliveMs,
    proxyFor: chooseProxy(options.proxy),
  }
}

function connectionIdentity({ servername, connectTo, ca, caMode }: TlsOptions): string {
  const trusted = [ca ?? []].flat().map(one => Buffer.from(one as string).toString())
  return sha256(JSON.stringify([servername, connectTo?.host, connectTo?.port, caMode, trusted]))
}

function checkedUrl(url: string): URL {
  try {
    return checkSecureUrl('url', url)
  } catch (error) {
    throw new OriginError((error as Error).message, parseUrl(url)?.origin)
  }
}

/** The messages of this module say where to, without the query. */
function describe({ method, url }: TransportRequest): string {
  const { origin, pathname } = new URL(url)
  return `${method} ${origin}${pathname}`
}

function closedError(request: TransportRequest): TransportError {
  const message = `${describe(request)}: the transport is closed`
  return new TransportError('ERR_TRANSPORT_CLOSED', message, { neverSent: true, retryable: false })
}

let loading: Promise<Undici> | undefined

/** The undici that core brings, loaded when it is first used. */
export function loadUndici(): Promise<Undici> {
  loading ??= outOfContext(() => {
    // undici installs itself under the built-in fetch unless that has been loaded before; the process's own fetch is not ours.
    void globalThis.Headers
    return import('undici')
  })
  return loading
}

/** A request whose URL was looked at. */
interface Located {
  readonly request: TransportRequest
  readonly url: URL
}

/** Why a connection is closed; nobody is told. One for all: for each undici would make one, with its stack. */
const isOver = new Error('the exchange is over')

/** Over a connection that is closed when the answer is there, or nobody waits for it any more. */
async function exchangeOnce(located: Located, client: Client, settings: Settings): Promise<TransportResponse> {
  try {
    return await exchange(located, client, settings)
  } finally {
    void client.destroy(isOver)
  }
}

async function exchange(located: Located, agent: Dispatcher, settings: Settings): Promise<TransportResponse> {
  const { status, headers, body } = await outOfContext(() => dispatch(agent, located, settings))
  // undici frees a connection in the next turn; whoever asked again before that would be given a new one
  if (!located.request.fresh) await setImmediate()
  const get = (name: string) => textOf(headers[name.toLowerCase()]) || null
  const contentEncoding = get('content-encoding')
  const limits = { status, maxBytes: settings.maxResponseBytes }
  const plain = contentEncoding === null ? body : await decompress(body, contentEncoding, limits)
  return { status, headers: { get }, body: plain }
}

/** A header that came several times is a list (RFC 9110 §5.3). */
function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : (header ?? []).join(', ')
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

/** One request at undici, within its limits. Its connection is kept for the requests of others. */
function dispatch(agent: Dispatcher, { request, url }: Located, settings: Settings): Promise<Answer> {
  const { timeoutMs, maxResponseBytes } = settings
  const hasCertificate = settings.tls.certificate !== undefined
  const { signal } = request
  const chunks: Buffer[] = []
  let head: Omit<Answer, 'body'> = { status: 0, headers: {} }
  let received = 0
  let stopped = false
  let stopWaiting = () => {}
  // Handed over right before the first byte is written: without it, nothing was sent.
  let controller: Dispatcher.DispatchController | undefined
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => stop(timeoutError(request, timeoutMs, controller === undefined)), timeoutMs)
    const abort = () => stop(signal?.reason)
    function settle(): void {
      clearTimeout(timer)
      stopWaiting()
    }
    // what has come may hold what nobody will send again
    function withReceived(reason: unknown, rest?: unknown): unknown {
      const body = Buffer.concat([...chunks, Buffer.from(typeof rest === 'string' ? rest : '')])
      const contentEncoding = textOf(head.headers['content-encoding'])
      return keepReceived(reason, { status: head.status, body, contentEncoding, isWhole: false })
    }
    function stop(reason: unknown): void {
      stopped = true
      settle()
      reject(withReceived(reason))
      controller?.abort(new Error('stopped'))
    }
    if (signal?.aborted) return abort()
    if (signal) stopWaiting = whenAborted(signal, abort)
    agent.dispatch(dispatchOptions(request, url), {
      onRequestStart(started) {
        if (stopped) started.abort(new Error('stopped'))
        else controller = started
      },
      onResponseStart(_, status, headers) {
        head = { status, headers }
      },
      onResponseData(_, chunk) {
        received += chunk.length
        chunks.push(chunk)
        if (received > maxResponseBytes) stop(tooLarge({ status: head.status, maxBytes: maxResponseBytes }))
      },
      onResponseEnd() {
        settle()
        resolve({ ...head, body: whole(chunks) })
      },
      onResponseError(_, error) {
        settle()
        const ended = { request: describe(request), isSent: controller !== undefined, hasCertificate }
        // undici's parser hands over what it could not read
        reject(withReceived(transportError(error, ended), (error as { data?: unknown }).data))
      },
    })
  })
}

/** Most answers come in one piece. */
function whole(chunks: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0)] = chunks
  return chunks.length > 1 ? Buffer.concat(chunks) : first
}

function dispatchOptions(
  { method, headers, body }: TransportRequest,
  { origin, pathname, search }: URL,
): Dispatcher.DispatchOptions {
  return {
    origin,
    path: `${pathname}${search}`,
    method: method as Dispatcher.HttpMethod,
    headers,
    body: body as string,
    // the whole exchange has a deadline
    headersTimeout: 0,
    bodyTimeout: 0,
  }
}

function timeoutError(request: TransportRequest, timeoutMs: number, neverSent: boolean): TransportError {
  return new TransportError('ERR_TRANSPORT_TIMEOUT', `${describe(request)}: no answer within ${timeoutMs} ms`, {
    neverSent,
  })
}
