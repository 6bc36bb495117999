/** Attaches a token source to an undici dispatcher: undici's handlers translated to core's `Trip`. */
import {
  type AttachmentOptions,
  type Attachments,
  isRepeatableBody,
  type OurHeaders,
  optionError,
  originOf,
  readAttachments,
  type SourceAttachment,
  type SourceOf,
  Trip,
} from '@grantkit/core/kit'
import { attachingBy, type CurrentAgent } from './attaching.js'
import type { Head, Judge, Send } from './attempt.js'
import { guarded, refuseSharing } from './caches.js'
import { Chains } from './chains.js'
import type { Dispatch, DispatchOptions, Interceptor } from './dispatch.js'
import { Exchange } from './exchange.js'
import { type HeaderObject, hasHeader, headerObject, isLasting } from './headers.js'

/** Where tokens go. `tls` takes an agent of our own. */
export type TokenOptions = AttachmentOptions

/** Chooses a source for a request by what was given to `dispatch`. */
export type DispatchSource = SourceOf<DispatchOptions>

/**
 * An interceptor for `compose()`: requests through it carry a token, and one that a server rejects is replaced and the
 * request sent once more. What the source throws fails the request. `CONNECT` and upgrades are left alone.
 *
 * Interceptors that dispatch again (`retry`, `redirect`) belong above it. A cache, above or beneath, keeps no answer to a
 * token, since it could not tell tokens apart; under `withTokens()` it can.
 *
 * @param source where tokens come from, or a function that chooses for each request; or several, each with its options
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function tokenInterceptor(
  source: DispatchSource | readonly SourceAttachment<DispatchOptions>[],
  options: TokenOptions = {},
): Interceptor {
  const attachments = readAttachments(attachingBy('tokenInterceptor'), source, options)
  // nobody knows what is beneath: a cache there is to leave the request alone
  const interceptor = carryingTokens(attachments, { mayBeKept: true })
  return dispatch => interceptor(byCertificate(dispatch) as never)
}

/** Where a dispatch is to go, when not to what is beneath. */
const viaAgent = Symbol('agent')

/** Sends requests that belong to origins with a client certificate by the agent that has it. */
export const byCertificate: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  return (request, handler) => {
    const agent = (request as { [viaAgent]?: CurrentAgent })[viaAgent]
    return agent === undefined ? dispatch(request, handler) : agent().dispatch(request as never, handler as never)
  }
}

/** The interceptor; {@link byCertificate} has to be somewhere beneath. */
export function carryingTokens(attachments: Attachments<CurrentAgent>, { mayBeKept = false } = {}): Interceptor {
  return beneath => {
    const dispatch = beneath as Dispatch
    const chains = new Chains<Trip<CurrentAgent>>()
    return (given, handler) => {
      if (given.upgrade || given.method === 'CONNECT') return dispatch(given, handler)
      const headers = headerObject(given.headers)
      const request = isLasting(given.headers) ? { ...given } : { ...given, headers }
      const root = rootOf(request)
      const url = `${root}${request.path}`
      let trip: Trip<CurrentAgent> | undefined
      const isPrivate = () => trip?.attachment !== undefined && !trip.bringsOwn
      const exchange = new Exchange(guarded(handler, isPrivate), (head, complete) =>
        chains.complete(trip, head, complete),
      )
      try {
        const { trip: before, attempt } = chains.continuedBy(handler, url) ?? { attempt: 'first' }
        trip = before ?? new Trip(attachments, { url: root })
        refuseUnsafe(trip, request, root, handler)
        const { signal } = exchange
        const has = (name: string) => hasHeader(headers, name)
        const sending = { method: request.method, url: root, signal, request, has, mayBeKept }
        return carry({ dispatch, trip, exchange, request, headers, sending, attempt })
      } catch (error) {
        exchange.fail(error)
        return true
      }
    }
  }
}

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

/** One dispatch that carries what its trip says. */
interface Passage {
  readonly dispatch: Dispatch
  readonly trip: Trip<CurrentAgent>
  readonly exchange: Exchange
  readonly request: DispatchOptions
  readonly headers: HeaderObject
  readonly sending: Parameters<Trip<CurrentAgent>['headersFor']>[0]
  readonly attempt: Parameters<Trip<CurrentAgent>['headersFor']>[1]
}

function carry(passage: Passage): boolean {
  const { trip, exchange, sending, attempt } = passage
  // who aborts while a token is awaited has to have been told of the request
  if (trip.attachment !== undefined && !sending.has('authorization')) exchange.begin()
  if (exchange.isOver) return true
  const send = (ours: OurHeaders) => exchange.send(sendingWith(passage, ours), judgeOf(passage))
  const ours = trip.headersFor(sending, attempt)
  if (!(ours instanceof Promise)) return send(ours)
  ours.then(send).catch(error => exchange.fail(error))
  return true
}

/** What goes underneath. Nothing there follows redirects: it would take our headers along. */
function sendingWith({ dispatch, trip, request, headers }: Passage, ours: OurHeaders): Send {
  const { attachment } = trip
  if (attachment === undefined) return handler => dispatch(request, handler)
  // in one call each: Node 20 makes a hidden class for every object that gets a member after a spread
  const own = { headers: Object.assign({}, headers, ours), maxRedirections: 0, [viaAgent]: attachment.agent }
  return handler => dispatch(Object.assign({}, request, own), handler)
}

function judgeOf(passage: Passage): Judge {
  const { trip, request, sending } = passage
  return {
    concerns: head => trip.concerns(answerOf(head)),
    async decide(head, body) {
      const again = await trip.decide({ ...answerOf(head), body }, isRepeatableBody(request.body))
      return again ? sendingWith(passage, await trip.headersFor(sending, 'replay')) : undefined
    },
  }
}

function answerOf({ status, headers }: Head) {
  return { status, header: (name: string) => headers[name]?.toString() }
}
