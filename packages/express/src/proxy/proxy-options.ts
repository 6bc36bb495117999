/** What the proxy takes: its options, checked once. */
import type { TlsOptions } from '@grantkit/core'
import { Attachments, checkNumber, checkOptions, directAgent, readAttachment } from '@grantkit/core/kit'
import { upstreamError } from './proxy-error.js'
import type { AgentOf, Route } from './proxy-exchange.js'
import { checkHeaderName, checkList, checkPageOrigins } from './proxy-names.js'
import { type ProxyTarget, readTarget } from './proxy-target.js'
import { type ProxyToken, sourceChooser } from './proxy-token.js'

/** What `apiProxy()` takes. */
export interface ApiProxyOptions {
  /**
   * The API: origin and the path all calls begin with, such as `https://api.example.com/v1`. What follows is the path below
   * where the proxy is mounted. https, or http to a loopback address.
   */
  readonly target: string
  /** Whose token goes with a call. Default `'user'`: `request.grantkit.user`; who is not logged in is answered with 401. */
  readonly token?: ProxyToken | undefined
  /**
   * The header that calls which change something have to bring, whatever its value: a page of another site cannot set
   * it. `false` for none: then something else has to keep other sites' pages from calling. Default `'x-csrf'`.
   */
  readonly csrfHeader?: string | false | undefined
  /** Origins of the pages that may call. Default: that of `grantkit()`'s redirect URI; without it none is compared. */
  readonly pageOrigins?: readonly string[] | undefined
  /** Names of the cookies that the API may set in the browser, without the domain they name. Default: none. */
  readonly allowSetCookie?: readonly string[] | undefined
  /** Client certificate, CA and connection to the API. */
  readonly tls?: TlsOptions | undefined
  /**
   * Up to how many bytes a body is read before it is sent, so that the call can be repeated with a new token. What is
   * longer, or does not say its length, is streamed and sent once. Default 65,536; 0 for none.
   */
  readonly maxReplayBytes?: number | undefined
  /** How long the API may take to begin its answer, in milliseconds: 504 after that. 0: for ever. Default 60,000. */
  readonly answerTimeoutMs?: number | undefined
  /** How long nothing may come of an answer that has begun, in milliseconds: it is cut then. 0: for ever. Default 300,000. */
  readonly idleTimeoutMs?: number | undefined
}

/** The options, checked, with what is made of them once. */
export interface ProxySettings {
  readonly target: ProxyTarget
  readonly route: Route
  readonly pageOrigins: readonly string[] | undefined
  readonly allowSetCookie: readonly string[]
  readonly maxReplayBytes: number
}

const names = [
  'target',
  'token',
  'csrfHeader',
  'pageOrigins',
  'allowSetCookie',
  'tls',
  'maxReplayBytes',
  'answerTimeoutMs',
  'idleTimeoutMs',
]

const attaching = { maker: 'apiProxy', order: 'apiProxy({ token, … })', agentOf: directAgent }

/** @throws TypeError naming the option */
export function readProxyOptions(options: ApiProxyOptions): ProxySettings {
  checkOptions('apiProxy', options, names)
  const { csrfHeader = 'x-csrf', maxReplayBytes = 65_536, answerTimeoutMs = 60_000, idleTimeoutMs = 300_000 } = options
  const { token = 'user', tls = {}, pageOrigins, allowSetCookie = [] } = options
  const target = readTarget(options.target)
  if (csrfHeader !== false) checkHeaderName(csrfHeader)
  if (pageOrigins !== undefined) checkPageOrigins(pageOrigins)
  checkList('allowSetCookie', allowSetCookie)
  for (const [name, value] of Object.entries({ maxReplayBytes, answerTimeoutMs, idleTimeoutMs }))
    checkNumber(name, value, 0)
  const attachment = readAttachment<AgentOf>(attaching, sourceChooser(token, attaching.order), {
    origins: [target.origin],
    tls,
  })
  const timeouts = { headersTimeout: answerTimeoutMs, bodyTimeout: idleTimeoutMs }
  const failure = (error: unknown, method: string) =>
    upstreamError(error, `${method} ${options.target}`, tls.certificate !== undefined)
  const route = {
    attachments: new Attachments([attachment]),
    origin: target.origin,
    timeouts,
    csrfHeader: csrfHeader === false ? undefined : csrfHeader.toLowerCase(),
    failure,
  }
  return { target, route, pageOrigins, allowSetCookie, maxReplayBytes }
}
