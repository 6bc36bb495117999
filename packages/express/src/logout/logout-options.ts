/** What happens at a logout: the options, checked once. */
import { type Client, createEndSessionRequest } from '@grantkit/core'
import { checkBoolean, checkMembers, optionError } from '@grantkit/core/kit'
import type { Site } from '../paths.js'
import { pageOf } from '../return-to.js'

/** What happens when a user logs out. Whatever it is, the session is over, and its tokens are forgotten. */
export interface LogoutRules {
  /** The page of this app where the browser goes afterwards. Default: the start page. */
  readonly redirectTo?: string | undefined
  /**
   * Whether the session at the server is ended too, so that the next login asks for a password again: the browser goes there
   * (OpenID Connect RP-Initiated Logout 1.0). Default `false`.
   */
  readonly atServer?: boolean | undefined
  /**
   * Where the server sends the browser back to, as it is registered. On a path of this app the browser goes on from there to
   * `redirectTo`. It may be the redirect URI, where a server takes no other. Default: it stays at the server.
   */
  readonly postLogoutRedirectUri?: string | undefined
  /** Further parameters of the server's own for its logout, such as `logout_uri`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /**
   * Whether the tokens are revoked at the server, where it can be reached. Default: if it has an endpoint for that, and
   * revoking a token does not end the user's consent there.
   */
  readonly revoke?: boolean | undefined
}

/** The options, checked. */
export interface LogoutSettings {
  /** An absolute URL. */
  readonly redirectTo: string
  readonly atServer: boolean
  readonly postLogoutRedirectUri: string | undefined
  readonly parameters: Readonly<Record<string, string>> | undefined
  readonly revoke: boolean
}

const names = ['redirectTo', 'atServer', 'postLogoutRedirectUri', 'parameters', 'revoke'] as const

/** @throws TypeError naming the option, or the endpoint that the metadata lacks */
export function readLogoutRules(client: Client, site: Site, rules: LogoutRules = {}): LogoutSettings {
  checkMembers('logout', rules, names)
  const { atServer = false, postLogoutRedirectUri, parameters, redirectTo = site.home } = rules
  checkBoolean('logout.atServer', atServer)
  for (const option of ['postLogoutRedirectUri', 'parameters'] as const)
    if (!atServer && rules[option] !== undefined)
      throw optionError(`logout.${option}`, 'is for the logout at the server: say logout.atServer: true')
  // what is missing is told now, and not to the first user who logs out
  if (atServer) createEndSessionRequest(client, { postLogoutRedirectUri, parameters })
  if (postLogoutRedirectUri !== undefined && isWayInOrOut(site, new URL(postLogoutRedirectUri)))
    throw optionError('logout.postLogoutRedirectUri', 'must lead to no login, and to no further logout')
  const page = pageOf(site, redirectTo)
  if (page === undefined) throw optionError('logout.redirectTo', 'must be a path of this app, none of its own routes')
  return { redirectTo: page, atServer, postLogoutRedirectUri, parameters, revoke: revokes(client, rules.revoke) }
}

/** The callback is none: WSO2 takes no other address than that of one. */
function isWayInOrOut({ origin, isOurs, paths }: Site, url: URL): boolean {
  return url.origin === origin && isOurs(url.pathname) && url.pathname !== paths.callback
}

function revokes({ provider }: Client, revoke: boolean | undefined): boolean {
  const { metadata, conform, name } = provider
  const hasEndpoint = metadata.revocation_endpoint !== undefined
  const endsConsent = conform.revocationEndsConsent === true
  if (revoke === undefined) return hasEndpoint && !endsConsent
  checkBoolean('logout.revoke', revoke)
  if (revoke && !hasEndpoint) throw optionError('logout.revoke', `cannot be: ${name} has no revocation_endpoint`)
  if (revoke && endsConsent)
    throw optionError('logout.revoke', `would end the user's consent at ${name}: end that by itself, where it is meant`)
  return revoke
}
