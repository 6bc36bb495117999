/** The source object: what callers can ask of tokens that are kept and renewed, an application's or a user's. */
import type { Client } from '../client.js'
import { checkMayRevoke, type RevocationOptions } from '../endpoints/revocation.js'
import { Reading } from '../lifecycle/cached.js'
import type { Holdings } from '../lifecycle/holdings.js'
import type { Entry } from '../lifecycle/lineage.js'
import { namingProvider } from '../lifecycle/notices.js'
import { forgotten } from '../lifecycle/record.js'
import type { Renew } from '../lifecycle/renewal.js'
import { revokeHeld } from '../lifecycle/revoke.js'
import { StoredLineage } from '../lifecycle/stored.js'
import { checkOptions, checkText, toBeAwaited } from '../options.js'
import { unawaited } from '../token-set.js'
import { type TokenSource, tellHeld } from '../token-source.js'
import { headersForOf } from './headers-for.js'
import type { OpenState } from './open-state.js'
import type { SourceOptions } from './options.js'

/** A token source that keeps tokens and renews them. */
export interface RenewingTokenSource extends TokenSource {
  /** The client it was made with. */
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
  /**
   * Revokes the refresh token at the server, or where there is none the access tokens, and then forgets all of them. Nothing
   * is forgotten when that fails, so that it can be tried again.
   *
   * @throws what `revokeToken()` throws, such as a TypeError naming `endsConsent` where it would end the user's consent;
   *   TokenStoreError
   */
  revoke(options?: RevocationOptions): Promise<void>
}

/** What a source works with. */
export interface Parts {
  /** Whose tokens they are; `undefined` for an application's own. */
  readonly subject?: string | undefined
  /** Of its store. */
  readonly holdings: Holdings
  /** Finds where its token is held. */
  readonly entry: () => Entry
  readonly renew: Renew
  readonly state: OpenState
  /** What tells its tokens from those of other sources, in every process. */
  readonly identity: () => string
  readonly tellWhatIsDue?: ((entry: Entry) => number) | undefined
}

/** The source of these parts; its options were checked. */
export function renewingSource(options: SourceOptions, parts: Parts): RenewingTokenSource {
  const { client, origins } = options
  const { subject, holdings, entry, renew, state, tellWhatIsDue } = parts
  const { started, check: checkOpen } = state
  const reading = new Reading({ client, subject, entry, renew, thresholds: options, started, checkOpen, tellWhatIsDue })
  const getTokenSet: TokenSource['getTokenSet'] = options =>
    toBeAwaited(
      state.isOpen() ? reading.getTokenSet(options) : Promise.reject(state.error()),
      'getTokenSet()',
      unawaited,
    )
  tellHeld(getTokenSet, () => (state.isOpen() ? reading.held() : undefined))
  const source: RenewingTokenSource = {
    client,
    origins,
    subject,
    identity: parts.identity,
    getTokenSet,
    headersFor: headersForOf(() => source, origins),
    async drop(rejected) {
      checkOpen()
      checkText('rejected', rejected)
      const { lineage, key } = entry()
      await namingProvider(client, () => new StoredLineage(lineage, client.clock).discard(key, rejected))
    },
    async revoke(options = {}) {
      checkOpen()
      checkOptions('revoke', options, ['endsConsent'])
      checkMayRevoke(client, options)
      const revoked = revokeHeld(client, entry(), { options, forget: source.forget, checkOpen })
      started(revoked)
      await namingProvider(client, () => revoked)
    },
    async forget() {
      checkOpen()
      const { lineage } = entry()
      lineage.forget()
      const stored = new StoredLineage(lineage, client.clock)
      await namingProvider(client, () => stored.update(() => ({ ...forgotten })))
      holdings.letGo(lineage)
    },
  }
  return source
}
