/** What every file in `theirs/` has in common: a server that runs, and the facts its user has to know. */

/** The parameters of an authorization request (RFC 6749 §4.1.1). */
type AuthorizationRequest = Readonly<Record<string, string>>

export interface RunningServer {
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: string
  readonly tokenEndpoint: string
  /** Where it publishes metadata, which then are read instead of stated. */
  readonly issuer?: string
  readonly wellKnown?: 'openid-configuration' | 'oauth-authorization-server'
  /** How id and secret stand in a Basic header. Default `form`. */
  readonly basicCredentials?: 'form' | 'raw'
  /** What a user grants. */
  readonly scope: string
  /** What `client_credentials` asks for; left out where that grant is not served. */
  readonly applicationScope?: string
  /** A GET there needs an access token. */
  readonly apiUrl: string
  /** Goes the way of a browser from the authorization request to the redirect URI; returns what came with that. */
  logIn(subject: string, request: AuthorizationRequest): Promise<Readonly<Record<string, string>>>
  /** Ends one token, as time or an administrator would. */
  endAccessToken(token: string): Promise<void>
  endRefreshToken(token: string): Promise<void>
  /** How many requests its token endpoint has seen. */
  tokenRequests(): number
  stop(): Promise<void>
  /** How it refuses a dead refresh token where that is not `invalid_grant`. */
  readonly deadRefreshToken?: Refused
  /** How it refuses a made-up code where that is not `invalid_grant`. */
  readonly madeUpCode?: Refused
  /** The status its API has for a dead access token where that is not 401: nothing is renewed for it. */
  readonly deadAccessToken?: number
}

interface Refused {
  readonly status: number
  readonly error: string
}

type StartServer = () => Promise<RunningServer>

export interface ServerFile {
  /** The npm package. */
  readonly name: string
  readonly start: StartServer
}
