/** What the sender of a request wants to have: a page for a person, or something for a program; and whether a person is there. */
import type { IncomingMessage } from 'node:http'

/** What is used of Express's request. */
interface ExpressRequest extends IncomingMessage {
  accepts(types: readonly string[]): string | false
}

/**
 * Whether a browser shows the answer to a person. It says so itself (Fetch Metadata Request Headers §2.2); where it does not,
 * as over plain http, who accepts HTML before JSON does.
 */
export function wantsPage(request: object): boolean {
  const { headers } = request as ExpressRequest
  const mode = headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate'
  if (String(headers['x-requested-with']).toLowerCase() === 'xmlhttprequest') return false
  return (request as ExpressRequest).accepts(['json', 'html']) === 'html'
}

/** Whether a browser can be sent elsewhere for a page and come back for it: what it has posted would be gone. */
export function mayGoElsewhere(request: object): boolean {
  const { method } = request as ExpressRequest
  return (method === 'GET' || method === 'HEAD') && wantsPage(request)
}

/**
 * Whether somebody goes to the address, as far as the browser says: not a script, and no image of a page. Where a service
 * worker hands a navigation on, it keeps its mode and loses its destination. Of what says nothing nothing is known.
 *
 * @see Fetch Metadata Request Headers §2.2; Fetch §5.4, a mode that no script can ask for
 */
export function mayBeNavigation({ headers }: IncomingMessage): boolean {
  const mode = headers['sec-fetch-mode']
  return mode === undefined || mode === 'navigate'
}
