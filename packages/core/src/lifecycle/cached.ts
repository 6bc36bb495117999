/**
 * Reuses a token set while it is good. There is no lock and no timer: each call compares the clock with two instants, from
 * the first of which a token is renewed in the background, and from the second of which callers wait for the next.
 */
import type { Client } from '../client.js'
import { secondsToMs } from '../clock.js'
import type { RenewalReason } from '../events.js'
import { detachable } from '../signal.js'
import type { TokenSet } from '../token-set.js'
import { checkGetTokenSetOptions, type GetTokenSetOptions } from '../token-source.js'
import type { Copy } from './copy.js'
import type { Entry } from './lineage.js'
import { tellIfStoreFailed, tellOfExpiry, tellOfWait, type Wait } from './notices.js'
import { emptyRecord, isSameToken, type KeptToken, tokenSetOf } from './record.js'
import type { Renew } from './renewal.js'
import { singleFlight } from './single-flight.js'
import { StoredLineage } from './stored.js'

/** When a token is renewed, counted back from its end. */
export interface Thresholds {
  /**
   * How long before its end a token is renewed in the background while it still serves, in milliseconds.
   * Default 60,000, at most half its lifetime.
   */
  readonly refreshBeforeMs?: number | undefined
  /**
   * How long before its end a token is no longer trusted, so that callers wait for the next, in milliseconds.
   * Default 10,000, at most a tenth of its lifetime.
   */
  readonly expiryMarginMs?: number | undefined
}

/**
 * The least time between two renewals that no caller waits for, in milliseconds. A server may answer with what is left of
 * one and the same token, a few seconds each time: without a gap every call would renew it.
 */
const leastGapMs = 1_000

/** When a token set is due. */
interface Schedule {
  /**
   * A clock that shows less was set back since the token came, by more than the margins allow for: how old the token is
   * cannot be told, so it is renewed.
   */
  readonly fromAt: number
  /** From here on it is renewed in the background. */
  readonly softAt: number
  /** From here on callers wait for the next. */
  readonly hardAt: number
  /** From here on it is served to nobody. */
  readonly endsAt: number
}

/** What the reading sides of all sources of one kind work with; `undefined` is the subject of an application's own tokens. */
export interface ReadingParts<Subject extends string | undefined> {
  /** Finds the entry to read from. Called again when the certificate changed, or its lineage was let go of. */
  readonly entry: (subject: Subject) => Entry
  readonly renewal: (subject: Subject) => Renew
  /** Whether they are open; told of every renewal that is started, so that somebody can wait for it. */
  readonly state: {
    readonly isOpen: () => boolean
    readonly check: () => void
    readonly started: (flight: Promise<unknown>) => void
  }
}

/** The reading side of a source: a view of what is held, one for each user and as often as one likes. */
export class Reading<Subject extends string | undefined> {
  readonly #client: Client
  readonly #thresholds: Thresholds
  readonly #parts: ReadingParts<Subject>
  readonly #subject: Subject
  #entry: Entry | undefined
  /** The number of the copy looked at last. Not the copy: a token that is forgotten must not stay in memory here. */
  #seen: number | undefined
  /** Between these instants the copy looked at last is good, and there is nothing to decide or to tell. */
  #quietFromAt = 0
  #quietUntilAt = 0
  #thumbprint: string | undefined

  constructor(client: Client, thresholds: Thresholds, parts: ReadingParts<Subject>, subject: Subject) {
    this.#client = client
    this.#thresholds = thresholds
    this.#parts = parts
    this.#subject = subject
  }

  getTokenSet(options?: GetTokenSetOptions): Promise<TokenSet> {
    if (options !== undefined) return this.#checked(options)
    return this.#quietCopy()?.answer ?? this.#decide({})
  }

  /** The token set held, where the source is open and there is nothing to decide, to tell or to wait for. */
  held(): TokenSet | undefined {
    return this.#parts.state.isOpen() ? this.#quietCopy()?.tokenSet : undefined
  }

