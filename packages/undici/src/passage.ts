/** One dispatch on its way through the interceptor: undici's handlers translated to core's `Trip`. */
import {
  type Attachments,
  hasHeader,
  isRepeatableBody,
  type OurHeaders,
  optionError,
  originOf,
  type Sending,
  Trip,
} from '@grantkit/core/kit'
import type { CurrentAgent } from './attaching.js'
import type { Head, Judge, Send } from './attempt.js'
import { viaAgent } from './by-certificate.js'
import { guarded, refuseSharing } from './caches.js'
import type { Chains } from './chains.js'
import type { Dispatch, DispatchOptions } from './dispatch.js'
import { Exchange } from './exchange.js'
import type { Handler } from './handler.js'
import { type HeaderObject, headerObject, isLasting } from './headers.js'

/** What the requests through one interceptor have in common. */
export interface Route {
  readonly dispatch: Dispatch
  readonly attachments: Attachments<CurrentAgent>
  readonly chains: Chains<Trip<CurrentAgent>>
  readonly mayBeKept: boolean
}

/** One dispatch, and what it carries. */
export class Passage implements Sending, Judge {
  readonly url: string
  readonly request: DispatchOptions
  readonly #route: Route
  readonly #headers: HeaderObject
  readonly #exchange: Exchange
  #trip: Trip<CurrentAgent> | undefined

  constructor(route: Route, given: DispatchOptions, handler: object) {
    this.#headers = headerObject(given.headers)
    this.request = isLasting(given.headers) ? { ...given } : { ...given, headers: this.#headers }
    this.url = rootOf(given)
    this.#route = route
    this.#exchange = new Exchange(guarded(handler, this), this)
  }

  get method(): string {
    return this.request.method
  }

  get target(): string {
    const { path } = this.request
    return path.startsWith('/') ? `${this.url.slice(0, -1)}${path}` : path
  }

  get mayBeKept(): boolean {
    return this.#route.mayBeKept
  }

  makeSignal(): AbortSignal {
    return this.#exchange.signal
  }

  has(name: string): boolean {
    return hasHeader(this.#headers, name)
  }

  /** Whether what is answered is for whoever has the token alone. */
  get isPrivate(): boolean {
    return this.#trip?.attachment !== undefined && !this.#trip.bringsOwn
  }

  /** @param handler as it was given */
  carry(handler: object): boolean {
    try {
      const { chains, attachments } = this.#route
      const { trip: before, attempt } = chains.continuedBy(handler, `${this.url}${this.request.path}`) ?? first
      const trip = before ?? new Trip(attachments, this)
      this.#trip = trip
      refuseUnsafe(trip, this.request, this.url, handler)
      // who aborts while a token is awaited has to have been told of the request
      if (trip.attachment !== undefined && !this.has('authorization')) this.#exchange.begin()
      if (this.#exchange.isOver) return true
      const ours = trip.headersFor(this, attempt)
      if (!(ours instanceof Promise)) return this.#send(trip, ours)
      ours.then(ours => this.#send(trip, ours)).catch(error => this.#exchange.fail(error))
    } catch (error) {
      this.#exchange.fail(error)
    }
    return true
  }

  concerns(head: Head): boolean {
    return this.#trip?.concerns(head) === true
  }

  async decide(head: Head, body: () => Promise<string>): Promise<Send | undefined> {
    const trip = this.#trip as Trip<CurrentAgent>
    const refused = { status: head.status, header: (name: string) => head.header(name), body }
    if (!(await trip.decide(refused, isRepeatableBody(this.request.body)))) return undefined
    const ours = await trip.headersFor(this, 'replay')
    return handler => this.#dispatch(trip, ours, handler)
  }

  ending(head: Head | undefined): () => void {
    return this.#route.chains.ending(this.#trip, head)
  }

  #send(trip: Trip<CurrentAgent>, ours: OurHeaders): boolean {
    return this.#exchange.send(handler => this.#dispatch(trip, ours, handler))
  }

  /** Nothing underneath follows redirects: it would take our headers along. */
  #dispatch({ attachment }: Trip<CurrentAgent>, ours: OurHeaders, handler: Handler): boolean {
    const { dispatch } = this.#route
    if (attachment === undefined) return dispatch(this.request, handler)
    // in one call each: Node 20 makes a hidden class for every object that gets a member after a spread
    const headers = Object.assign({}, this.#headers, ours)
    const own = { headers, maxRedirections: 0, [viaAgent]: attachment.agent }
    return dispatch(Object.assign({}, this.request, own), handler)
  }
}

const first = { trip: undefined, attempt: 'first' } as const

/** The root of the server a request goes to; empty where its path names another one. */
function rootOf({ origin = '', path }: DispatchOptions): string {
  const root = `${origin instanceof URL ? origin.origin : origin}/`
  // the absolute form, which is for proxies
  return path.startsWith('/') || originOf(path) === originOf(root) ? root : ''
}

/** @throws TypeError where a token would get to others: by a redirect below, or by an answer that is shared above */
function refuseUnsafe(
  { attachment }: Trip<CurrentAgent>,
  { maxRedirections }: DispatchOptions,
  root: string,
  handler: object,
): void {
  if (maxRedirections && attachment?.origins.has(root))
    throw optionError('maxRedirections', 'needs the redirect interceptor above the tokens')
  refuseSharing(handler, attachment?.source)
}
