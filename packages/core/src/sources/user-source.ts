/** One user's tokens: what every source can do, and how they come in. */
import type { Client } from '../client.js'
import type { Grant } from '../grants/grant.js'
import type { Entry } from '../lifecycle/lineage.js'
import { namingProvider, tellOfExpiry } from '../lifecycle/notices.js'
import { byRefreshToken } from '../lifecycle/refresh.js'
import { type Renew, redeem } from '../lifecycle/renewal.js'
import { toBeAwaited } from '../options.js'
import { sha256 } from '../secret.js'
import { lineageKey } from '../token-key.js'
import { type TokenSet, unawaited } from '../token-set.js'
import { type ImportedTokens, importTokens } from './import-tokens.js'
import { checkGrant, type SourceOptions } from './options.js'
import { type Parts, type RenewingTokenSource, renewingSource } from './renewing-source.js'

/** A user's tokens. */
export interface UserTokenSource extends RenewingTokenSource {
  /**
   * Redeems an authorization code: `redeem(authorizationCode({ code, … }))`. The code is sent once, whatever happens. With
   * `deviceCode()` or `ciba()` it waits until the user has agreed elsewhere.
   *
   * @throws LoginRequiredError when nobody has agreed in time
   */
  redeem(grant: Grant): Promise<TokenSet>
  /**
   * Takes over tokens obtained elsewhere, in place of all that was held. Given a refresh token alone, the first caller
   * waits for an access token. A refresh token that this subject's tokens come from already changes nothing, and who still
   * has one that was rotated meanwhile gets what came after it. A store that has lost its records cannot tell: import when
   * the user logs in, and each time a process starts only with a store that tells of changes, or keeps what it has.
   *
   * @throws TypeError naming the member, TokenStoreError when the store did not take it
   */
  import(tokens: ImportedTokens): Promise<void>
}

/** Whose tokens they are, and the scope asked for on refresh. */
export interface User {
  readonly subject: string
  readonly scope: string | undefined
}

/** A view of one user's tokens: what is kept of them is in the entry. */
export function userSource(
  options: SourceOptions,
  { subject, scope }: User,
  parts: Pick<Parts, 'holdings' | 'entry' | 'state'>,
): UserTokenSource {
  const { client } = options
  const { holdings, entry, state } = parts
  // made when something is to be renewed: most views are only read
  const renew: Renew = (...asked) => byRefreshToken(client, scope, subject)(...asked)
  const tellWhatIsDue = ({ lineage }: Entry) => tellOfExpiry(client, lineage, subject)
  const identity = () => sha256(JSON.stringify([lineageKey(client, { subject }, true), scope]))
  const source = renewingSource(options, { subject, holdings, entry, state, identity, renew, tellWhatIsDue })
  return Object.assign(source, {
    redeem: (grant: Grant) => toBeAwaited(redeemed(client, parts, grant, subject), 'redeem()', unawaited),
    async import(tokens: ImportedTokens) {
      state.check()
      await namingProvider(client, importTokens(client, entry(), tokens))
    },
  })
}

async function redeemed(
  client: Client,
  { entry, state }: Pick<Parts, 'entry' | 'state'>,
  grant: Grant,
  subject: string,
) {
  state.check()
  checkGrant(client, grant)
  const flight = redeem(client, entry(), grant, { subject, checkOpen: state.check })
  state.started(flight)
  return flight
}
