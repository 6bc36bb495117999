/** The join of grants and lifecycle: what most programs call. */
import type { Client } from './client.js'
import { type Grant, splitResource, splitScope } from './grants/grant.js'
import { type Holdings, holdingsOf } from './lifecycle/holdings.js'
import { byGrant } from './lifecycle/renewal.js'
import { StoredLineage } from './lifecycle/stored.js'
import { checkNumber, checkText, optionError } from './options.js'
import { type Closable, openState } from './sources/open-state.js'
import { checkGrant, checkSourceOptions, type SourceOptions } from './sources/options.js'
import { type RenewingTokenSource, renewingSource } from './sources/renewing-source.js'
import { type UserTokenSource, userParts, userSource } from './sources/user-source.js'
import { entryKey, entryKeys, lineageKey, userKeys } from './token-key.js'

/** What {@link createTokenSource} takes. */
export interface TokenSourceOptions extends SourceOptions {
  /** How each token is obtained, such as `clientCredentials({ scope })`. */
  readonly grant: Grant
}

/** What {@link createUserTokenSources} takes. */
export interface UserTokenSourcesOptions extends SourceOptions {
  /** Asked for on refresh; never more than the user granted. Default: none is sent, and the grant stays as it is. */
  readonly scope?: string | readonly string[] | undefined
  /**
   * The API the tokens are for, asked for at login and on each refresh. Default: what the login named, or none. Give sources
   * of their own to each resource: they share the refresh token, and each has its access token.
   *
   * @see RFC 8707 §2.2
   */
  readonly resource?: string | readonly string[] | undefined
  /**
   * How long a user's tokens are kept after they were last renewed, at most, in milliseconds: for subjects that nobody asks for
   * any more, such as the id of a session that is over. Default: as long as the refresh token is good, which may be for ever.
   */
  readonly keepForMs?: number | undefined
}

/** An application's own tokens. */
export interface ManagedTokenSource extends RenewingTokenSource, Closable {}

/** The tokens of all users of one client. */
export interface UserTokenSources extends Closable {
  /** The tokens of one user, or of one consent: any text that names them. A view; make as many as you like. */
  for(subject: string): UserTokenSource
}

/**
 * An application's own tokens: obtained by a grant, reused, renewed once for all who ask at the same time.
 *
 * @throws TypeError naming the option
 */
export function createTokenSource(options: TokenSourceOptions): ManagedTokenSource {
  checkSourceOptions('createTokenSource', options, 'grant')
  checkGrant(options.client, options.grant)
  if (options.grant.singleUse)
    throw optionError('grant', `${options.grant.grantType} works once; use createUserTokenSources() and redeem()`)
  const { client, grant, store } = options
  const holdings = holdingsOf(store)
  const anyCertificate = entryKey({ ...client, tls: {} }, grant.grantType, grant.identity)
  const opened = holdings.open(lineageKey(client, { application: anyCertificate }, holdings.isShared))
  const state = openState('The token source', () => holdings.release(opened))
  const currentKey = entryKeys(client, grant.grantType, grant.identity)
  const entry = () => {
    // without a refresh token to share, every access token is a lineage of its own
    const key = currentKey()
    return holdings.entry(lineageKey(client, { application: key }, holdings.isShared), key, opened)
  }
  const identity = () => lineageKey(client, { application: anyCertificate }, true)
  const renew = byGrant(client, grant)
  const source = renewingSource(options, { holdings, state, entry, renewal: () => renew, identity }, undefined)
  return { ...source, close: state.close, [Symbol.asyncDispose]: state.close }
}

/**
 * Users' tokens: each user's are obtained by a code or imported, and renewed by their refresh token.
 *
 * @throws TypeError naming the option
 */
export function createUserTokenSources(options: UserTokenSourcesOptions): UserTokenSources {
  checkSourceOptions('createUserTokenSources', options, 'scope', 'resource', 'keepForMs')
  const { client, store, keepForMs } = options
  if (keepForMs !== undefined) checkNumber('keepForMs', keepForMs, 1_000)
  const scope = splitScope(options.scope).join(' ') || undefined
  const resource = splitResource(options.resource)
  const holdings = holdingsOf(store)
  holdings.missed ??= lookedUpBy(client)
  const keyOf = userKeys(client, holdings.isShared)
  const currentKey = entryKeys(client, 'refresh_token', { scope, ...(resource && { resource: [...resource].sort() }) })
  const opened = holdings.open(keyOf(''), keepForMs)
  const state = openState('The user token sources', () => holdings.release(opened))
  const entry = (subject: string) => holdings.entry(keyOf(subject), currentKey(), opened)
  const parts = userParts(client, { scope, resource }, { holdings, state, entry })
  return {
    for(subject) {
      checkText('subject', subject)
      return userSource(options, parts, subject)
    },
    close: state.close,
    [Symbol.asyncDispose]: state.close,
  }
}

/** A function of its own: what is held of a store lasts, and is to hold the clock of the first client and nothing else of it. */
function lookedUpBy({ clock }: Client): Holdings['missed'] {
  return lineage => void new StoredLineage(lineage, clock).load().catch(() => {})
}
