/** Where a browser goes next: by a redirect, or by a page where a redirect would be held against a form. */
import { createHash } from 'node:crypto'
import { escapeHtml } from './errors/error-page.js'
import type { WebResponse } from './middleware.js'

/** Sends a browser on: with GET, whatever it has asked by. */
export function redirect(response: WebResponse, url: string): void {
  response.statusCode = 303
  response.setHeader('Location', url)
  response.setHeader('Cache-Control', 'no-store')
  response.end()
}

const style = 'body{color-scheme:light dark}'

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Sends a browser on that has posted a form of this app: by a page. Chromium holds the policy of the form's own page
 * (`form-action 'self'`, as Helmet sets it) against every address that redirects lead to, also those of pages after this one,
 * and a further login or a logout leads to the server.
 *
 * @see https://github.com/w3c/webappsec-csp/issues/8
 */
export function showWayOn(response: WebResponse, url: string): void {
  response.statusCode = 200
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.setHeader('Content-Security-Policy', policy)
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Referrer-Policy', 'no-referrer')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  const address = escapeHtml(url)
  response.end(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0;url=${address}">
<title>Going on</title>
<style>${style}</style>
<p><a href="${address}">Go on</a></p>
`)
}
