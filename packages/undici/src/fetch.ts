/** Attaches a token source to any `fetch`. Redirects are followed here, hop by hop: each is checked again. */
import {
  type Attachments,
  type Attempt,
  defaultMaxRedirects,
  isRepeatableBody,
  type OurHeaders,
  optionError,
  readAttachments,
  refuseSource,
  type SourceAttachment,
  type SourceOf,
  Trip,
} from '@grantkit/core/kit'
import { attachingBy, type CurrentAgent, installedUndici, orders } from './attaching.js'
import { bodyOf, type FetchRequest, firstHop, Hop, type Init, initOf, isRequest, urlOf } from './fetch-request.js'
import { Answered, define, discard, networkError, readBeginning, redirected } from './fetch-response.js'
import type { TokenOptions } from './interceptor.js'
import { keptFromCaches } from './uncached-response.js'

export type { FetchRequest }

/** Any `fetch`: Node's, undici's, or a wrapper around one. */
export type FetchLike = (input: never, init?: never) => Promise<unknown>

type Fetch = (input: unknown, init?: object) => Promise<Response>

/**
 * Wraps a `fetch`: its requests carry a token, and one that a server rejects is replaced and the request sent once
 * more. What the source throws rejects the call.
 *
 * @param fetch the global one or any other; with `tls` it must be undici's own, `import { fetch } from 'undici'`
 * @param source where tokens come from, or a function that chooses for each request; or several, each with its options
 * @returns a function with the same signature
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function fetchWithTokens<AnyFetch extends FetchLike>(
  fetch: AnyFetch,
  source: SourceOf<FetchRequest> | readonly SourceAttachment<FetchRequest>[],
  options: TokenOptions = {},
): AnyFetch {
  refuseSource('fetch', fetch, orders.fetchWithTokens)
  if (source === (globalThis.fetch as unknown))
    throw optionError('source', `is a fetch; the order is ${orders.fetchWithTokens}`)
  if (typeof fetch !== 'function') throw optionError('fetch', 'must be a function')
  const attachments = readAttachments(attachingBy('fetchWithTokens'), source, options)
  const fetcher = fetch as unknown as Fetch
  if ([...attachments].some(({ agent }) => agent !== undefined) && fetcher !== (installedUndici().fetch as unknown))
    throw optionError('tls', "needs undici's own fetch: import { fetch } from 'undici'; no other takes a certificate")
  const isGlobal = fetcher === (globalThis.fetch as unknown)
  // undici's has no cache, and would tell the server of a cache mode instead
  const mayKeep = !isGlobal && fetcher !== (installedUndici().fetch as unknown)
  const wrapped = { fetch: fetcher, isGlobal, mayKeep, attachments }
  const withTokens: Fetch = (input, init) => call(wrapped, input, init)
  return withTokens as unknown as AnyFetch
}

/** A `fetch`, and what is attached to it. */
interface Wrapped {
  readonly fetch: Fetch
  readonly isGlobal: boolean
  /** Whether it may have a cache. */
  readonly mayKeep: boolean
  readonly attachments: Attachments<CurrentAgent>
}

/** One call, and what serves it. */
interface Passage {
  readonly wrapped: Wrapped
  readonly trip: Trip<CurrentAgent>
  /** What every hop is sent with, but for what the hop says itself. */
  readonly init: Init
}

/** Sends a request, and follows where it leads. */
async function call(wrapped: Wrapped, input: unknown, given: RequestInit | undefined): Promise<Response> {
  if (wrapped.isGlobal) refuseDispatcher(given)
  // not as a method: it is nobody's `this`
  const { fetch, attachments } = wrapped
  const url = urlOf(input)
  const trip = new Trip(attachments, { url })
  if (trip.attachment === undefined) return fetch(input, given)
  const init = initOf(input, given)
  const passage = { wrapped, trip, init }
  let hop = firstHop(url, init)
  if (isRequest(input) && hop.body === undefined) hop = new Hop({ ...hop, body: await bodyOf(input, init.signal) })
  for (let hops = 0; ; hops++) {
    let response = await send(passage, hop, hops === 0 ? 'first' : 'redirect')
    if (trip.concerns(new Answered(response))) response = await decided(passage, hop, response)
    const next = followed(hop, response, init.redirect, hops)
    if (next === undefined) return handedOn(trip, response, hops)
    discard(response)
    hop = next
  }
}

function refuseDispatcher(init: { readonly dispatcher?: unknown } | undefined): void {
  if (init?.dispatcher !== undefined)
    throw optionError('dispatcher', 'must not be given to the global fetch; wrap the fetch of the same undici instead')
}

/** Sends one hop, at once if its headers are at hand. */
function send(passage: Passage, hop: Hop, attempt: Attempt): Promise<Response> {
  const ours = passage.trip.headersFor(hop, attempt)
  return ours instanceof Promise ? ours.then(ours => sendWith(ours, passage, hop)) : sendWith(ours, passage, hop)
}

function sendWith(
  ours: OurHeaders,
  { wrapped: { fetch, mayKeep }, trip, init }: Passage,
  { method, url, fields, body }: Hop,
) {
  // not spread: what is added to an object that was spread takes V8 ten times as long
  const headers = Object.assign({}, fields, ours)
  const cache = init.cache ?? (mayKeep && 'authorization' in ours ? 'no-store' : undefined)
  const sent: Sent = { ...init, method, headers, redirect: 'manual', body, cache }
  if (!isRepeatableBody(body)) sent.duplex = 'half'
  const dispatcher = trip.attachment?.agent?.()
  if (dispatcher !== undefined) sent.dispatcher = dispatcher
  return fetch(url, sent)
}

interface Sent extends Init {
  duplex?: string
  dispatcher?: unknown
}

/** Decides on a refusal: it is the answer, or the request is sent once more and the answer is that one's. */
async function decided(passage: Passage, hop: Hop, response: Response): Promise<Response> {
  const { trip } = passage
  let refusal = response
  const answered = new Answered(refusal)
  const body = async () => {
    const { text, intact } = await readBeginning(refusal)
    refusal = intact
    return text
  }
  const refused = { status: answered.status, header: (name: string) => answered.header(name), body }
  try {
    if (!(await trip.decide(refused, isRepeatableBody(hop.body)))) return refusal
  } catch (error) {
    discard(refusal)
    throw error
  }
  discard(refusal)
  const next = await send(passage, hop, 'replay')
  return trip.concerns(new Answered(next)) ? decided(passage, hop, next) : next
}

function followed(hop: Hop, response: Response, redirect: string | undefined, hops: number): Hop | undefined {
  if (redirect === 'manual') return undefined
  try {
    const next = redirected(hop, response)
    if (next !== undefined && redirect === 'error') throw networkError('unexpected redirect')
    if (next !== undefined && hops >= defaultMaxRedirects) throw networkError('redirect count exceeded')
    return next
  } catch (error) {
    discard(response)
    throw error
  }
}

/** An answer as the caller gets it. */
function handedOn(trip: Trip<CurrentAgent>, response: Response, hops: number): Response {
  if (hops > 0) define(response, 'redirected', true)
  return trip.attachment === undefined || trip.bringsOwn ? response : keptFromCaches(response)
}
