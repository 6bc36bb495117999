/** What a request that failed was about: where it went, what came instead, what may have been wrong. For its error's message. */
import { type ClientCertificate, datesProblem } from './certificate.js'
import { type AuthorizationServerError, isGrantKitError } from './errors.js'
import { parseUrl } from './options.js'
import type { TransportResponse } from './transport.js'

/** A request, and the answer it got, if any. */
export interface Circumstances {
  readonly method: string
  readonly url: string
  /** Before it was sent, and now, in epoch milliseconds. */
  readonly requestedAt: number
  readonly now: number
  readonly response?: Pick<TransportResponse, 'status' | 'headers' | 'body'> | undefined
  /** The signed JWT by which the client said who it is. */
  readonly assertion?: string | undefined
  readonly certificate?: ClientCertificate | undefined
  /** What the server says it takes of clients, where that is not what was sent. */
  readonly hint?: string | undefined
}

const explained = new WeakSet<object>()

/** Adds to an error of ours what is known of its request; returns the error. Nothing secret is added. */
export function explain(error: unknown, circumstances: Circumstances): unknown {
  if (!isGrantKitError(error) || error.code === 'ERR_CLIENT_AUTHENTICATION' || explained.has(error)) return error
  explained.add(error)
  const { message, stack } = error
  const more = [...whereTo(message, circumstances), ...reasons(error, circumstances)]
  error.message = [message, ...more].join('; ')
  // printing an error shows its stack, which began with the message as it was
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message)
  return error
}

/** Method, URL without its query, status, and what came where JSON was expected. */
function whereTo(message: string, { method, url, response }: Circumstances): string[] {
  const { origin, pathname } = new URL(url)
  const request = `${method} ${origin}${pathname}`
  if (response === undefined) return message.includes(request) ? [] : [request]
  const came = describeBody(response)
  return [`${request} answered ${response.status}${came === undefined ? '' : ` ${came}`}`]
}

/** Type and size of what is no JSON; `undefined` for what is. */
function describeBody({ headers, body }: Pick<TransportResponse, 'headers' | 'body'>): string | undefined {
  const text = new TextDecoder().decode(body)
  if (text.trim() === '') return 'without a body'
  if (isJson(text)) return undefined
  const { length } = body
  return `with ${typeOf(headers.get('content-type'))}, ${length < 1000 ? `${length} bytes` : `${Math.round(length / 1000)} kB`}`
}

/** Those that come instead of JSON; of others nothing is said, since a server may write there what it likes. */
const types =
  /^\s*((?:text\/(?:html|plain|xml|css|csv|javascript)|application\/(?:json|problem\+json|scim\+json|hal\+json|xml|problem\+xml|soap\+xml|xhtml\+xml|x-www-form-urlencoded|octet-stream|jwt|jose|pdf|gzip|zip))|image\/(?:png|jpeg|gif|svg\+xml)|multipart\/form-data)\s*(?:;|$)/i

function typeOf(contentType: string | null): string {
  if (!/^\s*[\w.+-]+\/[\w.+-]/.test(contentType ?? '')) return 'no content type'
  return types.exec(contentType ?? '')?.[1]?.toLowerCase() ?? 'an unusual content type'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function reasons(error: { readonly code: string }, circumstances: Circumstances): string[] {
  const { response, certificate, now, hint } = circumstances
  const dates = certificate && datesProblem(certificate, now)
  return [
    isAboutClient(error) ? describeAssertion(error, circumstances) : undefined,
    isAboutClient(error) ? hint : undefined,
    dates && `the client certificate ${dates}`,
    response && describeClock(response, circumstances),
  ].filter(text => text !== undefined)
}

/** Whether the client's own credentials may be why. */
function isAboutClient(error: { readonly code: string }): error is AuthorizationServerError {
  const { code, kind = '' } = error as Partial<AuthorizationServerError>
  return code === 'ERR_SERVER_REFUSED' && ['invalid_client', 'terminal', 'stale_assertion'].includes(kind)
}

/** What a refused assertion said of itself; the rest of it is nobody's business. */
function describeAssertion(
  { error: reason, error_description: words }: AuthorizationServerError,
  { assertion }: Circumstances,
): string | undefined {
  if (assertion === undefined) return undefined
  const [header, payload] = assertion.split('.').map(decode)
  const { aud } = Object(payload)
  const { kid, alg } = Object(header)
  const said = [
    `aud ${[aud].flat().map(shown).join(', ')}`,
    kid === undefined ? 'no kid' : `kid ${shown(kid)}`,
    `alg ${shown(alg)}`,
  ]
  const isSilent = reason === undefined && words === undefined
  return `the assertion had ${said.join(', ')}${isSilent ? '; the server gives no reason: it may want another aud (audience)' : ''}`
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    return undefined
  }
}

/** A value of ours, short and printable; of a URL neither user information nor query. */
function shown(value: unknown): string {
  const text = String(value)
  const url = parseUrl(text)
  const plain = url !== undefined && /^https?:$/.test(url.protocol) ? withoutSecrets(text, url) : text
  const printable = plain.replace(/[^\x20-\x7e]+/g, ' ')
  return printable.length > 200 ? `${printable.slice(0, 197)}...` : printable
}

/** As it was written, since a slash at its end matters. */
function withoutSecrets(text: string, { username, password, search, hash }: URL): string {
  if (username + password + search + hash === '') return text
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}

const mostDriftMs = 60_000

/** How far our clock is from the server's, if that is worth telling. @see RFC 9110 §6.6.1 */
function describeClock(
  { headers }: Pick<TransportResponse, 'headers'>,
  { requestedAt, now }: Circumstances,
): string | undefined {
  const date = Date.parse(headers.get('date') ?? '') + 1000 * (Number(headers.get('age')) || 0)
  if (Number.isNaN(date)) return undefined
  // the server's clock was read at some time between the two
  const drift = date > now ? date - now : Math.min(date - requestedAt, 0)
  if (Math.abs(drift) <= mostDriftMs) return undefined
  return `this clock is ${duration(Math.abs(drift))} ${drift > 0 ? 'behind' : 'ahead of'} the server's`
}

function duration(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 2) return `${Math.round(ms / 1000)} s`
  if (minutes < 120) return `${Math.round(minutes)} min`
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`
}
