/** Where the browser goes after a login or a logout: a page of this app, whoever asks for another (RFC 9700 §4.11). */
import { optionError, parseUrl } from '@grantkit/core/kit'
import type { Site } from './paths.js'

/** More than the address of a page needs; with the rest of the transaction it has to fit into a cookie. */
const mostCharacters = 1_024

/**
 * The page as an absolute URL: of what a browser makes of `/\host`, `//host`, a tab between, or `/.//host`, none leads
 * elsewhere once an origin stands before it. `undefined` where it is no page of this app, or one of the login's own routes,
 * which would go round in circles.
 */
export function pageOf(site: Site, returnTo: unknown): string | undefined {
  if (typeof returnTo !== 'string' || !/^(?:\/|https?:\/\/)/i.test(returnTo)) return undefined
  const url = parseUrl(returnTo, site.origin)
  if (url === undefined || url.origin !== site.origin || url.username !== '' || url.password !== '') return undefined
  if (url.href.length > mostCharacters || site.isOurs(url.pathname)) return undefined
  return url.href
}

/**
 * The page a program names.
 *
 * @throws TypeError where it is no page of this app
 */
export function checkedPage(site: Site, returnTo: string): string {
  const page = pageOf(site, returnTo)
  if (page !== undefined) return page
  throw optionError(
    'returnTo',
    `must be a path of this app such as /accounts, none of grantkit()'s own, at most ${mostCharacters} characters`,
  )
}
