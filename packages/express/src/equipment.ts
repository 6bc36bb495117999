/** What a request of the app gets: its user, and the ways in and out. */
import { beginLogin, type LoginParts } from './login/login.js'
import { loginUrl, type WantedLogin } from './login/login-link.js'
import { isLookAhead } from './login/look-ahead.js'
import { wantedOf } from './login/step-up.js'
import type { LoginTransaction } from './login/transaction.js'
import type { Logouts } from './logout/logout.js'
import type { WebRequest, WebResponse } from './middleware.js'
import { equipRequest, type LoginOptions, type LogoutOptions, type User } from './request.js'
import { mayGoElsewhere } from './request-kind.js'
import { checkedPage, pageOf } from './return-to.js'
import type { LiveSession } from './session/session.js'
import { redirect } from './way-on.js'

/** What is known of who asks. */
export interface Known {
  readonly live?: LiveSession | undefined
  /** Of a login that is just coming to its end, one way or the other. */
  readonly transaction?: LoginTransaction | undefined
  /** Whether the request says that it answers a login. */
  readonly isAnswer?: boolean | undefined
}

/** What the ways in and out take. */
export interface EquipmentParts extends LoginParts {
  readonly logouts: Logouts
}

/** Puts `request.grantkit` there, for handlers, guards and error pages. */
export function equip(parts: EquipmentParts, request: WebRequest, response: WebResponse, known: Known): void {
  const { logouts, settings } = parts
  const { client, site, application } = settings
  const { live, transaction, isAnswer = false } = known
  const wanted = (options: LoginOptions = {}) => wantedLogin(parts, request, options, transaction)
  const hasLoginRoute = site.paths.login !== undefined
  const grantkit = {
    user: live && new LoggedIn(live),
    application,
    // nobody has come to the page yet: the route is there for whoever does
    login: async (options?: LoginOptions) =>
      isLookAhead(request) && hasLoginRoute
        ? redirect(response, await loginUrl(settings, wanted(options)))
        : beginLogin(parts, request, response, wanted(options)),
    loginUrl: async (options?: LoginOptions) => loginUrl(settings, wanted(options)),
    logout: async (options?: LogoutOptions) => logouts.logout(request, response, options),
  }
  const now = () => client.clock.now()
  // what this very login has asked for is not asked for again by its failure
  const lastLogin = live?.session ?? (transaction && { ...transaction, loggedInAt: now() })
  equipRequest(request, grantkit, {
    lastLogin,
    site,
    hasLoginRoute,
    isUnknownAnswer: isAnswer && transaction === undefined,
    now,
  })
}

/** A handler may answer with it: what leaves the app then is about the user alone, and not how tokens are got. */
class LoggedIn implements User {
  readonly claims: User['claims']
  readonly scope: User['scope']
  readonly loggedInAt: User['loggedInAt']
  readonly tokenSource: User['tokenSource']

  constructor({ session: { claims, scope, loggedInAt }, tokenSource }: LiveSession) {
    this.claims = claims
    this.scope = scope
    this.loggedInAt = loggedInAt
    this.tokenSource = tokenSource
  }

  toJSON(): Omit<User, 'tokenSource'> {
    return { claims: this.claims, scope: this.scope, loggedInAt: this.loggedInAt }
  }
}

/** @throws TypeError naming the option */
function wantedLogin(
  { settings: { site } }: LoginParts,
  request: WebRequest,
  options: LoginOptions,
  transaction: LoginTransaction | undefined,
): WantedLogin {
  const wanted = wantedOf('login', options)
  const { returnTo } = options
  // a script asks for data: its user is to come back to the page
  const asked = () => pageOf(site, mayGoElsewhere(request) ? site.addressOf(request) : request.headers.referer)
  const page = returnTo === undefined ? (transaction?.returnTo ?? asked()) : checkedPage(site, returnTo)
  return { returnTo: page ?? site.home, wanted }
}
