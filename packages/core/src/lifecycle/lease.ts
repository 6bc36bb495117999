/** The right to renew a lineage, against all processes that share the store. */
import { randomUUID } from 'node:crypto'
import { outOfContext } from '../context.js'
import { TokenStoreError } from '../errors.js'
import type { Lineage } from './lineage.js'

/** Kept by a timer while it is needed. */
export interface Lease {
  readonly holder: string
  /**
   * Step `lease`: takes it if it is free; otherwise waits until the record may have changed.
   *
   * @returns whether it was taken
   * @throws TokenStoreError when somebody else has had it for too long
   */
  takeOrWait(): Promise<boolean>
  /** Step `check_lease`: whether it has been ours since it was taken; kept from now on. */
  check(): Promise<boolean>
  /** Whether it surely holds for so many milliseconds more. */
  outlasts(milliseconds: number): boolean
  /**
   * Gives it back.
   *
   * @param isReady asked again and again, for as long as the lease would last, while nobody else should have it yet
   */
  release(isReady?: () => boolean): Promise<void>
}

/**
 * A lease of `durationMs` that is kept by a timer until it is released.
 *
 * @param durationMs longer than the request it is for, so that whoever gets it next knows that request to be over
 * @param waitMs how long somebody else may have it
 */
export function leaseOf(lineage: Lineage, durationMs: number, waitMs: number): Lease {
  const { key } = lineage
  const { store, isToldOfChanges } = lineage.place
  const holder = randomUUID()
  const giveUpAt = performance.now() + waitMs
  let oursUntil = 0
  let mayBeOurs = false
  let pauseMs = 25
  let isFirst = true
  let asking: Promise<boolean> | undefined
  let keeper: NodeJS.Timeout | undefined

  /** A lease that has run out meanwhile may have been somebody else's: then it is ours only if it is taken anew. */
  async function ask(isTaken: boolean): Promise<boolean> {
    const askedAt = performance.now()
    mayBeOurs = true
    mayBeOurs = await store.lease(key, holder, durationMs)
    const isOurs = mayBeOurs && (isTaken || performance.now() < oursUntil)
    oursUntil = isOurs ? askedAt + durationMs : 0
    return isOurs
  }
  const take = () => {
    asking = ask(true)
    return asking
  }
  const check = () => {
    asking = ask(false)
    return asking
  }

  /** A store that fails is asked again until the lease has run out by itself. */
  async function giveBack(untilAt: number): Promise<void> {
    const again = () => giveBack(untilAt)
    const later = () => void (performance.now() < untilAt && outOfContext(() => setTimeout(again, 250).unref()))
    await store.release(key, holder).catch(later)
  }

  /** Waits for a change or a moment; whether the record is worth reading then, or only the lease to be asked for again. */
  async function wait(): Promise<boolean> {
    if (performance.now() >= giveUpAt) throw new TokenStoreError(takenByOthers(waitMs), { operation: 'lease' })
    const isTold = await lineage.underWay.changeWithin(pauseMs * (0.5 + Math.random()))
    // a hint may have been lost
    const isLong = pauseMs === longestPauseMs
    pauseMs = Math.min(pauseMs * 1.5, isToldOfChanges ? longestPauseMs : longestBlindPauseMs)
    return isTold || isLong || !isToldOfChanges
  }

  async function end(isReady = () => true, untilAt = performance.now() + durationMs): Promise<void> {
    // an answer that the store refuses is nowhere else: nobody is to send what it has replaced
    const isInTime = performance.now() < untilAt || lineage.unsaved?.isRefused === true
    if (!isReady() && isInTime) return outOfContext(() => void setTimeout(end, 250, isReady, untilAt).unref())
    clearInterval(keeper)
    keeper = undefined
    await asking?.catch(() => {})
    // what goes on after the request holds nothing of it
    asking = undefined
    if (mayBeOurs) await giveBack(performance.now() + durationMs)
  }

  return {
    holder,
    async takeOrWait() {
      const { changes } = lineage
      for (;;) {
        if (await take()) {
          keeper ??= outOfContext(() => setInterval(() => check().catch(() => {}), durationMs / 3).unref())
          return true
        }
        // what its holder has written may be there already
        const isWorthReading = isFirst || lineage.changes !== changes || (await wait())
        isFirst = false
        if (isWorthReading) return false
      }
    },
    check,
    outlasts: milliseconds => oursUntil > performance.now() + milliseconds,
    release: isReady => end(isReady),
  }
}

/** Each of them has had it for as long as a request takes, or has ended without giving it back. */
function takenByOthers(waitMs: number): string {
  return `others have held the lease of this token for ${Math.round(waitMs / 1_000)} s, and no answer of theirs came`
}

const longestPauseMs = 1_000
const longestBlindPauseMs = 250
