/** Reuses a token set while it is good: two thresholds, no lock, no timer. */
import type { Client } from '../client.js'
import { secondsToMs } from '../clock.js'
import type { RenewalReason } from '../events.js'
import { detachable } from '../signal.js'
import type { TokenSet } from '../token-set.js'
import { checkGetTokenSetOptions, type GetTokenSetOptions } from '../token-source.js'
import { type Entry, goodUntil } from './held.js'
import { emptyRecord, isSameToken, type KeptToken, tokenSetOf } from './record.js'
import type { Renew } from './renewal.js'
import { singleFlight } from './single-flight.js'
import { discard, load } from './stored.js'
import { tellIfStoreFailed } from './told.js'

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

/** Between two renewals that nobody asked for: a server may hand out seconds-long remainders of one token. */
const leastGapMs = 1_000

/** When a token set is due. */
interface Schedule {
  /** A clock that shows less was set back by more than the margins make good: nobody knows how old the token is. */
  readonly fromAt: number
  readonly softAt: number
  readonly hardAt: number
  readonly endsAt: number
}

/** The reading side of a token source: where the token set is held, and how it is renewed. */
export interface CachedOptions {
  readonly client: Client
  /** The entry read from; asked anew when the certificate changed or the entry is no longer in use. */
  readonly entry: () => Entry
  readonly renew: Renew
  readonly thresholds: Thresholds
  /** Told of every renewal it started, so that somebody can wait for it. */
  readonly started: (flight: Promise<unknown>) => void
  /** Throws once the source was closed. */
  readonly checkOpen: () => void
  /** Called whenever more than a glance was needed; returns the instant by when it wants to be called again. */
  readonly looked: (entry: Entry) => number
}

