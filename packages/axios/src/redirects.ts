/** Redirects, hop by hop: a hop that leaves the listed origins loses every header we added, and the certificate. */
import { OriginError } from '@grantkit/core'
import { defaultMaxRedirects, isRepeatableBody, nextHop, originOf } from '@grantkit/core/kit'
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

/**
 * For axios's fetch adapter, which never asks, so that we walk: the next step, or `undefined` when the answer is to be
 * handed on. So is a redirect that cannot be followed: one too many, a body that cannot be sent twice.
 */
export function nextStep({ config, url }: Step, response: Response | undefined, hops: number): Step | undefined {
  if (response === undefined || !isOurs(config, response)) return undefined
  const { method = 'get', data } = config
  const request = { method: method.toUpperCase(), url, repeatable: isRepeatableBody(data) }
  const { status, headers } = response
  const hop = nextHop(request, { status, location: header(headers, 'location') })
  if (hop === undefined || 'problem' in hop || hops >= (config.maxRedirects ?? defaultMaxRedirects)) return undefined
  const kept = config.headers.concat()
  kept.delete(hop.droppedHeaders)
  return {
    url: hop.url,
    config: {
      ...config,
      headers: kept,
      ...{ url: hop.url, baseURL: undefined, params: undefined },
      ...(hop.dropsBody && { method: 'get', data: undefined }),
      ...(hop.leavesOrigin && { auth: undefined }),
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
