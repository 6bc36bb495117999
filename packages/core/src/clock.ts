/** Time: the only place where seconds become milliseconds. */

/** Tells the time; passed in so that a test can move it by hand. */
export interface Clock {
  /** Now, in milliseconds since the epoch. */
  now(): number
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() }

/** Seconds, as they stand on the wire, in milliseconds. */
export function secondsToMs(seconds: number): number {
  return seconds * 1000
}

/** Milliseconds in whole seconds, rounded down, as `iat` and `exp` want them (RFC 7519 §2, NumericDate). */
export function msToSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
