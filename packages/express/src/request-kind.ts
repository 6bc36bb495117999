/** What the sender of a request wants to have: a page for a person, or something for a program. */
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
