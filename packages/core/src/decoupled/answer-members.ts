/** What the answers of both decoupled flows have: a handle to poll with, and how often and how long (RFC 8628 §3.2, CIBA Core §7.3). */
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import { secondsToMs } from '../clock.js'
import { ValidationError } from '../errors.js'
import { expiresIn, numeric } from '../lifetime.js'

/** An answer that is read member by member. */
export interface AnswerMembers {
  /** A text of printable characters, of so many at most; `undefined` where it is missing and may be. */
  text(name: string, most: number, shape?: RegExp): string | undefined
  /** As {@link text}; one that is missing is refused. */
  required(name: string, most: number, shape?: RegExp): string
  /** `expires_in` as an instant, in epoch milliseconds. */
  readonly expiresAt: number
  /** `interval`, in milliseconds: 5,000 where the server names none, at least 1,000. */
  readonly intervalMs: number
  /** The error for a member that does not hold. */
  invalid(name: string, problem: string): ValidationError
}

/** RFC 6749 appendix A: VSCHAR without the blank. */
const printable = /^[\x21-\x7e]+$/

/**
 * Reads an answer.
 *
 * @param requestedAt before the request was sent, in epoch milliseconds
 * @throws ValidationError whose `check` is the member's name
 */
export function membersOf(body: unknown, { provider }: Client, requestedAt: number): AnswerMembers {
  const invalid = (name: string, problem: string) => new ValidationError(name, problem, { provider: provider.name })
  const answer = isObject(body) ? body : {}
  const text = (name: string, most: number, shape = printable) => {
    const value = answer[name]
    if (value === undefined || value === null || value === '') return undefined
    if (typeof value !== 'string') throw invalid(name, `is ${kindOf(value)}; expected a text`)
    if (value.length > most) throw invalid(name, `has ${value.length} characters; expected ${most} at most`)
    if (!shape.test(value)) throw invalid(name, 'holds a character that it cannot have')
    return value
  }
  return {
    invalid,
    text,
    required(name, most, shape) {
      const value = text(name, most, shape)
      if (value === undefined) throw invalid(name, 'is missing')
      return value
    },
    get expiresAt() {
      const { expires_in: seconds } = answer
      const at = expiresIn(seconds, requestedAt)
      if (at === undefined) throw invalid('expires_in', `is ${describe(seconds)}; expected a number of seconds`)
      return at
    },
    get intervalMs() {
      const { interval } = answer
      if (interval === undefined || interval === null) return 5_000
      const seconds = numeric(interval)
      if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY))
        throw invalid('interval', `is ${describe(interval)}; expected a number of seconds`)
      return secondsToMs(Math.max(seconds, 1))
    },
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  return typeof value === 'number' ? String(value) : kindOf(value)
}
