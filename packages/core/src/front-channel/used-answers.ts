/** Which answers this process has taken: each is taken once, whoever brings it again. */
import { ValidationError } from '../errors.js'
import { Once } from './once.js'
import type { AuthorizationTransaction } from './transaction.js'

/** So that what is remembered has an end: logins of an hour, at 27 a second. */
const used = new Once(100_000)

/**
 * Takes the answer of a transaction for this process; other processes are the program's own to keep from it, by taking the
 * transaction away at its answer.
 *
 * @returns gives it back, for an answer that could not be looked at
 * @throws ValidationError `used_answer`
 */
export function useOnce({ state, issuer, expiresAt }: AuthorizationTransaction, now: number): () => void {
  const giveBack = used.take(`${issuer} ${state}`, expiresAt, now)
  if (giveBack !== undefined) return giveBack
  throw new ValidationError('used_answer', 'the answer was taken before; it is good for one use')
}
