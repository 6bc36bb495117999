/** A page of our own: what stands in it, and that it can do nothing else. */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a page has in it. Texts are HTML. */
export interface PageParts {
  readonly title: string
  readonly body: string
  /** Further elements of its head. Default: none. */
  readonly head?: string | undefined
  /** The text of its one style. Default: none. */
  readonly style?: string | undefined
  /** The text of its one script, which runs once the body is there. Default: none runs. */
  readonly script?: string | undefined
  /** Whether it posts a form, which it can to this app alone. Default `false`. */
  readonly posts?: boolean | undefined
}

/** The page's HTML; and its headers, set: it is kept nowhere, and says nothing of where it was. */
export function ownPage(response: ServerResponse, parts: PageParts): string {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.setHeader('Content-Security-Policy', policyOf(parts))
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Referrer-Policy', 'no-referrer')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  return htmlOf(parts)
}

/** @see Content Security Policy Level 3 */
function policyOf({ script, style, posts = false }: PageParts): string {
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

function htmlOf({ title, body, head = '', style, script }: PageParts): string {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${title}</title>
${head}${style === undefined ? '' : `<style>${style}</style>`}
${body}
${script === undefined ? '' : `<script>${script}</script>\n`}`
}

/** For text between tags, and in attributes with quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, character => `&#${character.charCodeAt(0)};`)
}
