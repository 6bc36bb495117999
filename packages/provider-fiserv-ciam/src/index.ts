/** Fiserv CIAM: id and secret in the body, as JSON or as a form, and three shapes of error. */
import { type ApiRefusal, defineProvider, encodeForm, encodeJson, type Parameters, type Provider } from '@grantkit/core'
import { checkOptions, checkSecureUrl, optionError } from '@grantkit/core/kit'

/** Where the token service is, and which of its spellings it understands. */
export interface FiservCiamOptions {
  /** Such as `https://ciam-mfa-api-dev.1dc.com/ciam-mfa/v2/get/token`. */
  readonly tokenEndpoint: string
  /** Encoding of the token request. Default `'json'`, as the page has it; the product's own error list wants `'form'`. */
  readonly format?: 'json' | 'form' | undefined
  /** The spelling on the wire. Default `'client_credentials'`; the sample payload has `'client_credential'`. */
  readonly grantType?: 'client_credentials' | 'client_credential' | undefined
  /** Headers for every API request beside `Authorization`. Default none. */
  readonly resourceHeaders?: Readonly<Record<string, string>> | undefined
}

/**
 * Fiserv CIAM's token service. It refuses Basic authentication, so id and secret go in the body.
 *
 * @throws TypeError naming the option
 */
export function fiservCiam(options: FiservCiamOptions): Provider {
  checkOptions('fiservCiam', options, ['tokenEndpoint', 'format', 'grantType', 'resourceHeaders'])
  const { tokenEndpoint, format = 'json', grantType = 'client_credentials', resourceHeaders } = options
  const { origin } = checkSecureUrl('tokenEndpoint', tokenEndpoint)
  if (!['json', 'form'].includes(format)) throw optionError('format', "must be 'json' or 'form'")
  if (!['client_credentials', 'client_credential'].includes(grantType))
    throw optionError('grantType', "must be 'client_credentials' or 'client_credential'")
  const encode = format === 'json' ? (parameters: Parameters) => encodeJson(parameters) : encodeForm
  return defineProvider({
    name: 'fiserv-ciam',
    metadata: {
      issuer: origin,
      token_endpoint: tokenEndpoint,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
    conform: {
      encodeRequest: parameters => encode({ ...parameters, grant_type: grantType }),
      recognizeRejection,
      resourceHeaders,
    },
  })
}

/** 10001 is an expired token and 10002 an invalid one; 10001 with INVALID_DATA is about the request's own data. */
function recognizeRejection({ body }: ApiRefusal): boolean {
  return /"(?:error|code)"\s*:\s*"?1000[12]\b/.test(body) && !/"message"\s*:\s*"INVALID_DATA"/.test(body)
}
