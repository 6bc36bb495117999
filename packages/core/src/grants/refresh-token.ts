/** `refresh_token`: a new access token without the user (RFC 6749 §6). */
import { checkCredential, checkOptions } from '../options.js'
import { sha256 } from '../secret.js'
import { type Grant, type GrantOptions, grantOptionNames, grantParameters } from './grant.js'

/** The refresh token, and what is asked for with it. */
export interface RefreshTokenOptions extends GrantOptions {
  /** `refresh_token`, as the server gave it. */
  readonly refreshToken: string
}

/**
 * Spends a refresh token. Never sent twice, since a server that rotates takes the second time for theft and ends the
 * session (RFC 9700 §4.14). A token source does this by itself; this is for those who keep tokens on their own.
 *
 * @throws TypeError naming the option
 */
export function refreshToken(options: RefreshTokenOptions): Grant {
  checkOptions('refreshToken', options, [...grantOptionNames, 'refreshToken'])
  checkCredential('refreshToken', options.refreshToken)
  const parameters = grantParameters(options, { refresh_token: options.refreshToken })
  return {
    grantType: 'refresh_token',
    identity: { ...parameters, refresh_token: sha256(options.refreshToken) },
    parameters: () => parameters,
    resend: 'unsent',
    singleUse: true,
  }
}
