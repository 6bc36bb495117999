/** How long a token lives, in whatever way a server says so. */
import { secondsToMs } from './clock.js'

/** Beyond ten years a lifetime is a way to say never: WSO2 sends 9223372036854775807 seconds. */
const longestLifetimeSeconds = 315_360_000

/** An instant from a lifetime in seconds; `undefined` for what is no lifetime: not a number, not positive, or endless. */
export function expiresIn(seconds: unknown, from: number): number | undefined {
  const value = numeric(seconds)
  return value > 0 && value <= longestLifetimeSeconds ? Math.round(from + secondsToMs(value)) : undefined
}

/** A number, also one that is written as text; else `NaN`. */
export function numeric(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}
