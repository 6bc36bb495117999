/** What `fetch` was called with, in parts that can be sent again and elsewhere. */
import { detachable, parseUrl, peek } from '@grantkit/core/kit'

/** A request as a function that chooses its token source sees it. */
export interface FetchRequest {
  /** In capitals. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** The caller's own: the token is not among them. */
  readonly headers: Headers
}

/** One hop of a request. */
export interface Hop extends FetchRequest {
  readonly body: unknown
}

export interface Call {
  readonly first: Hop
  readonly redirect: string
  readonly signal: AbortSignal | undefined
  /** What every hop is sent with besides. */
  readonly rest: object
}

/** The URL of a call, as it is requested; empty for what is no URL. */
export function urlOf(input: unknown): string {
  return parseUrl(isRequest(input) ? input.url : String(input))?.href ?? ''
}

/**
 * Takes a call apart, by the rules for `new Request(input, init)`.
 *
 * @see https://fetch.spec.whatwg.org/#dom-request
 */
export async function readCall(input: unknown, init: RequestInit | null | undefined): Promise<Call> {
  const { method, headers, body, redirect, signal, ...rest } = init ?? {}
  const request = isRequest(input) ? input : undefined
  const chosen = signal === undefined ? request?.signal : (signal ?? undefined)
  return {
    first: {
      method: normalMethod(method ?? request?.method ?? 'GET'),
      url: urlOf(input),
      headers: new Headers(headers ?? request?.headers),
      body: body ?? (await bodyOf(request, chosen)),
    },
    redirect: redirect ?? request?.redirect ?? 'follow',
    signal: chosen,
    rest: { ...(request && membersOf(request)), ...rest },
  }
}

/** By shape: every copy of undici has a class of its own. */
function isRequest(input: unknown): input is Request {
  return typeof input === 'object' && input !== null && 'url' in input && 'method' in input && 'headers' in input
}

function membersOf(request: Request): object {
  const { cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy } = request
  const members = { cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function normalMethod(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

const maxReadAhead = 1_048_576

/**
 * A Request's body is a stream, also when it was made from a text. Up to 1 MiB it is read before it is sent: it can
 * then be sent again, and has a length. What is longer stays a stream.
 *
 * @throws TypeError, as fetch, when it was read before; the signal's reason
 */
async function bodyOf(request: Request | undefined, signal: AbortSignal | undefined): Promise<unknown> {
  const stream = request?.body
  if (request === undefined || stream === undefined || stream === null) return undefined
  if (request.bodyUsed) throw new TypeError('Body is unusable: it has been read already')
  const { beginning, isAll, whole } = await detachable(peek(stream, maxReadAhead), signal)
  return isAll ? beginning : ReadableStream.from(whole)
}
