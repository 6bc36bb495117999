/** One call of got: its attempts and hops as got makes them, told to core's trip, and the headers put where got sends. */
import {
  type Attachment,
  Attachments,
  type Attempt,
  cacheFor,
  concealAgent,
  concealRequest,
  isRepeatableBody,
  type OurHeaders,
  optionError,
  type Target,
  Trip,
  wholeCache,
} from '@grantkit/core/kit'
import { Answered } from './answered.js'
import { isHttps, isSocket } from './destination.js'
import type { Answer, NativeOptions, Options, RequestFunction } from './got-like.js'
import {
  gotsFor,
  headersIn,
  isBeneathCache,
  loaded,
  nativeOf,
  nodesFor,
  type RequestParameters,
  sendBy,
} from './native.js'

/** On the `request` function: got copies its options for every attempt and hop, and that one stays the same. */
const ofCall = Symbol('call')

interface OurRequestFunction extends RequestFunction {
  [ofCall]?: Call
}

/** The call these options belong to, if a source is attached. */
export function callOf({ request }: Options): Call | undefined {
  return (request as OurRequestFunction | undefined)?.[ofCall]
}

/** Adds a source to a call that is about to begin. */
export function join(options: Options, attachments: Attachments<object>): void {
  const call = callOf(options)
  // the options of an earlier call may come back, for the next page
  if (call === undefined || call.hasBegun) start(options, attachments, call)
  else call.join(attachments)
}

function start(options: Options, attachments: Attachments<object>, earlier: Call | undefined): void {
  const call = new Call(options, attachments, earlier)
  const request: OurRequestFunction = (...parameters) => call.send(parameters)
  request[ofCall] = call
  options.request = request
}

class Call {
  /** Those of one source, as a rule; whether several go together is found out where the request can fail for it. */
  #attachments: Attachments<object> | readonly Attachment<object>[]
  #options: Options
  #hasBegun = false
  #trip: Trip<object> | undefined
  /** Why got sends what it sends next. */
  #attempt: Attempt = 'first'
  readonly #callers: RequestFunction | undefined
  /** got removes what is `undefined` before any hook, though it says something. */
  readonly #hadAuthorization: boolean
  readonly #form: Form | undefined
  #replays = 0
  /** What the next request gets, where a cache had to know. */
  #prepared: OurHeaders | undefined

  constructor(options: Options, attachments: Attachments<object>, earlier: Call | undefined) {
    const { headers, body, request, retry } = options
    this.#attachments = attachments
    this.#options = options
    this.#callers = earlier ? earlier.#callers : request
    if (earlier) retry.limit -= earlier.#replays
    this.#hadAuthorization = Object.hasOwn(headers, 'authorization')
    this.#form = isFormData(body) ? { given: body, type: headers['content-type'], sent: undefined } : undefined
  }

  /** Whether anything of it was about to be sent. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Adds another source, before it begins. */
  join(attachments: Attachments<object>): void {
    this.#attachments = [...this.#attachments, ...attachments]
  }

  /** Before each attempt and hop, with its options. A cache is asked before anything is sent: it has to know by then. */
  begin(options: Options): Promise<void> | undefined {
    this.#hasBegun = true
    this.#options = options
    this.#prepared = undefined
    if (this.#form) this.#form.sent ??= options.body
    return options.cache ? this.#prepare(options) : undefined
  }

  /** What is sent next follows a redirect. */
  redirect(response: Answer): void {
    this.#trip?.concerns(new Answered(response))
    this.#attempt = 'redirect'
  }

  /** Told of every answer that got reads: whether it has to be decided on. */
  concerns(response: Answer): boolean {
    return this.#trip?.concerns(new Answered(response)) === true
  }

  /** Decides on an answer: what to merge into the options to send the request once more, or `undefined`. */
  async replay(response: Answer): Promise<object | undefined> {
    const again = this.#bodyAgain()
    const agreed = await this.#trip?.decide(new Answered(response), again !== undefined)
    if (!agreed || again === undefined) return undefined
    this.#attempt = 'replay'
    // got counts every attempt; the caller's number is of their own
    this.#options.retry.limit++
    this.#replays++
    return again
  }

  /** After the answer to what cannot be sent again: the next request is to have a new token, if this one was rejected. */
  async renew(response: Answer): Promise<void> {
    await this.#trip?.decide(new Answered(response), false)
  }

  /** Stands in for `http.request`, where the URL is final. Nothing is waited for that is at hand. */
  send(parameters: RequestParameters): unknown {
    const headers = this.#prepared ?? this.#headersFor(headersIn(nativeOf(parameters)))
    // what got has beneath its cache takes a promise, and what is thrown there for an error of the cache
    const waits = headers instanceof Promise || isBeneathCache(parameters)
    return waits ? this.#sendLater(headers, parameters) : this.#sendWith(headers, parameters)
  }

  async #sendLater(headers: OurHeaders | Promise<OurHeaders>, parameters: RequestParameters): Promise<unknown> {
    return this.#sendWith(await headers, parameters)
  }