  /** The copy, while there is nothing to do but to hand it out. */
  #quietCopy(): Copy | undefined {
    const { clock, tls } = this.#client
    const copy = this.#entry?.copy
    if (copy === undefined || copy.id !== this.#seen || tls.certificate?.thumbprint !== this.#thumbprint)
      return undefined
    const now = clock.now()
    return this.#quietFromAt <= now && now < this.#quietUntilAt ? copy : undefined
  }

  async #checked(options: GetTokenSetOptions): Promise<TokenSet> {
    checkGetTokenSetOptions(options)
    return this.#decide(options)
  }

  /** Whoever has to wait is told of when the wait is over; nothing is made for those who have not. */
  #decide(options: GetTokenSetOptions): Promise<TokenSet> {
    const client = this.#client
    const since = client.clock.now()
    const wait: Wait = { subject: this.#subject, since, hasBegun: false, reason: undefined, flight: undefined }
    const answer = this.#find(options, wait)
    return wait.hasBegun ? this.#awaited(answer, wait, options.signal) : answer
  }

  async #awaited(answer: Promise<TokenSet>, wait: Wait, signal?: AbortSignal): Promise<TokenSet> {
    const client = this.#client
    try {
      const tokenSet = await answer
      tellOfWait(client, wait, 'served')
      return tokenSet
    } catch (error) {
      tellOfWait(client, wait, signal?.aborted ? 'aborted' : 'failed')
      throw error
    }
  }

  async #find({ signal, force = false, rejected }: GetTokenSetOptions, wait: Wait): Promise<TokenSet> {
    signal?.throwIfAborted()
    const client = this.#client
    const { renewal, state } = this.#parts
    let found = this.#look()
    if (force || found.copy === undefined || client.clock.now() >= found.copy.goodUntil) {
      wait.hasBegun = true
      await detachable(this.#compareWithStore(found), signal)
      found = this.#look()
    }
    if (!force && rejected !== undefined && found.copy?.tokenSet.accessToken === rejected) {
      wait.hasBegun = true
      await detachable(this.#drop(found, rejected), signal)
      found = this.#look()
    }
    const tokenSet = found.copy?.tokenSet
    // given `rejected` too, `force` asks for another token than that one: if there is another by now, it is what is wanted
    const isReplaced = rejected !== undefined && tokenSet !== undefined && tokenSet.accessToken !== rejected
    const reason = this.#reasonToRenew(tokenSet, force && !isReplaced, rejected !== undefined)
    if (reason === undefined) return tokenSet as TokenSet
    const serves = this.#servesInstead(found)
    const servedUntil = reason === 'soft' ? this.#scheduleOf(tokenSet as TokenSet).hardAt : undefined
    const flight = singleFlight(found, named =>
      renewal(this.#subject)(found, { reason, serves, servedUntil, checkOpen: state.check, named }),
    )
    state.started(flight.answer)
    if (reason === 'soft') return tokenSet as TokenSet
    Object.assign(wait, { hasBegun: true, reason, flight } satisfies Partial<Wait>)
    const renewed = detachable(flight.answer, signal)
    return reason === 'hard' ? this.#orStale(found, renewed, signal) : renewed
  }

  /** Finds the entry, and notes until when its copy can be handed out without another look. */
  #look(): Entry {
    const client = this.#client
    const subject = this.#subject
    const thumbprint = client.tls.certificate?.thumbprint
    let entry = this.#entry
    if (entry === undefined || entry.lineage.isLetGo || thumbprint !== this.#thumbprint)
      entry = this.#parts.entry(subject)
    this.#entry = entry
    this.#thumbprint = thumbprint
    this.#seen = entry.copy?.id
    if (entry.copy === undefined) return entry
    const { fromAt, softAt } = this.#scheduleOf(entry.copy.tokenSet)
    const nextNoticeAt = subject === undefined ? Number.POSITIVE_INFINITY : tellOfExpiry(client, entry.lineage, subject)
    this.#quietFromAt = fromAt
    this.#quietUntilAt = Math.min(softAt, entry.copy.goodUntil, nextNoticeAt)
    return entry
  }

  async #drop({ lineage, key }: Entry, rejected: string): Promise<void> {
    const client = this.#client
    const stored = new StoredLineage(lineage, client.clock)
    await stored.discard(key, rejected).catch(error => tellIfStoreFailed(client, error))
  }

  /** Reads the store. While one fails a copy serves as if it had been read, so that not every call waits for the store. */
  async #compareWithStore({ lineage, key }: Entry): Promise<void> {
    const client = this.#client
    try {
      await new StoredLineage(lineage, client.clock).load()
    } catch (error) {
      tellIfStoreFailed(client, error)
      lineage.serveUntil(client.clock.now() + lineage.place.copyMs, key)
    }
  }

  #reasonToRenew(tokenSet: TokenSet | undefined, force: boolean, rejected: boolean): RenewalReason | undefined {
    if (force) return 'forced'
    if (tokenSet === undefined) return rejected ? 'rejected' : 'cold'
    const now = this.#client.clock.now()
    const { fromAt, softAt, hardAt, endsAt } = this.#scheduleOf(tokenSet)
    if (now >= endsAt) return 'hard'
    if (now < fromAt) return 'soft'
    if (now < softAt || now - tokenSet.obtainedAt < leastGapMs) return undefined
    return now < hardAt ? 'soft' : 'hard'
  }

  /** Whether a token that another process obtains while this renewal waits for its turn is as good as one of our own. */
  #servesInstead({ copy, lineage }: Entry) {
    const { clock } = this.#client
    const replaced = copy?.token
    return (token: KeptToken): boolean => {
      if (isSameToken(token, lineage.rejected) || isSameToken(token, replaced)) return false
      const reason = this.#reasonToRenew(tokenSetOf(emptyRecord, token, clock.now()), false, false)
      return reason === undefined || reason === 'soft'
    }
  }

  /** The new token set; or, where the renewal fails in the last moments of the old one, that one until its end. */
  async #orStale(entry: Entry, renewal: Promise<TokenSet>, signal?: AbortSignal): Promise<TokenSet> {
    try {
      return await renewal
    } catch (error) {
      const tokenSet = entry.copy?.tokenSet
      if (tokenSet === undefined || signal?.aborted) throw error
      if (this.#client.clock.now() >= this.#scheduleOf(tokenSet).endsAt) throw error
      return tokenSet
    }
  }

  #scheduleOf(tokenSet: TokenSet): Schedule {
    return scheduleOf(tokenSet, this.#client, this.#thresholds)
  }
}

