/** What of the API's answer the browser gets, and how it is written. */
import { once } from 'node:events'
import { hopByHop } from './hop-by-hop.js'
import type { ProxiedResponse } from './proxied-request.js'
import type { ApiAnswer } from './proxy-exchange.js'

/** What a target's own name stands for in an answer. */
export interface AnswerOptions {
  /** Names of the cookies that the API may set. */
  readonly allowSetCookie: readonly string[]
  /** A redirect as the browser can follow it. */
  readonly locationOf: (location: string) => string | undefined
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What the browser does not get, by names in small letters. */
const withheld = new Set([
  // an answer to the credential, which the browser does not have
  'authentication-info',
  'dpop-nonce',
  'www-authenticate',
  // what speaks for a whole origin, which is the app's
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'critical-ch',
  'nel',
  'public-key-pins',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'strict-transport-security',
  // what has caches that many share keep an answer to one user's token
  'cdn-cache-control',
  'surrogate-control',
  // a redirect by another name
  'refresh',
])

/** Which other sites may read an answer is the app's to say as well. */
const withheldFamilies = /^access-control-/

/** Of these there is one truth, whatever the app has set before. */
const ofContent = /^(content-(encoding|language|length|location|range|type)|etag|last-modified|location)$/

/** Puts status and headers on a response. What the app has set, such as helmet's, stays. */
export function writeHead(response: ProxiedResponse, answer: ApiAnswer, options: AnswerOptions): void {
  response.statusCode = answer.statusCode
  const ofConnection = hopByHop(answer.headers.connection)
  for (const [name, value] of Object.entries(headersBack(answer.headers, options))) {
    if (value === undefined || ofConnection.has(name) || withheld.has(name) || withheldFamilies.test(name)) continue
    const values = [value].flat().map(asBytes)
    if (!values.every(isHeaderValue)) continue
    const set = response.getHeader(name)
    if (name === 'vary' || name === 'set-cookie') response.setHeader(name, [set ?? [], values].flat().map(String))
    else if (set === undefined || ofContent.test(name))
      response.setHeader(name, values.length > 1 ? values : `${values}`)
  }
}

function headersBack(headers: Headers, { allowSetCookie, locationOf }: AnswerOptions): Headers {
  const { location, 'content-location': contentLocation, 'set-cookie': cookies, 'cache-control': caching } = headers
  const moved = (value: string | string[] | undefined) => (value ? locationOf([value].flat()[0] ?? '') : undefined)
  const allowed = [cookies ?? []]
    .flat()
    .filter(cookie => allowSetCookie.includes(cookie.split('=', 1)[0]?.trim() ?? ''))
  return {
    ...headers,
    // what the API calls data is to be no page or script of the app's
    'x-content-type-options': 'nosniff',
    location: moved(location),
    'content-location': moved(contentLocation),
    // the domain is the API's; without one it is the app's host
    'set-cookie': allowed.length > 0 ? allowed.map(cookie => cookie.replace(/;\s*domain=[^;]*/gi, '')) : undefined,
    'cache-control': privately([caching ?? []].flat().join(', ')),
  }
}

/** A shared cache in front of the app sees a cookie and no `Authorization`: to it the answer is for everybody (RFC 9111 §3.5). */
function privately(caching: string): string {
  if (caching === '') return 'private, no-cache'
  const directives = caching.split(',').map(directive => directive.trim())
  const others = directives.filter(one => !/^(public|private|s-maxage|proxy-revalidate)\b/i.test(one))
  return ['private', ...others].join(', ')
}

/** undici reads UTF-8 in headers, which are bytes. */
function asBytes(value: string): string {
  return Buffer.from(value).toString('latin1')
}

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

/** Writes the body as fast as the browser takes it. */
export async function writeBody(
  response: ProxiedResponse,
  { body, trailers, headers }: ApiAnswer,
  signal: AbortSignal,
): Promise<void> {
  if (body.readableLength === 0) response.flushHeaders()
  for await (const chunk of body) {
    const isTaken = response.write(chunk)
    // an event is not to wait in `compression` for the next one
    if (body.readableLength === 0) response.flush?.()
    if (!isTaken) await once(response, 'drain', { signal })
  }
  // RFC 9110 §6.5.1: what frames, routes or authenticates is no trailer
  const ofConnection = hopByHop(headers.connection)
  const isTrailer = (name: string) =>
    !ofConnection.has(name) && !/^(set-cookie|content-|host$|authorization$)/.test(name)
  const theirs = Object.entries(trailers).filter(([name]) => isTrailer(name) && !withheld.has(name))
  if (theirs.length > 0) response.addTrailers(Object.fromEntries(theirs))
  response.end()
}
