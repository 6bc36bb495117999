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

/** Where the server is, and what its assertions have to say. */
export interface Wso2OpenBankingOptions {
  /** `https://<APIM>:8243/token` for API Manager, `https://<IS>:9446/oauth2/token` for Identity Server. */
  readonly tokenEndpoint: string
  /** Where refresh requests go, if elsewhere: one documentation page sends them to API Manager. */
  readonly refreshEndpoint?: string | undefined
  /** `aud` of client assertions, or a function of the endpoint called. Default: that endpoint's URL. */
  readonly audience?: string | ((endpoint: string) => string) | undefined
  /** Default: the token endpoint, as the server's own discovery document has it. */
  readonly issuer?: string | undefined
}

/**
 * A WSO2 Open Banking server: Accelerator 2.0 with API Manager, 3.0 and 4.x with Identity Server.
 *
 * Every request comes with the transport certificate. Client assertions live 15 minutes, since servers deduct their
 * clock skew (300 s unless changed) from the life of an assertion, and carry no `nbf`.
 *
 * @throws TypeError naming the option
 */
export function wso2OpenBanking(options: Wso2OpenBankingOptions): Provider {
  checkOptions('wso2OpenBanking', options, ['tokenEndpoint', 'refreshEndpoint', 'audience', 'issuer'])
  const { tokenEndpoint, refreshEndpoint, audience = endpoint => endpoint, issuer = tokenEndpoint } = options
  checkSecureUrl('tokenEndpoint', tokenEndpoint)
  if (refreshEndpoint !== undefined) checkSecureUrl('refreshEndpoint', refreshEndpoint)
  if (typeof audience !== 'function') checkText('audience', audience)
  return defineProvider({
    name: 'wso2-open-banking',
    metadata: {
      issuer,
      token_endpoint: tokenEndpoint,
      grant_types_supported: ['client_credentials', 'authorization_code', 'refresh_token'],
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
      defaultExpiresIn: 3600,
      revocationEndsConsent: true,
      mapTokenResponse,
      classifyError,
      recognizeRejection,
    },
  })
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
