/** The core banking API of the Udara360 family: JSON in camelCase, and no OAuth but the bearer token. */
import { type Credentials, defineProvider, encodeJson, type Provider } from '@grantkit/core'
import { checkOptions, checkSecureUrl, checkText, optionError } from '@grantkit/core/kit'

/** Where the API is. */
export interface CoreBankingOptions {
  /** Scheme, host and port of the API, such as `https://openapi.udara360.io`. */
  readonly baseUrl: string
  /** Default `/api/auth/v1/authenticate`. */
  readonly authenticatePath?: string | undefined
}

/**
 * A core banking API: client id and secret as JSON, at most 100 characters each; a token without a refresh token.
 * Use it with `clientCredentials()`, which sends no `grant_type` here.
 *
 * @throws TypeError naming the option
 */
export function coreBanking(options: CoreBankingOptions): Provider {
  checkOptions('coreBanking', options, ['baseUrl', 'authenticatePath'])
  const { baseUrl, authenticatePath = '/api/auth/v1/authenticate' } = options
  checkSecureUrl('baseUrl', baseUrl)
  checkText('authenticatePath', authenticatePath)
  if (!authenticatePath.startsWith('/')) throw optionError('authenticatePath', 'must begin with "/"')
  return defineProvider({
    name: 'core-banking',
    metadata: {
      issuer: baseUrl,
      token_endpoint: baseUrl.replace(/\/+$/, '') + authenticatePath,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
    conform: {
      checkCredentials,
      encodeRequest: parameters =>
        encodeJson(parameters, { grant_type: undefined, client_id: 'clientId', client_secret: 'clientSecret' }),
      mapTokenResponse,
      defaultTokenType: 'Bearer',
      // its 401 carries an `errors` list whose codes are not documented as a set, and no challenge
      recognizeRejection: () => true,
    },
  })
}

function checkCredentials({ clientId, clientSecret = '' }: Credentials): void {
  if (clientId.length > 100) throw optionError('clientId', 'must have at most 100 characters')
  if (clientSecret.length > 100) throw optionError('clientSecret', 'must have at most 100 characters')
}

function mapTokenResponse(body: unknown): Record<string, unknown> {
  const { accessToken, tokenType, tokenValiditySec, expirationTime } = Object(body)
  return {
    access_token: accessToken,
    token_type: tokenType,
    expires_in: tokenValiditySec,
    expires_at: epochSeconds(expirationTime),
  }
}

/** The documentation says "EPOCH time" and no unit: beyond 1e11 it can only be milliseconds. */
function epochSeconds(time: unknown): unknown {
  return Number(time) > 1e11 ? Number(time) / 1000 : time
}
