/** Redirects, hop by hop: a hop that leaves the listed origins loses every header we added, and the certificate. */
import { OriginError } from '@grantkit/core'
import {
  defaultMaxRedirects,
  isRepeatableBody,
  nextHop,
  type OurHeaders,
  originOf,
  type Trip,
} from '@grantkit/core/kit'
import { Answered, header } from './answer.js'
import { type Config, copyOf, type Response } from './axios-like.js'
import { Step } from './step.js'

type Redirect = Parameters<NonNullable<Config['beforeRedirect']>>
type Redirected = Redirect[0]

/** A request as it went out, and what it carried of ours. */
export interface Sent {
  readonly step: Step
  readonly trip: Trip<object>
  /** The headers we added; what the caller had set is not among them. */
  readonly ours: OurHeaders
  /** Presents the client certificate. */
  readonly agent: object | undefined
}

/**
 * For axios's http adapter, where follow-redirects walks and asks before each hop. It does not wait for an answer, so that
 * a hop gets what is at hand. Headers that are made for each hop, and not at once, need `maxRedirects: 0` there and the
 * walk that {@link nextStep} makes above the fetch adapter.
 */
export function beforeHop({ step, trip, ours, agent }: Sent, [options, answer, ...details]: Redirect): void {
  const { request: config } = step
  // the oldest axios does not show the answer
  if (answer !== undefined)
    trip.concerns(new Answered({ status: answer.statusCode, headers: answer.headers, data: '' }))
  const headers = trip.headersOnward(step.onward(options.method, options.href))
  const onward = trip.attachment && headers
  // follow-redirects takes Authorization off wherever the host changes
  if (onward !== undefined) Object.assign(withoutHeaders(options.headers, ours), onward)
  config.beforeRedirect?.(options, answer, ...details)
  if (onward !== undefined) return
  // after the caller's own hook, which sees the earlier headers and may put them back
  withoutHeaders(options.headers, ours)
  if (agent !== undefined) dropAgent(options, agent, config.httpsAgent)
}

function withoutHeaders(headers: Record<string, unknown>, removed: object): Record<string, unknown> {
  for (const name of Object.keys(headers)) if (Object.hasOwn(removed, name.toLowerCase())) delete headers[name]
  return headers
}

/** @throws OriginError behind a proxy: axios made the tunnel's agent from ours, certificate and all */
function dropAgent(options: Redirected, ours: object, callers: object | undefined): void {
  if (options.protocol === 'https:' && ![ours, callers].includes(options.agents?.https))
    throw new OriginError('A redirect through a proxy leaves the origins of tls', originOf(options.href))
  options.agents = { ...options.agents, https: callers }
}

/**
 * For axios's fetch adapter, which never asks, so that we walk: the next step, or `undefined` when the answer is to be
 * handed on. So is a redirect that cannot be followed: one too many, a body that cannot be sent twice.
 */
export function nextStep(step: Step, response: Response, hops: number): Step | undefined {
  const { request: config, url, method } = step
  if (!isOurs(config, response)) return undefined
  const redirected = { method, url, repeatable: isRepeatableBody(config.data) }
  const hop = nextHop(redirected, { status: response.status, location: header(response, 'location') })
  if (hop === undefined || 'problem' in hop || hops >= (config.maxRedirects ?? defaultMaxRedirects)) return undefined
  const kept = config.headers.concat()
  kept.delete([...hop.droppedHeaders])
  const onward = { headers: kept, url: hop.url, baseURL: undefined, params: undefined }
  const asGet = hop.dropsBody && { method: 'get', data: undefined }
  const withoutAuth = hop.leavesOrigin && { auth: undefined }
  return new Step(Object.assign(copyOf(config), onward, asGet, withoutAuth), hop.url, step.signal)
}

/** Asks the fetch adapter to leave redirects to us, unless the caller has a wish of their own. */
export function leaveRedirects(config: Config): void {
  if (followsBy(config.fetchOptions)) config.fetchOptions = { ...config.fetchOptions, redirect: 'manual' }
}

function followsBy(fetchOptions: Config['fetchOptions']): boolean {
  return (fetchOptions?.redirect ?? 'follow') === 'follow'
}

/** Whether this answer came by fetch, told to leave redirects to us: the http adapter's and others' are not touched. */
function isOurs({ fetchOptions, adapter }: Config, { request }: Response): boolean {
  if (!followsBy(fetchOptions)) return false
  const isRequest = typeof request === 'object' && request !== null
  return isRequest ? request.redirect === 'manual' : typeof adapter !== 'function'
}
