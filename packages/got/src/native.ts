/**
 * What got hands to `http.request`, and the headers of a request put on it. They come off again, or go onto a copy: got's
 * own options, which errors hold, hooks see and redirects inherit, do not keep them.
 */
import http from 'node:http'
import https from 'node:https'
import type { OurHeaders } from '@grantkit/core/kit'
import { isHttps } from './destination.js'
import type { NativeOptions, Options, RequestFunction } from './got-like.js'

export type RequestParameters = Parameters<RequestFunction>

/** What a request carries beside what got has for it. */
export interface Cargo {
  readonly headers: OurHeaders
  readonly agent: object | undefined
}

/** Beneath its cache got has the URL among the options. */
export function isBeneathCache([, second]: RequestParameters): boolean {
  return typeof second === 'function'
}

/** The options among the parameters. */
export function nativeOf(parameters: RequestParameters): NativeOptions {
  return parameters[isBeneathCache(parameters) ? 0 : 1] as NativeOptions
}

/**
 * The headers in them. got's native options have a hidden class of their own for each request. What is read or set by name
 * V8 looks up for the next time as well, which never comes; by `Reflect` for this time alone, in a tenth of the time.
 */
export function headersIn(native: NativeOptions): NativeOptions['headers'] {
  return Reflect.get(native, 'headers') as NativeOptions['headers']
}

/** The parameters with a cargo, for a function that may keep them. What is added to a spread clone makes a class once more. */
export function loaded(parameters: RequestParameters, { headers, agent }: Cargo): RequestParameters {
  const [first, second, callback] = parameters
  const native = nativeOf(parameters)
  const copy: NativeOptions = Object.assign({}, native)
  copy.headers = Object.assign({}, native.headers, headers)
  if (agent !== undefined) copy.agent = agent
  if (!isBeneathCache(parameters)) return [first, copy, callback]
  // for the cache to know that a credential was sent (RFC 9111 §3.5), and not which
  if ('authorization' in headers) native.headers = { ...native.headers, authorization: 'Bearer' }
  return [copy, second]
}

/** Node's own function for a URL, which got takes too, unless it is to be HTTP/2. Looked up each time: it may be patched. */
export function nodesFor(options: Options): RequestFunction | undefined {
  if (options.http2 || options.h2session) return undefined
  return (isHttps(options) ? https.request : http.request) as RequestFunction
}

/** Sends by a function of Node's. It copies what it is given before it returns: until then the cargo is among got's options. */
export function sendBy(nodes: RequestFunction, parameters: RequestParameters, { headers, agent }: Cargo): unknown {
  const native = nativeOf(parameters)
  const before = { headers: headersIn(native), agent: agent && native.agent }
  Reflect.set(native, 'headers', Object.assign({}, before.headers, headers))
  if (agent !== undefined) native.agent = agent
  try {
    return nodes(...parameters)
  } finally {
    Reflect.set(native, 'headers', before.headers)
    if (agent !== undefined) native.agent = before.agent
  }
}

/** got's own function for a URL: `http.request`, `https.request`, or its HTTP/2 client's. */
export function gotsFor(options: Options): RequestFunction | undefined {
  const { request } = options
  options.request = undefined
  const own = options.getRequestFunction()
  options.request = request
  return own
}
