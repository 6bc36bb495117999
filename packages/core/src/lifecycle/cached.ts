/** Reuses a token set while it is good: two thresholds, no lock, no timer. */
import type { Client } from '../client.js'
import { secondsToMs } from '../clock.js'
import type { RenewalReason } from '../events.js'
import type { TokenSet } from '../token-set.js'
import type { GetTokenSetOptions } from '../token-source.js'
import type { Entry } from './held.js'
import type { Renew } from './renewal.js'
import { detachable, singleFlight } from './single-flight.js'

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
  /** The entry read from; asked anew when the certificate changed or the entry was emptied. */
  readonly entry: () => Entry
  readonly renew: Renew
  readonly thresholds: Thresholds
  /** Told of every renewal it started, so that somebody can wait for it. */
  readonly started: (flight: Promise<unknown>) => void
}

export function cached({ client, entry: findEntry, renew, thresholds, started }: CachedOptions) {
  const { clock, tls } = client
  let entry: Entry | undefined
  let seen: TokenSet | undefined
  let answer: Promise<TokenSet> | undefined
  let schedule: Schedule = { fromAt: 0, softAt: 0, hardAt: 0, endsAt: 0 }
  let thumbprint: string | undefined

  return function getTokenSet(options?: GetTokenSetOptions): Promise<TokenSet> {
    const isCurrent = seen !== undefined && entry?.tokenSet === seen && tls.certificate?.thumbprint === thumbprint
    const now = clock.now()
    if (isCurrent && options === undefined && schedule.fromAt <= now && now < schedule.softAt)
      return answer as Promise<TokenSet>
    return decide(options ?? {})
  }

  async function decide({ signal, force, rejected }: GetTokenSetOptions): Promise<TokenSet> {
    signal?.throwIfAborted()
    const held = look()
    if (held.tokenSet !== undefined && held.tokenSet.accessToken === rejected) held.tokenSet = undefined
    const reason = reasonToRenew(held, force === true, rejected !== undefined)
    if (reason === undefined) return held.tokenSet as TokenSet
    const flight = singleFlight(held, () => renew(held, reason))
    started(flight.catch(() => {}))
    if (reason === 'soft') return held.tokenSet as TokenSet
    return reason === 'hard' ? orStale(held, detachable(flight, signal), signal) : detachable(flight, signal)
  }

  /** Finds the entry, and notes when what it holds is due. */
  function look(): Entry {
    if (entry === undefined || entry.lineage.forgotten || tls.certificate?.thumbprint !== thumbprint)
      entry = findEntry()
    thumbprint = tls.certificate?.thumbprint
    if (entry.tokenSet !== seen) {
      seen = entry.tokenSet
      answer = seen && Promise.resolve(seen)
      if (seen !== undefined) schedule = scheduleOf(seen, client, thresholds)
    }
    return entry
  }

  function reasonToRenew({ tokenSet }: Entry, force: boolean, rejected: boolean): RenewalReason | undefined {
    if (force) return 'forced'
    const now = clock.now()
    if (tokenSet === undefined) return rejected ? 'rejected' : 'cold'
    if (now >= schedule.endsAt) return 'hard'
    if (now < schedule.fromAt) return 'soft'
    if (now < schedule.softAt || now - tokenSet.obtainedAt < leastGapMs) return undefined
    return now < schedule.hardAt ? 'soft' : 'hard'
  }

  /** A renewal failed while the token still has a moment to live: that moment is used, and no more. */
  async function orStale(held: Entry, renewal: Promise<TokenSet>, signal?: AbortSignal): Promise<TokenSet> {
    try {
      return await renewal
    } catch (error) {
      const { tokenSet } = held
      if (tokenSet === undefined || signal?.aborted) throw error
      if (clock.now() >= scheduleOf(tokenSet, client, thresholds).endsAt) throw error
      return tokenSet
    }
  }
}

/** Margins shrink with the lifetime, so that a short token is not renewed on every call. */
function scheduleOf(tokenSet: TokenSet, { provider }: Client, thresholds: Thresholds): Schedule {
  const { obtainedAt, expiresAt } = tokenSet
  const endsAt = expiresAt ?? obtainedAt + secondsToMs(provider.conform.defaultExpiresIn ?? 300)
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
