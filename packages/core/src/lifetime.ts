/** How long a token lives, in whatever way a server says so. */
import { secondsToMs } from './clock.js'

/** Beyond ten years a lifetime is a way to say never: WSO2 sends 9223372036854775807 seconds. */
const longestLifetimeSeconds = 315_360_000

/** An instant from a lifetime in seconds; `undefined` for what is no lifetime: not a number, not positive, or endless. */
export function expiresIn(seconds: unknown, from: number): number | undefined {
  const value = numeric(seconds)
  return value > 0 && value <= longestLifetimeSeconds ? Math.round(from + secondsToMs(value)) : undefined
}

/**
 * The end of an access token whose `expires_in` is 0 or less: it is over when it comes, unless the server means that it
 * has no end. `undefined` for anything else.
 */
export function endOfZero(seconds: unknown, from: number, zero: 'now' | 'never' = 'now'): number | undefined {
  if (!(numeric(seconds) <= 0)) return undefined
  return zero === 'now' ? from : from + secondsToMs(longestLifetimeSeconds)
}

/** A number, also one that is written as text; else `NaN`. */
export function numeric(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}
