/** Cookies by the `Cookie` and `Set-Cookie` headers of Node's requests and responses (RFC 6265), whatever the framework. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie'
import { SessionError } from './session/session-error.js'

/** What is read of a request. */
type WithCookies = Pick<IncomingMessage, 'headers'>

/** How long a browser keeps a cookie, and where it sends it. */
export type CookieAttributes = Omit<SetCookie, 'name' | 'value'>

const parsed = new WeakMap<object, ReadonlyMap<string, string>>()

/** The cookies of a request by name; of several of one name the first, which is that of the longest path. Read once. */
export function cookiesOf(request: WithCookies): ReadonlyMap<string, string> {
  let cookies = parsed.get(request)
  if (cookies === undefined) {
    cookies = new Map(Object.entries(parseCookie(headerOf(request))) as [string, string][])
    parsed.set(request, cookies)
  }
  return cookies
}

/** All cookies of one name, in the order of the request: another app of the same domain may have set one as well. */
export function everyCookieOf(request: WithCookies, name: string): readonly string[] {
  const pairs = headerOf(request).split(';')
  return pairs
    .filter(pair => pair.includes(name))
    .map(pair => parseCookie(pair)[name])
    .filter(value => value !== undefined)
}

/** Node joins several headers to one. */
function headerOf({ headers }: WithCookies): string {
  return headers.cookie ?? ''
}

/** The most that every browser takes of one cookie, name and value (RFC 6265 §6.1; draft-ietf-httpbis-rfc6265bis §5.6). */
const mostBytes = 4_096

/**
 * Puts a cookie beside those that others set; of ours with this name there is one in an answer (RFC 6265 §4.1.1).
 *
 * @throws SessionError `headers_sent` where it is too late for it, `cookie_too_large` where browsers would drop it
 */
export function setCookie(response: ServerResponse, name: string, value: string, attributes: CookieAttributes): void {
  checkCookie(response, name, value)
  const set = [response.getHeader('Set-Cookie') ?? []].flat().map(String)
  const others = set.filter(cookie => !cookie.startsWith(`${name}=`))
  response.setHeader('Set-Cookie', [...others, stringifySetCookie({ ...attributes, name, value })])
}

/**
 * Has the browser let go of a cookie.
 *
 * @param attributes those that it was set with
 * @throws SessionError `headers_sent`
 */
export function clearCookie(response: ServerResponse, name: string, attributes: CookieAttributes): void {
  setCookie(response, name, '', { ...attributes, maxAge: 0, expires: new Date(0) })
}

/** Whether browsers keep a cookie of this size. */
export function fits(name: string, value: string): boolean {
  return name.length + value.length <= mostBytes
}

/**
 * Whether it can be set: asked before anything is done that cannot be undone.
 *
 * @param remedy what to do where it is too large, by who knows what is in it
 * @throws as {@link setCookie}
 */
export function checkCookie(response: ServerResponse, name: string, value: string, remedy = 'keep less in it'): void {
  if (response.headersSent)
    throw new SessionError('headers_sent', 'the answer has begun: log in and out before the first byte of it')
  if (fits(name, value)) return
  const bytes = name.length + value.length
  const message = `it would be ${bytes} bytes, and browsers drop what is over ${mostBytes}: ${remedy}`
  throw new SessionError('cookie_too_large', message)
}