  #sendWith(headers: OurHeaders, parameters: RequestParameters): unknown {
    const { agent } = this.#options
    const cargo = { headers, agent: this.#agent() }
    concealAgent(agent.http)
    concealAgent(agent.https)
    concealAgent(agent.http2)
    const nodes = this.#callers || isBeneathCache(parameters) ? undefined : nodesFor(this.#options)
    if (nodes !== undefined) return this.#sent(sendBy(nodes, parameters, cargo))
    const laden = loaded(parameters, cargo)
    const request = this.#callers?.(...laden)
    return isPromise(request) ? this.#callersOr(request, laden) : this.#sent(request ?? this.#own(laden))
  }

  async #callersOr(request: Promise<unknown>, parameters: RequestParameters): Promise<unknown> {
    return this.#sent((await request) ?? this.#own(parameters))
  }

  #own(parameters: RequestParameters): unknown {
    return gotsFor(this.#options)?.(...parameters)
  }

  #sent(request: unknown): unknown {
    if (isPromise(request)) return request.then(arrived => this.#sent(arrived))
    const { isStream, throwHttpErrors } = this.#options
    concealRequest(request)
    if (isStream && !throwHttpErrors) this.#renewAfter(request)
    return request
  }

  /** @throws OriginError when nothing may be sent there; what the source throws */
  #headersFor(callers: NativeOptions['headers']): OurHeaders | Promise<OurHeaders> {
    const options = this.#options
    const { url = '', method, signal } = options
    const has = (name: string) => callers[name] !== undefined || (name === 'authorization' && this.#hadAuthorization)
    const sending = { url, isSocket: isSocket(options), method, signal, request: options, has }
    const attempt = this.#attempt
    // whatever follows without a word of it is got's own
    this.#attempt = 'retry'
    this.#trip ??= this.#tripTo(sending)
    return this.#trip.headersFor(sending, attempt)
  }

  #tripTo(target: Target): Trip<object> {
    const all = this.#attachments
    return new Trip(all instanceof Attachments ? all : new Attachments(all), target)
  }

  async #prepare(options: Options): Promise<void> {
    this.#prepared = await this.#headersFor(options.headers)
    const { authorization } = this.#prepared
    options.cache = authorization === undefined ? wholeCache(options.cache) : cacheFor(authorization, options.cache)
  }

  #bodyAgain(): object | undefined {
    const { body } = this.#options
    if (isRepeatableBody(body)) return {}
    if (this.#form === undefined || body !== this.#form.sent) return undefined
    // the form gets another boundary
    return { body: this.#form.given, headers: { 'content-type': this.#form.type } }
  }

  /** @throws TypeError where nobody would notice that the certificate stays at home */
  #agent(): object | undefined {
    const agent = this.#trip?.attachment?.agent
    if (agent === undefined || !isHttps(this.#options)) return undefined
    if (this.#options.http2) throw optionError('tls', 'needs HTTP/1.1; got takes no agent for HTTP/2')
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

/** A `FormData` as the caller gave it, its type if they gave one, and the stream that got made of it. */
interface Form {
  readonly given: unknown
  readonly type: unknown
  sent: unknown
}

/** By name, not by class: polyfills have their own. */
function isFormData(body: unknown): boolean {
  return Object.prototype.toString.call(body) === '[object FormData]'
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function'
}
