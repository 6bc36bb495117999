/** That a session lives, in the store: written at its login, read at each request, gone at its logout. */
import { hash } from 'node:crypto'
import type { TokenStore } from '@grantkit/core'
import { type BoundedStore, boundedStoreOf } from '@grantkit/core/kit'

/** What the store says of a session. */
export interface SessionRecord {
  /** Ended, or unknown to the store: never begun there, dropped, lost. */
  readonly state: 'live' | 'ended' | 'unknown'
  /** As it came at the login, where it is kept. */
  readonly idToken?: string | undefined
}

/** The records of one app's sessions. Each rejects with a TokenStoreError where the store does not do it. */
export interface SessionRecords {
  /** @param keepForMs until the end of the session, in milliseconds from now */
  begin(name: string, record: { readonly keepForMs: number; readonly idToken: string | undefined }): Promise<void>
  find(name: string): Promise<SessionRecord>
  /** @param rememberMs how long it has to be known that it was ended, in milliseconds */
  end(name: string, rememberMs: number): Promise<void>
}

/** What a session is called in the store: a hash, and the same in all processes. */
export function recordNameOf(app: string, sessionId: string): string {
  return hash('sha256', JSON.stringify(['session', app, sessionId]), 'base64url')
}

/** Names are made once, so a record has two states at most, and these versions. */
const live = '1'
const ended = '2'

const unknown: SessionRecord = { state: 'unknown' }
const isLive: SessionRecord = { state: 'live' }
const hasEnded: SessionRecord = { state: 'ended' }

export function sessionRecords(given: TokenStore): SessionRecords {
  const store: BoundedStore = boundedStoreOf(given)
  return {
    async begin(name, { keepForMs, idToken }) {
      const value = idToken === undefined ? '{}' : JSON.stringify({ idToken })
      await store.compareAndSet(name, undefined, { version: live, value, keepForMs: Math.max(1, Math.ceil(keepForMs)) })
    },
    async find(name) {
      const record = await store.get(name)
      if (record === undefined) return unknown
      if (record.version !== live) return hasEnded
      return record.value === '{}' ? isLive : { state: 'live', ...JSON.parse(record.value) }
    },
    async end(name, rememberMs) {
      if (rememberMs <= 0) await store.delete(name, live)
      else await store.compareAndSet(name, live, { version: ended, value: '{}', keepForMs: Math.ceil(rememberMs) })
    },
  }
}
