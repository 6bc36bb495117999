/** Attaches a token source to an undici dispatcher: undici's handlers translated to core's `attach()`. */
import { attach, isRepeatableBody, optionError, originOf, uncachedRequest } from '@grantkit/core/kit'
import {
  type Attachment,
  findAttachment,
  readAttachments,
  type SourceOf,
  sourceFor,
  type TokenAttachment,
  type TokenOptions,
} from './attachment.js'
import type { Send } from './attempt.js'
import { guarded, refuseSharing } from './caches-above.js'
import type { CertifiedAgent } from './certified-agent.js'
import { Exchange } from './exchange.js'
import { type Dispatch, type DispatchOptions, forEither, fromLegacy, type Handler, isLegacy } from './handlers.js'
import { asObject, hasHeader, repeatable, withHeaders } from './headers.js'
import { Trips } from './trips.js'

/** What `compose()` takes, of any undici. */
export type Interceptor = (dispatch: (options: never, handler: never) => boolean) => Dispatch

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
  source: DispatchSource | readonly TokenAttachment<DispatchOptions>[],
  options: TokenOptions = {},
): Interceptor {
  const interceptor = attaching(readAttachments('tokenInterceptor', source, options), uncached)
  return dispatch => interceptor(byCertificate(dispatch) as never)
}

/** Where a dispatch is to go, when not to what is beneath. */
const viaAgent = Symbol('agent')

/** Sends requests that belong to origins with a client certificate by the agent that has it. */
export const byCertificate: Interceptor = dispatch => (request, handler) => {
  const agent = (request as { [viaAgent]?: CertifiedAgent })[viaAgent]
  if (agent === undefined) return dispatch(request as never, handler as never)
  return agent.current().dispatch(request as never, handler as never)
}

/** A request, as far as it has come. */
interface Trip {
  /** Where its token comes from. Gone once a redirect has left the origins: nothing of ours is sent from then on. */
  attachment: Attachment<DispatchOptions> | undefined
  /** The caller has a credential of their own. */
  readonly bringsOwn: boolean
}

type Headers = DispatchOptions['headers']

/** For who does not know what is beneath: a cache there is to leave the request alone. */
function uncached(headers: Headers): Headers {
  return asObject(headers, uncachedRequest)
}

/** The interceptor; {@link byCertificate} has to be somewhere beneath. `prepare` has the last word on headers with a token. */
export function attaching(
  all: readonly Attachment<DispatchOptions>[],
  prepare: (headers: Headers) => Headers = headers => headers,
): Interceptor {
  return beneath => {
    const dispatch = beneath as Dispatch
    const trips = new Trips<Trip>()
    return (given, handler) => {
      if (given.upgrade || given.method === 'CONNECT') return dispatch(given, handler)
      const request = { ...given, headers: repeatable(given.headers) }
      const root = rootOf(request)
      const url = `${root}${request.path}`
      let trip: Trip | undefined
      const isPrivate = () => trip?.attachment !== undefined && !trip.bringsOwn
      const receiver = guarded(handler, isPrivate)
      const exchange = new Exchange(isLegacy(receiver) ? fromLegacy(receiver) : receiver, (head, complete) =>
        trips.complete(trip, head, complete),
      )
      try {
        trip = advance(trips.continuedBy(handler, url) ?? begin(all, request, root), request, root)
        refuseSharing(handler, trip.attachment?.source)
      } catch (error) {
        exchange.fail(error)
        return true
      }
      trips.remember(handler, url, trip)
      const { attachment, bringsOwn } = trip
      const sendAs = (headers: Headers) => (attempt: Handler) =>
        dispatch(loaded(request, attachment, headers), forEither(attempt))
      if (attachment === undefined || bringsOwn) return exchange.send(sendAs(request.headers))
      const send = (added: Added) => sendAs(prepare(withHeaders(request.headers, added)))
      exchange.begin()
      if (exchange.isOver) return true
      sendWithToken({ exchange, attachment, request, root, send }).catch(error => exchange.fail(error))
      return true
    }
  }
}

/** @throws OriginError when this URL may not have a token and requests without one are refused */
function begin(all: readonly Attachment<DispatchOptions>[], request: DispatchOptions, root: string): Trip {
  return { attachment: findAttachment(all, root), bringsOwn: hasHeader(request.headers, 'authorization') }
}

/** @throws TypeError when a redirect would be followed where nobody could take the headers off */
function advance(trip: Trip, { maxRedirections }: DispatchOptions, root: string): Trip {
  if (!trip.attachment?.origins.has(root)) trip.attachment = undefined
  else if (maxRedirections) throw optionError('maxRedirections', 'needs the redirect interceptor above the tokens')
  return trip
}

/** The root of the server a request goes to; empty where its path names another one. */
function rootOf({ origin = '', path }: DispatchOptions): string {
  const root = `${origin instanceof URL ? origin.origin : origin}/`
  // the absolute form, which is for proxies
  return path.startsWith('/') || originOf(path) === originOf(root) ? root : ''
}

type Added = Readonly<Record<string, string>>

interface Passage {
  readonly exchange: Exchange
  readonly attachment: Attachment<DispatchOptions>
  readonly request: DispatchOptions
  readonly root: string
  readonly send: (headers: Added) => Send
}

async function sendWithToken({ exchange, attachment, request, root, send }: Passage): Promise<void> {
  const source = await sourceFor(attachment, request)
  const { method, body } = request
  const attached = await attach(source, attachment.origins, { method, url: root, signal: exchange.signal })
  exchange.send(send(attached.headers), {
    concerns: status => attached.concerns(status),
    async decide({ status, headers, body: beginning }) {
      const wwwAuthenticate = [headers['www-authenticate'] ?? []].flat().join(', ')
      const again = await attached.replay({ status, wwwAuthenticate, body: beginning }, isRepeatableBody(body))
      return again && send(again)
    },
  })
}

/** What goes underneath. Nothing there follows redirects: it would take our headers along. */
function loaded(
  request: DispatchOptions,
  attachment: Attachment<DispatchOptions> | undefined,
  headers: Headers,
): DispatchOptions {
  if (attachment === undefined) return request
  return { ...request, headers, ...{ maxRedirections: 0, [viaAgent]: attachment.agent } }
}
