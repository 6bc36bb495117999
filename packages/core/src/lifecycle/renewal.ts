/** From what is held to what comes next, where nothing can be lost: an application's token, and a user's first. */
import type { Client } from '../client.js'
import type { RenewalReason } from '../events.js'
import type { Grant } from '../grants/grant.js'
import { TokenSet } from '../token-set.js'
import { type Entry, type Known, learn } from './held.js'
import { leaseOf } from './lease.js'
import { answered, emptyRecord, type KeptToken, type LineageRecord, startingOver, tokenSetOf } from './record.js'
import { read, save } from './stored.js'
import { requestToken } from './token-request.js'
import { tellIfStoreFailed } from './told.js'

/** Why a token set is wanted, and which of those that somebody else has obtained meanwhile would do. */
export interface Ask {
  readonly reason: RenewalReason
  readonly serves: (token: KeptToken) => boolean
  /** Until when nobody has to wait for it; `undefined`: somebody waits. */
  readonly servedUntil?: number | undefined
  /** Called when another process is renewing; throws when nobody wants to wait for it any more. */
  readonly checkOpen: () => void
}

/** Replaces what an entry holds by a new token set and returns it. */
export type Renew = (entry: Entry, ask: Ask) => Promise<TokenSet>

/** May be less than a request takes, since it is kept: what is lost with it is a token, not a session. */
const leaseMs = 10_000

/** Renews by the same grant each time: an application's token. A store that fails does not stop it. */
export function byGrant(client: Client, grant: Grant): Renew {
  const now = () => client.clock.now()

  async function renew(entry: Entry, { reason, serves, checkOpen }: Ask): Promise<TokenSet> {
    const lease = leaseOf(entry.lineage, leaseMs, client.timeoutMs + leaseMs)
    try {
      for (;;) {
        const leased = await lease.takeOrWait()
        const known = await read(entry.lineage, now)
        const token = known.record.accessTokens[entry.key]
        if (token !== undefined && serves(token)) return heldBy(entry, known, token)
        if (leased) return await keep(entry, known, await ask(entry, reason))
        checkOpen()
      }
    } finally {
      await lease.release()
    }
  }

  /** Its refresh token, if a server sends one against RFC 6749 §4.4.3, is of no use: the grant can be repeated. */
  async function ask(entry: Entry, reason: RenewalReason): Promise<TokenSet> {
    const answer = await requestToken(client, entry, grant, reason)
    const { accessToken, idToken, obtainedAt, expiresAt, scope, missingScope, additional } = answer
    return new TokenSet({ accessToken, idToken, obtainedAt, expiresAt, scope, missingScope, additional })
  }

  /** A later token of another process stays, since it may have replaced this one at the server; so does `forget()`. */
  async function keep(entry: Entry, before: Known, answer: TokenSet): Promise<TokenSet> {
    const { lineage, key } = entry
    const change = (record: LineageRecord) => answered(record, key, answer)
    const mayReplace = ({ version, record: { ended, accessTokens } }: Known) =>
      version === before.version || (ended === undefined && !((accessTokens[key]?.obtainedAt ?? 0) > answer.obtainedAt))
    try {
      await save(lineage, change, mayReplace, { now, patienceMs: 0 })
    } catch (error) {
      tellIfStoreFailed(client, error)
      learn(lineage, { version: before.version, record: change(before.record) }, now())
    }
    // a copy may be older than the answer while it is uncertain what is kept
    return entry.copy !== undefined && entry.copy.token.obtainedAt >= answer.obtainedAt ? entry.copy.tokenSet : answer
  }

  return async (entry, wanted) => {
    try {
      return await renew(entry, wanted)
    } catch (error) {
      if (!tellIfStoreFailed(client, error)) throw error
      const nothing = { version: undefined, record: emptyRecord }
      return keep(entry, nothing, await ask(entry, wanted.reason))
    }
  }
}

/**
 * Redeems a code for a user's first token set, whoever is renewing the one before: a login is the later word. The store is
 * asked first, so that no code is spent for nothing.
 */
export async function redeem(client: Client, entry: Entry, grant: Grant): Promise<TokenSet> {
  const { lineage } = entry
  const now = () => client.clock.now()
  await read(lineage, now)
  const answer = await requestToken(client, entry, grant, 'login')
  const change = (record: LineageRecord) => answered(startingOver(record), entry.key, answer)
  await save(lineage, change, () => true, { now, patienceMs: 10_000 })
  return entry.copy?.token.accessToken === answer.accessToken ? entry.copy.tokenSet : answer
}

/** A token that was just read, as the object that others have it too. */
export function heldBy(entry: Entry, { record }: Known, token: KeptToken): TokenSet {
  return entry.copy?.token === token ? entry.copy.tokenSet : tokenSetOf(record, token, token.obtainedAt)
}
