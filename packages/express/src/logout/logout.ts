/** A logout: here in any case, at the server where that is wanted, and never because another site has asked for it. */
import {
  checkEndSessionResponse,
  createEndSessionRequest,
  type EndSessionRequest,
  ValidationError,
} from '@grantkit/core'
import { checkOptions } from '@grantkit/core/kit'
import { clearCookie, cookiesOf, setCookie } from '../cookie.js'
import { comesFromElsewhere } from '../cross-site.js'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { Settings } from '../options.js'
import type { LogoutOptions } from '../request.js'
import { mayBeNavigation, wantsPage } from '../request-kind.js'
import { queryOf } from '../request-parameters.js'
import { checkedPage, pageOf } from '../return-to.js'
import type { Sessions } from '../session/session.js'
import { redirect, showWayOn } from '../way-on.js'

/** The ways out of an app. */
export interface Logouts {
  /**
   * `GET` and `POST` of the logout.
   *
   * @throws ValidationError `csrf` where another site asks for it; what {@link Logouts.logout} throws
   */
  answer(request: WebRequest, response: WebResponse): Promise<void>
  /**
   * Ends the session of a request, and sends the browser on.
   *
   * @throws TypeError naming the option; TokenStoreError where the session may live on in the store
   */
  logout(request: WebRequest, response: WebResponse, options?: LogoutOptions): Promise<void>
  /**
   * Whether a browser comes back from the logout at the server: it is sent on then.
   *
   * @throws ValidationError `state` where it has come with another one than it was sent with
   */
  answerReturn(request: WebRequest, response: WebResponse): Promise<boolean>
}

/** What a browser keeps while it is at the server. */
interface Pending {
  readonly state: string
  readonly page: string
  readonly expiresAt: number
}

const lifetimeMs = 600_000

/** What servers take of an address: Entra ID refuses ID tokens of about 4 kB in it (AADSTS90015), others have 8 kB for a line. */
const mostOfAddress = 4_000

export function createLogouts(settings: Settings, sessions: Sessions): Logouts {
  const { client, site, seal, logout: rules } = settings
  const { postLogoutRedirectUri, parameters } = rules
  const name = `${site.cookiePrefix}grantkit-logout-${site.id}`
  const header = { use: 'logout', cookie: name }
  // as the session's, so that it goes where that does
  const { attributes } = settings.session
  const returnPath = pathHere(site.origin, postLogoutRedirectUri)

  /** A server that refuses so long an address would end no session at all; without the hint it may ask the user. */
  function endSessionRequest(idTokenHint: string | undefined): EndSessionRequest {
    const request = createEndSessionRequest(client, { idTokenHint, postLogoutRedirectUri, parameters })
    return request.url.length > mostOfAddress && idTokenHint !== undefined ? endSessionRequest(undefined) : request
  }

  async function wayOut(response: WebResponse, idTokenHint: string | undefined, page: string): Promise<string> {
    if (!rules.atServer) return page
    const { url, state } = endSessionRequest(idTokenHint)
    if (state === undefined || returnPath === undefined) return url
    const pending = { state, page, expiresAt: client.clock.now() + lifetimeMs }
    setCookie(response, name, await seal.seal(pending, header), { ...attributes, maxAge: lifetimeMs / 1000 })
    return url
  }

  async function end(request: WebRequest, response: WebResponse, page: string): Promise<void> {
    const { idToken } = await sessions.end(request, response)
    const url = await wayOut(response, idToken, page)
    if (!wantsPage(request)) answerScript(response, url)
    else if (request.method === 'POST' && !url.startsWith(`${site.origin}/`)) showWayOn(response, url)
    else redirect(response, url)
  }

  async function pendingOf(request: WebRequest): Promise<Pending | undefined> {
    const sealed = cookiesOf(request).get(name)
    const pending = sealed && ((await seal.open(sealed, header)) as Pending | undefined)
    return pending && pending.expiresAt > client.clock.now() ? pending : undefined
  }

  return {
    async answer(request, response) {
      if (comesFromElsewhere(request.headers, [site.origin]))
        throw new ValidationError('csrf', 'another site has asked for a logout')
      // an image that a user has put on a page, a router that fetches ahead what its links lead to
      if (request.method === 'GET' && !mayBeNavigation(request))
        throw new ValidationError('csrf', 'GET logs out who goes to the address; a script uses POST')
      const asked = queryOf(request).get('returnTo')
      await end(request, response, pageOf(site, asked) ?? rules.redirectTo)
    },
    async logout(request, response, options = {}) {
      checkOptions('logout', options, ['returnTo'])
      const { returnTo } = options
      await end(request, response, returnTo === undefined ? rules.redirectTo : checkedPage(site, returnTo))
    },
    async answerReturn(request, response) {
      if (returnPath === undefined || request.method !== 'GET' || site.addressOf(request).split('?')[0] !== returnPath)
        return false
      const query = queryOf(request)
      const pending = query.has('state') ? await pendingOf(request) : undefined
      if (pending === undefined) return false
      // the answer to a login, at the same address
      if (returnPath === site.paths.callback && query.get('state') !== pending.state) return false
      checkEndSessionResponse(pending, query)
      clearCookie(response, name, attributes)
      redirect(response, pending.page)
      return true
    },
  }
}

/** The path where the browser comes back to this app; `undefined` where it does not. */
function pathHere(origin: string, uri: string | undefined): string | undefined {
  const url = uri === undefined ? undefined : new URL(uri)
  return url?.origin === origin ? url.pathname : undefined
}

/** A script is not sent elsewhere: it may send the page there that it is on. */
function answerScript(response: WebResponse, redirectTo: string): void {
  response.statusCode = 200
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(JSON.stringify({ redirectTo }))
}
