/** A clock moved by hand. */
import type { Clock } from '@grantkit/core'

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  /** Moves on by so many milliseconds; a negative number moves back. */
  advance(milliseconds: number): void
}

/**
 * A clock that stands still until it is told to move.
 *
 * @param now where it starts, in epoch milliseconds. Default: the machine's time
 */
export function manualClock(now: number = Date.now()): ManualClock {
  let time = now
  return {
    now: () => time,
    advance(milliseconds) {
      time += milliseconds
    },
  }
}
