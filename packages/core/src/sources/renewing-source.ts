/** The source object: what callers can ask of tokens that are kept and renewed, an application's or a user's. */
import type { Client } from '../client.js'
import { checkMayRevoke, type RevocationOptions } from '../endpoints/revocation.js'
import { Reading, type ReadingParts } from '../lifecycle/cached.js'
import type { Holdings } from '../lifecycle/holdings.js'
import { namingProvider } from '../lifecycle/notices.js'
import { forgotten } from '../lifecycle/record.js'
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

/** What all sources of one kind work with: an application's own, or those of a client's users. */
export interface Parts<Subject extends string | undefined> extends ReadingParts<Subject> {
  /** Of their store. */
  readonly holdings: Holdings
  readonly state: OpenState
  /** What tells the tokens of one from those of other sources, in every process. */
  readonly identity: (subject: Subject) => string
}

/** The source of a subject; its options were checked. */
export function renewingSource<Subject extends string | undefined>(
  options: SourceOptions,
  parts: Parts<Subject>,
  subject: Subject,
): RenewingTokenSource {
  const { client, origins } = options
  const { holdings, state } = parts
  const { started, check: checkOpen } = state
  const reading = new Reading(client, options, parts, subject)
  const getTokenSet: TokenSource['getTokenSet'] = options =>
    toBeAwaited(
      state.isOpen() ? reading.getTokenSet(options) : Promise.reject(state.error()),
      'getTokenSet()',
      unawaited,
    )
  tellHeld(getTokenSet, reading)
  const source: RenewingTokenSource = {
    client,
    origins,
    subject,
    identity: () => parts.identity(subject),
    getTokenSet,
    headersFor: headersForOf(() => source, origins),
    async drop(rejected) {
      checkOpen()
      checkText('rejected', rejected)
      const { lineage, key } = parts.entry(subject)
      await namingProvider(client, () => new StoredLineage(lineage, client.clock).discard(key, rejected))
    },
    async revoke(options = {}) {
      checkOpen()
      checkOptions('revoke', options, ['endsConsent'])
      checkMayRevoke(client, options)
      const revoked = revokeHeld(client, parts.entry(subject), { options, forget: source.forget, checkOpen })
      started(revoked)
      await namingProvider(client, () => revoked)
    },
    async forget() {
      checkOpen()
      const { lineage } = parts.entry(subject)
      lineage.forget()
      const stored = new StoredLineage(lineage, client.clock)
      await namingProvider(client, () => stored.update(() => ({ ...forgotten })))
      holdings.letGo(lineage)
    },
  }
  return source
}
