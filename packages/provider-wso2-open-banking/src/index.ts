/** WSO2 Open Banking, behind API Manager or Identity Server: what is special about its token endpoint and its gateway. */
import {
  type ApiRefusal,
  type Credentials,
  defineProvider,
  type Provider,
  type Refusal,
  type RefusalKind,
} from '@grantkit/core'
import { checkOptions, checkSecureUrl, checkText, optionError } from '@grantkit/core/kit'

export { type FapiHeaderOptions, fapiHeaders } from './fapi-headers.js'

/** Where the server is, and what its assertions have to say. */
export interface Wso2OpenBankingOptions {
  /** `https://<APIM>:8243/token` for API Manager, `https://<IS>:9446/oauth2/token` for Identity Server. */
  readonly tokenEndpoint: string
  /** Where refresh requests go, if elsewhere: one documentation page sends them to API Manager. */
  readonly refreshEndpoint?: string | undefined
  /**
   * `aud` of client assertions, or a function of the endpoint called. Default: the token endpoint's URL; of refresh
   * requests that go elsewhere, where they go.
   */
  readonly audience?: string | ((endpoint: string) => string) | undefined
  /** Default: the token endpoint, as the server's own discovery document has it. */
  readonly issuer?: string | undefined
  /** Where customers log in. Default: `/oauth2/authorize` beside a token endpoint at `/oauth2/token`. */
  readonly authorizationEndpoint?: string | undefined
  /**
   * Where authorization requests are pushed: `/oauth2/par` with Open Banking 4.x, in 3.0.0
   * `/api/openbanking/push-authorization/par`. Default none, since the two cannot be told apart.
   */
  readonly pushedAuthorizationRequestEndpoint?: string | undefined
  /** Where the server's keys are. Default: `/oauth2/jwks` beside a token endpoint at `/oauth2/token`. */
  readonly jwksUri?: string | undefined
  /** Where tokens are revoked. Default: `/oauth2/revoke` beside a token endpoint at `/oauth2/token`. */
  readonly revocationEndpoint?: string | undefined
  /** Where claims of a customer are. Default: `/oauth2/userinfo` beside a token endpoint at `/oauth2/token`. */
  readonly userinfoEndpoint?: string | undefined
  /** Where customers log out. Default: `/oidc/logout` on the host of a token endpoint at `/oauth2/token`. */
  readonly endSessionEndpoint?: string | undefined
  /** Where logins on another device begin. Default: `/oauth2/device_authorize` beside a token endpoint at `/oauth2/token`. */
  readonly deviceAuthorizationEndpoint?: string | undefined
  /** Where logins without a browser begin (CIBA). Default: `/oauth2/ciba` beside a token endpoint at `/oauth2/token`. */
  readonly backchannelAuthenticationEndpoint?: string | undefined
  /**
   * Where clients register: at the gateway, `https://<APIM>:8243/open-banking/<version>/register`. Default none, since it
   * does not follow from the token endpoint.
   */
  readonly registrationEndpoint?: string | undefined
  /**
   * `Content-Type` of a request that registers: `application/jwt` with 3.0.0, `application/json` by the pages of 4.x,
   * though it is the same JWT. Default `application/jwt`, as all have it of a request that changes a registration.
   */
  readonly registrationContentType?: 'application/jwt' | 'application/json' | undefined
}

/** Options that are endpoints, by their names in the metadata, and where Identity Server has them beside its token endpoint. */
const endpoints = {
  authorizationEndpoint: { name: 'authorization_endpoint', beside: 'authorize' },
  pushedAuthorizationRequestEndpoint: { name: 'pushed_authorization_request_endpoint', beside: undefined },
  jwksUri: { name: 'jwks_uri', beside: 'jwks' },
  revocationEndpoint: { name: 'revocation_endpoint', beside: 'revoke' },
  userinfoEndpoint: { name: 'userinfo_endpoint', beside: 'userinfo' },
  endSessionEndpoint: { name: 'end_session_endpoint', beside: '../oidc/logout' },
  deviceAuthorizationEndpoint: { name: 'device_authorization_endpoint', beside: 'device_authorize' },
  backchannelAuthenticationEndpoint: { name: 'backchannel_authentication_endpoint', beside: 'ciba' },
  registrationEndpoint: { name: 'registration_endpoint', beside: undefined },
} as const

/** Those of the server. A third-party provider is registered for the first three as a rule; others are the bank's to allow. */
const grantTypes = [
  'client_credentials',
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:openid:params:grant-type:ciba',
]

/**
 * A WSO2 Open Banking server: Accelerator 2.0 with API Manager, 3.0 and 4.x with Identity Server.
 *
 * Every request comes with the transport certificate. A registration is a JWT that the software's signing key has signed,
 * and is opened by the client's own token. Client assertions and request objects live 15 minutes, since servers
 * deduct their clock skew (300 s unless changed) from that; assertions carry no `nbf`. `acr` of an ID token is not compared
 * with the one that was asked for, since another one comes.
 *
 * @throws TypeError naming the option
 */
