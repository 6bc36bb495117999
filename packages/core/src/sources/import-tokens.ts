/** Takes over a user's tokens that were obtained elsewhere. */
import { type AtOnce, after } from '../at-once.js'
import type { AccessTokenType } from '../binding.js'
import type { Client } from '../client.js'
import type { Entry } from '../lifecycle/lineage.js'
import { answered, knows, type LineageRecord, startingOver, withRefreshToken } from '../lifecycle/record.js'
import { lacksProof } from '../lifecycle/refresh.js'
import { StoredLineage } from '../lifecycle/stored.js'
import { checkCredential, checkNumber, checkOptions, checkText, optionError } from '../options.js'
import { TokenSet } from '../token-set.js'

/** Tokens obtained elsewhere; instants in epoch milliseconds. */
export interface ImportedTokens {
  /** Renews the others. It or `accessToken` is needed. */
  readonly refreshToken?: string | undefined
  /** When the refresh token expires. Default: not known. */
  readonly refreshTokenExpiresAt?: number | undefined
  /** Serves until it expires. Default: the first caller waits for one. */
  readonly accessToken?: string | undefined
  /** `DPoP` for tokens that are bound to the key of the client's `dpop`. Default `Bearer`. */
  readonly tokenType?: AccessTokenType | undefined
  /** When the access token expires. Default: not known. */
  readonly expiresAt?: number | undefined
  /** The scope of the access token, space-separated. Default: not known. */
  readonly scope?: string | undefined
}

/**
 * Writes tokens in place of all that was kept, unless their refresh token is one that the kept tokens come from.
 *
 * @throws TypeError naming the member, TokenStoreError when the store did not take them
 */
export function importTokens(client: Client, { key, lineage }: Entry, tokens: ImportedTokens): AtOnce<void> {
  checkTokens(client, tokens)
  const { refreshToken, accessToken, tokenType, refreshTokenExpiresAt, expiresAt, scope } = tokens
  const jkt = tokenType === 'DPoP' ? client.dpop?.thumbprint : undefined
  const mayWantProof = refreshToken !== undefined && lacksProof(client)
  const stored = new StoredLineage(lineage, client.clock)
  const obtainedAt = client.clock.now()
  const answer =
    accessToken === undefined
      ? undefined
      : new TokenSet({ accessToken, tokenType, jkt, refreshToken, refreshTokenExpiresAt, obtainedAt, expiresAt, scope })
  const updated = stored.update((record: LineageRecord) => {
    if (refreshToken !== undefined && knows(record, refreshToken)) return record
    const begun = startingOver(record)
    const taken =
      answer === undefined
        ? withRefreshToken(begun, { jkt, refreshToken, refreshTokenExpiresAt, obtainedAt })
        : answered(begun, key, answer)
    return mayWantProof ? { ...taken, unproven: 'imported' } : taken
  })
  return after(updated, () => (refreshToken === undefined ? undefined : stored.letOthersObject()))
}

const names = ['refreshToken', 'refreshTokenExpiresAt', 'accessToken', 'tokenType', 'expiresAt', 'scope'] as const
const noTokenCharacter = /[^\x21-\x7e]/

function checkTokens({ dpop }: Client, tokens: ImportedTokens): void {
  checkOptions('import', tokens, names)
  const { refreshToken, accessToken, tokenType, refreshTokenExpiresAt, expiresAt } = tokens
  if (refreshToken === undefined && accessToken === undefined)
    throw optionError('refreshToken', 'give a refresh token, an access token, or both')
  if (tokenType !== undefined && tokenType !== 'Bearer' && tokenType !== 'DPoP')
    throw optionError('tokenType', 'must be Bearer or DPoP')
  if (tokenType === 'DPoP' && dpop === undefined)
    throw optionError('tokenType', 'is DPoP: the client needs the key they are bound to, by its option dpop')
  if (refreshToken !== undefined) checkCredential('refreshToken', refreshToken)
  if (accessToken !== undefined) checkText('accessToken', accessToken)
  if (accessToken !== undefined && noTokenCharacter.test(accessToken))
    throw optionError('accessToken', 'holds a character no token may have, such as a blank or a line break')
  if (refreshTokenExpiresAt !== undefined) checkNumber('refreshTokenExpiresAt', refreshTokenExpiresAt, 0)
  if (expiresAt !== undefined) checkNumber('expiresAt', expiresAt, 0)
}
