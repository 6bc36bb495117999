/** Where a browser goes next: by a redirect, or by a page where a redirect would be held against a form. */
import { escapeHtml } from './errors/error-page.js'
import type { WebResponse } from './middleware.js'
import { policyOf, setPageHeaders } from './own-page.js'

/** Sends a browser on: with GET, whatever it has asked by. */
export function redirect(response: WebResponse, url: string): void {
  response.statusCode = 303
  response.setHeader('Location', url)
  response.setHeader('Cache-Control', 'no-store')
  response.end()
}

const style = 'body{color-scheme:light dark}'

const policy = policyOf({ style })

/**
 * Sends a browser on that has posted a form of this app: by a page. Chromium holds the policy of the form's own page
 * (`form-action 'self'`, as Helmet sets it) against every address that redirects lead to, also those of pages after this one,
 * and a further login or a logout leads to the server.
 *
 * @see https://github.com/w3c/webappsec-csp/issues/8
 */
export function showWayOn(response: WebResponse, url: string): void {
  response.statusCode = 200
  setPageHeaders(response, policy)
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
