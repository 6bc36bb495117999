/** Signatures of the server's: by one of its keys, which are asked for anew where none of those that are kept fits (RFC 7515 §5.2). */
import type { KeyObject } from 'node:crypto'
import type { Client } from './client.js'
import { isGrantKitError, ValidationError } from './errors.js'
import type { KeyWanted, ServerKeys } from './jwks.js'
import { type Repeated, shownName } from './shown-value.js'
import { isSignedByOne, type Signed } from './verification.js'

/** What is signed, and by whom. */
export interface ServerSignature {
  /** As a message names it, such as `ID token`. */
  readonly what: string
  readonly keys: ServerKeys
  /** Says which key it was. */
  readonly header: KeyWanted
  readonly signed: Signed
  /** What may stand in no message, should the name of a key repeat it. Default: nothing. */
  readonly secrets?: Repeated['secrets']
}

/**
 * Refuses what none of the keys has signed.
 *
 * @returns `undefined` where a key at hand has signed it, as nearly always; what has to wait rejects with a ValidationError:
 *   `check` is `kid` (no key fits), `jwks` (the keys could not be had) or `signature`
 */
export function checkServerSignature(client: Client, signature: ServerSignature): Promise<void> | undefined {
  const { keys, header, signed } = signature
  const kept = keys.kept(header, client.clock.now()) ?? []
  const isSigned = isSignedByOne(kept, signed)
  return isSigned === true ? undefined : checkFurther(client, signature, { kept, isSigned })
}

/** What the keys at hand have said, or will say. */
interface Tried {
  readonly kept: readonly KeyObject[]
  readonly isSigned: boolean | Promise<boolean>
}

async function checkFurther(client: Client, signature: ServerSignature, { kept, isSigned }: Tried): Promise<void> {
  if (await isSigned) return
  const { what, keys, header, signed } = signature
  // a server may have another key by the same name, or by none
  const now = kept.length === 0 ? await found(client, signature) : await keys.findAgain(client, header)
  const others = now.filter(key => !kept.includes(key))
  if (await isSignedByOne(others, signed)) return
  const { alg, kid } = header
  const which = kid === undefined ? `${alg}, no kid` : `${alg}, kid ${shownName(kid, signature)}`
  const invalid = (check: string, problem: string) =>
    new ValidationError(check, `the ${what} ${problem}`, { provider: client.provider.name })
  if (kept.length + others.length > 0)
    throw invalid('signature', `does not hold: no key of the server has signed it (${which})`)
  throw invalid('kid', `is signed by a key that the server does not publish (${which}): ${keys.describe(signature)}`)
}

async function found(client: Client, { what, keys, header }: ServerSignature): Promise<readonly KeyObject[]> {
  try {
    return await keys.find(client, header)
  } catch (cause) {
    if (!isGrantKitError(cause)) throw cause
    const { message, retryable, retryAfterMs } = cause
    const problem = `the keys to check the ${what} by could not be had: ${message}`
    throw new ValidationError('jwks', problem, { provider: client.provider.name, retryable, retryAfterMs, cause })
  }
}
