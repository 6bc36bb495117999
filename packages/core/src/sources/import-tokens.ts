/** Takes over a user's tokens that were obtained elsewhere. */
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
export async function importTokens(client: Client, { key, lineage }: Entry, tokens: ImportedTokens): Promise<void> {
  checkTokens(client, tokens)
  const { refreshToken, accessToken, tokenType, refreshTokenExpiresAt, expiresAt, scope } = tokens
  const jkt = tokenType === 'DPoP' ? client.dpop?.thumbprint : undefined
  const mayWantProof = refreshToken !== undefined && lacksProof(client)
  const stored = new StoredLineage(lineage, client.clock)
  const obtainedAt = client.clock.now()
  await stored.update((record: LineageRecord) => {
    if (refreshToken !== undefined && knows(record, refreshToken)) return record
    const begun = startingOver(record)
    const members = { tokenType, jkt, refreshToken, obtainedAt, expiresAt, refreshTokenExpiresAt, scope }
    const taken =
      accessToken === undefined
        ? withRefreshToken(begun, members)
        : answered(begun, key, new TokenSet({ accessToken, ...members }))
    return mayWantProof ? { ...taken, unproven: 'imported' } : taken
  })
  if (refreshToken !== undefined) await stored.letOthersObject()
}

const names = ['refreshToken', 'refreshTokenExpiresAt', 'accessToken', 'tokenType', 'expiresAt', 'scope'] as const

function checkTokens({ dpop }: Client, tokens: ImportedTokens): void {
  checkOptions('import', tokens, names)
  const { refreshToken, accessToken, tokenType, refreshTokenExpiresAt, expiresAt } = tokens
  if (refreshToken === undefined && accessToken === undefined)
    throw optionError('refreshToken', 'give a refresh token, an access token, or both')
  if (![undefined, 'Bearer', 'DPoP'].includes(tokenType)) throw optionError('tokenType', 'must be Bearer or DPoP')
  if (tokenType === 'DPoP' && dpop === undefined)
    throw optionError('tokenType', 'is DPoP: the client needs the key they are bound to, by its option dpop')
  if (refreshToken !== undefined) checkCredential('refreshToken', refreshToken)
  if (accessToken !== undefined) checkText('accessToken', accessToken)
  if (accessToken !== undefined && /[^\x21-\x7e]/.test(accessToken))
    throw optionError('accessToken', 'holds a character no token may have, such as a blank or a line break')
  if (refreshTokenExpiresAt !== undefined) checkNumber('refreshTokenExpiresAt', refreshTokenExpiresAt, 0)
  if (expiresAt !== undefined) checkNumber('expiresAt', expiresAt, 0)
}
