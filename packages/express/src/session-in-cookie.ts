/** Sessions without a store: their cookie holds the access token. What is in a browser has no refresh token in it. */
import {
  type Client,
  LoginRequiredError,
  requestTokenSet,
  revokeToken,
  TokenSet,
  type TokenSource,
} from '@grantkit/core'
import type { Session } from './session-cookie.js'
import type { SessionTokens } from './session-tokens.js'

export function sessionsInCookie(client: Client): SessionTokens {
  return {
    async redeem(_session, grant) {
      const tokenSet = await requestTokenSet(client, grant)
      const { accessToken, jkt, obtainedAt, expiresAt } = tokenSet
      return { tokenSet, token: { accessToken, jkt, obtainedAt, expiresAt } }
    },
    begin: async () => {},
    isAlive: async () => true,
    sourceOf: session => sourceOf(client, session),
    idTokenOf: async () => undefined,
    end: async () => {},
    forget: async () => {},
    async revoke({ token }) {
      if (token !== undefined) await revokeToken(client, { token: token.accessToken, tokenTypeHint: 'access_token' })
    },
    close: async () => {},
  }
}

/** A token that ends a moment from now would be over when it arrives. */
const marginMs = 10_000

/** One token, until its end. */
function sourceOf(client: Client, { token, scope }: Session): TokenSource {
  return {
    client,
    async getTokenSet({ signal, force = false, rejected } = {}) {
      signal?.throwIfAborted()
      if (token === undefined || force || rejected === token.accessToken || isOver(client, token)) throw isGone(client)
      const { accessToken, jkt, obtainedAt, expiresAt } = token
      const tokenType = jkt === undefined ? 'Bearer' : 'DPoP'
      return new TokenSet({ accessToken, tokenType, jkt, obtainedAt, expiresAt, scope })
    },
  }
}

function isOver({ clock }: Client, { obtainedAt, expiresAt }: NonNullable<Session['token']>): boolean {
  if (expiresAt === undefined) return false
  return clock.now() >= expiresAt - Math.min(marginMs, (expiresAt - obtainedAt) / 10)
}

function isGone({ provider }: Client): LoginRequiredError {
  return new LoginRequiredError('the access token is over, and the cookie holds nothing to renew it by', {
    reason: 'no_refresh_token',
    provider: provider.name,
  })
}
