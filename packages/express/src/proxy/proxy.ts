/** A backend for a browser front end that never sees a token: forwards calls to an API, with the user's token or the app's. */
import { comesFromElsewhere } from '../cross-site.js'
import { failWith, type Middleware, type Next, refuseRequest } from '../middleware.js'
import { equipmentOf } from '../request.js'
import type { ProxiedRequest, ProxiedResponse } from './proxied-request.js'
import { writeBody, writeHead } from './proxy-answer.js'
import { bodyOnward, letBy } from './proxy-body.js'
import { ProxyError } from './proxy-error.js'
import { exchange } from './proxy-exchange.js'
import { type ApiProxyOptions, type ProxySettings, readProxyOptions } from './proxy-options.js'
import { locationOf, pathAtTarget } from './proxy-target.js'

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
  refuseRequest('apiProxy', options)
  const settings = readProxyOptions(options)
  return (request, response, next) => {
    handle(settings, request as ProxiedRequest, response as ProxiedResponse, failWith(next)).catch(failWith(next))
  }
}

async function handle(
  settings: ProxySettings,
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
  settings: ProxySettings,
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
  { route: { csrfHeader }, pageOrigins }: ProxySettings,
  { method, headers }: ProxiedRequest,
  origin: string | undefined,
) {
  if (method === 'TRACE') throw new ProxyError('ERR_PROXY_METHOD', 'TRACE would show the token in its answer')
  if (/\bwebsocket\b/i.test(headers.upgrade ?? ''))
    throw new ProxyError('ERR_PROXY_UPGRADE', 'WebSockets are not handed on')
  if (changesNothing.has(method)) return
  const ours = pageOrigins ?? (origin === undefined ? undefined : [origin])
  if (comesFromElsewhere(headers, ours)) throw new ProxyError('ERR_PROXY_CSRF', 'the call comes from another site')
  if (csrfHeader !== undefined && !headers[csrfHeader])
    throw new ProxyError('ERR_PROXY_CSRF', `the header ${csrfHeader} is missing`)
}
