/** The right to renew a lineage, against all processes that share the store. */
import { randomUUID } from 'node:crypto'
import { TokenStoreError } from '../errors.js'
import type { Lineage } from './held.js'

/** Kept by a timer while it is needed. */
export interface Lease {
  readonly holder: string
  /** Step `lease`: takes it if it is free; otherwise whoever asks may wait with {@link Lease.change}. */
  take(): Promise<boolean>
  /** Step `check_lease`: whether it has been ours since it was taken; kept from now on. */
  check(): Promise<boolean>
  /** Whether it surely holds for so many milliseconds more. */
  outlasts(milliseconds: number): boolean
  /**
   * Waits until the record changes, or for a moment.
   *
   * @throws TokenStoreError when somebody has had the lease for too long
   */
  change(): Promise<void>
  release(): Promise<void>
}

/**
 * A lease of `durationMs` that is kept by a timer until it is released.
 *
 * @param durationMs longer than the request it is for, so that whoever gets it next knows that request to be over
 */
export function leaseOf(lineage: Lineage, durationMs: number): Lease {
  const { key, store } = lineage
  const holder = randomUUID()
  const giveUpAt = performance.now() + 2 * durationMs
  let heldUntil = 0
  let mayBeHeld = false
  let pauseMs = 25
  let asking: Promise<boolean> = Promise.resolve(false)
  let keeper: NodeJS.Timeout | undefined

  /** A lease that has run out meanwhile may have been somebody else's: then it is ours only if it is taken anew. */
  async function ask(isTaken: boolean): Promise<boolean> {
    const askedAt = performance.now()
    mayBeHeld = true
    mayBeHeld = await store.lease(key, holder, durationMs)
    const isOurs = mayBeHeld && (isTaken || performance.now() < heldUntil)
    heldUntil = isOurs ? askedAt + durationMs : 0
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
    const later = () => void (performance.now() < untilAt && setTimeout(again, 250).unref())
    await store.release(key, holder).catch(later)
  }

  return {
    holder,
    async take() {
      const granted = await take()
      if (granted) keeper ??= setInterval(() => check().catch(() => {}), durationMs / 3).unref()
      return granted
    },
    check,
    outlasts: milliseconds => heldUntil > performance.now() + milliseconds,
    async change() {
      if (performance.now() >= giveUpAt)
        throw new TokenStoreError('another process has been renewing this token for too long', { operation: 'lease' })
      await changeOf(lineage, pauseMs * (0.5 + Math.random()))
      pauseMs = Math.min(pauseMs * 1.5, 250)
    },
    async release() {
      clearInterval(keeper)
      await asking.catch(() => {})
      if (mayBeHeld) await giveBack(performance.now() + durationMs)
    },
  }
}

function changeOf({ waiting }: Lineage, mostMs: number): Promise<void> {
  return new Promise(resolve => {
    const wake = () => {
      clearTimeout(timer)
      waiting.delete(wake)
      resolve()
    }
    const timer = setTimeout(wake, mostMs)
    waiting.add(wake)
  })
}
