/** Time as the sandbox's servers see it: the machine's clock plus what a test added. */

/** A clock that follows the machine's and can be moved on by hand. */
export interface SandboxClock {
  /** Epoch milliseconds. */
  now(): number
  /**
   * Moves the time of every system at once.
   *
   * @param ms milliseconds, positive or negative
   * @throws TypeError when `ms` is not a finite number
   */
  advance(ms: number): void
}

/** Starts at the machine's time. */
export function createClock(): SandboxClock {
  let offsetMs = 0
  return {
    now: () => Date.now() + offsetMs,
    advance(ms) {
      if (!Number.isFinite(ms)) throw new TypeError('advance(ms): ms must be a finite number of milliseconds')
      offsetMs += ms
    },
  }
}

/** Epoch seconds, as JWT claims and token responses want them (RFC 7519 §2, NumericDate). */
export function epochSeconds(atMs: number): number {
  return Math.floor(atMs / 1000)
}
