/** The right to renew a lineage, against all processes that share the store. */
import { randomUUID } from 'node:crypto'
import { TokenStoreError } from '../errors.js'
import type { Lineage } from './held.js'

/** Kept by a timer while it is needed. */
export interface Lease {
  readonly holder: string
  /** Step `lease`: takes it if it is free; otherwise whoever asks may wait with {@link Lease.change}. */
  take(): Promise<boolean>
  /** Step `check_lease`: whether it is still ours; kept from now on. */
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

  async function ask(): Promise<boolean> {
    const askedAt = performance.now()
    mayBeHeld = true
    mayBeHeld = await store.lease(key, holder, durationMs)
    heldUntil = mayBeHeld ? askedAt + durationMs : 0
    return mayBeHeld
  }
  const check = () => {
    asking = ask()
    return asking
  }

  return {
    holder,
    async take() {
      const granted = await check()
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
      // a store that is down lets it run out
      if (mayBeHeld) await store.release(key, holder).catch(() => {})
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
