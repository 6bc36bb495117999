/**
 * Tokens as a process has them that thinks of no other: held in memory, renewed by the refresh token of its own copy, once
 * for all who ask in this process. So do most libraries; written with GrantKit's plain request, to compare like with like.
 */
import { type Client, LoginRequiredError, refreshToken, requestTokenSet, type TokenSet } from '@grantkit/core'
import type { Callable, User, WorkerOptions } from './main.js'

interface Own {
  refreshToken: string
  tokenSet: TokenSet | undefined
  renewal: Promise<TokenSet> | undefined
}

export function ownTokens(
  client: Client,
  users: readonly User[],
  { expiryMarginMs }: WorkerOptions['thresholds'],
): (subject: string) => Callable {
  const owned = new Map(users.map(user => [user.subject, { ...user, tokenSet: undefined, renewal: undefined } as Own]))

  async function renew(own: Own): Promise<TokenSet> {
    own.tokenSet = await requestTokenSet(client, refreshToken({ refreshToken: own.refreshToken })).catch(asLogin)
    own.refreshToken = own.tokenSet.refreshToken ?? own.refreshToken
    return own.tokenSet
  }

  return subject => ({
    async getTokenSet() {
      const own = owned.get(subject) as Own
      const { expiresAt = 0 } = own.tokenSet ?? {}
      if (own.tokenSet !== undefined && expiresAt - expiryMarginMs > client.clock.now()) return own.tokenSet
      own.renewal ??= renew(own).finally(() => {
        own.renewal = undefined
      })
      return own.renewal
    },
  })
}

function asLogin(cause: { kind?: string }): never {
  throw cause.kind === 'invalid_grant' ? new LoginRequiredError('The refresh token is dead', { cause }) : cause
}
