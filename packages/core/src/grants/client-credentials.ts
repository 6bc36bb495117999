/** `client_credentials`: the application's own token (RFC 6749 §4.4). */
import { checkOptions, checkText } from '../options.js'
import { type Grant, type GrantOptions, grantOptionNames, grantParameters } from './grant.js'

/** What the token is for. */
export interface ClientCredentialsOptions extends GrantOptions {
  /** Sent along where a server's documentation asks for it, as that of WSO2 Open Banking does. Default: not sent. */
  readonly redirectUri?: string | undefined
}

/**
 * Asks for a token for the client itself. Sent again when no answer came: each answer stands alone.
 *
 * @throws TypeError naming the option
 */
export function clientCredentials(options: ClientCredentialsOptions = {}): Grant {
  checkOptions('clientCredentials', options, [...grantOptionNames, 'redirectUri'])
  if (options.redirectUri !== undefined) checkText('redirectUri', options.redirectUri)
  const parameters = grantParameters(options, { redirect_uri: options.redirectUri })
  return {
    grantType: 'client_credentials',
    identity: parameters,
    parameters: () => parameters,
    resend: 'always',
    withoutRefreshToken: true,
  }
}
