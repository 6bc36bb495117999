/** Attaches a token source to any `fetch`. Redirects are followed here, hop by hop: each is checked again. */
import {
  type Attached,
  attach,
  defaultMaxRedirects,
  isRepeatableBody,
  optionError,
  refuseSource,
  uncachedRequest,
} from '@grantkit/core/kit'
import {
  type Attachment,
  findAttachment,
  orders,
  readAttachments,
  type SourceOf,
  sourceFor,
  type TokenAttachment,
  type TokenOptions,
} from './attachment.js'
import { installedUndici } from './certified-agent.js'
import { type Call, type FetchRequest, type Hop, readCall, urlOf } from './fetch-request.js'
import { define, discard, keptFromCaches, networkError, readBeginning, redirected } from './fetch-response.js'

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
  source: SourceOf<FetchRequest> | readonly TokenAttachment<FetchRequest>[],
  options: TokenOptions = {},
): AnyFetch {
  refuseSource('fetch', fetch, orders.fetchWithTokens)
  if (source === (globalThis.fetch as unknown))
    throw optionError('source', `is a fetch; the order is ${orders.fetchWithTokens}`)
  if (typeof fetch !== 'function') throw optionError('fetch', 'must be a function')
  const all = readAttachments('fetchWithTokens', source, options)
  const fetcher = fetch as unknown as Fetch
  if (all.some(({ agent }) => agent !== undefined) && fetcher !== (installedUndici().fetch as unknown))
    throw optionError('tls', "needs undici's own fetch: import { fetch } from 'undici'; no other takes a certificate")
  const isGlobal = fetcher === (globalThis.fetch as unknown)
  const wrapped: Fetch = async (input, init) => {
    if (isGlobal && (init as { dispatcher?: unknown } | undefined)?.dispatcher !== undefined)
      throw optionError(
        'dispatcher',
        'must not be given to the global fetch; wrap the fetch of the same undici instead',
      )
    const attachment = findAttachment(all, urlOf(input))
    return attachment === undefined ? fetcher(input, init) : send(fetcher, attachment, await readCall(input, init))
  }
  return wrapped as unknown as AnyFetch
}

/** Sends a request, and follows where it leads. */
async function send(fetch: Fetch, attachment: Attachment<FetchRequest>, call: Call): Promise<Response> {
  const attached = await attachTo(attachment, call)
  let hop = call.first
  let strayed = false
  for (let hops = 0; ; hops++) {
    strayed ||= !attachment.origins.has(hop.url)
    attached?.allows(hop.url)
    const response = await sendHop(
      deliveryOf(fetch, call, strayed ? undefined : attachment),
      hop,
      strayed ? undefined : attached,
    )
    const next = call.redirect === 'manual' ? undefined : followed(hop, response, call.redirect, hops)
    if (next === undefined) {
      if (hops > 0) define(response, 'redirected', true)
      return attached === undefined || strayed ? response : keptFromCaches(response)
    }
    discard(response)
    hop = next
  }
}

/** Nothing is added to a request that has a credential of its own. */
async function attachTo(attachment: Attachment<FetchRequest>, { first, signal }: Call): Promise<Attached | undefined> {
  const { username, password } = new URL(first.url)
  if (username + password !== '' || first.headers.has('authorization')) return undefined
  const source = await sourceFor(attachment, first)
  return attach(source, attachment.origins, { method: first.method, url: first.url, signal })
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

type Deliver = (hop: Hop, added: Readonly<Record<string, string>>) => Promise<Response>

function deliveryOf(fetch: Fetch, { rest, signal }: Call, attachment: Attachment<FetchRequest> | undefined): Deliver {
  const dispatcher = attachment?.agent?.current()
  return ({ url, method, headers, body }, added) => {
    const all = new Headers(headers)
    for (const [name, value] of Object.entries(added)) if (!headers.has(name)) all.set(name, value)
    return fetch(url, {
      ...('authorization' in added && mayKeep(fetch) && { cache: 'no-store' }),
      ...rest,
      ...{ method, headers: Object.fromEntries(all), redirect: 'manual' },
      ...(signal && { signal }),
      ...(body !== undefined && { body }),
      ...(!isRepeatableBody(body) && { duplex: 'half' }),
      ...(dispatcher && { dispatcher }),
    })
  }
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

async function sendHop(deliver: Deliver, hop: Hop, attached: Attached | undefined): Promise<Response> {
  if (attached === undefined) return deliver(hop, {})
  const first = await judge(attached, await deliver(hop, { ...uncachedRequest, ...attached.headers }), hop)
  if (first.again === undefined) return first.response
  discard(first.response)
  const second = await judge(attached, await deliver(hop, { ...uncachedRequest, ...first.again }), hop)
  return second.response
}

interface Judged {
  /** Its body intact. */
  readonly response: Response
  /** The headers to send the request once more with. */
  readonly again: Readonly<Record<string, string>> | undefined
}

async function judge(attached: Attached, answer: Response, hop: Hop): Promise<Judged> {
  let response = answer
  if (!attached.concerns(answer.status)) return { response, again: undefined }
  const wwwAuthenticate = answer.headers.get('www-authenticate') ?? undefined
  const body = async () => {
    const { text, intact } = await readBeginning(answer)
    response = intact
    return text
  }
  try {
    const again = await attached.replay({ status: answer.status, wwwAuthenticate, body }, isRepeatableBody(hop.body))
    return { response, again }
  } catch (error) {
    discard(response)
    throw error
  }
}