/** Margins shrink with the lifetime, so that a token of a few seconds is not renewed on every call. */
function scheduleOf(tokenSet: TokenSet, { provider }: Client, thresholds: Thresholds): Schedule {
  const { obtainedAt, expiresAt } = tokenSet
  // a token that was over when it came serves those who waited for it; later callers renew it, once in the least gap
  const givenEnd = expiresAt === obtainedAt ? obtainedAt + leastGapMs : expiresAt
  const endsAt = givenEnd ?? obtainedAt + secondsToMs(provider.conform.defaultExpiresIn ?? 300)
  const lifetimeMs = endsAt - obtainedAt
  const { refreshBeforeMs = 60_000, expiryMarginMs = usualMarginMs } = thresholds
  const softMs = Math.min(Math.max(refreshBeforeMs, expiryMarginMs), lifetimeMs / 2)
  return {
    fromAt: obtainedAt - softMs,
    softAt: endsAt - softMs,
    hardAt: endsAt - expiryMargin(lifetimeMs, expiryMarginMs),
    endsAt,
  }
}

const usualMarginMs = 10_000

/**
 * How long before its end a token is no longer trusted, in milliseconds: it might be over when it arrives.
 *
 * @param mostMs at most so long
 */
export function expiryMargin(lifetimeMs: number, mostMs = usualMarginMs): number {
  return Math.min(mostMs, lifetimeMs / 10)
}
