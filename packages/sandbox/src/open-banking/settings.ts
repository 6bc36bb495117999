/** How a WSO2 Open Banking token endpoint behaves; a test may change any of it at any time. */

/** Defaults are the documented server's; where API Manager and Identity Server differ, both are named. */
export interface OpenBankingSettings {
  /** The `token_endpoint_auth_method` the client is registered with. Default `private_key_jwt`. */
  authMethod: 'private_key_jwt' | 'tls_client_auth' | 'client_secret_basic' | 'client_secret_post'
  /** Registered `token_endpoint_auth_signing_alg`. Default `['PS256']`. */
  signingAlgorithms: string[]
  /** `kid`: found in the client's JWKS by `kid`; `certificate`: the application's certificate, `kid` ignored. */
  keyLookup: 'kid' | 'certificate'
  /** The exact strings an assertion's `aud` is compared with. Default: the token endpoints of both WSO2 systems. */
  audiences: string[]
  /** `TimestampSkew`: shortens an assertion's life. Default 300 seconds, the code's own. */
  assertionSkewSeconds: number
  /** An assertion with an older `iat` is refused. Default 300 minutes. */
  rejectBeforeMinutes: number
  /** A used `jti` is refused for ever. Default true. */
  preventTokenReuse: boolean
  /** Older builds record a `jti` on `arrival`, so that a failed attempt burns it. Default `success`. */
  recordJtiOn: 'success' | 'arrival'
  /** How the replay message spells it. Default `jti`; other builds `JTI`. */
  replayWord: 'jti' | 'JTI'
  /** An assertion's `aud` may also be the endpoint for pushed requests it is sent to. Default true. */
  pushedRequestAudience: boolean
  /** How request objects may be signed. Default `['PS256', 'ES256']`. */
  requestObjectSigningAlgorithms: string[]
  /** How long a pushed request waits. Default 60. */
  requestUriLifetimeSeconds: number
  /** `response_type`s the client may use. Default `['code id_token']`: 3.0.0 refuses plain `code` of regulated clients. */
  responseTypes: string[]
  /** JWT Secured Authorization Response Mode: `jwt`, `query.jwt`, `fragment.jwt`, `form_post.jwt`. Default false, as shipped. */
  jarm: boolean
  /** Where errors of the hybrid flow are; some paths of the real server use the query. Default `fragment`. */
  authorizationErrors: 'fragment' | 'query'
  /** A browser that has logged in is not asked for a password until it logs out. Default false; the real server does so. */
  singleSignOn: boolean
  /** Cut the TLS connection of a missing or foreign certificate instead of answering. Default false. */
  refuseInHandshake: boolean
  /** `opaque`: the active token is returned again; `jwt`: each request revokes the one before. */
  accessTokenFormat: 'opaque' | 'jwt'
  /** Default 3600. */
  accessTokenLifetimeSeconds: number
  /** JSON text to write as `expires_in` instead of the truth, such as `9223372036854775807` or `"3600"`; empty omits it. */
  expiresIn: string | undefined
  /** Default 86400. */
  refreshTokenLifetimeSeconds: number
  /** Default 300. */
  codeLifetimeSeconds: number
  /** Default false: the same refresh token is returned. */
  rotateRefreshTokens: boolean
  /** A rotated refresh token starts a new life. Default false: it keeps the expiry of the first. */
  extendRotatedRefreshTokens: boolean
  /** `[oauth.jwt.renew_token_without_revoking_existing]`. Default false. */
  renewWithoutRevoking: boolean
  /** Scopes the client is registered for. */
  registeredScopes: string[]
  /** `drop` (default): unknown scopes vanish silently; `refuse`: `invalid_scope`. */
  unregisteredScopes: 'drop' | 'refuse'
  /** Scopes granted without being asked for. Default none. */
  addedScopes: string[]
  /** Two blanks before the last scope of the answer. Default true at API Manager. */
  blankRuns: boolean
  /** An application token comes with `openid` and an ID token. Default true at API Manager, false at Identity Server. */
  applicationIdTokens: boolean
  /** Encrypts customers' ID tokens (RSA-OAEP, A256GCM) to this public key, as PEM. Default: they are signed alone. */
  idTokenEncryptionKey: string | undefined
  /** Grant types the client may use. */
  grantTypes: string[]
  /** Send the killed token in the header `DeactivatedAccessToken` of a refresh. Default true. */
  deactivatedAccessTokenHeader: boolean
  /** Old builds: 500 `server_error` for a refresh while another of the same token is under way. Default false. */
  parallelRefreshFails: boolean
  /** `WWW-Authenticate: Basic realm=<host>` with 401 `invalid_client`. Default true; absent in API Manager 4.0. */
  challengeInvalidClient: boolean
  /** Revoking a token ends the user's consent, and with it every token of that consent. Default true. */
  revocationEndsConsent: boolean
}

/** @param overrides what this system does differently */
export function openBankingSettings(overrides: Partial<OpenBankingSettings>): OpenBankingSettings {
  return {
    authMethod: 'private_key_jwt',
    signingAlgorithms: ['PS256'],
    keyLookup: 'kid',
    audiences: [],
    assertionSkewSeconds: 300,
    rejectBeforeMinutes: 300,
    preventTokenReuse: true,
    recordJtiOn: 'success',
    replayWord: 'jti',
    pushedRequestAudience: true,
    requestObjectSigningAlgorithms: ['PS256', 'ES256'],
    requestUriLifetimeSeconds: 60,
    responseTypes: ['code id_token'],
    jarm: false,
    authorizationErrors: 'fragment',
    singleSignOn: false,
    refuseInHandshake: false,
    accessTokenFormat: 'jwt',
    accessTokenLifetimeSeconds: 3600,
    expiresIn: undefined,
    refreshTokenLifetimeSeconds: 86_400,
    codeLifetimeSeconds: 300,
    rotateRefreshTokens: false,
    extendRotatedRefreshTokens: false,
    renewWithoutRevoking: false,
    registeredScopes: ['accounts', 'payments', 'fundsconfirmations', 'openid'],
    unregisteredScopes: 'drop',
    addedScopes: [],
    blankRuns: false,
    applicationIdTokens: false,
    idTokenEncryptionKey: undefined,
    grantTypes: ['authorization_code', 'client_credentials', 'refresh_token'],
    deactivatedAccessTokenHeader: true,
    parallelRefreshFails: false,
    challengeInvalidClient: true,
    revocationEndsConsent: true,
    ...overrides,
  }
}
