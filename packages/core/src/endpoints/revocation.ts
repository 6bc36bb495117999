/** The revocation endpoint (RFC 7009): a token is not to be used any more. */
import { nothing } from '../answer-shape.js'
import type { Client } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import { checkBoolean, checkCredential, checkOptions, checkText, optionError } from '../options.js'
import { checkIsClient } from './check-client.js'

/** What may be said of a revocation beside the token. */
export interface RevocationOptions {
  /**
   * Needed as `true` where the provider says that revoking a token takes the user's consent away (`revocationEndsConsent`),
   * so that nobody does it without knowing. Default: nothing is sent to such a server.
   */
  readonly endsConsent?: boolean | undefined
}

/** What is to be revoked. */
export interface RevokeTokenOptions extends RevocationOptions {
  /** The access token or refresh token. */
  readonly token: string
  /** Where the server looks first, such as `refresh_token`. Default: none is sent, and the server finds out. */
  readonly tokenTypeHint?: 'access_token' | 'refresh_token' | (string & {}) | undefined
}

/**
 * Revokes a token at the server. Done as well when the server does not know it (any more). What it means for other tokens of
 * the same login is the server's to say: with a refresh token most revoke the access tokens too, with an access token some
 * revoke the refresh token.
 *
 * @throws AuthorizationServerError when the server refuses: `unsupported_token_type`, or 503 with a `retryAfterMs`;
 *   TransportError when it does not answer; TypeError naming an option, or the endpoint that the metadata lacks
 * @see RFC 7009 §2
 */
export async function revokeToken(client: Client, options: RevokeTokenOptions): Promise<void> {
  checkIsClient(client, 'revokeToken(client, { token })')
  checkOptions('revokeToken', options, ['token', 'tokenTypeHint', 'endsConsent'])
  const { token, tokenTypeHint } = options
  checkCredential('token', token)
  if (tokenTypeHint !== undefined) checkText('tokenTypeHint', tokenTypeHint)
  checkMayRevoke(client, options)
  await sendToEndpoint(client, {
    endpoint: 'revocation_endpoint',
    parameters: () => ({ token, token_type_hint: tokenTypeHint }),
    // a token that was revoked already is answered as if it were revoked now
    resend: 'always',
    accepts: [nothing()],
  })
}

/**
 * Refuses a revocation that would take more away than its caller knows of.
 *
 * @throws TypeError naming `endsConsent`
 */
export function checkMayRevoke({ provider }: Client, { endsConsent = false }: RevocationOptions): void {
  checkBoolean('endsConsent', endsConsent)
  if (provider.conform.revocationEndsConsent && !endsConsent)
    throw optionError(
      'endsConsent',
      `revoking a token at ${provider.name} ends the user's consent as well; say endsConsent: true if that is meant`,
    )
}
