/** One call of got: which source serves it, what each attempt and redirect carries, whether it is sent once more. */
import type { TokenSource } from '@grantkit/core'
import {
  type Attached,
  attach,
  leadsToSocket,
  type Origins,
  optionError,
  originOf,
  socketError,
} from '@grantkit/core/kit'
import { concealAgents, concealRequest } from './conceal.js'
import type { Answer, Callback, NativeOptions, Options, RequestFunction } from './got-like.js'
import { partOf, wholeOf } from './private-cache.js'

/** A token source, and where its tokens go. */
export interface Attachment {
  readonly source: TokenSource | ((options: never) => TokenSource | Promise<TokenSource>)
  readonly origins: Origins
  /** The origins as they were given. */
  readonly listed: readonly string[]
  readonly otherOrigins: 'refuse' | 'pass-through'
  /** Presents the client certificate. */
  readonly agent: object | undefined
}

const byFirstOptions = new WeakMap<Options, Trip>()
/** got copies its options for every attempt and hop; the `request` function among them stays the same one. */
const byRequestFunction = new WeakMap<RequestFunction, Trip>()

/** The call these options belong to, if a source serves it. */
export function tripOf({ request }: Options): Trip | undefined {
  return request && byRequestFunction.get(request)
}

/** Adds a source to a call that is about to begin. */
export function join(options: Options, attachment: Attachment): void {
  const trip = byFirstOptions.get(options) ?? new Trip(options)
  trip.attachments.add(attachment)
}

type Headers = Readonly<Record<string, string>>

export class Trip {
  readonly attachments = new Set<Attachment>()
  /** Whether what is sent next follows a redirect. */
  redirected = false
  #options: Options
  /** The one that serves this attempt. */
  #attachment: Attachment | undefined
  readonly #callers: RequestFunction | undefined
  /** A `FormData` as the caller gave it, its type if they gave one, and the stream that got made of it. */
  readonly #form: unknown
  readonly #type: unknown
  #sentForm: unknown
  #attached: Attached | undefined
  #bringsOwn: boolean
  #strayed = false
  #replaying = false
  #replays = 0
  /** What the next request gets, where a cache had to know. */
  #prepared: Headers | undefined

  constructor(options: Options) {
    const { headers, body, request } = options
    // the options of an earlier call may come back, for the next page
    const earlier = tripOf(options)
    this.#callers = earlier ? earlier.#callers : request
    if (earlier) options.retry.limit -= earlier.#replays
    // got removes what is `undefined` before any hook
    this.#bringsOwn = Object.hasOwn(headers, 'authorization')
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
    options.cache = authorization === undefined ? wholeOf(options.cache) : partOf(options.cache, authorization)
  }

  /** Decides on an answer: what to merge into the options to send the request once more, or `undefined`. */
  async replay(response: Answer): Promise<object | undefined> {
    const again = this.#bodyAgain()
    const agreed = await this.#decide(response, again !== undefined)
    if (!agreed || again === undefined) return undefined
    this.#replaying = true
    // got counts every attempt; the caller's number is of their own
    this.#options.retry.limit++
    this.#replays++
    return again
  }

  /** After the answer to what cannot be sent again: the next request is to have a new token, if this one was rejected. */
  async renew(response: Answer): Promise<void> {
    await this.#decide(response, false)
  }

