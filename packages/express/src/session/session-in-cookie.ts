/** Sessions without a store: their cookie holds the access token. What is in a browser has no refresh token in it. */
import { type Client, requestTokenSet, revokeToken, TokenSet } from '@grantkit/core'
import { staticTokenSource } from '@grantkit/core/kit'
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

export function sessionsInCookie({ client, app, origins }: SessionsInCookieParts): SessionTokens {
  return {
    async redeem(_session, grant) {
      const tokenSet = await requestTokenSet(client, grant)
      const { accessToken, jkt, obtainedAt, expiresAt } = tokenSet
      return { tokenSet, token: { accessToken, jkt, obtainedAt, expiresAt } }
    },
    announce: async () => {},
    begin: async () => {},
    find: async session =>
      staticTokenSource(tokenSetOf(session), { client, subject: recordNameOf(app, session.id), origins }),
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

function tokenSetOf({ token, scope }: Session): TokenSet | undefined {
  if (token === undefined) return undefined
  return new TokenSet({ ...token, tokenType: token.jkt === undefined ? 'Bearer' : 'DPoP', scope })
}
