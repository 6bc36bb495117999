/** Whether a request comes from a page of the app: what browsers say of it, and no page can change. */
import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a request is known to come from elsewhere. Browsers say it in `Sec-Fetch-Site`, older ones in `Origin` alone; of
 * what says neither nothing is known. A page on another host of the same site is elsewhere as well.
 *
 * @param ours origins of the app's own pages; `undefined` where they are not known
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function comesFromElsewhere(
  { 'sec-fetch-site': site, origin }: IncomingHttpHeaders,
  ours: readonly string[] | undefined,
): boolean {
  if (site === 'same-origin' || site === 'none') return false
  if (origin !== undefined && ours?.includes(origin)) return false
  return site !== undefined || origin === 'null' || (origin !== undefined && ours !== undefined)
}
