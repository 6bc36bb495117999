/** Proof Key for Code Exchange (RFC 7636 §4.6). */
import { createHash } from 'node:crypto'

/** True without a challenge; with a challenge, when the verifier fits it. */
export function challengeMatches(
  expected: { readonly codeChallenge: string | undefined; readonly codeChallengeMethod: string },
  verifier: string | undefined,
): boolean {
  if (expected.codeChallenge === undefined) return true
  if (verifier === undefined) return false
  const computed =
    expected.codeChallengeMethod === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url')
  return computed === expected.codeChallenge
}
