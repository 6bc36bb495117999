/** One call of got: its attempts and hops as got makes them, told to core's trip, and the headers put where got sends. */
import {
  type Attachment,
  Attachments,
  type Attempt,
  beginningOf,
  cacheFor,
  concealAgent,
  concealRequest,
  isRepeatableBody,
  leadsToSocket,
  type OurHeaders,
  optionError,
  Trip,
  wholeCache,
} from '@grantkit/core/kit'
import type { Answer, Callback, NativeOptions, Options, RequestFunction } from './got-like.js'

const byFirstOptions = new WeakMap<Options, Call>()
/** got copies its options for every attempt and hop; the `request` function among them stays the same one. */
const byRequestFunction = new WeakMap<RequestFunction, Call>()

/** The call these options belong to, if a source is attached. */
export function callOf({ request }: Options): Call | undefined {
  return request && byRequestFunction.get(request)
}

/** Adds a source to a call that is about to begin. */
export function join(options: Options, attachment: Attachment<object>): void {
  const call = byFirstOptions.get(options) ?? new Call(options)
  call.attachments.add(attachment)
}

class Call {
  readonly attachments = new Set<Attachment<object>>()
  #options: Options
  #trip: Trip<object> | undefined
  /** Why got sends what it sends next. */
  #attempt: Attempt = 'first'
  readonly #callers: RequestFunction | undefined
  /** got removes what is `undefined` before any hook, though it says something. */
  readonly #hadAuthorization: boolean
  /** A `FormData` as the caller gave it, its type if they gave one, and the stream that got made of it. */
  readonly #form: unknown
  readonly #type: unknown
  #sentForm: unknown
  #replays = 0
  /** What the next request gets, where a cache had to know. */
  #prepared: OurHeaders | undefined

  constructor(options: Options) {
    const { headers, body, request } = options
    // the options of an earlier call may come back, for the next page
    const earlier = callOf(options)
    this.#callers = earlier ? earlier.#callers : request
    if (earlier) options.retry.limit -= earlier.#replays
    this.#hadAuthorization = Object.hasOwn(headers, 'authorization')
    this.#type = headers['content-type']
    this.#form = isFormData(body) ? body : undefined
    this.#options = options
    const ours: RequestFunction = (...parameters) => this.#send(...parameters)
    byFirstOptions.set(options, this)
    byRequestFunction.set(ours, this)
    options.request = ours
  }

  /** Before each attempt and hop, with its options. A cache is asked before anything is sent: it has to know by then. */
  async begin(options: Options): Promise<void> {
    this.#options = options
    this.#sentForm ??= this.#form && options.body
    this.#prepared = undefined
    if (!options.cache) return
    this.#prepared = await this.#headersFor(options.headers)
    const { authorization } = this.#prepared
    options.cache = authorization === undefined ? wholeCache(options.cache) : cacheFor(authorization, options.cache)
  }

  /** What is sent next follows a redirect. */
  redirect(response: Answer): void {
    this.#trip?.concerns(answerOf(response))
    this.#attempt = 'redirect'
  }

  /** Decides on an answer: what to merge into the options to send the request once more, or `undefined`. */
  async replay(response: Answer): Promise<object | undefined> {
    const again = this.#bodyAgain()
    const agreed = await this.#trip?.decide(answerOf(response), again !== undefined)
    if (!agreed || again === undefined) return undefined
    this.#attempt = 'replay'
    // got counts every attempt; the caller's number is of their own
    this.#options.retry.limit++
    this.#replays++
    return again
  }

  /** After the answer to what cannot be sent again: the next request is to have a new token, if this one was rejected. */
  async renew(response: Answer): Promise<void> {
    await this.#trip?.decide(answerOf(response), false)
  }

  #bodyAgain(): object | undefined {
    const { body } = this.#options
    if (isRepeatableBody(body)) return {}
    if (this.#form === undefined || body !== this.#sentForm) return undefined
    // the form gets another boundary
    return { body: this.#form, headers: { 'content-type': this.#type } }
  }

  /**
   * Stands in for `http.request`, where the URL is final. The headers go into a copy of what got sends: got's own
   * options, which errors hold, hooks see and redirects inherit, never have them.
   */
  async #send(first: URL | NativeOptions, second: NativeOptions | Callback, callback?: Callback): Promise<unknown> {
    const cached = typeof second === 'function'
    const native = (cached ? first : second) as NativeOptions
    const headers = this.#prepared ?? (await this.#headersFor(native.headers))
    const agent = this.#agent()
    const loaded = { ...native, headers: { ...native.headers, ...headers }, ...(agent && { agent }) }
    // for the cache to know that a credential was sent (RFC 9111 §3.5), and not which
    if (cached && 'authorization' in headers) native.headers = { ...native.headers, authorization: 'Bearer' }
    const options = this.#options
    for (const each of Object.values(options.agent)) concealAgent(each)
    const parameters: Parameters<RequestFunction> = cached ? [loaded, second] : [first, loaded, callback]
    const request = (await this.#callers?.(...parameters)) ?? (await defaultOf(options)?.(...parameters))
    concealRequest(request)
    if (options.isStream && !options.throwHttpErrors) this.#renewAfter(request)
    return request
  }

  /** @throws OriginError when nothing may be sent there; what the source throws */
  async #headersFor(callers: NativeOptions['headers']): Promise<OurHeaders> {
    const { url = '', method, signal } = this.#options
    const target = { url, isSocket: isSocket(this.#options) }
    const attempt = this.#attempt
    // whatever follows without a word of it is got's own
    this.#attempt = 'retry'
    this.#trip ??= new Trip(new Attachments(this.attachments), target)
    const has = (name: string) => callers[name] !== undefined || (name === 'authorization' && this.#hadAuthorization)
    return this.#trip.headersFor({ ...target, method, signal, request: this.#options, has }, attempt)
  }

  /** @throws TypeError where nobody would notice that the certificate stays at home */
  #agent(): object | undefined {
    const agent = this.#trip?.attachment?.agent
    const { url = '', http2 } = this.#options
    if (agent === undefined || new URL(url).protocol !== 'https:') return undefined
    if (http2) throw optionError('tls', 'needs HTTP/1.1; got takes no agent for HTTP/2')
    return agent
  }

  /** got calls no hook after a stream's answer unless it is an error, and the body is the caller's. */
  #renewAfter(request: unknown): void {
    const emitter = request as { once?: (event: 'response', listener: (response: Answer) => void) => void }
    emitter.once?.('response', ({ statusCode, headers }) => {
      this.renew({ statusCode, headers }).catch(() => {})
    })
  }
}

function answerOf({ statusCode, headers, rawBody }: Answer) {
  return {
    status: statusCode,
    header: (name: string) => headers[name]?.toString(),
    body: async () => (await beginningOf(rawBody)).text,
  }
}

/** By an agent's option, or by the host that got takes for a sign. */
function isSocket({ agent, url = 'unix:', enableUnixSockets }: Options): boolean {
  const { protocol, hostname } = new URL(url)
  const isNamed = protocol === 'unix:' || (hostname === 'unix' && enableUnixSockets === true)
  return isNamed || leadsToSocket(...Object.values(agent))
}

/** got's own function for a URL: `http.request`, `https.request`, or its HTTP/2 client's. */
function defaultOf(options: Options): RequestFunction | undefined {
  const { request } = options
  options.request = undefined
  const own = options.getRequestFunction()
  options.request = request
  return own
}

/** By name, not by class: polyfills have their own. */
function isFormData(body: unknown): boolean {
  return Object.prototype.toString.call(body) === '[object FormData]'
}
