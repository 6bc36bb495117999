/** That a session lives, in the store: written at its login, read at each request, gone at its logout. */
import type { BoundedStore } from '@grantkit/core/kit'
import { readRecord, recordKey } from '../records.js'

/** What the store says of a session. */
interface SessionRecord {
  /** Ended, or unknown to the store: never begun there, dropped, lost. */
  readonly state: 'live' | 'ended' | 'unknown'
  /** As it came at the login, where it is kept. */
  readonly idToken?: string | undefined
}

/** The records of one app's sessions. Each rejects with a TokenStoreError where the store does not do it. */
export interface SessionRecords {
  /**
   * @param keepForMs until the end of the session, in milliseconds: a whole number, at least 1
   * @returns `false` for one that was ended before it has begun
   */
  begin(name: string, record: { readonly keepForMs: number; readonly idToken: string | undefined }): Promise<boolean>
  find(name: string): Promise<SessionRecord>
  /** Ends a session; for a minute it is known that it was there. */
  end(name: string): Promise<void>
  /** The same also of one that is about to begin: {@link begin} says so then. */
  prevent(name: string): Promise<void>
}

/** What a session is called in the store: a hash, and the same in all processes. */
export function recordNameOf(app: string, sessionId: string): string {
  return recordKey('session', app, sessionId)
}

/** Names are made once, so a record has two states at most, and these versions. */
const versions = { live: '1', ended: '2' }

/**
 * How long it is remembered that a session was ended: who is asked for it a moment after its login would take it for lost
 * (`session-in-store.ts`), and who clicks twice has to be sent to the server with the same ID token twice.
 */
const rememberMs = 60_000

const ended = (value: string) => ({ version: versions.ended, value, keepForMs: rememberMs })

const unknown: SessionRecord = { state: 'unknown' }
const live: SessionRecord = { state: 'live' }

export function sessionRecords(store: BoundedStore): SessionRecords {
  async function find(name: string): Promise<SessionRecord> {
    const record = await store.get(name)
    if (record === undefined) return unknown
    if (record.version === versions.live && record.value === '{}') return live
    return { state: record.version === versions.live ? 'live' : 'ended', ...Object(readRecord(record.value)) }
  }

  async function end(name: string): Promise<void> {
    const record = await store.get(name)
    if (record?.version === versions.live) await store.compareAndSet(name, versions.live, ended(record.value))
  }

  return {
    async begin(name, { keepForMs, idToken }) {
      const value = idToken === undefined ? '{}' : JSON.stringify({ idToken })
      return store.compareAndSet(name, undefined, { version: versions.live, value, keepForMs })
    },
    find,
    end,
    async prevent(name) {
      if (!(await store.compareAndSet(name, undefined, ended('{}')))) await end(name)
    },
  }
}
