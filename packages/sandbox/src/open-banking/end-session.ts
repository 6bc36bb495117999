/** `/oidc/logout` of Identity Server (OpenID Connect RP-Initiated Logout 1.0): the browser's session ends, not the tokens. */
import type { Answer } from '../answer.js'
import { parseJwt, verifyJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import { errorPage, loggedOutPage, logoutPage } from './authorization-pages.js'
import type { AuthorizationServer } from './authorization-server.js'
import { endBrowserSession } from './browser-session.js'

/** Where it is, on the server's host. */
export const endSessionPath = '/oidc/logout'

/**
 * With the ID token of a login the session ends at once; without one the customer is asked first. The browser goes back
 * to a registered redirect URI, to the letter, as the real server wants it (`OIDCLogoutServlet`).
 */
export async function answerEndSession(server: AuthorizationServer, request: ReceivedRequest): Promise<Answer> {
  const asked = new URLSearchParams(request.method === 'POST' ? request.body : request.query)
  const hint = asked.get('id_token_hint')
  if (hint === null) return askFirst(server, request, asked)
  if (!(await isOurs(server, hint))) return errorPage('access_denied', 'ID token signature validation failed.')
  const back = asked.get('post_logout_redirect_uri')
  if (back === null) return endBrowserSession(server, request, loggedOutPage())
  if (!server.store.client.redirectUris.includes(back))
    return errorPage('access_denied', 'Post logout URI does not match with registered callback URI.')
  const location = new URL(back)
  const state = asked.get('state')
  if (state !== null) location.searchParams.set('state', state)
  const headers = { location: location.href, 'cache-control': 'no-store' }
  return endBrowserSession(server, request, { status: 302, headers })
}

function askFirst(server: AuthorizationServer, request: ReceivedRequest, asked: URLSearchParams): Answer {
  const isAgreed = request.method === 'POST' && asked.get('consent') === 'approve'
  return isAgreed ? endBrowserSession(server, request, loggedOutPage()) : logoutPage(endSessionPath)
}

/** One that has expired still says who it was about. */
async function isOurs(server: AuthorizationServer, idToken: string): Promise<boolean> {
  const jwt = parseJwt(idToken)
  const { publicKey } = await server.keys()
  return jwt !== undefined && verifyJwt(jwt, publicKey) && jwt.claims.iss === server.issuer
}
