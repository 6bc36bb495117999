/** The join of grants and lifecycle: what most programs call. */
import { attach } from './attach.js'
import type { Client } from './client.js'
import { ClosedError } from './errors.js'
import { type Grant, splitScope } from './grants/grant.js'
import { cached, type Thresholds } from './lifecycle/cached.js'
import { type Holdings, holdingsOf } from './lifecycle/holdings.js'
import type { Entry } from './lifecycle/lineage.js'
import { namingProvider, tellOfExpiry } from './lifecycle/notices.js'
import { answered, forgotten, knows, type LineageRecord, startingOver, withRefreshToken } from './lifecycle/record.js'
import { byRefreshToken } from './lifecycle/refresh.js'
import { byGrant, type Renew, redeem } from './lifecycle/renewal.js'
import { StoredLineage } from './lifecycle/stored.js'
import { statedList } from './metadata.js'
import {
  checkCredential,
  checkNumber,
  checkOptions,
  checkText,
  optionError,
  refusePromise,
  toBeAwaited,
} from './options.js'
import { parseOrigins } from './origins.js'
import { checkStore, type TokenStore } from './store/token-store.js'
import { entryKey, lineageKey } from './token-key.js'
import { TokenSet, unawaited } from './token-set.js'
import type { TokenSource } from './token-source.js'

interface SourceOptions extends Thresholds {
  readonly client: Client
  /** Where tokens are kept, so that processes share them. Default: this process's memory. */
  readonly store?: TokenStore | undefined
  /** Where tokens may be sent: scheme, host and port. Default for every integration, needed for `headersFor`. */
  readonly origins?: readonly string[] | undefined
}

export interface TokenSourceOptions extends SourceOptions {
  /** How each token is obtained, such as `clientCredentials({ scope })`. */
  readonly grant: Grant
}

export interface UserTokenSourcesOptions extends SourceOptions {
  /** Asked for on refresh; never more than the user granted. Default: none is sent, and the grant stays as it is. */
  readonly scope?: string | readonly string[] | undefined
}

