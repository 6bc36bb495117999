/** The join: an app's login, its sessions, and what its requests have of them. */
import { applicationToken } from './application-token.js'
import { equip } from './equipment.js'
import { finishLogin, login } from './login/login.js'
import { answerLookAhead, isLookAhead } from './login/look-ahead.js'
import { createTransactions } from './login/transaction.js'
import { backchannelLogout } from './logout/backchannel-logout.js'
import { createLogouts } from './logout/logout.js'
import { failWith, type Middleware, type Next, refuseRequest, type WebRequest, type WebResponse } from './middleware.js'
import { type GrantKitOptions, readOptions } from './options.js'
import type { Route } from './paths.js'
import { checkIsFirst } from './request.js'
import { createSessions } from './session/session.js'

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
  refuseRequest('grantkit', options)
  const settings = readOptions(options)
  const sessions = createSessions(settings)
  const logouts = createLogouts(settings, sessions)
  const parts = { settings, sessions, logouts, transactions: createTransactions(settings) }
  const logout: Answer = (request, response) => logouts.answer(request, response)
  const finish: Answer = (request, response) =>
    finishLogin(parts, request, response, transaction => equip(parts, request, response, { transaction }))
  const routes: Partial<Record<Route, Partial<Record<string, Answer>>>> = {
    login: { GET: (request, response) => login(parts, request, response) },
    callback: { GET: finish, POST: finish },
    logout: { GET: logout, POST: logout },
    backchannelLogout: { POST: backchannelLogout(settings, sessions) },
  }
  const putApplication = settings.application && applicationToken(settings.application)

  async function handle(request: WebRequest, response: WebResponse, next: Next): Promise<void> {
    checkIsFirst(request, settings.site)
    const route = settings.site.routeOf(request)
    const answers = route && routes[route]
    if (answers !== undefined && isLookAhead(request)) return answerLookAhead(request, response)
    if (await logouts.answerReturn(request, response)) return
    const answer = answers?.[String(request.method)]
    if (answer !== undefined) {
      // for the page that tells of its failure
      equip(parts, request, response, { isAnswer: route === 'callback' })
      return answer(request, response)
    }
    equip(parts, request, response, { live: await sessions.load(request, response) })
    if (putApplication === undefined) return next()
    putApplication(request, response, next)
  }

  const middleware: Middleware = (request, response, next) => {
    // Node's own request has it not yet: that of a WebSocket comes by no Express
    ;(request as { originalUrl?: unknown }).originalUrl ??= (request as WebRequest).url
    handle(request as WebRequest, response as WebResponse, next).catch(failWith(next))
  }
  return Object.assign(middleware, { close: () => sessions.close() })
}
