/** Sessions whose tokens are in a store, where all processes of the app find them: renewed once for all, gone at a logout. */
import { type Client, createUserTokenSources, type TokenStore, ValidationError } from '@grantkit/core'
import { boundedStoreOf } from '@grantkit/core/kit'
import { msUntil } from '../records.js'
import type { Session } from './session-cookie.js'
import { SessionError } from './session-error.js'
import { sessionIndex } from './session-index.js'
import { recordNameOf, sessionRecords } from './session-record.js'
import type { Identified, SessionTokens } from './session-tokens.js'

/** What sessions in a store are made by. */
export interface SessionsInStoreParts {
  readonly client: Client
  readonly store: TokenStore
  /** What tells the app's sessions from those of another. */
  readonly app: string
  /** Where the tokens may be sent. */
  readonly origins: readonly string[] | undefined
  /** How long a session lasts at most, in milliseconds. */
  readonly absoluteMs: number
  /** Whether the ID token is kept for the logout at the server. */
  readonly keepsIdToken: boolean
  /** Whether the server tells of logouts, so that a session has to be found by what the server calls it. */
  readonly isToldOfLogouts: boolean
}

/** How long a browser takes, at most, from a login to the next request: what the store does not have by then it has lost. */
const recentMs = 60_000

export function sessionsInStore(parts: SessionsInStoreParts): SessionTokens {
  const { client, app, origins, absoluteMs, keepsIdToken, isToldOfLogouts } = parts
  const { clock } = client
  const users = createUserTokenSources({ client, store: parts.store, origins, keepForMs: absoluteMs })
  const store = boundedStoreOf(parts.store)
  const records = sessionRecords(store)
  const index = sessionIndex({ client, store })
  const startedAt = clock.now()
  const nameOf = ({ id }: Identified) => recordNameOf(app, id)

  async function endAll(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await records.prevent(name)
      await users.for(name).forget()
    }
  }

  /**
   * A process that has been there since before the login, and is asked for the session a moment after it, should have it in
   * its memory. A store elsewhere may have lost it: its next login is kept.
   */
  function checkIsOver({ loggedInAt }: Session): void {
    const agoMs = clock.now() - loggedInAt
    if (parts.store.secrecy !== 'process' || loggedInAt < startedAt || Math.abs(agoMs) >= recentMs) return
    throw new SessionError(
      'not_in_store',
      `the session was begun ${Math.round(agoMs / 1000)} s ago, and the memory of this process does not have it: there are several processes, perhaps; give grantkit() a store that all of them share`,
    )
  }

  return {
    redeem: async (session, grant) => ({ tokenSet: await users.for(nameOf(session)).redeem(grant) }),
    async announce(session, { idTokenClaims = {} }) {
      if (!isToldOfLogouts) return
      const indexed = { name: nameOf(session), endsAt: clock.now() + absoluteMs }
      await endAll(await index.add(indexed, idTokenClaims))
    },
    async begin(session, { idToken }) {
      const keepForMs = msUntil(session.endsAt, clock.now())
      const record = { keepForMs, idToken: keepsIdToken ? idToken : undefined }
      if (await records.begin(nameOf(session), record)) return
      throw new ValidationError('logged_out', 'the server has logged the user out while the login came to its end')
    },
    async find(session) {
      const name = nameOf(session)
      const { state } = await records.find(name)
      if (state === 'unknown') checkIsOver(session)
      return state === 'live' ? users.for(name) : undefined
    },
    idTokenOf: async session => (await records.find(nameOf(session))).idToken,
    end: session => records.end(nameOf(session)),
    forget: session => users.for(nameOf(session)).forget(),
    revoke: session => users.for(nameOf(session)).revoke(),
    endAt: async logout => endAll(await index.find(logout)),
    close: () => users.close(),
  }
}
