/** Redirects, hop by hop: a hop that leaves the listed origins loses every header we added, and the certificate. */
import { OriginError } from '@grantkit/core'
import { isRepeatableBody, originOf, parseUrl } from '@grantkit/core/kit'
import { header } from './answer.js'
import type { Config, RedirectOptions, Response } from './axios-like.js'

/** What a request carries of ours, and how far. */
export interface Cargo {
  /** The headers we added; what the caller had set is not among them. */
  readonly headers: Readonly<Record<string, string>>
  /** Presents the client certificate. */
  readonly agent: object | undefined
  /** Whether {@link allows} has said no. */
  readonly strayed: boolean
  /** Whether a URL may have them. Once one may not, none after it gets them back. */
  allows(url: string | URL): boolean
}

/** A request and where it goes. */
export interface Step {
  readonly config: Config
  readonly url: string
}

/** For axios's http adapter, where follow-redirects walks and asks before each hop. */
export function beforeRedirect(config: Config, cargo: Cargo): NonNullable<Config['beforeRedirect']> {
  return (options, ...details) => {
    const allowed = cargo.allows(options.href)
    // follow-redirects takes Authorization off wherever the host changes
    if (allowed) Object.assign(withoutHeaders(options.headers, cargo.headers), cargo.headers)
    config.beforeRedirect?.(options, ...details)
    if (allowed) return
    // after the caller's own hook, which sees the earlier headers and may put them back
    withoutHeaders(options.headers, cargo.headers)
    if (cargo.agent !== undefined) dropAgent(options, cargo.agent, config.httpsAgent)
  }
}

function withoutHeaders(headers: Record<string, unknown>, removed: object): Record<string, unknown> {
  for (const name of Object.keys(headers)) if (Object.hasOwn(removed, name.toLowerCase())) delete headers[name]
  return headers
}

/** @throws OriginError behind a proxy: axios made the tunnel's agent from ours, certificate and all */
function dropAgent(options: RedirectOptions, ours: object, callers: object | undefined): void {
  if (options.protocol === 'https:' && ![ours, callers].includes(options.agents?.https))
    throw new OriginError('A redirect through a proxy leaves the origins of tls', originOf(options.href))
  options.agents = { ...options.agents, https: callers }
}

/** As the fetch standard. */
const defaultMaxRedirects = 20

/**
 * For axios's fetch adapter, which never asks, so that we walk: the next step, or `undefined` when the answer is to be
 * handed on. So is a redirect that cannot be followed: one too many, a body that cannot be sent twice.
 *
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function nextStep({ config, url }: Step, response: Response | undefined, hops: number): Step | undefined {
  if (response === undefined || !isOurs(config, response)) return undefined
  const target = targetOf(response, url)
  if (target === undefined || hops >= (config.maxRedirects ?? defaultMaxRedirects)) return undefined
  const becomesGet = dropsBody(response.status, config.method?.toLowerCase())
  if (!becomesGet && !isRepeatableBody(config.data)) return undefined
  const headers = config.headers.concat()
  const leaves = target.origin !== new URL(url).origin
  if (becomesGet) headers.delete(contentHeaders)
  if (leaves) headers.delete(privateHeaders)
  return {
    url: target.href,
    config: {
      ...config,
      headers,
      ...{ url: target.href, baseURL: undefined, params: undefined },
      ...(becomesGet && { method: 'get', data: undefined }),
      ...(leaves && { auth: undefined }),
    },
  }
}

/** Asks the fetch adapter to leave redirects to us, unless the caller has a wish of their own. */
export function fetchOptionsOf({ fetchOptions }: Config): Config['fetchOptions'] {
  return followsBy(fetchOptions) ? { ...fetchOptions, redirect: 'manual' } : fetchOptions
}

function followsBy(fetchOptions: Config['fetchOptions']): boolean {
  return (fetchOptions?.redirect ?? 'follow') === 'follow'
}

/** Whether this answer came by fetch, told to leave redirects to us: the http adapter's and others' are not touched. */
function isOurs({ fetchOptions, adapter }: Config, { request }: Response): boolean {
  if (!followsBy(fetchOptions)) return false
  const isRequest = typeof request === 'object' && request !== null
  return isRequest ? (request as Partial<Request>).redirect === 'manual' : typeof adapter !== 'function'
}

function targetOf({ status, headers }: Response, base: string): URL | undefined {
  const location = [301, 302, 303, 307, 308].includes(status) ? header(headers, 'location') : undefined
  const target = location === undefined ? undefined : parseUrl(location, base)
  return ['http:', 'https:'].includes(target?.protocol ?? '') ? target : undefined
}

function dropsBody(status: number, method: string | undefined): boolean {
  if (status === 303) return method !== 'get' && method !== 'head'
  return (status === 301 || status === 302) && method === 'post'
}

const contentHeaders = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
/** The caller's own, which no other origin gets. */
const privateHeaders = ['authorization', 'cookie', 'host', 'proxy-authorization']
