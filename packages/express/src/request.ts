/** What a request of an app with `grantkit()` has: its user, and the ways in and out. */
import type { AuthorizationRequestOptions, IdTokenClaims, RenewingTokenSource, TokenSource } from '@grantkit/core'
import { optionError } from '@grantkit/core/kit'
import type { AskedFor } from './login/step-up.js'
import type { Site } from './paths.js'

declare global {
  namespace Express {
    interface Request {
      /** The user of this request, and the ways in and out; put there by `grantkit()`. */
      grantkit: RequestGrantKit
    }
  }
}

/** The user of a request, and the ways in and out. */
export interface RequestGrantKit {
  /** Who is logged in; `undefined` where nobody is. */
  readonly user: User | undefined
  /** The application's own token source, where `grantkit({ application })` was given one. */
  readonly application: TokenSource | undefined
  /**
   * Answers this request by sending the browser to the server, to log in. What it asks for beside what `grantkit()` was
   * told is in the options; scope that the session has been granted at an earlier step-up is asked for again.
   *
   * @throws TypeError naming the option, whatever `createAuthorizationRequest()` throws
   */
  login(options?: LoginOptions): Promise<void>
  /**
   * Where a browser begins such a login: an absolute URL for a link, or for a front end to navigate to. What it asks for is
   * sealed in it, so that nobody can make a user ask for something else. Good for an hour; afterwards it is a login
   * like any other.
   *
   * @throws TypeError naming the option, or `paths.login` where the app has no such route
   */
  loginUrl(options?: LoginOptions): Promise<string>
  /**
   * Answers this request by ending the session and sending the browser on.
   *
   * @throws TypeError naming the option, TokenStoreError where the session may still be there
   */
  logout(options?: LogoutOptions): Promise<void>
}

/** A user who is logged in. */
export interface User {
  /** What the ID token of the login said, checked; or what `onLogin` has made of it. Without `openid` in the scope it is empty. */
  readonly claims: UserClaims
  /** The user's tokens, for any HTTP client; renewed by itself. */
  readonly tokenSource: UserTokens
  /** What was granted at the login, single blanks between its values; `undefined` where neither side named any. */
  readonly scope: string | undefined
  /** When the session began, in epoch milliseconds. */
  readonly loggedInAt: number
}

/** A user's tokens. `headersFor()` takes `grantkit({ origins })`. */
export interface UserTokens extends TokenSource, Pick<RenewingTokenSource, 'headersFor'> {}

/** Claims of a user, by their names in the ID token. */
export type UserClaims = Readonly<Partial<IdTokenClaims>>

/** What a login asks for, beside what `grantkit()` was told. */
export interface LoginOptions
  extends Pick<
    AuthorizationRequestOptions,
    'scope' | 'acrValues' | 'maxAgeSeconds' | 'prompt' | 'loginHint' | 'uiLocales'
  > {
  /**
   * The page of this app where the browser goes afterwards, as it sees it: path, query and fragment. Default: the page that
   * was asked for, or from which a script has asked, where that can be told; else the start page.
   */
  readonly returnTo?: string | undefined
}

/** How a session ends. */
export interface LogoutOptions {
  /** The page of this app where the browser goes afterwards. Default: `logout.redirectTo` of `grantkit()`. */
  readonly returnTo?: string | undefined
}

/** What guards and error pages have to know of a request beside what a handler has. */
export interface RequestState {
  /** What is known of the last login; `undefined` where nobody is logged in. */
  readonly lastLogin: LastLogin | undefined
  /** The app as a browser sees it. */
  readonly site: Pick<Site, 'id' | 'basePath' | 'origin'>
  /** Whether there is a route that a browser can be sent to. */
  readonly hasLoginRoute: boolean
  /** Whether it says that it answers a login, and nothing is known of that login: anybody can make it up. */
  readonly isUnknownAnswer?: boolean | undefined
  /** In epoch milliseconds. */
  now(): number
}

/** A login that a session has come of. */
export interface LastLogin {
  /** When it came back, in epoch milliseconds. */
  readonly loggedInAt: number
  readonly askedFor?: AskedFor | undefined
  /** As granted; `undefined` of a login that is coming back. */
  readonly scope?: string | undefined
  /** `acr` of its ID token. */
  readonly acr?: string | undefined
  /** `auth_time` of its ID token, in seconds since the epoch. */
  readonly authTime?: number | undefined
}

/** All that is known of a request. */
export interface Equipment extends RequestState {
  readonly grantkit: RequestGrantKit
}

/** As a handler finds it. What else is known goes with it, where printing does not show it; a `WeakMap` costs each request more. */
class Equipped implements RequestGrantKit {
  readonly user: RequestGrantKit['user']
  readonly application: RequestGrantKit['application']
  readonly login: RequestGrantKit['login']
  readonly loginUrl: RequestGrantKit['loginUrl']
  readonly logout: RequestGrantKit['logout']
  readonly #state: RequestState

  constructor({ user, application, login, loginUrl, logout }: RequestGrantKit, state: RequestState) {
    this.user = user
    this.application = application
    this.login = login
    this.loginUrl = loginUrl
    this.logout = logout
    this.#state = state
  }

  static equipmentOf(grantkit: RequestGrantKit | undefined): Equipment | undefined {
    return grantkit instanceof Equipped ? { ...grantkit.#state, grantkit } : undefined
  }
}

/** Puts on a request what a handler is to find there. */
export function equipRequest(request: object, grantkit: RequestGrantKit, state: RequestState): void {
  ;(request as Express.Request).grantkit = new Equipped(grantkit, state)
}

/** What `grantkit()` has put on a request; `undefined` where none has seen it. */
export function equipmentOf(request: object): Equipment | undefined {
  return Equipped.equipmentOf((request as Partial<Express.Request>).grantkit)
}

/**
 * Of two `grantkit()` for one redirect URI the second knows nothing of the sessions that the first begins.
 *
 * @throws TypeError where another one has seen the request
 */
export function checkIsFirst(request: object, site: Pick<Site, 'id'>): void {
  const before = equipmentOf(request)?.site
  if (before === undefined || before === site || before.id !== site.id) return
  throw optionError(
    'redirectUri',
    'is that of another grantkit() before this one: an app mounts one for each redirect URI',
  )
}
