/** What may stand in for a secret: in a key, in a log, in an inspected object. */
import { createHmac, hash, randomBytes } from 'node:crypto'

/** A secret as it is, or a function that reads it from where it is kept; asked before every request, so it may change. */
export type Secret = string | (() => string | Promise<string>)

/** The SHA-256 of a text, base64url: names a secret in a key without being one. */
export function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}

let salt: Buffer | undefined

/** Names a secret within this process alone: a weak one cannot be guessed from it elsewhere. */
export function fingerprint(secret: string): string {
  salt ??= randomBytes(32)
  return createHmac('sha256', salt).update(secret).digest('base64url')
}

/** What is shown instead of a token: enough to tell two apart in a log, of no use to anyone else. */
export function redacted(secret: string): string {
  return `[redacted ${sha256(secret).slice(0, 8)}]`
}

/**
 * A copy for logs: what can be seen of an object, and a short hash for each of the secrets that it keeps to itself.
 *
 * @param secrets by name; what is `undefined` is left out
 */
export function copyForLogs(
  object: object,
  secrets: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const hashes: Record<string, string> = {}
  for (const [name, secret] of Object.entries(secrets)) if (secret !== undefined) hashes[name] = redacted(secret)
  return { ...hashes, ...object }
}

const identities = new WeakMap<object, string>()
let identityCount = 0

/** A name for an object or function that lasts as long as it does; two objects never share one. */
export function identityOf(object: object): string {
  let identity = identities.get(object)
  if (identity === undefined) {
    identity = `#${++identityCount}`
    identities.set(object, identity)
  }
  return identity
}
