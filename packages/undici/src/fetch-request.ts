/** What `fetch` was called with, in parts that can be sent again and elsewhere. */
import { detachable, parseUrl, peek, type Sending } from '@grantkit/core/kit'

/** A request as a function that chooses its token source sees it. */
export interface FetchRequest {
  /** In capitals. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** The caller's own: the token is not among them. */
  readonly headers: Headers
}

/** What makes a hop. */
type HopParts = Pick<Hop, 'method' | 'url' | 'fields' | 'body' | 'signal'>

/** One hop of a request, as core asks about it. */
export class Hop implements Sending {
  readonly method: string
  readonly url: string
  /** The caller's own headers, spelt as they came. */
  readonly fields: Readonly<Record<string, string>>
  readonly body: unknown
  readonly signal: AbortSignal | undefined
  readonly mayBeKept = true

  constructor({ method, url, fields, body, signal }: HopParts) {
    this.method = method
    this.url = url
    this.fields = fields
    this.body = body
    this.signal = signal
  }

  /** For a function that chooses; nobody else asks. */
  get request(): FetchRequest {
    const { method, url, fields } = this
    return { method, url: hrefOf(url), headers: new Headers(fields) }
  }

  has(name: string): boolean {
    for (const field in this.fields) if (field.toLowerCase() === name) return true
    return false
  }
}

/** By shape: every copy of undici has a class of its own. */
export function isRequest(input: unknown): input is Request {
  return typeof input === 'object' && input !== null && 'url' in input && 'method' in input && 'headers' in input
}

/**
 * Scheme, host and port as every parser reads them, and the slash behind which nothing changes where a request goes. A host
 * in numbers is an address in four of them: in fewer, octal or hexadecimal, one parser takes for another than the next.
 */
const plainBeginning =
  /^https?:\/\/(?:(?:[a-z\d-]+\.)*[a-z][a-z\d-]*|(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2}))(?::[1-9]\d*)?\//

/** The URL of a call: as it came where no parser mistakes its origin, else as it is requested; empty for what is none. */
export function urlOf(input: unknown): string {
  const text = isRequest(input) ? input.url : String(input)
  return plainBeginning.test(text) ? text : hrefOf(text)
}

function hrefOf(text: string): string {
  return parseUrl(text)?.href ?? ''
}

/** All that a call says beside its URL. */
export interface Init {
  readonly method: string
  readonly headers: RequestInit['headers'] | undefined
  readonly body: unknown
  readonly redirect: string | undefined
  readonly signal: AbortSignal | undefined
  readonly cache: string | undefined
}

/**
 * Reads what a call says, by the rules for `new Request(input, init)`, but for the body of a Request. It is a copy: the
 * caller may change theirs while a token is waited for.
 *
 * @see https://fetch.spec.whatwg.org/#dom-request
 */
export function initOf(input: unknown, given: (RequestInit & { cache?: string }) | null | undefined): Init {
  const request = isRequest(input) ? input : undefined
  const { method, headers, body, redirect, signal, cache } = given ?? {}
  return Object.assign(request === undefined ? {} : membersOf(request), given, {
    method: normalMethod(method ?? request?.method ?? 'GET'),
    headers: headers ?? request?.headers,
    body: body ?? undefined,
    redirect: redirect ?? request?.redirect,
    signal: (signal === undefined ? request?.signal : signal) ?? undefined,
    cache: (isRequest(given) ? cacheModeOf(given) : cache) ?? cacheModeOf(request),
  })
}

/** Every Request has a mode, be it called with or given as an init; the default says nothing. */
function cacheModeOf(request: { readonly cache?: string } | undefined): string | undefined {
  return request?.cache === 'default' ? undefined : request?.cache
}

function membersOf(request: Request): object {
  const { credentials, integrity, keepalive, mode, referrer, referrerPolicy } = request
  const members = { credentials, integrity, keepalive, mode, referrer, referrerPolicy }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function normalMethod(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

/** The first hop, without the body of a Request. */
export function firstHop(url: string, { method, headers, body, signal }: Init): Hop {
  return new Hop({ method, url, fields: fieldsOf(headers), body, signal })
}

/** An object is what every fetch takes. What is one already is read by the fetch as it reads any. */
function fieldsOf(headers: Init['headers']): Hop['fields'] {
  const isPlain = typeof headers === 'object' && !(Symbol.iterator in headers)
  if (isPlain || headers === undefined) return { ...(headers as Hop['fields'] | undefined) }
  return Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers))
}

const maxReadAhead = 1_048_576

/**
 * A Request's body is a stream, also when it was made from a text. Up to 1 MiB it is read before it is sent: it can
 * then be sent again, and has a length. What is longer stays a stream.
 *
 * @throws TypeError, as fetch, when it was read before; the signal's reason
 */
export async function bodyOf(request: Request, signal: AbortSignal | undefined): Promise<unknown> {
  const stream = request.body
  if (stream === undefined || stream === null) return undefined
  if (request.bodyUsed) throw new TypeError('Body is unusable: it has been read already')
  const { beginning, isAll, whole } = await detachable(peek(stream, maxReadAhead), signal)
  return isAll ? beginning : ReadableStream.from(whole)
}