export function wso2OpenBanking(options: Wso2OpenBankingOptions): Provider {
  const own = [
    'tokenEndpoint',
    'refreshEndpoint',
    'audience',
    'issuer',
    'registrationContentType',
    ...Object.keys(endpoints),
  ]
  checkOptions('wso2OpenBanking', options, own)
  const { tokenEndpoint, refreshEndpoint, issuer = tokenEndpoint, registrationContentType } = options
  checkSecureUrl('tokenEndpoint', tokenEndpoint)
  const { audience = (endpoint: string) => (endpoint === refreshEndpoint ? endpoint : tokenEndpoint) } = options
  if (refreshEndpoint !== undefined) checkSecureUrl('refreshEndpoint', refreshEndpoint)
  if (typeof audience !== 'function') checkText('audience', audience)
  return defineProvider({
    name: 'wso2-open-banking',
    metadata: {
      issuer,
      token_endpoint: tokenEndpoint,
      ...endpointsOf(options),
      response_types_supported: ['code id_token', 'code'],
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['PS256'],
      authorization_signing_alg_values_supported: ['PS256'],
      request_object_signing_alg_values_supported: ['PS256', 'ES256'],
      tls_client_certificate_bound_access_tokens: true,
      grant_types_supported: grantTypes,
      token_endpoint_auth_methods_supported: [
        'private_key_jwt',
        'tls_client_auth',
        'client_secret_basic',
        'client_secret_post',
      ],
      token_endpoint_auth_signing_alg_values_supported: [
        'PS256',
        'PS384',
        'PS512',
        'RS256',
        'RS384',
        'RS512',
        'ES256',
        'ES384',
        'ES512',
      ],
    },
    conform: {
      refreshEndpoint,
      requiresCertificate: true,
      basicCredentials: 'raw',
      checkCredentials,
      clientAssertion: { audience, typ: 'JWT', lifetimeSeconds: 900 },
      requestObject: { audience: tokenEndpoint, typ: 'JWT', lifetimeSeconds: 900 },
      registration: {
        signed: true,
        typ: 'JWT',
        lifetimeSeconds: 900,
        contentType: registrationContentType,
        clientUri: (endpoint, clientId) => `${endpoint}/${encodeURIComponent(clientId)}`,
      },
      relax: ['acr'],
      defaultExpiresIn: 3600,
      revocationEndsConsent: true,
      mapTokenResponse,
      classifyError,
      recognizeRejection,
    },
  })
}

/** As given, else beside the token endpoint, where that is Identity Server's. */
function endpointsOf(options: Wso2OpenBankingOptions): Readonly<Record<string, string>> {
  const { tokenEndpoint } = options
  const isIdentityServer = new URL(tokenEndpoint).pathname.endsWith('/oauth2/token')
  const found: Record<string, string> = {}
  for (const [option, { name, beside }] of Object.entries(endpoints)) {
    const given = options[option as keyof typeof endpoints]
    if (given !== undefined) checkSecureUrl(option, given)
    const standard = isIdentityServer && beside !== undefined ? new URL(beside, tokenEndpoint).href : undefined
    const url = given ?? standard
    if (url !== undefined) found[name] = url
  }
  return found
}

/** A Basic header is split at `:` and must give two parts, so that neither of them can have one. */
function checkCredentials({ clientId, clientSecret = '', method }: Credentials): void {
  if (method !== 'client_secret_basic') return
  for (const [option, value] of Object.entries({ clientId, clientSecret }))
    if (value.includes(':'))
      throw optionError(option, 'must not contain ":", which ends the id here; ask for other credentials')
}

/** A validity that is configured as negative, never to end, may stand on the wire as it is: no end that is known. */
function mapTokenResponse(body: unknown): unknown {
  return Object(body).expires_in <= 0 ? { ...Object(body), expires_in: undefined } : body
}

/** A replayed or expired assertion is 400 `invalid_request` here, told apart by the text alone; a 401 is about the client. */
function classifyError({ status, error, errorDescription = '' }: Refusal, standard: RefusalKind): RefusalKind {
  const isStale = status === 400 && error === 'invalid_request' && /replayed|expired/i.test(errorDescription)
  if (isStale) return 'stale_assertion'
  return status === 401 && standard === 'terminal' ? 'invalid_client' : standard
}

/**
 * 900901 stands for invalid, expired and revoked; every other gateway code is final, whatever the header says: it
 * says `invalid_token` for a blocked subscription too. The body is JSON with a string or a number, or XML, and the
 * content type does not tell which.
 */
function recognizeRejection({ wwwAuthenticate, body }: ApiRefusal): boolean {
  const code = /\bcode\W{1,20}(\d{6})\b/i.exec(body)?.[1]
  if (code !== undefined) return code === '900901'
  return /invalid[_ ]token|900901/i.test(`${wwwAuthenticate} ${body}`)
}
