/** The join: an app's login, its sessions, and what its requests have of them. */
import { applicationToken } from './application-token.js'
import { beginLogin, finishLogin, type LoginParts, login, loginUrl, type WantedLogin } from './login.js'
import { answerLookAhead, isLookAhead } from './look-ahead.js'
import type { Middleware, Next, WebRequest, WebResponse } from './middleware.js'
import { type GrantKitOptions, readOptions } from './options.js'
import type { Route } from './paths.js'
import { equipRequest, type LoginOptions } from './request.js'
import { checkedPage, pageOf } from './return-to.js'
import { createSessions, type Session } from './session.js'
import { wantedOf } from './step-up.js'
import { createTransactions } from './transaction.js'

/** Answers a request of a route. */
type Answer = (request: WebRequest, response: WebResponse) => Promise<void>

/** What `app.use()` takes. */
export interface GrantKitMiddleware extends Middleware {
  /** Ends what goes on in the background; the store and the client that it was given stay open. */
  close(): Promise<void>
}

/**
 * Login, sessions and users' tokens for an Express app. Mounted before what needs them, where the path of the redirect URI
 * comes through.
 *
 * @throws TypeError naming the option
 */
export function grantkit(options: GrantKitOptions): GrantKitMiddleware {
  const settings = readOptions(options)
  const sessions = createSessions(settings)
  const parts: LoginParts = { settings, sessions, transactions: createTransactions(settings) }
  const finish: Answer = (request, response) => finishLogin(parts, request, response)
  const routes: Partial<Record<Route, Partial<Record<string, Answer>>>> = {
    login: { GET: (request, response) => login(parts, request, response) },
    callback: { GET: finish, POST: finish },
  }
  const putApplication = settings.application && applicationToken(settings.application)

  async function handle(request: WebRequest, response: WebResponse, next: Next): Promise<void> {
    const route = settings.site.routeOf(request)
    const answers = route && routes[route]
    if (answers !== undefined && isLookAhead(request)) return answerLookAhead(request, response)
    const answer = answers?.[String(request.method)]
    if (answer !== undefined) return answer(request, response)
    equip(parts, request, response, await sessions.load(request, response))
    if (putApplication === undefined) return next()
    putApplication(request, response, next)
  }

  const middleware: Middleware = (request, response, next) => {
    handle(request as WebRequest, response as WebResponse, next).catch(next)
  }
  return Object.assign(middleware, { close: () => sessions.close() })
}

function equip(parts: LoginParts, request: WebRequest, response: WebResponse, session: Session | undefined): void {
  const { settings, sessions } = parts
  const { client, site, application } = settings
  const wanted = (options: LoginOptions | undefined) => wantedLogin(parts, request, options)
  const user = session && {
    claims: session.claims,
    tokenSource: sessions.tokenSource(session),
    scope: session.scope,
    loggedInAt: session.loggedInAt,
  }
  const grantkit = {
    user,
    application,
    login: async (options?: LoginOptions) => beginLogin(parts, request, response, wanted(options)),
    loginUrl: async (options?: LoginOptions) => loginUrl(parts, wanted(options)),
    async logout() {
      await sessions.end(request, response)
      response.writeHead(303, { location: site.home }).end()
    },
  }
  const lastLogin = session && { askedFor: session.askedFor, loggedInAt: session.loggedInAt }
  equipRequest(request, grantkit, {
    lastLogin,
    hasLoginRoute: site.paths.login !== undefined,
    now: () => client.clock.now(),
  })
}

/** @throws TypeError naming the option */
function wantedLogin({ settings: { site } }: LoginParts, request: WebRequest, options: LoginOptions = {}): WantedLogin {
  const { returnTo, ...wanted } = options
  const page = returnTo === undefined ? pageAskedFor() : checkedPage(site, returnTo)
  return { returnTo: page ?? site.home, wanted: wantedOf('login', wanted) }

  function pageAskedFor() {
    return request.method === 'GET' ? pageOf(site, site.addressOf(request)) : undefined
  }
}
