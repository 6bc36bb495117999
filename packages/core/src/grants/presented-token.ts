/** A token that a grant shows: as it is, or from whatever yields it anew for each attempt. */
import { checkCredential, credentialProblem, optionError, refusePromise } from '../options.js'
import { fingerprint, identityOf, type Secret, sha256 } from '../secret.js'
import type { TokenSet } from '../token-set.js'
import type { TokenSource } from '../token-source.js'

/** The token as it is, an async function that is asked for it before each attempt, or a source of which it is one. */
export type PresentedToken = Secret | TokenSource

/**
 * Refuses what is no token and yields none.
 *
 * @throws TypeError naming the option
 */
export function checkPresented(option: string, presented: unknown): asserts presented is PresentedToken {
  refusePromise(option, presented)
  if (typeof presented === 'function' || isSource(presented)) return
  if (presented !== null && typeof presented === 'object')
    throw optionError(option, 'must be a token, a function that returns one, or a token source')
  checkCredential(option, presented)
}

/**
 * What tells it from others in a key, without being it. A function says nothing of what it yields: unless it is given a
 * name, it is known in this process alone.
 */
export function identityOfPresented(presented: PresentedToken, name?: string): string {
  if (name !== undefined) return sha256(name)
  if (typeof presented === 'string') return sha256(presented)
  if (typeof presented === 'function') return fingerprint(identityOf(presented))
  return presented.identity?.() ?? fingerprint(identityOf(presented))
}

/** Reads it for one attempt. What it throws is no word of the server that is asked. */
export async function readPresented(
  option: string,
  presented: PresentedToken,
  from: (tokenSet: TokenSet) => string | undefined = ({ accessToken }) => accessToken,
): Promise<string> {
  if (typeof presented === 'string') return presented
  const token: unknown = typeof presented === 'function' ? await presented() : from(await presented.getTokenSet())
  if (typeof token !== 'string' || token === '') throw new Error(`${option}: none came, but ${whatCame(token)}`)
  const problem = credentialProblem(token)
  if (problem !== undefined) throw new Error(`${option}: what came ${problem}`)
  return token
}

function whatCame(token: unknown): string {
  if (token === '') return 'an empty text'
  return token === undefined ? 'nothing' : `a value of type ${typeof token}`
}

function isSource(value: unknown): value is TokenSource {
  return typeof (value as Partial<TokenSource> | null | undefined)?.getTokenSet === 'function'
}
