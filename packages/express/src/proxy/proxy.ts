/** A backend for a browser front end that never sees a token: forwards calls to an API, with the user's token or the app's. */
import { LoginRequiredError, type TlsOptions, type TokenSource } from '@grantkit/core'
import {
  Attachments,
  checkNumber,
  checkOptions,
  checkSource,
  directAgent,
  optionError,
  readAttachment,
} from '@grantkit/core/kit'
import { comesFromElsewhere } from '../cross-site.js'
import { failWith, type Middleware, type Next, refuseRequest } from '../middleware.js'
import { equipmentOf } from '../request.js'
import type { ProxiedRequest, ProxiedResponse } from './proxied-request.js'
import { writeBody, writeHead } from './proxy-answer.js'
import { bodyOnward, letBy } from './proxy-body.js'
import { ProxyError, upstreamError } from './proxy-error.js'
import { type AgentOf, exchange, type Route } from './proxy-exchange.js'
import { checkHeaderName, checkList, checkPageOrigins } from './proxy-names.js'
import { locationOf, type ProxyTarget, pathAtTarget, readTarget } from './proxy-target.js'

/** Whose token a call gets: the user's, the application's, that of a source, or of one chosen for each request. */
export type ProxyToken =
  | 'user'
  | 'application'
  | TokenSource
  | ((request: Express.Request) => TokenSource | Promise<TokenSource>)

/** What {@link apiProxy} takes. */
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
interface Settings {
  readonly target: ProxyTarget
  readonly route: Route
  readonly csrfHeader: string | false
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

/**
 * Hands calls on to an API, with a token: `app.use('/api', apiProxy({ target }))`, behind `grantkit()` and before any body
 * parser. Both bodies are streamed. Neither cookies nor credentials of the browser reach the API, and nothing of the
 * token reaches the browser. A token that the API rejects is replaced, and the call repeated where its body allows.
 *
 * What goes wrong is handed to the error handlers: ProxyError, and whatever the token source throws.
 *
 * @throws TypeError naming the option
 */
export function apiProxy(options: ApiProxyOptions): Middleware {
  const settings = readOptions(options)
  return (request, response, next) => {
    handle(settings, request as ProxiedRequest, response as ProxiedResponse, failWith(next)).catch(failWith(next))
  }
}

function readOptions(options: ApiProxyOptions): Settings {
  refuseRequest('apiProxy', options)
  checkOptions('apiProxy', options, names)
  const { csrfHeader = 'x-csrf', maxReplayBytes = 65_536, answerTimeoutMs = 60_000, idleTimeoutMs = 300_000 } = options
  const { token = 'user', tls = {}, pageOrigins, allowSetCookie = [] } = options
  const target = readTarget(options.target)
  if (csrfHeader !== false) checkHeaderName(csrfHeader)
  if (pageOrigins !== undefined) checkPageOrigins(pageOrigins)
  checkList('allowSetCookie', allowSetCookie)
  for (const [name, value] of Object.entries({ maxReplayBytes, answerTimeoutMs, idleTimeoutMs }))
    checkNumber(name, value, 0)
  const attachment = readAttachment<AgentOf>(attaching, chooserOf(token), { origins: [target.origin], tls })
  const withheld = csrfHeader === false ? undefined : csrfHeader.toLowerCase()
  const timeouts = { headersTimeout: answerTimeoutMs, bodyTimeout: idleTimeoutMs }
  const failure = (error: unknown, method: string) =>
    upstreamError(error, `${method} ${options.target}`, tls.certificate !== undefined)
  const route = { attachments: new Attachments([attachment]), origin: target.origin, timeouts, withheld, failure }
  return { target, route, csrfHeader: withheld ?? false, pageOrigins, allowSetCookie, maxReplayBytes }
}

const attaching = { maker: 'apiProxy', order: 'apiProxy({ token, … })', agentOf: directAgent }

/** A function of the request, whatever was given. */
function chooserOf(
  token: ProxyToken,
): (request: ProxiedRequest & Express.Request) => TokenSource | Promise<TokenSource> {
  if (token === 'user') return userSource
  if (token === 'application') return applicationSource
  if (typeof token === 'string')
    throw optionError('token', "must be 'user', 'application', a token source or a function")
  if (typeof token === 'function') return async request => wanted(await token(request))
  checkSource(token, attaching.order, 'token')
  return () => token
}

function userSource({ grantkit }: Express.Request): TokenSource {
  if (grantkit === undefined) throw optionError('token', "is 'user': mount grantkit() before the proxy")
  if (grantkit.user === undefined) throw new LoginRequiredError('nobody is logged in')
  return grantkit.user.tokenSource
}

function applicationSource({ grantkit, tokenSource }: Express.Request): TokenSource {
  const source = grantkit?.application ?? tokenSource
  if (source === undefined) throw optionError('token', "is 'application': give one to grantkit({ application })")
  return source
}

function wanted(source: TokenSource | undefined): TokenSource {
  if (typeof source?.getTokenSet === 'function') return source
  throw optionError('token', 'yields no token source for this request')
}

async function handle(
  settings: Settings,
  request: ProxiedRequest,
  response: ProxiedResponse,
  next: Next,
): Promise<void> {
  const abortion = new AbortController()
  const { signal } = abortion
  response.once('close', () => abortion.abort())
  try {
    await forward(settings, request, response, signal)
  } catch (error) {
    // nobody is there to be answered
    if (signal.aborted || request.errored) return
    // what has begun cannot be told from what is whole but by its end
    if (response.headersSent) response.destroy()
    next(error)
  } finally {
    letBy(request)
  }
}

async function forward(
  settings: Settings,
  request: ProxiedRequest,
  response: ProxiedResponse,
  signal: AbortSignal,
): Promise<void> {
  const { target, route, allowSetCookie, maxReplayBytes } = settings
  const site = equipmentOf(request)?.site
  refuse(settings, request, site?.origin)
  const isMount = request.originalUrl.split('?', 1)[0] === request.baseUrl
  const path = pathAtTarget(target, request.url, isMount)
  const onward = await bodyOnward(request, maxReplayBytes)
  const answer = await exchange(route, { request, path, onward, signal })
  const mount = (site?.basePath ?? '') + request.baseUrl
  writeHead(response, answer, {
    allowSetCookie,
    locationOf: location => locationOf(target, location, target.origin + path, mount),
  })
  await writeBody(response, answer, signal).catch(error => Promise.reject(route.failure(error, request.method)))
}

const changesNothing = new Set(['GET', 'HEAD', 'OPTIONS'])

/** @throws ProxyError for what is not handed on at all */
function refuse(
  { csrfHeader, pageOrigins }: Settings,
  { method, headers }: ProxiedRequest,
  origin: string | undefined,
) {
  if (method === 'TRACE') throw new ProxyError('ERR_PROXY_METHOD', 'TRACE would show the token in its answer')
  if (/\bwebsocket\b/i.test(headers.upgrade ?? ''))
    throw new ProxyError('ERR_PROXY_UPGRADE', 'WebSockets are not handed on')
  if (changesNothing.has(method)) return
  const ours = pageOrigins ?? (origin === undefined ? undefined : [origin])
  if (comesFromElsewhere(headers, ours)) throw new ProxyError('ERR_PROXY_CSRF', 'the call comes from another site')
  if (csrfHeader !== false && !headers[csrfHeader])
    throw new ProxyError('ERR_PROXY_CSRF', `the header ${csrfHeader} is missing`)
}
