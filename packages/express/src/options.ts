/** The options of `grantkit()`, checked once, and what the other modules use of them. */
import {
  type AuthorizationRequestOptions,
  type Client,
  type IdTokenClaims,
  memoryStore,
  type SealingKey,
  type TokenSet,
  type TokenSource,
  type TokenStore,
} from '@grantkit/core'
import {
  checkAuthorizationRequest,
  checkFunction,
  checkIsClient,
  checkMembers,
  checkOptions,
  checkSource,
  createSeal,
  optionError,
  parseOrigins,
  refusePromise,
  type Seal,
} from '@grantkit/core/kit'
import { type LogoutRules, type LogoutSettings, readLogoutRules } from './logout/logout-options.js'
import type { WebRequest } from './middleware.js'
import { createSite, type PathOptions, routes, type Site } from './paths.js'
import type { UserClaims } from './request.js'
import { readSessionOptions, type SessionOptions, type SessionSettings } from './session/session-options.js'

/** What each login asks for: as `createAuthorizationRequest()` takes it; the redirect URI is known already. */
export type AuthorizationOptions = Omit<AuthorizationRequestOptions, 'redirectUri'>

/** What is known once a user has logged in. */
export interface FinishedLogin {
  /** The claims of the ID token; `undefined` where none was asked for. */
  readonly claims: IdTokenClaims | undefined
  /** What the code was redeemed for. */
  readonly tokenSet: TokenSet
  /**
   * What the ID token was asked to say with one value, by name, whether it does or not: with `openbankingIntentId` the consent
   * that the login was about is `openbanking_intent_id`.
   */
  readonly expectedClaims: Readonly<Record<string, string>>
  /** The request of the callback. */
  readonly request: LoginRequest
}

/** A request as functions among the options get it. */
export type LoginRequest = WebRequest & Express.Request

/** What {@link grantkit} takes. */
export interface GrantKitOptions {
  /** Who asks, and whom: what `createClient()` returned. */
  readonly client: Client
  /**
   * Where the server sends the browser back to, to the letter as it is registered: https, or http to a loopback address.
   * The app's origin, whether cookies are `Secure` and the path of the callback are taken from it.
   */
  readonly redirectUri: string
  /** Seal the cookies: the first seals, all open. `openssl rand -base64 32` makes a key. */
  readonly keys: readonly SealingKey[]
  /** Keeps sessions and their tokens; the same for all processes of the app. Default: memory of this process. */
  readonly store?: TokenStore | undefined
  /** What each login asks for; or a function of the request, which may first have a consent made. Default: nothing but a code. */
  readonly authorization?:
    | AuthorizationOptions
    | ((request: LoginRequest) => AuthorizationOptions | Promise<AuthorizationOptions>)
    | undefined
  /** The application's own tokens: on each request as `request.tokenSource` too. */
  readonly application?: TokenSource | undefined
  /** Called once for each login, before its session begins; may return the claims to be kept. What it throws refuses the login. */
  readonly onLogin?: ((login: FinishedLogin) => UserClaims | undefined | Promise<UserClaims | undefined>) | undefined
  /**
   * Where users' tokens may be sent: scheme, host and port. Default for every HTTP client that they are given to, needed for
   * `headersFor()`.
   */
  readonly origins?: readonly string[] | undefined
  /** How long sessions last, and where they are kept. */
  readonly session?: SessionOptions | undefined
  /** What happens when a user logs out. */
  readonly logout?: LogoutRules | undefined
  /** The routes, as paths that a browser sees. */
  readonly paths?: PathOptions | undefined
  /** What a reverse proxy takes off the path before the app sees it, such as `/shop`. Default: nothing. */
  readonly basePath?: string | undefined
}

/** The options, checked, with what is made of them once. */
export interface Settings {
  readonly client: Client
  readonly site: Site
  readonly seal: Seal
  readonly store: TokenStore
  readonly authorizationOf: (request: LoginRequest) => AuthorizationOptions | Promise<AuthorizationOptions>
  readonly application: TokenSource | undefined
  readonly onLogin: GrantKitOptions['onLogin']
  readonly origins: readonly string[] | undefined
  readonly session: SessionSettings
  readonly logout: LogoutSettings
}

const names = [
  'client',
  'redirectUri',
  'keys',
  'store',
  'authorization',
  'application',
  'onLogin',
  'origins',
  'session',
  'logout',
  'paths',
  'basePath',
]

/** @throws TypeError naming the option */
export function readOptions(options: GrantKitOptions): Settings {
  checkOptions('grantkit', options, names)
  const { client, redirectUri, keys, application, onLogin, origins, session, logout, basePath } = options
  const { store = memoryStore() } = options
  checkIsClient(client, 'grantkit({ client, … })')
  if (application !== undefined) checkApplication(application)
  if (onLogin !== undefined) checkFunction('onLogin', onLogin)
  if (origins !== undefined) parseOrigins(origins)
  const site = createSite(client, redirectUri, pathsOf(options), basePath)
  return {
    client,
    site,
    seal: createSeal(keys),
    store,
    authorizationOf: authorizationOf(options),
    application,
    onLogin,
    origins,
    session: readSessionOptions(site, session),
    logout: readLogoutRules(client, site, logout),
  }
}

/** By default the server's word is heard where the server says that it gives one, and where the sessions are ours to end. */
function pathsOf({ client, paths, session }: GrantKitOptions): PathOptions | undefined {
  if (paths !== undefined) checkMembers('paths', paths, routes)
  const isInCookie = session?.tokensIn === 'cookie'
  if (isInCookie && typeof paths?.backchannelLogout === 'string')
    throw optionError('paths.backchannelLogout', 'needs sessions in a store: nobody can end what a browser has alone')
  const isTold = client.provider.metadata.backchannel_logout_supported === true && !isInCookie
  return isTold || paths?.backchannelLogout !== undefined ? paths : { ...paths, backchannelLogout: false }
}

function checkApplication(application: TokenSource): void {
  checkSource(application, 'grantkit({ application })', 'application')
  if (typeof application === 'function') throw optionError('application', 'must be one token source, for every request')
}

function authorizationOf({ client, redirectUri, authorization = {} }: GrantKitOptions): Settings['authorizationOf'] {
  if (typeof authorization === 'function')
    return async request => {
      const made = await authorization(request)
      checkAuthorization(made)
      return made
    }
  checkAuthorization(authorization)
  checkAuthorizationRequest(client, { ...authorization, redirectUri })
  return () => authorization
}

function checkAuthorization(authorization: unknown): void {
  refusePromise('authorization', authorization)
  if (typeof authorization !== 'object' || authorization === null || Array.isArray(authorization))
    throw optionError('authorization', "must be an object such as { scope: 'openid' }, or a function that returns one")
  if ('redirectUri' in authorization)
    throw optionError('authorization.redirectUri', 'is redirectUri of grantkit(): give it there alone')
}