  async #decide({ statusCode, headers, rawBody }: Answer, replayable: boolean): Promise<boolean> {
    if (this.#attached === undefined || this.#strayed || this.#bringsOwn) return false
    if (!this.#attached.concerns(statusCode)) return false
    const answer = {
      status: statusCode,
      wwwAuthenticate: headers['www-authenticate']?.toString(),
      body: async () => beginningOf(rawBody),
    }
    const replacement = await this.#attached.replay(answer, replayable)
    // every source of the instance has hooks: the next of them finds the answer decided on
    if (replacement === undefined) this.#attached = undefined
    return replacement !== undefined
  }

  #bodyAgain(): object | undefined {
    const { body } = this.#options
    if (body === undefined || typeof body === 'string' || ArrayBuffer.isView(body)) return {}
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
    concealAgents(options.agent)
    const parameters: Parameters<RequestFunction> = cached ? [loaded, second] : [first, loaded, callback]
    const request = (await this.#callers?.(...parameters)) ?? (await defaultOf(options)?.(...parameters))
    concealRequest(request)
    if (options.isStream && !options.throwHttpErrors) this.#renewAfter(request)
    return request
  }

  /** @throws OriginError when nothing may be sent there; what the source throws */
  async #headersFor(callers: NativeOptions['headers']): Promise<Headers> {
    const { method, signal, url = '' } = this.#options
    const follows = this.redirected
    const replays = this.#replaying && this.#attachment?.origins.has(url)
    this.redirected = false
    this.#replaying = false
    this.#bringsOwn ||= callers.authorization !== undefined
    if (follows) this.#strayed ||= this.#attachment !== undefined && !this.#attachment.origins.has(url)
    if (follows) this.#attached?.allows(url)
    if (!follows && !replays && !this.#strayed) {
      refuseShared(this.attachments)
      this.#attached = undefined
      this.#attachment = isSocket(this.#options) ? noneFor(this.attachments) : find(this.attachments, url)
      if (this.#attachment !== undefined && !this.#bringsOwn) {
        const { origins, source } = this.#attachment
        const one = typeof source === 'function' ? await source(this.#options as never) : source
        if (typeof one?.getTokenSet !== 'function')
          throw optionError('source', 'must return a token source; authorization: undefined sends none')
        this.#attached = await attach(one, origins, { method, url, signal })
      }
    }
    return this.#strayed || this.#bringsOwn ? {} : without(callers, this.#attached?.headers)
  }

  /** @throws TypeError where nobody would notice that the certificate stays at home */
  #agent(): object | undefined {
    const { url = '', http2 } = this.#options
    if (this.#strayed || this.#attachment?.agent === undefined || new URL(url).protocol !== 'https:') return undefined
    if (http2) throw optionError('tls', 'needs HTTP/1.1; got takes no agent for HTTP/2')
    return this.#attachment.agent
  }

  /** got calls no hook after a stream's answer unless it is an error, and the body is the caller's. */
  #renewAfter(request: unknown): void {
    const emitter = request as { once?: (event: 'response', listener: (response: Answer) => void) => void }
    emitter.once?.('response', ({ statusCode, headers }) => {
      this.renew({ statusCode, headers }).catch(() => {})
    })
  }
}

/** By an agent's option, or by the host that got takes for a sign. */
function isSocket({ agent, url = 'unix:', enableUnixSockets }: Options): boolean {
  const { protocol, hostname } = new URL(url)
  const isNamed = protocol === 'unix:' || (hostname === 'unix' && enableUnixSockets === true)
  return isNamed || leadsToSocket(...Object.values(agent))
}

/** @throws OriginError unless requests without a token may go to a socket of this machine */
function noneFor(attachments: ReadonlySet<Attachment>): undefined {
  for (const { otherOrigins } of attachments) if (otherOrigins === 'refuse') throw socketError()
}

/** @throws TypeError when two of an instance's sources have the same origin: got does not tell before */
function refuseShared(attachments: ReadonlySet<Attachment>): void {
  const before: Attachment[] = []
  for (const attachment of attachments) {
    for (const origin of attachment.listed)
      if (before.some(({ origins }) => origins.has(origin)))
        throw optionError('origins', `${originOf(origin)} has a token source already`)
    before.push(attachment)
  }
}

/** @throws OriginError when no source is attached for this URL and one of them refuses other origins */
function find(attachments: ReadonlySet<Attachment>, url: URL | string): Attachment | undefined {
  const serving = [...attachments].find(({ origins }) => origins.has(url))
  if (serving === undefined)
    for (const { origins, otherOrigins } of attachments) if (otherOrigins === 'refuse') origins.check(url)
  return serving
}

/** A header the caller set is kept; got's names are in lower case. */
function without(callers: NativeOptions['headers'], ours: Headers = {}): Headers {
  const entries = Object.entries(ours).map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(entries.filter(([name]) => callers[name] === undefined))
}

/** got's own function for a URL: `http.request`, `https.request`, or its HTTP/2 client's. */
function defaultOf(options: Options): RequestFunction | undefined {
  const { request } = options
  options.request = undefined
  const own = options.getRequestFunction()
  options.request = request
  return own
}

const maxBeginning = 65_536

function beginningOf(body: Uint8Array | undefined): string {
  return body === undefined ? '' : Buffer.from(body.subarray(0, maxBeginning)).toString()
}

/** By name, not by class: polyfills have their own. */
function isFormData(body: unknown): boolean {
  return Object.prototype.toString.call(body) === '[object FormData]'
}
