/**
 * Renewals by a grant that can simply be tried: an application's token, which costs one request too many at worst, and a
 * user's login. What may be spent by being sent, a refresh token, goes through the steps of `refresh.ts`.
 */
import type { Client } from '../client.js'
import type { RenewalReason } from '../events.js'
import type { Grant } from '../grants/grant.js'
import { type PollOptions, poll } from '../polling.js'
import { TokenSet } from '../token-set.js'
import { leaseOf } from './lease.js'
import type { Entry } from './lineage.js'
import { tellIfStoreFailed, tellOfLease } from './notices.js'
import { answered, type KeptToken, type LineageRecord, loggedIn, tokenSetOf } from './record.js'
import { StoredLineage } from './stored.js'
import { requestToken } from './token-request.js'
import { type Known, nothing } from './version.js'

/** Why a token set is wanted, and which of those that somebody else has obtained meanwhile would do. */
export interface Ask {
  readonly reason: RenewalReason
  readonly serves: (token: KeptToken) => boolean
  /** Until when nobody has to wait for it; `undefined`: somebody waits. */
  readonly servedUntil?: number | undefined
  /** Called when another process is renewing; throws when nobody wants to wait for it any more. */
  readonly checkOpen: () => void
  /** Told what a request is called in events, before it goes out. */
  readonly named?: ((requestId: string) => void) | undefined
}

/** Puts a new token set in place of an entry's and returns it. */
export type Renew = (entry: Entry, ask: Ask) => Promise<TokenSet>

/**
 * How long the lease lasts, in milliseconds. A timer prolongs it, so it may be less than a request takes; should it run out
 * all the same, two processes ask at once, and one request was too many.
 */
const leaseMs = 10_000

/** Renews by the same grant each time: an application's token. A store that fails does not stop it. */
export function byGrant(client: Client, grant: Grant): Renew {
  async function renew(entry: Entry, { reason, serves, checkOpen, named }: Ask): Promise<TokenSet> {
    const stored = new StoredLineage(entry.lineage, client.clock)
    const lease = leaseOf(entry.lineage, leaseMs, client.timeoutMs + leaseMs)
    try {
      for (;;) {
        const leased = await lease.takeOrWait()
        const known = await stored.read()
        const token = known.record.accessTokens[entry.key]
        if (token !== undefined && serves(token)) return sharedTokenSet(entry, known, token)
        if (leased) return await keep(entry, known, await ask(entry, reason, named))
        checkOpen()
      }
    } finally {
      tellOfLease(client, lease, undefined)
      await lease.release()
    }
  }

  /** Its refresh token, if a server sends one against RFC 6749 §4.4.3, is of no use: the grant can be repeated. */
  async function ask(entry: Entry, reason: RenewalReason, named: Ask['named']): Promise<TokenSet> {
    const answer = await requestToken(client, entry, grant, reason, { named })
    const { accessToken, idToken, idTokenClaims, jkt, additional } = answer
    // a spread leaves out what is behind getters: the tokens, and what says whose they are
    const members = { ...answer, refreshToken: undefined, refreshTokenExpiresAt: undefined }
    return new TokenSet({ ...members, accessToken, idToken, idTokenClaims, jkt, additional })
  }

  /**
   * Writes the answer over what was there before it was asked for. A later token of another process stays, since at some
   * servers it has replaced this one; so does what `forget()` left.
   */
  async function keep(entry: Entry, before: Known, answer: TokenSet): Promise<TokenSet> {
    const { lineage, key } = entry
    const stored = new StoredLineage(lineage, client.clock)
    const change = (record: LineageRecord) => answered(record, key, answer)
    const mayReplace = ({ version, record: { ended, accessTokens } }: Known) =>
      version === before.version || (ended === undefined && !((accessTokens[key]?.obtainedAt ?? 0) > answer.obtainedAt))
    try {
      await stored.save(change, mayReplace, 0)
    } catch (error) {
      tellIfStoreFailed(client, error)
      stored.learn({ version: before.version, record: change(before.record) })
    }
    // the copy is the object that other callers get, but it is an older token where the answer could not be kept
    return entry.copy !== undefined && entry.copy.token.obtainedAt >= answer.obtainedAt ? entry.copy.tokenSet : answer
  }

  return async (entry, wanted) => {
    try {
      return await renew(entry, wanted)
    } catch (error) {
      if (!tellIfStoreFailed(client, error)) throw error
      // without its store an application's token is renewed all the same, and kept by this process alone
      return keep(entry, nothing, await ask(entry, wanted.reason, wanted.named))
    }
  }
}

/** A user's login. */
export interface Login extends PollOptions {
  /** What it was for: each refresh asks for it again. */
  readonly resource?: readonly string[] | undefined
}

/**
 * Redeems a code for a user's first token set, or waits until they have agreed. It is written over what another process may
 * be renewing at the moment: a login is the later word. The store is read first, so that no code is spent while it cannot
 * be asked.
 */
export async function redeem(client: Client, entry: Entry, grant: Grant, login: Login = {}): Promise<TokenSet> {
  const stored = new StoredLineage(entry.lineage, client.clock)
  await stored.read()
  const answer = await poll(client, grant, () => requestToken(client, entry, grant, 'login'), login)
  const change = (record: LineageRecord) => loggedIn(record, entry.key, answer, login.resource)
  await stored.save(change, () => true, 10_000)
  return entry.copy?.token.accessToken === answer.accessToken ? entry.copy.tokenSet : answer
}

/** A token that was just read: the one object that all callers of this process get of it. */
export function sharedTokenSet(entry: Entry, { record }: Known, token: KeptToken): TokenSet {
  return entry.copy?.token === token ? entry.copy.tokenSet : tokenSetOf(record, token, token.obtainedAt)
}
