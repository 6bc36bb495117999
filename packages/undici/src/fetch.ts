/** Attaches a token source to any `fetch`. Redirects are followed here, hop by hop: each is checked again. */
import {
  type Attempt,
  defaultMaxRedirects,
  isRepeatableBody,
  optionError,
  readAttachments,
  refuseSource,
  type SourceAttachment,
  type SourceOf,
  Trip,
} from '@grantkit/core/kit'
import { attachingBy, type CurrentAgent, installedUndici, orders } from './attaching.js'
import { type Call, type FetchRequest, type Hop, readCall, urlOf } from './fetch-request.js'
import { answerOf, define, discard, keptFromCaches, networkError, readBeginning, redirected } from './fetch-response.js'
import type { TokenOptions } from './interceptor.js'

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
  const wrapped: Fetch = async (input, init) => {
    if (isGlobal && (init as { dispatcher?: unknown } | undefined)?.dispatcher !== undefined)
      throw optionError(
        'dispatcher',
        'must not be given to the global fetch; wrap the fetch of the same undici instead',
      )
    const trip = new Trip(attachments, { url: urlOf(input) })
    if (trip.attachment === undefined) return fetcher(input, init)
    return followAll({ fetch: fetcher, trip, call: await readCall(input, init) })
  }
  return wrapped as unknown as AnyFetch
}

/** One call, and what serves it. */
interface Passage {
  readonly fetch: Fetch
  readonly trip: Trip<CurrentAgent>
  readonly call: Call
}

/** Sends a request, and follows where it leads. */
async function followAll(passage: Passage): Promise<Response> {
  const { trip, call } = passage
  let hop = call.first
  for (let hops = 0; ; hops++) {
    const response = await sendHop(passage, hop, hops === 0 ? 'first' : 'redirect')
    const next = call.redirect === 'manual' ? undefined : followed(hop, response, call.redirect, hops)
    if (next === undefined) {
      if (hops > 0) define(response, 'redirected', true)
      return trip.attachment === undefined || trip.bringsOwn ? response : keptFromCaches(response)
    }
    discard(response)
    hop = next
  }
}

function followed(hop: Hop, response: Response, redirect: string, hops: number): Hop | undefined {
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

/** Sends one hop, and once more if its token was rejected. */
async function sendHop(passage: Passage, hop: Hop, attempt: Attempt): Promise<Response> {
  const { trip } = passage
  let response = await deliver(passage, hop, attempt)
  const answer = answerOf(response)
  if (!trip.concerns(answer)) return response
  const body = async () => {
    const { text, intact } = await readBeginning(response)
    response = intact
    return text
  }
  let again = false
  try {
    again = await trip.decide({ ...answer, body }, isRepeatableBody(hop.body))
  } catch (error) {
    discard(response)
    throw error
  }
  if (!again) return response
  discard(response)
  return sendHop(passage, hop, 'replay')
}

async function deliver({ fetch, trip, call }: Passage, hop: Hop, attempt: Attempt): Promise<Response> {
  const { url, method, body } = hop
  const headers = new Headers(hop.headers)
  const has = (name: string) => hop.headers.has(name)
  const ours = await trip.headersFor({ url, method, signal: call.signal, request: hop, has, mayBeKept: true }, attempt)
  for (const [name, value] of Object.entries(ours)) headers.set(name, value)
  const dispatcher = trip.attachment?.agent?.()
  return fetch(url, {
    ...('authorization' in ours && mayKeep(fetch) && { cache: 'no-store' }),
    ...call.rest,
    ...{ method, headers: Object.fromEntries(headers), redirect: 'manual' },
    ...(call.signal && { signal: call.signal }),
    ...(body !== undefined && { body }),
    ...(!isRepeatableBody(body) && { duplex: 'half' }),
    ...(dispatcher && { dispatcher }),
  })
}

const keeping = new WeakMap<Fetch, boolean>()

/** Whether a fetch may have a cache. undici's has none, and would tell the server of the mode instead. */
function mayKeep(fetch: Fetch): boolean {
  const known = keeping.get(fetch)
  if (known !== undefined) return known
  const may = fetch !== (globalThis.fetch as unknown) && fetch !== (installedUndici().fetch as unknown)
  keeping.set(fetch, may)
  return may
}
