/** One access token that nobody can renew, as a source: for who keeps it elsewhere, such as in a cookie. */
import type { Client } from '../client.js'
import { LoginRequiredError } from '../errors.js'
import { expiryMargin } from '../lifecycle/cached.js'
import type { TokenSet } from '../token-set.js'
import { checkGetTokenSetOptions, type TokenSource } from '../token-source.js'
import { type HeadersFor, headersForOf } from './headers-for.js'

/** Whose token it is, and where it may go. */
export interface StaticSourceOptions {
  /** Whose clock and provider count. */
  readonly client: Client
  /** The user. */
  readonly subject: string
  /** Where it may be sent. Default: nowhere by `headersFor()`. */
  readonly origins?: readonly string[] | undefined
}

/** A source of one token. */
export interface StaticTokenSource extends TokenSource {
  /** The headers that a request carries, for any HTTP client. */
  readonly headersFor: HeadersFor
}

/**
 * Yields a token set until shortly before its end (10 s, at most a tenth of its lifetime), and as long as nobody wants
 * another one; without a known end for ever. After that each call rejects with a LoginRequiredError `no_refresh_token`.
 *
 * @param tokenSet `undefined` where there is none any more
 */
export function staticTokenSource(tokenSet: TokenSet | undefined, options: StaticSourceOptions): StaticTokenSource {
  const { client, subject, origins } = options
  const source: StaticTokenSource = {
    client,
    subject,
    origins,
    async getTokenSet(asked = {}) {
      checkGetTokenSetOptions(asked)
      const { signal, force = false, rejected } = asked
      signal?.throwIfAborted()
      if (tokenSet !== undefined && !force && rejected !== tokenSet.accessToken && isGood(client, tokenSet))
        return tokenSet
      throw new LoginRequiredError('The user must log in: the access token is over, and there is no refresh token', {
        reason: 'no_refresh_token',
        subject,
        provider: client.provider.name,
      })
    },
    headersFor: headersForOf(() => source, origins),
  }
  return source
}

function isGood({ clock }: Client, { obtainedAt, expiresAt }: TokenSet): boolean {
  return expiresAt === undefined || clock.now() < expiresAt - expiryMargin(expiresAt - obtainedAt)
}
