/** One user's tokens: what every source can do, and how they come in. */
import type { Client } from '../client.js'
import { type Grant, splitResource } from '../grants/grant.js'
import { namingProvider } from '../lifecycle/notices.js'
import { type Asked, byRefreshToken } from '../lifecycle/refresh.js'
import { redeem } from '../lifecycle/renewal.js'
import { optionError, toBeAwaited } from '../options.js'
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

/** What the sources of all users of a client work with. */
export interface UserParts extends Parts<string> {
  readonly asked: Asked
}

/** The rest of it. What renews is made when something is to be renewed: most sources are only read. */
export function userParts(
  client: Client,
  asked: Asked,
  parts: Pick<UserParts, 'holdings' | 'state' | 'entry'>,
): UserParts {
  const { scope, resource = [] } = asked
  return {
    ...parts,
    asked,
    renewal: subject => byRefreshToken(client, asked, subject),
    identity: subject => sha256(JSON.stringify([lineageKey(client, { subject }, true), scope, ...resource])),
  }
}

/** A view of one user's tokens: what is kept of them is in the entry. */
export function userSource(options: SourceOptions, parts: UserParts, subject: string): UserTokenSource {
  const { client } = options
  const source = renewingSource(options, parts, subject)
  return Object.assign(source, {
    redeem: (grant: Grant) => toBeAwaited(redeemed(client, parts, grant, subject), 'redeem()', unawaited),
    import: (tokens: ImportedTokens) =>
      namingProvider(client, () => {
        parts.state.check()
        return importTokens(client, parts.entry(subject), tokens)
      }),
  })
}

async function redeemed(
  client: Client,
  { entry, state, asked: { resource } }: UserParts,
  grant: Grant,
  subject: string,
) {
  state.check()
  checkGrant(client, grant)
  const granted = splitResource(grant.identity.resource) ?? resource
  const login = { subject, resource: granted, checkOpen: state.check }
  const flight = redeem(client, entry(subject), forResource(grant, granted, resource), login)
  state.started(flight)
  return flight
}

/**
 * The grant, with what these sources are for: all it was granted for, or less.
 *
 * @throws TypeError where that is something else: its token would be taken for one of these
 * @see RFC 8707 §2.2
 */
function forResource(grant: Grant, granted: Asked['resource'], wanted: Asked['resource']): Grant {
  if (wanted === undefined || granted === undefined) return grant
  const other = wanted.find(one => !granted.includes(one))
  if (other !== undefined)
    throw optionError('resource', 'is another one in the grant: redeem it with sources of the resource it is for')
  const { identity, parameters } = grant
  return {
    ...grant,
    identity: { ...identity, resource: wanted },
    parameters: async context => ({ ...(await parameters(context)), resource: wanted }),
  }
}
