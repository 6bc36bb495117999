/** Which answers this process has taken: each is taken once, whoever brings it again. */
import { ValidationError } from '../errors.js'
import { fingerprint } from '../secret.js'
import type { AuthorizationTransaction } from './transaction.js'

/** Transactions whose answer has come, and until when another one could come. */
const used = new Map<string, number>()

/** So that what is remembered has an end: logins of an hour, at 27 a second. */
const mostRemembered = 100_000

/**
 * Takes the answer of a transaction for this process; other processes are the program's own to keep from it, by taking the
 * transaction away at its answer.
 *
 * @returns gives it back, for an answer that could not be looked at
 * @throws ValidationError `used_answer`
 */
export function useOnce({ state, issuer, expiresAt }: AuthorizationTransaction, now: number): () => void {
  const name = fingerprint(`${issuer} ${state}`)
  if (used.has(name)) throw new ValidationError('used_answer', 'the answer was taken before; it is good for one use')
  forget(now)
  used.set(name, expiresAt)
  return () => void used.delete(name)
}

/** The oldest stand first: only as many as have to go are looked at. */
function forget(now: number): void {
  for (const [name, expiresAt] of used) {
    if (expiresAt > now && used.size < mostRemembered) return
    used.delete(name)
  }
}