/** A token source that holds and renews. */
interface RenewingTokenSource extends TokenSource {
  readonly client: Client
  /**
   * The headers a request carries, for what no integration exists: WebSocket, gRPC, another HTTP client.
   *
   * @throws OriginError when the URL is not among `origins`; whatever `getTokenSet` throws
   */
  headersFor(
    method: string,
    url: string | URL,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Record<string, string>>
  /**
   * Drops an access token an API rejected, if it is still the one held: the next caller gets a new one.
   *
   * @throws TokenStoreError when other processes may still hold it
   */
  drop(rejected: string): Promise<void>
  /**
   * Forgets all tokens, in the store too. Nothing is revoked at the server: at some that would end the user's consent.
   *
   * @throws TokenStoreError when they may still be in the store
   */
  forget(): Promise<void>
}

/** What `close()` ends. */
interface Closable {
  /** Takes no more calls, and waits for the token requests under way. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** An application's own tokens. */
export interface ManagedTokenSource extends RenewingTokenSource, Closable {}

/** A user's tokens. */
export interface UserTokenSource extends RenewingTokenSource {
  /** Redeems an authorization code: `redeem(authorizationCode({ code, … }))`. The code is sent once, whatever happens. */
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

/** Tokens obtained elsewhere; instants in epoch milliseconds. */
export interface ImportedTokens {
  readonly refreshToken?: string | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  readonly accessToken?: string | undefined
  readonly expiresAt?: number | undefined
  readonly scope?: string | undefined
}

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
  checkOptions('createTokenSource', options, [...sourceOptionNames, 'grant'])
  checkSourceOptions(options)
  checkGrant(options.client, options.grant)
  if (!options.grant.repeatable)
    throw optionError('grant', `${options.grant.grantType} works once; use createUserTokenSources() and redeem()`)
  const { client, grant, store } = options
  const holdings = holdingsOf(store)
  const anyCertificate = entryKey({ ...client, tls: {} }, grant.grantType, grant.parameters)
  const opened = holdings.open(lineageKey(client, { application: anyCertificate }, holdings.isShared))
  const state = openState('The token source', () => holdings.release(opened))
  const entry = () => {
    // without a refresh token to share, every access token is a lineage of its own
    const key = entryKey(client, grant.grantType, grant.parameters)
    return holdings.entry(lineageKey(client, { application: key }, holdings.isShared), key, opened)
  }
  const source = renewingSource(options, { holdings, entry, renew: byGrant(client, grant), state })
  return { ...source, close: state.close, [Symbol.asyncDispose]: state.close }
}

/**
 * Users' tokens: each user's are obtained by a code or imported, and renewed by their refresh token.
 *
 * @throws TypeError naming the option
 */
export function createUserTokenSources(options: UserTokenSourcesOptions): UserTokenSources {
  checkOptions('createUserTokenSources', options, [...sourceOptionNames, 'scope'])
  checkSourceOptions(options)
  const { client, store } = options
  const scope = splitScope(options.scope).join(' ') || undefined
  const holdings = holdingsOf(store)
  holdings.missed ??= lookedUpBy(client)
  const opened = holdings.open(lineageKey(client, { subject: '' }, holdings.isShared))
  const state = openState('The user token sources', () => holdings.release(opened))
  async function redeemed(entry: () => Entry, grant: Grant): Promise<TokenSet> {
    state.check()
    checkGrant(client, grant)
    const flight = redeem(client, entry(), grant)
    state.started(flight)
    return flight
  }

  return {
    for(subject) {
      checkText('subject', subject)
      const entry = () => {
        const lineage = lineageKey(client, { subject }, holdings.isShared)
        return holdings.entry(lineage, entryKey(client, 'refresh_token', { scope }), opened)
      }
      const renew = byRefreshToken(client, scope, subject)
      const tellWhatIsDue = ({ lineage }: Entry) => tellOfExpiry(client, lineage, subject)
      return {
        ...renewingSource(options, { holdings, entry, renew, state, tellWhatIsDue }),
        redeem: grant => toBeAwaited(redeemed(entry, grant), 'redeem()', unawaited),
        async import(tokens) {
          state.check()
          await namingProvider(client, importTokens(client, entry(), tokens))
        },
      }
    },
    close: state.close,
    [Symbol.asyncDispose]: state.close,
  }
}

const sourceOptionNames = ['client', 'store', 'origins', 'refreshBeforeMs', 'expiryMarginMs'] as const

function checkSourceOptions({ client, store, origins, refreshBeforeMs, expiryMarginMs }: SourceOptions): void {
  if (typeof client?.transport !== 'function') throw optionError('client', 'must come from createClient()')
  if (store !== undefined) checkStore(store)
  if (origins !== undefined) parseOrigins(origins)
  if (refreshBeforeMs !== undefined) checkNumber('refreshBeforeMs', refreshBeforeMs, 0)
  if (expiryMarginMs !== undefined) checkNumber('expiryMarginMs', expiryMarginMs, 0)
}

function checkGrant({ provider }: Client, grant: Grant): void {
  refusePromise('grant', grant)
  if (typeof grant?.grantType !== 'string')
    throw optionError('grant', 'must come from a grant function such as clientCredentials()')
  const accepted = statedList(provider.metadata, 'grant_types_supported')
  if (accepted !== undefined && !accepted.includes(grant.grantType))
    throw optionError('grant', `${provider.name} takes ${accepted.join(', ')}, not ${grant.grantType}`)
}

/** What programs without types make of the promise of headers. */
const ofHeaders = { members: ['authorization'], enumerable: true }

/** What a source works with. */
interface Parts {
  readonly holdings: Holdings
  readonly entry: () => Entry
  readonly renew: Renew
  readonly state: OpenState
  readonly tellWhatIsDue?: ((entry: Entry) => number) | undefined
}

function renewingSource(
  options: SourceOptions,
  { holdings, entry, renew, state, tellWhatIsDue }: Parts,
): RenewingTokenSource {
  const { client, origins } = options
  const read = cached({
    client,
    entry,
    renew,
    thresholds: options,
    started: state.started,
    checkOpen: state.check,
    tellWhatIsDue,
  })
  const allowed = origins && parseOrigins(origins)
  const headersFor: RenewingTokenSource['headersFor'] = async (method, url, { signal } = {}) => {
    if (allowed === undefined)
      throw optionError('origins', 'is needed for headersFor(): name where the token may be sent')
    const { headers } = await attach(source, allowed, { method, url, signal })
    return { ...headers }
  }
  const source: RenewingTokenSource = {
    client,
    origins,
    getTokenSet: options =>
      toBeAwaited(state.isOpen() ? read(options) : Promise.reject(state.error()), 'getTokenSet()', unawaited),
    headersFor: (method, url, options) => toBeAwaited(headersFor(method, url, options), 'headersFor()', ofHeaders),
    async drop(rejected) {
      state.check()
      checkText('rejected', rejected)
      const { lineage, key } = entry()
      await namingProvider(client, new StoredLineage(lineage, client.clock).discard(key, rejected))
    },
    async forget() {
      state.check()
      const { lineage } = entry()
      lineage.forget()
      const stored = new StoredLineage(lineage, client.clock)
      await namingProvider(
        client,
        stored.update(() => ({ ...forgotten })),
      )
      holdings.letGo(lineage)
    },
  }
  return source
}

async function importTokens(client: Client, { key, lineage }: Entry, tokens: ImportedTokens): Promise<void> {
  checkOptions('import', tokens, ['refreshToken', 'refreshTokenExpiresAt', 'accessToken', 'expiresAt', 'scope'])
  const { refreshToken, accessToken, refreshTokenExpiresAt, expiresAt, scope } = tokens
  if (refreshToken === undefined && accessToken === undefined)
    throw optionError('refreshToken', 'give a refresh token, an access token, or both')
  if (refreshToken !== undefined) checkCredential('refreshToken', refreshToken)
  if (accessToken !== undefined) checkText('accessToken', accessToken)
  if (accessToken !== undefined && /[^\x21-\x7e]/.test(accessToken))
    throw optionError('accessToken', 'holds a character no token may have, such as a blank or a line break')
  if (refreshTokenExpiresAt !== undefined) checkNumber('refreshTokenExpiresAt', refreshTokenExpiresAt, 0)
  if (expiresAt !== undefined) checkNumber('expiresAt', expiresAt, 0)
  const stored = new StoredLineage(lineage, client.clock)
  const brought = { refreshToken, refreshTokenExpiresAt, obtainedAt: client.clock.now() }
  const take = (record: LineageRecord): LineageRecord => {
    if (refreshToken !== undefined && knows(record, refreshToken)) return record
    const begun = startingOver(record)
    return accessToken === undefined
      ? withRefreshToken(begun, brought)
      : answered(begun, key, new TokenSet({ ...brought, accessToken, expiresAt, scope }))
  }
  await stored.update(take)
  if (refreshToken !== undefined) await stored.letOthersObject()
}

/** Of its own, so that of the first source nothing but the clock is held for good. */
function lookedUpBy({ clock }: Client): Holdings['missed'] {
  return lineage => void new StoredLineage(lineage, clock).load().catch(() => {})
}

/** Open until closed; knows the requests under way. */
interface OpenState {
  readonly isOpen: () => boolean
  readonly error: () => ClosedError
  /** @throws ClosedError */
  readonly check: () => void
  readonly started: (flight: Promise<unknown>) => void
  readonly close: () => Promise<void>
}

function openState(name: string, release: () => Promise<void>): OpenState {
  const underWay = new Set<Promise<unknown>>()
  let open = true
  const error = () => new ClosedError(`${name} was closed`)
  return {
    isOpen: () => open,
    error,
    check() {
      if (!open) throw error()
    },
    started(flight) {
      // who joins a flight is none of its own
      if (underWay.has(flight)) return
      const done = () => underWay.delete(flight)
      underWay.add(flight)
      flight.then(done, done)
    },
    async close() {
      open = false
      await Promise.allSettled(underWay)
      await release()
    },
  }
}
