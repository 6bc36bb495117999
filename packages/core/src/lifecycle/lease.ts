/** The right to renew a lineage, against all processes that share the store. */
import { randomUUID } from 'node:crypto'
import { outOfContext } from '../context.js'
import { TokenStoreError } from '../errors.js'
import type { Lineage } from './lineage.js'

/** The right of one renewal: a timer prolongs it from when it is taken until it is given back. */
export interface Lease {
  /** Names this renewal, in the store and in the mark; another one each time. */
  readonly holder: string
  /**
   * Step `lease`: takes it if it is free; otherwise waits until the record may have changed.
   *
   * @returns whether it was taken
   * @throws TokenStoreError when somebody else has had it for too long
   */
  takeOrWait(): Promise<boolean>
  /** Step `check_lease`: whether it has been ours without a gap since it was taken. If so it is prolonged. */
  check(): Promise<boolean>
  /** Whether it surely holds for so many milliseconds more. */
  outlasts(milliseconds: number): boolean
  /** How long somebody else was waited for, if anybody was, in milliseconds; and whether it was had in the end. */
  readonly waited: { readonly durationMs: number; readonly granted: boolean } | undefined
  /**
   * Gives it back.
   *
   * @param isReady whether the record says all that whoever gets the lease next has to know. While it does not, the lease
   *   is kept, for as long as it lasts without being given back
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
  let isGranted = false
  let waitingSince: number | undefined
  /** Of the waits that are over: a lease that is lost is waited for again. */
  let waitedMs: number | undefined
  let asking: Promise<boolean> | undefined
  let keeper: NodeJS.Timeout | undefined
  let givingBack: NodeJS.Timeout | undefined

  /** A lease that ran out may have been somebody else's since: then a check says no, and only taking it anew says yes. */
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

  /** Goes on giving it back in a moment, unless it is taken again before. */
  function giveBackLater(again: () => Promise<void>): void {
    givingBack = outOfContext(() => setTimeout(again, 250).unref())
  }

  /** A store that fails is asked again until the lease has run out by itself. */
  async function giveBack(untilAt: number): Promise<void> {
    await store.release(key, holder).catch(() => {
      if (performance.now() < untilAt) giveBackLater(() => giveBack(untilAt))
    })
  }

  /** Waits for a change or a moment; whether the record is worth reading then, or only the lease to be asked for again. */
  async function wait(): Promise<boolean> {
    waitingSince ??= performance.now()
    if (performance.now() >= giveUpAt) throw new TokenStoreError(takenByOthers(waitMs), { operation: 'lease' })
    const isTold = await lineage.underWay.changeWithin(pauseMs * (0.5 + Math.random()))
    // the store's notice of a change may get lost: at the longest pause the record is read without one
    const isLong = pauseMs === longestPauseMs
    pauseMs = Math.min(pauseMs * 1.5, isToldOfChanges ? longestPauseMs : longestBlindPauseMs)
    return isTold || isLong || !isToldOfChanges
  }

  function msWaited(): number | undefined {
    return waitingSince === undefined ? waitedMs : (waitedMs ?? 0) + performance.now() - waitingSince
  }

  async function end(isReady = () => true, untilAt = performance.now() + durationMs): Promise<void> {
    // an answer that the store can never take is in this process alone, and has replaced the refresh token that the store
    // shows: nobody may send that one while this process lives
    const isInTime = performance.now() < untilAt || lineage.unsaved?.isRefused === true
    if (!isReady() && isInTime) return giveBackLater(() => end(isReady, untilAt))
    clearInterval(keeper)
    keeper = undefined
    await asking?.catch(() => {})
    // to give it back may take minutes while the store fails; what the request had in memory is not to wait for that
    asking = undefined
    if (mayBeOurs) await giveBack(performance.now() + durationMs)
  }

  return {
    holder,
    async takeOrWait() {
      clearTimeout(givingBack)
      const { changes } = lineage
      for (;;) {
        if (await take()) {
          waitedMs = msWaited()
          waitingSince = undefined
          isGranted = true
          keeper ??= outOfContext(() => setInterval(() => check().catch(() => {}), durationMs / 3).unref())
          return true
        }
        // whoever has it may have written the token that is wanted already: so the record is read before the first wait
        const isWorthReading = isFirst || lineage.changes !== changes || (await wait())
        isFirst = false
        if (isWorthReading) return false
      }
    },
    check,
    get waited() {
      const durationMs = msWaited()
      return durationMs === undefined ? undefined : { durationMs: Math.round(durationMs), granted: isGranted }
    },
    outlasts: milliseconds => oursUntil > performance.now() + milliseconds,
    release: isReady => end(isReady),
  }
}

/** Each of them had it for as long as a request takes, or came to an end without giving it back. */
function takenByOthers(waitMs: number): string {
  return `others have held the lease of this token for ${Math.round(waitMs / 1_000)} s, and no answer of theirs came`
}

const longestPauseMs = 1_000
const longestBlindPauseMs = 250
