/** `client_secret_basic`: the client's credentials in an `Authorization: Basic` header (RFC 6749 §2.3.1). */
import { checkOptions, optionError } from '../options.js'
import { formEncode } from '../request-encoding.js'
import type { Secret } from '../secret.js'
import type { AuthenticationContext, ClientAuth } from './client-auth.js'
import { readSecret, secretMembers } from './secret-auth.js'

/** How the header is written. */
export interface ClientSecretBasicOptions {
  /**
   * How id and secret are written before Base64: `'form'` encodes both as `URLSearchParams` does (RFC 6749
   * appendix B), `'raw'` leaves them as they are, for servers that decode nothing. Default: what the provider says,
   * else `'form'`.
   */
  readonly encoding?: 'form' | 'raw' | undefined
}

/**
 * Sends a Basic header and nothing in the body.
 *
 * @param clientSecret the secret, or an async function that is asked for it before every request
 * @throws TypeError when the secret is empty, or `:` in an id that is sent raw
 */
export function clientSecretBasic(clientSecret: Secret, options: ClientSecretBasicOptions = {}): ClientAuth {
  checkOptions('clientSecretBasic', options, ['encoding'])
  if (options.encoding !== undefined && !['form', 'raw'].includes(options.encoding))
    throw optionError('encoding', "must be 'form' or 'raw'")
  const method = 'client_secret_basic'
  const members = secretMembers(clientSecret, method)
  const isRaw = ({ provider }: Pick<AuthenticationContext, 'provider'>) =>
    (options.encoding ?? provider.conform.basicCredentials ?? 'form') === 'raw'
  return {
    method,
    ...members,
    identity: `${members.identity} ${options.encoding ?? ''}`,
    check(context) {
      members.check(context)
      if (isRaw(context)) checkRawId(context.clientId)
    },
    async authenticate(parameters, context) {
      const secret = await readSecret(clientSecret, method, context)
      const pair = [context.clientId, secret].map(isRaw(context) ? String : formEncode).join(':')
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
      return { parameters, headers: { authorization }, secrets: [secret] }
    },
  }
}

/** The first `:` ends the id; the secret may have more of them. @see RFC 7617 §2 */
function checkRawId(clientId: string): void {
  if (clientId.includes(':'))
    throw optionError('clientId', 'must not contain ":" in a raw Basic header; ask the provider for another one')
}
