/** What of a browser's headers the API gets: all but what is the app's, the connection's or ours. */
import { hopByHop } from './hop-by-hop.js'
import type { ProxiedRequest } from './proxied-request.js'

/** What the API does not get, beside what is for one connection, by names in small letters. */
const withheld = new Set([
  // credentials: the app's, and what goes with the token
  'authorization',
  'cookie',
  'cookie2',
  'dpop',
  // what is made anew for the next connection
  'content-length',
  'expect',
  'host',
  // what a browser says of the page it comes from: it concerns the app
  'origin',
  'referer',
  // what only a proxy says, and anybody may write
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
])

/** Prefixes of the same. */
const withheldFamilies = /^(x-forwarded-|sec-fetch-)/

/**
 * Headers for the API by their names in small letters. `ours` replace what came under their names.
 *
 * @param ours what a token brings, and what the body is
 * @param dropped further names: what is for the app alone, or no longer true
 */
export function headersOnward(
  request: ProxiedRequest,
  ours: Readonly<Record<string, string>>,
  dropped: readonly (string | undefined)[],
): Record<string, string> {
  const ofConnection = hopByHop(request.headers.connection)
  const goesOn = (name: string) => {
    // to many servers a header with an underscore is the one with a hyphen
    const meant = name.replaceAll('_', '-')
    const isWithheld =
      withheld.has(meant) || withheldFamilies.test(meant) || ofConnection.has(meant) || ofConnection.has(name)
    return !isWithheld && !dropped.includes(name) && !(meant in ours)
  }
  const theirs = Object.entries(request.headers).filter(([name, value]) => value !== undefined && goesOn(name))
  const flat = theirs.map(([name, value]) => [name, [value].flat().join(', ')] as const)
  return { ...Object.fromEntries(flat), ...forwarded(request), ...ours }
}

/** Who asked whom: of what proxies in front say, only what the app trusts (`trust proxy`). */
function forwarded({ headers, socket, ips, protocol, app }: ProxiedRequest): Record<string, string> {
  const near = socket.remoteAddress
  const trust = app?.get('trust proxy fn') as ((address: string, hop: number) => boolean) | undefined
  const isBehindProxy = near !== undefined && trust?.(near, 0) === true
  const told = isBehindProxy ? [headers['x-forwarded-host']].flat()[0]?.split(',')[0]?.trim() : undefined
  const host = told || headers.host
  return {
    'x-forwarded-for': [...(ips ?? []), near ?? 'unknown'].join(', '),
    'x-forwarded-proto': protocol,
    ...(host && { 'x-forwarded-host': host }),
  }
}
