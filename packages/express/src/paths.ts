/** Where the app is for a browser: from the redirect URI, never from `Host` or `X-Forwarded-*`, which anybody may send. */
import { hash } from 'node:crypto'
import type { Client } from '@grantkit/core'
import { checkSecureUrl, checkText, isLoopback, optionError, parseUrl } from '@grantkit/core/kit'
import type { WebRequest } from './middleware.js'

/** The routes, as paths that a browser sees; `false` for a route that there shall not be. */
export interface PathOptions {
  /** Begins a login, and takes `returnTo` from the query. Default: `login` beside the callback. */
  readonly login?: string | false | undefined
  /** Ends the session. Default: `logout` beside the callback. */
  readonly logout?: string | false | undefined
  /** Where the server tells of a logout elsewhere. Default: `backchannel-logout` beside the callback. */
  readonly backchannelLogout?: string | false | undefined
}

/** One of the routes. */
export type Route = 'callback' | 'login' | 'logout' | 'backchannelLogout'

/** The app as a browser sees it. */
export interface Site {
  /** Scheme, host and port of the redirect URI. */
  readonly origin: string
  /** Whether that is https: cookies are `Secure` then. */
  readonly isSecure: boolean
  /** In front of each cookie's name: what keeps it to this host alone, which takes https (draft-ietf-httpbis-rfc6265bis §4.1.3). */
  readonly cookiePrefix: '__Host-' | ''
  /** As it is registered. */
  readonly redirectUri: string
  /** What tells this app's cookies and records from those of another: of server, client and redirect URI. */
  readonly id: string
  /** What a reverse proxy takes off the path before the app sees it; empty where there is none. */
  readonly basePath: string
  /** The page one comes to where none was asked for. */
  readonly home: string
  /** Path of each route that there is. */
  readonly paths: Readonly<Partial<Record<Route, string>>>
  /** Path and query of a request, as the browser sees them. */
  addressOf(request: WebRequest): string
  /** The route that a request asks for. */
  routeOf(request: WebRequest): Route | undefined
  /** Whether a path is that of a route. */
  isOurs(path: string): boolean
}

/** Those that may be elsewhere than beside the callback. */
export const routes = ['login', 'logout', 'backchannelLogout'] as const

/**
 * @param basePath what a reverse proxy takes off a path before the app sees it
 * @throws TypeError naming the option
 */
export function createSite(client: Client, redirectUri: string, paths: PathOptions = {}, basePath = ''): Site {
  const url = checkedRedirectUri(redirectUri)
  checkBasePath(basePath, url.pathname)
  const start = `${basePath}/`
  const found = checkedPaths(url, paths, start)
  // of a request in absolute form too (RFC 9112 §3.2.2)
  const addressOf = ({ originalUrl }: WebRequest) => basePath + originalUrl.replace(/^https?:\/\/[^/?#]*/i, '')
  const byPath = new Map(Object.entries(found).map(([route, path]) => [path, route as Route]))
  return {
    origin: url.origin,
    isSecure: url.protocol === 'https:',
    cookiePrefix: url.protocol === 'https:' ? '__Host-' : '',
    redirectUri,
    id: shortHash(JSON.stringify([client.provider.metadata.issuer, client.id, redirectUri])),
    basePath,
    home: url.origin + start,
    paths: found,
    isOurs: path => byPath.has(path),
    addressOf,
    routeOf(request) {
      const [path = '', query] = addressOf(request).split('?', 2)
      const route = byPath.get(path)
      return route === 'callback' && !hasQueryOf(url, query) ? undefined : route
    },
  }
}

/** 96 bits, enough to tell apart what nobody chooses freely, in characters a cookie's name and a store's key may have. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 16)
}

function checkedRedirectUri(redirectUri: unknown): URL {
  const { protocol, hostname = '' } = (typeof redirectUri === 'string' && parseUrl(redirectUri)) || {}
  if (protocol === 'http:' && !isLoopback(hostname))
    throw optionError(
      'redirectUri',
      'must be https, as a browser sees it, also where a proxy ends TLS before the app (http is allowed to loopback addresses alone)',
    )
  return checkSecureUrl('redirectUri', redirectUri)
}

function checkBasePath(basePath: unknown, callback: string): asserts basePath is string {
  if (basePath !== '') checkText('basePath', basePath)
  if (callback === `${basePath}/`)
    throw optionError('redirectUri', 'must have a path of its own, such as /callback: this one is the start page')
  if (basePath === '') return
  if (!/^(?:\/[^/?#]+)+$/.test(basePath))
    throw optionError('basePath', 'must begin with a slash and end without, as /shop')
  if (!callback.startsWith(`${basePath}/`))
    throw optionError('basePath', 'must be how the path of redirectUri begins: that is the one the browser sees')
}

function checkedPaths({ pathname: callback, origin }: URL, paths: PathOptions, start: string): Site['paths'] {
  const found: Partial<Record<Route, string>> = { callback }
  for (const route of routes) {
    const { [route]: path = `${callback.slice(0, callback.lastIndexOf('/') + 1)}${spelt[route]}` } = paths
    if (path === false) continue
    checkText(`paths.${route}`, path)
    if (parseUrl(path, origin)?.href !== origin + path || /[?#]/.test(path))
      throw optionError(`paths.${route}`, `must be a path such as /${spelt[route]}, or false for no such route`)
    // a login would end at one, and begin another there
    if (path === start) throw optionError(`paths.${route}`, 'must have a path of its own: this one is the start page')
    if (Object.values(found).includes(path)) throw optionError(`paths.${route}`, 'must differ from the other routes')
    found[route] = path
  }
  return found
}

const spelt = { login: 'login', logout: 'logout', backchannelLogout: 'backchannel-logout' } as const

/** Two servers may be told apart by the query of their redirect URIs. */
function hasQueryOf({ searchParams }: URL, query: string | undefined): boolean {
  const came = new URLSearchParams(query)
  return [...searchParams].every(([name, value]) => came.getAll(name).includes(value))
}