export function cached({ client, entry: findEntry, renew, thresholds, started, checkOpen, looked }: CachedOptions) {
  const { clock, tls } = client
  let entry: Entry | undefined
  /** The copy looked at last, by its id: what is forgotten is not held here. */
  let seen: number | undefined
  /** Between these instants nothing has to be decided. */
  let quiet = { fromAt: 0, untilAt: 0 }
  let thumbprint: string | undefined

  return function getTokenSet(options?: GetTokenSetOptions): Promise<TokenSet> {
    const copy = entry?.copy
    const isCurrent = copy !== undefined && copy.id === seen && tls.certificate?.thumbprint === thumbprint
    const now = clock.now()
    if (isCurrent && options === undefined && quiet.fromAt <= now && now < quiet.untilAt) return copy.answer
    return options === undefined ? decide({}) : checked(options)
  }

  async function checked(options: GetTokenSetOptions): Promise<TokenSet> {
    checkGetTokenSetOptions(options)
    return decide(options)
  }

  async function decide({ signal, force = false, rejected }: GetTokenSetOptions): Promise<TokenSet> {
    signal?.throwIfAborted()
    let held = look()
    if (force || held.copy === undefined || clock.now() >= held.copy.goodUntil) {
      await detachable(check(held), signal)
      held = look()
    }
    if (!force && rejected !== undefined && held.copy?.tokenSet.accessToken === rejected) {
      await detachable(drop(held, rejected), signal)
      held = look()
    }
    const tokenSet = held.copy?.tokenSet
    // with both, whoever has replaced it already has done what is asked
    const isReplaced = rejected !== undefined && tokenSet !== undefined && tokenSet.accessToken !== rejected
    const reason = reasonToRenew(tokenSet, force && !isReplaced, rejected !== undefined)
    if (reason === undefined) return tokenSet as TokenSet
    const serves = servesInstead(held)
    const servedUntil = reason === 'soft' ? scheduleOf(tokenSet as TokenSet, client, thresholds).hardAt : undefined
    const flight = singleFlight(held, () => renew(held, { reason, serves, servedUntil, checkOpen }))
    started(flight)
    if (reason === 'soft') return tokenSet as TokenSet
    return reason === 'hard' ? orStale(held, detachable(flight, signal), signal) : detachable(flight, signal)
  }

  /** Finds the entry, and notes until when what it holds needs no more than a glance. */
  function look(): Entry {
    if (entry === undefined || entry.lineage.evicted || tls.certificate?.thumbprint !== thumbprint) entry = findEntry()
    thumbprint = tls.certificate?.thumbprint
    const { copy } = entry
    seen = copy?.id
    if (copy === undefined) return entry
    const { fromAt, softAt } = scheduleOf(copy.tokenSet, client, thresholds)
    quiet = { fromAt, untilAt: Math.min(softAt, copy.goodUntil, looked(entry)) }
    return entry
  }

  async function drop({ lineage, key }: Entry, rejected: string): Promise<void> {
    await discard(lineage, key, rejected, () => clock.now()).catch(error => tellIfStoreFailed(client, error))
  }

  /** Reads the store. One that fails is not asked again at once while there is a copy. */
  async function check({ lineage, key }: Entry): Promise<void> {
    try {
      await load(lineage, () => clock.now())
    } catch (error) {
      tellIfStoreFailed(client, error)
      const held = lineage.entries.get(key)
      if (held?.copy !== undefined) held.copy = goodUntil(held.copy, clock.now() + lineage.copyMs)
    }
  }

  function reasonToRenew(tokenSet: TokenSet | undefined, force: boolean, rejected: boolean): RenewalReason | undefined {
    if (force) return 'forced'
    if (tokenSet === undefined) return rejected ? 'rejected' : 'cold'
    const now = clock.now()
    const { fromAt, softAt, hardAt, endsAt } = scheduleOf(tokenSet, client, thresholds)
    if (now >= endsAt) return 'hard'
    if (now < fromAt) return 'soft'
    if (now < softAt || now - tokenSet.obtainedAt < leastGapMs) return undefined
    return now < hardAt ? 'soft' : 'hard'
  }

  /** Whether a token that turns up while a renewal waits is as good as a new one. */
  function servesInstead({ copy, lineage }: Entry) {
    const replaced = copy?.token
    return (token: KeptToken): boolean => {
      if (isSameToken(token, lineage.rejected) || isSameToken(token, replaced)) return false
      const reason = reasonToRenew(tokenSetOf(emptyRecord, token, clock.now()), false, false)
      return reason === undefined || reason === 'soft'
    }
  }

  /** A renewal failed while the token still has a moment to live: that moment is used, and no more. */
  async function orStale(held: Entry, renewal: Promise<TokenSet>, signal?: AbortSignal): Promise<TokenSet> {
    try {
      return await renewal
    } catch (error) {
      const tokenSet = held.copy?.tokenSet
      if (tokenSet === undefined || signal?.aborted) throw error
      if (clock.now() >= scheduleOf(tokenSet, client, thresholds).endsAt) throw error
      return tokenSet
    }
  }
}

/** Margins shrink with the lifetime, so that a short token is not renewed on every call. */
function scheduleOf(tokenSet: TokenSet, { provider }: Client, thresholds: Thresholds): Schedule {
  const { obtainedAt, expiresAt } = tokenSet
  // over when it came: it serves those who waited, and the next ones ask anew, with the least gap
  const givenEnd = expiresAt === obtainedAt ? obtainedAt + leastGapMs : expiresAt
  const endsAt = givenEnd ?? obtainedAt + secondsToMs(provider.conform.defaultExpiresIn ?? 300)
  const lifetimeMs = endsAt - obtainedAt
  const { refreshBeforeMs = 60_000, expiryMarginMs = 10_000 } = thresholds
  const softMs = Math.min(Math.max(refreshBeforeMs, expiryMarginMs), lifetimeMs / 2)
  return {
    fromAt: obtainedAt - softMs,
    softAt: endsAt - softMs,
    hardAt: endsAt - Math.min(expiryMarginMs, lifetimeMs / 10),
    endsAt,
  }
}
