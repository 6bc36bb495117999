/** Middleware before what is for users alone: who lacks something is sent to the login that brings it. */
import { LoginRequiredError } from '@grantkit/core'
import { checkWholeNumber, optionError } from '@grantkit/core/kit'
import { loginWayOf } from './login/login-way.js'
import { wantedOf } from './login/step-up.js'
import { failWith, type Middleware, type Next, refuseRequest, type WebResponse } from './middleware.js'
import { type Equipment, equipmentOf, type LastLogin, type User } from './request.js'

/** What a login has to be like. */
export interface RequireLoginOptions {
  /** `acr` values one of which the login has to have, the preferred one first: space-separated, or a list. Default: any. */
  readonly acrValues?: string | readonly string[] | undefined
  /** How long ago the user may have authenticated at the server, in seconds, at least 1. Default: any time. */
  readonly maxAgeSeconds?: number | undefined
}

/**
 * Lets a request through whose user is logged in, as strongly and as recently as is asked for (by `acr` and `auth_time` of
 * the ID token, which takes `openid` in the scope).
 *
 * A browser that opens a page is sent to the login and comes back; any other request fails with a `LoginRequiredError`,
 * which `tokenErrors()` answers: 401, and 403 where a login has just asked for the same in vain.
 *
 * What it lets through says `Cache-Control: no-store` unless the app says otherwise: nobody who goes back in a browser after
 * the logout sees it.
 *
 * @throws TypeError naming the option
 * @see RFC 9470, OpenID Connect Core §3.1.2.1
 */
export function requireLogin(options: RequireLoginOptions = {}): Middleware {
  refuseRequest('requireLogin', options)
  const wanted = wantedOf('requireLogin', options, ['acrValues', 'maxAgeSeconds'])
  if (wanted.maxAgeSeconds !== undefined) checkWholeNumber('maxAgeSeconds', wanted.maxAgeSeconds, 1)
  if (wanted.acrValues?.length === 0) throw optionError('acrValues', 'must name at least one')
  const { acrValues, maxAgeSeconds } = wanted
  return guard('requireLogin()', ({ grantkit, lastLogin = never, now }) => {
    if (grantkit.user === undefined) return new LoginRequiredError('The user must log in', { acrValues, maxAgeSeconds })
    if (hasLevel(lastLogin, acrValues) && isRecent(lastLogin, maxAgeSeconds, now())) return undefined
    const reason = 'insufficient_user_authentication'
    return new LoginRequiredError('The user must log in anew', { reason, acrValues, maxAgeSeconds })
  })
}

/**
 * The user of a request, for handlers behind a guard: {@link RequestGrantKit.user} that is there.
 *
 * @throws LoginRequiredError where nobody is logged in, which `tokenErrors()` answers as it does for {@link requireLogin};
 *   TypeError where no `grantkit()` is before it
 */
export function userOf(request: object): User {
  const { grantkit } = equipmentOf(request) ?? {}
  if (grantkit === undefined) throw notMounted('userOf()')
  if (grantkit.user === undefined) throw new LoginRequiredError('The user must log in')
  return grantkit.user
}

function notMounted(name: string): TypeError {
  return optionError(name, 'needs app.use(grantkit({ … })) before it')
}

const never: LastLogin = { loggedInAt: Number.NEGATIVE_INFINITY }

function hasLevel({ acr }: LastLogin, acrValues: readonly string[] | undefined): boolean {
  return acrValues === undefined || (acr !== undefined && acrValues.includes(acr))
}

function isRecent({ authTime }: LastLogin, maxAgeSeconds: number | undefined, now: number): boolean {
  if (maxAgeSeconds === undefined) return true
  return authTime !== undefined && now / 1000 - authTime <= maxAgeSeconds
}

/**
 * Lets a request through whose user is logged in and has granted all of this scope. Others are sent to a login that asks
 * for it beside what they have granted already, as by {@link requireLogin}; a script gets 403.
 *
 * @throws TypeError where no scope is named
 * @see RFC 6750 §3.1, `insufficient_scope`
 */
export function requireScope(...scope: readonly [string, ...string[]]): Middleware {
  refuseRequest('requireScope', scope[0])
  const areNamed = scope.every(one => typeof one === 'string' && one.trim() !== '')
  const { scope: needed = [] } = areNamed ? wantedOf('requireScope', { scope }) : {}
  if (needed.length === 0)
    throw optionError('requireScope()', "takes the scope that is needed: requireScope('accounts', 'payments')")
  return guard('requireScope()', ({ grantkit: { user } }) => {
    const granted = user?.scope?.split(' ') ?? []
    const missingScope = needed.filter(one => !granted.includes(one))
    if (user === undefined) return new LoginRequiredError('The user must log in', { missingScope })
    if (missingScope.length === 0) return undefined
    const reason = 'insufficient_scope'
    return new LoginRequiredError(`The user has not granted ${missingScope.join(' ')}`, { reason, missingScope })
  })
}

/** What a user lacks; `undefined` for one that lacks nothing. */
type Shortcoming = (equipment: Equipment) => LoginRequiredError | undefined

function guard(name: string, shortcomingOf: Shortcoming): Middleware {
  return (request, response, next) => {
    const equipment = equipmentOf(request)
    if (equipment === undefined) return next(notMounted(name))
    const error = shortcomingOf(equipment)
    if (error !== undefined) return void refuse(error, request, next).catch(failWith(next))
    keepOutOfCaches(response as WebResponse)
    next()
  }
}

/** A browser that goes back after the logout shows what it has kept, and so does a cache that several users share. */
function keepOutOfCaches(response: WebResponse): void {
  if (!response.headersSent && !response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store')
}

/** With a status, by which Express answers where nobody has mounted `tokenErrors()`. */
async function refuse(error: LoginRequiredError, request: object, next: Next): Promise<void> {
  const way = loginWayOf(error, request)
  if (way?.isTaken) return way.login()
  const isForbidden = error.reason === 'insufficient_scope' || !way?.isOpen
  next(Object.defineProperty(error, 'status', { value: isForbidden ? 403 : 401 }))
}
