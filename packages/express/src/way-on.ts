/** Where a browser goes next: by a redirect, or by a page where a redirect would be held against a form. */
import type { WebResponse } from './middleware.js'
import { escapeHtml, ownPage } from './own-page.js'

/** Sends a browser on: with GET, whatever it has asked by. */
export function redirect(response: WebResponse, url: string): void {
  response.statusCode = 303
  response.setHeader('Location', url)
  response.setHeader('Cache-Control', 'no-store')
  response.end()
}

/**
 * Sends a browser on that has posted a form of this app: by a page. Chromium holds the policy of the form's own page
 * (`form-action 'self'`, as Helmet sets it) against every address that redirects lead to, also those of pages after this one,
 * and a further login or a logout leads to the server.
 *
 * @see https://github.com/w3c/webappsec-csp/issues/8
 */
export function showWayOn(response: WebResponse, url: string): void {
  response.statusCode = 200
  const address = escapeHtml(url)
  const page = ownPage(response, {
    title: 'Going on',
    head: `<meta http-equiv="refresh" content="0;url=${address}">\n`,
    style: 'body{color-scheme:light dark}',
    body: `<p><a href="${address}">Go on</a></p>`,
  })
  response.end(page)
}
