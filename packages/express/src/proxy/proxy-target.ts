/** Where the proxy's requests go: a path that cannot leave the target, and redirects that lead back through the proxy. */
import { checkSecureUrl, optionError, parseUrl } from '@grantkit/core/kit'
import { ProxyError } from './proxy-error.js'

/** An origin, and how every path there begins. */
export interface ProxyTarget {
  readonly origin: string
  /** Without a slash at its end; empty where the whole origin is meant. */
  readonly path: string
}

/** @throws TypeError naming the option */
export function readTarget(target: unknown): ProxyTarget {
  const { origin, pathname, search } = checkSecureUrl('target', target)
  if (search !== '') throw optionError('target', 'must not contain a query: each request brings its own')
  return { origin, path: pathname.replace(/\/+$/, '') }
}

/**
 * Path and query of a request at the target, as they came: nothing is decoded or put together anew, so what was looked at is
 * what is sent.
 *
 * @param url path and query below where the proxy is mounted
 * @param isMount whether exactly the path was asked for where the proxy is mounted, without a slash at its end
 * @throws ProxyError `ERR_PROXY_PATH`
 */
export function pathAtTarget({ path: prefix }: ProxyTarget, url: string, isMount: boolean): string {
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(url) ?? []
  const problem = problemOf(path, query)
  if (problem !== undefined) throw new ProxyError('ERR_PROXY_PATH', `the path ${problem}`)
  return prefix + (isMount && prefix !== '' ? '' : path) + query
}

/**
 * More than any server takes off. Each is a look at the whole path, and whoever encodes a long one a thousand times would stop
 * the process.
 */
const mostEncodings = 5

/** What is wrong with a path, as any server might read it: decoded once more than it should be, too. */
function problemOf(path: string, query: string): string | undefined {
  if (!path.startsWith('/')) return 'must begin with a slash: the absolute form names a server'
  if (/^[\\/]{2}/.test(path)) return 'begins like the name of another server'
  // a fragment is no part of a request (RFC 9112 §3.2.1)
  if (/[^\x21-\x7e]|#/.test(path + query)) return 'holds a character that a request target cannot have'
  if (/%(?![\da-f]{2})/i.test(path)) return 'holds a percent sign that encodes nothing'
  let decoded = path
  for (let times = 0, before = ''; decoded !== before; times++) {
    if (times > mostEncodings) return 'is encoded over and over'
    if (/[^\x20-\xff]|[\\\x7f]/.test(decoded)) return 'holds a backslash or a control character'
    // in two bytes, which no UTF-8 has for ASCII, and which old servers take for it (RFC 3629 §10)
    if (/[\xc0\xc1]/.test(decoded)) return 'is no UTF-8'
    // servers of servlets look at a segment without its parameters
    if (decoded.split('/').some(segment => /^\.{1,2}(;|$)/.test(segment))) return 'holds a dot segment'
    before = decoded
    decoded = decoded.replace(/%([\da-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
  }
  return undefined
}

/**
 * A redirect of the target's as the browser can follow it: through the proxy where it stays within the target, else as an
 * absolute URL, without the token by nature. `undefined` for what is no URL of HTTP.
 *
 * @param location the header's value
 * @param asked the URL that was asked for
 * @param mount the path, as the browser sees it, where the proxy is mounted
 */
export function locationOf(target: ProxyTarget, location: string, asked: string, mount: string): string | undefined {
  const url = parseUrl(location, asked)
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  const { origin, pathname, search, hash } = url
  const isWithin = origin === target.origin && `${pathname}/`.startsWith(`${target.path}/`)
  if (!isWithin) return url.href
  const path = (mount + pathname.slice(target.path.length) || '/') + search + hash
  return /^\/(?![\\/])/.test(path) ? path : url.href
}
