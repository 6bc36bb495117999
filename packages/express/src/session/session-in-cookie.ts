/** Sessions without a store: their cookie holds the access token. What is in a browser has no refresh token in it. */
import { type Client, LoginRequiredError, requestTokenSet, revokeToken, TokenSet } from '@grantkit/core'
import { headersForOf } from '@grantkit/core/kit'
import type { UserTokens } from '../request.js'
import type { Session } from './session-cookie.js'
import { recordNameOf } from './session-record.js'
import type { SessionTokens } from './session-tokens.js'

/** What sessions in a cookie are made by. */
export interface SessionsInCookieParts {
  readonly client: Client
  /** What tells the app's sessions from those of another. */
  readonly app: string
  /** Where the tokens may be sent. */
  readonly origins: readonly string[] | undefined
}

export function sessionsInCookie(parts: SessionsInCookieParts): SessionTokens {
  const { client } = parts
  return {
    async redeem(_session, grant) {
      const tokenSet = await requestTokenSet(client, grant)
      const { accessToken, jkt, obtainedAt, expiresAt } = tokenSet
      return { tokenSet, token: { accessToken, jkt, obtainedAt, expiresAt } }
    },
    announce: async () => {},
    begin: async () => {},
    find: async session => sourceOf(parts, session),
    idTokenOf: async () => undefined,
    end: async () => {},
    forget: async () => {},
    async revoke({ token }) {
      if (token !== undefined) await revokeToken(client, { token: token.accessToken, tokenTypeHint: 'access_token' })
    },
    endAt: async () => {},
    close: async () => {},
  }
}

/** A token that ends a moment from now would be over when it arrives. */
const marginMs = 10_000

/** One token, until its end. */
function sourceOf({ client, app, origins }: SessionsInCookieParts, { id, token, scope }: Session): UserTokens {
  const subject = recordNameOf(app, id)
  const source: UserTokens = {
    client,
    origins,
    subject,
    async getTokenSet({ signal, force = false, rejected } = {}) {
      signal?.throwIfAborted()
      if (token === undefined || force || rejected === token.accessToken || isOver(client, token))
        throw isGone(client, subject)
      const { accessToken, jkt, obtainedAt, expiresAt } = token
      const tokenType = jkt === undefined ? 'Bearer' : 'DPoP'
      return new TokenSet({ accessToken, tokenType, jkt, obtainedAt, expiresAt, scope })
    },
    headersFor: headersForOf(() => source, origins),
  }
  return source
}

function isOver({ clock }: Client, { obtainedAt, expiresAt }: NonNullable<Session['token']>): boolean {
  if (expiresAt === undefined) return false
  return clock.now() >= expiresAt - Math.min(marginMs, (expiresAt - obtainedAt) / 10)
}

function isGone({ provider }: Client, subject: string): LoginRequiredError {
  return new LoginRequiredError('the access token is over, and the cookie holds nothing to renew it by', {
    reason: 'no_refresh_token',
    subject,
    provider: provider.name,
  })
}
