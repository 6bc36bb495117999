/** What a page of our own may do: what it says it does, and nothing else. */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a page has in it. */
export interface PageParts {
  /** The text of its one script. Default: none runs. */
  readonly script?: string | undefined
  /** The text of its one style. Default: none. */
  readonly style?: string | undefined
  /** Whether it posts a form, which it can to this app alone. Default `false`. */
  readonly posts?: boolean | undefined
}

/** @see Content Security Policy Level 3 */
export function policyOf({ script, style, posts = false }: PageParts): string {
  return [
    "default-src 'none'",
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`]),
    ...(style === undefined ? [] : [`style-src ${hashOf(style)}`]),
    `form-action ${posts ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** The headers of such a page: it is kept nowhere, and says nothing of where it was. */
export function setPageHeaders(response: ServerResponse, policy: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.setHeader('Content-Security-Policy', policy)
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Referrer-Policy', 'no-referrer')
  response.setHeader('X-Content-Type-Options', 'nosniff')
}
