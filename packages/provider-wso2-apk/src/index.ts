/** The non-production identity provider of WSO2 APK: what is special about it. */
import { type Credentials, defineProvider, type Provider, type Refusal, type RefusalKind } from '@grantkit/core'
import { checkOptions, checkSecureUrl, checkText, optionError } from '@grantkit/core/kit'

/** Where the identity provider is, if not where its documentation has it. */
export interface Wso2ApkOptions {
  /** Default `https://idp.am.wso2.com:9095/oauth2/token`; APK 2 has `/oauth2/1.0.0/token`. */
  readonly tokenEndpoint?: string | undefined
  /** `iss` of its tokens. Default: `/token` on the token endpoint's host, without the port. */
  readonly issuer?: string | undefined
}

/**
 * The identity provider built into WSO2 APK, for testing. It is reached through a gateway that routes by host name:
 * when that name does not resolve, keep the URL and pass `tls: { connectTo }` to the client.
 *
 * @throws TypeError naming the option
 */
export function wso2Apk(options: Wso2ApkOptions = {}): Provider {
  checkOptions('wso2Apk', options, ['tokenEndpoint', 'issuer'])
  const { tokenEndpoint = 'https://idp.am.wso2.com:9095/oauth2/token' } = options
  const { hostname } = checkSecureUrl('tokenEndpoint', tokenEndpoint)
  const issuer = options.issuer ?? `https://${hostname}/token`
  checkText('issuer', issuer)
  return defineProvider({
    name: 'wso2-apk',
    metadata: {
      issuer,
      token_endpoint: tokenEndpoint,
      grant_types_supported: ['client_credentials', 'authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'none'],
    },
    conform: {
      basicCredentials: 'raw',
      checkCredentials,
      defaultExpiresIn: 3600,
      classifyError,
      // a refresh token is a JWT that nobody keeps a list of: it stays good until it expires, however often it is sent
      refreshTokenResends: Number.POSITIVE_INFINITY,
      // the gateway may replace every 401 body by one of its own: the status is all there is
      recognizeRejection: () => true,
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

/**
 * `server_error` with status 400 is final; it is also all that a dead code or refresh token gives. `unauthorized_client`
 * with status 400 is about a redirect URI, with 401 about the client.
 */
function classifyError({ status, error, grantType }: Refusal, standard: RefusalKind): RefusalKind {
  if (status !== 400) return standard
  if (error === 'server_error' && grantType !== 'client_credentials') return 'invalid_grant'
  return error === 'unauthorized_client' ? 'terminal' : standard
}
