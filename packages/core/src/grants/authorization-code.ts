/** `authorization_code`, with PKCE: a user's token for the code their login came back with (RFC 6749 §4.1, RFC 7636). */
import { randomBytes } from 'node:crypto'
import { checkCredential, checkOptions, checkText, optionError } from '../options.js'
import { sha256 } from '../secret.js'
import { type Grant, type GrantOptions, grantOptionNames, grantParameters } from './grant.js'

/** The code of a login, and what its authorization request said. */
export interface AuthorizationCodeOptions extends GrantOptions {
  /** `code` of the redirect the login came back with. */
  readonly code: string
  /** The one the authorization request named, exactly. */
  readonly redirectUri?: string | undefined
  /** The verifier of the challenge the authorization request carried; 43 to 128 unreserved characters. */
  readonly codeVerifier?: string | undefined
}

/**
 * Redeems a code. A code is good for one use, so the request is never sent twice.
 *
 * @throws TypeError naming the option
 */
export function authorizationCode(options: AuthorizationCodeOptions): Grant {
  checkOptions('authorizationCode', options, [...grantOptionNames, 'code', 'redirectUri', 'codeVerifier'])
  const { code, redirectUri, codeVerifier } = options
  checkCredential('code', code)
  if (redirectUri !== undefined) checkText('redirectUri', redirectUri)
  if (codeVerifier !== undefined && !/^[A-Za-z0-9._~-]{43,128}$/.test(codeVerifier))
    throw optionError('codeVerifier', 'must be 43 to 128 letters, digits, "-", ".", "_" or "~" (RFC 7636 §4.1)')
  const parameters = grantParameters(options, { code, redirect_uri: redirectUri, code_verifier: codeVerifier })
  return {
    grantType: 'authorization_code',
    identity: { ...parameters, code: sha256(code), code_verifier: undefined },
    parameters: () => parameters,
    resend: 'never',
    singleUse: true,
    unproven: true,
  }
}

/** What an authorization request sends, and what the code is redeemed with. */
export interface Pkce {
  /** Keep it for {@link authorizationCode}. */
  readonly codeVerifier: string
  /** `code_challenge` of the authorization request. */
  readonly codeChallenge: string
  /** `code_challenge_method` of the authorization request. */
  readonly codeChallengeMethod: 'S256'
}

/** A new verifier of 256 random bits and its challenge (RFC 7636 §4). */
export function createPkce(): Pkce {
  return pkceOf(randomBytes(32).toString('base64url'))
}

/** A verifier and its challenge. */
export function pkceOf(codeVerifier: string): Pkce {
  return { codeVerifier, codeChallenge: sha256(codeVerifier), codeChallengeMethod: 'S256' }
}
