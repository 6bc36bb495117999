/** Which sessions a server's logout is about: by its name for the session and for the user (OpenID Connect Back-Channel Logout). */
import { randomUUID } from 'node:crypto'
import { type Client, type Logout, TokenStoreError } from '@grantkit/core'
import type { BoundedStore } from '@grantkit/core/kit'
import { msUntil, readRecord, recordKey } from '../records.js'
import type { UserClaims } from '../request.js'

/** A session in the index. */
interface IndexedSession {
  /** As its record is called. */
  readonly name: string
  /** In epoch milliseconds. */
  readonly endsAt: number
}

/** Where the sessions of a user, and of a session at the server, are found. */
export interface SessionIndex {
  /**
   * Notes a session that has begun.
   *
   * @returns those that there is no room for any more: nobody could tell them of a logout
   */
  add(session: IndexedSession, claims: UserClaims): Promise<readonly string[]>
  /** The sessions that a logout is about, by name; some of them may have ended already. */
  find(logout: Logout): Promise<readonly string[]>
}

/** Of one user at a time: more than anybody has browsers, and still a short text. */
const mostSessions = 100
/** Others may come first now and then, not every time. */
const mostTries = 20

export function sessionIndex({ client, store }: { client: Client; store: BoundedStore }): SessionIndex {
  const { issuer } = client.provider.metadata
  // one logout URI is registered for all apps of a client
  const keyOf = (kind: 'sid' | 'sub', value: string) => recordKey('sessions', issuer, client.id, kind, value)

  async function read(key: string) {
    const record = await store.get(key)
    const all = record === undefined ? [] : (readRecord(record.value) as readonly IndexedSession[])
    return { version: record?.version, alive: all.filter(({ endsAt }) => endsAt > client.clock.now()) }
  }

  async function addTo(key: string, session: IndexedSession): Promise<readonly string[]> {
    for (let tries = 0; tries < mostTries; tries++) {
      const { version, alive } = await read(key)
      const all = [...alive, session]
      const kept = all.slice(-mostSessions)
      const keepForMs = msUntil(Math.max(...kept.map(({ endsAt }) => endsAt)), client.clock.now())
      const record = { version: randomUUID(), value: JSON.stringify(kept), keepForMs }
      if (await store.compareAndSet(key, version, record)) return all.slice(0, -mostSessions).map(({ name }) => name)
    }
    throw new TokenStoreError('the sessions of a user are other ones each time', { operation: 'compareAndSet' })
  }

  return {
    async add(session, { sid, sub }) {
      const dropped: string[] = []
      if (typeof sid === 'string') dropped.push(...(await addTo(keyOf('sid', sid), session)))
      if (typeof sub === 'string') dropped.push(...(await addTo(keyOf('sub', sub), session)))
      return dropped
    },
    async find({ subject, sessionId }) {
      const key = sessionId === undefined ? keyOf('sub', String(subject)) : keyOf('sid', sessionId)
      return (await read(key)).alive.map(({ name }) => name)
    },
  }
}
