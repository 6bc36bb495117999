/** May this URL have the credential? An origin is scheme, host and port; all three must match (RFC 6454 §4). */
import { OriginError } from './errors.js'
import { checkText, isLoopback, optionError, parseUrl, refusePromise } from './options.js'

/** The origins a credential may go to. */
export interface Origins {
  /** Whether a URL's origin is among them. */
  has(url: string | URL): boolean
  /**
   * Refuses a URL whose origin is not among them.
   *
   * @throws OriginError
   */
  check(url: string | URL): void
}

/**
 * Reads a list of origins.
 *
 * @throws TypeError when it is empty, or one is not an https origin (http is taken for loopback addresses alone)
 */
export function parseOrigins(list: readonly string[]): Origins {
  refusePromise('origins', list)
  if (!Array.isArray(list) || list.length === 0)
    throw optionError('origins', "must list at least one origin, such as ['https://api.example.com']")
  const allowed = new Set(list.map(parseOrigin))
  // an origin and the slash that ends it leave nothing to parse: no port, no user information, no other host can follow
  const beginnings = [...allowed].map(origin => `${origin}/`)
  const has = (url: string | URL) => {
    const text = url instanceof URL ? url.href : url
    if (typeof text === 'string') for (const beginning of beginnings) if (text.startsWith(beginning)) return true
    return allowed.has(originOf(url) ?? '')
  }
  return {
    has,
    check(url) {
      if (has(url)) return
      const origin = originOf(url)
      throw new OriginError(`${origin ?? 'This URL'} is not among the origins the token may be sent to`, origin)
    },
  }
}

/** A WebSocket opens with a request over HTTP; its origin is that one's (RFC 6455 §3). */
const webSocketSchemes: Readonly<Record<string, string>> = { 'ws:': 'http:', 'wss:': 'https:' }

/** The origin of a URL as it goes over the wire; `undefined` for what cannot be parsed or is not HTTP. */
export function originOf(url: string | URL): string | undefined {
  const parsed = typeof url === 'string' ? parseUrl(url) : url
  if (parsed === undefined) return undefined
  if (parsed.protocol === 'https:' || parsed.protocol === 'http:') return parsed.origin
  const scheme = webSocketSchemes[parsed.protocol]
  return scheme === undefined ? undefined : new URL(`${scheme}//${parsed.host}`).origin
}

/**
 * Whether a request goes to a socket of this machine whatever its URL says, by what it is made with: options, agents.
 * Nobody can list such a socket, so it is another origin.
 */
export function leadsToSocket(...parts: readonly unknown[]): boolean {
  for (const part of parts)
    if (memberOf(part, 'socketPath') ?? memberOf(memberOf(part, 'options'), 'socketPath')) return true
  return false
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** Refuses what {@link leadsToSocket} found. */
export function socketError(): OriginError {
  return new OriginError(
    'A socket of this machine (socketPath) is not among the origins the token may be sent to',
    undefined,
  )
}

function parseOrigin(text: unknown): string {
  checkText('origins', text)
  const origin = originOf(text)
  if (origin === undefined) throw optionError('origins', 'must be absolute, such as https://api.example.com')
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text)
  if (pathname !== '/' || search + hash + username + password !== '')
    throw optionError('origins', 'must be scheme, host and port alone, without a path')
  if (hostname.includes('*')) throw optionError('origins', 'cannot contain a wildcard; list every origin')
  if (!['https:', 'wss:'].includes(protocol) && !isLoopback(hostname))
    throw optionError('origins', 'must be https (http is allowed to loopback addresses alone)')
  return origin
}
