/** Template's token service: JSON with names of its own, and a code of its own for each refusal. */
import {
  type ApiRefusal,
  defineProvider,
  encodeJson,
  type Provider,
  type Refusal,
  type RefusalKind,
} from '@grantkit/core'
import { checkOptions, checkSecureUrl } from '@grantkit/core/kit'

/** Where the token service is. */
export interface TemplateOptions {
  /** Such as `https://login.template.example/v1/token`. */
  readonly tokenEndpoint: string
}

/**
 * Template's token service: client id and secret as JSON; users' tokens are renewed by a refresh token that rotates.
 *
 * @throws TypeError naming the option
 */
export function template(options: TemplateOptions): Provider {
  checkOptions('template', options, ['tokenEndpoint'])
  const { tokenEndpoint } = options
  const { origin } = checkSecureUrl('tokenEndpoint', tokenEndpoint)
  return defineProvider({
    name: 'template',
    metadata: {
      issuer: origin,
      token_endpoint: tokenEndpoint,
      grant_types_supported: ['client_credentials', 'authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
    conform: {
      encodeRequest: parameters => encodeJson(parameters, names),
      mapTokenResponse,
      defaultTokenType: 'Bearer',
      classifyError,
      recognizeRejection,
    },
  })
}

/** https://docs.template.example/token#request: what it calls them. */
const names = { grant_type: 'grantType', client_id: 'appId', client_secret: 'appKey', refresh_token: 'renewBy' }

/** https://docs.template.example/token#answer: no token type, a lifetime in minutes. */
function mapTokenResponse(body: unknown): Record<string, unknown> {
  const { token, renewBy, validForMinutes } = Object(body)
  return { access_token: token, refresh_token: renewBy, expires_in: validForMinutes * 60 }
}

/** https://docs.template.example/errors: 400 for all of them, and the code says what it is. */
function classifyError({ status, error }: Refusal, standard: RefusalKind): RefusalKind {
  if (status !== 400) return standard
  // for a minute after too many requests
  if (error === 'LOCKED') return 'transient'
  if (error === 'BAD_KEY') return 'invalid_client'
  return error === 'LOGGED_OUT' ? 'invalid_grant' : standard
}

/** https://docs.template.example/errors: 401 without a challenge, also for an address that may not call at all. */
function recognizeRejection({ body }: ApiRefusal): boolean {
  return body.includes('"TOKEN_EXPIRED"')
}
