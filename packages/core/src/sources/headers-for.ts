/** The headers of one request, for what no integration exists: WebSocket, gRPC, another HTTP client. */
import { attachAwaited } from '../attach.js'
import { optionError, toBeAwaited } from '../options.js'
import { type Origins, parseOrigins } from '../origins.js'
import type { TokenSource } from '../token-source.js'

/**
 * The headers that a request carries.
 *
 * @throws OriginError when the URL is not among `origins`; whatever `getTokenSet` throws
 */
export type HeadersFor = (
  method: string,
  url: string | URL,
  options?: { readonly signal?: AbortSignal },
) => Promise<Record<string, string>>

/** What programs without types make of the promise of headers. */
const ofHeaders = { members: ['authorization'], enumerable: true }

/**
 * Makes it, for a source.
 *
 * @param sourceOf yields the source, which may be made after this
 * @param origins where its tokens may be sent; without them it is refused when it is called
 */
export function headersForOf(sourceOf: () => TokenSource, origins: readonly string[] | undefined): HeadersFor {
  let allowed: Origins | undefined
  const headersFor: HeadersFor = async (method, url, { signal } = {}) => {
    if (origins === undefined)
      throw optionError('origins', 'is needed for headersFor(): name where the token may be sent')
    allowed ??= parseOrigins(origins)
    const { headers } = await attachAwaited(sourceOf(), allowed, { method, url, signal })
    return headers
  }
  return (method, url, options) => toBeAwaited(headersFor(method, url, options), 'headersFor()', ofHeaders)
}
