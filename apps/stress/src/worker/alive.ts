/** Asks the server that issued a token whether it is good. */
import type { TokenSet } from '@grantkit/core'

/**
 * Whether a token was good at the instant it came, which is now.
 *
 * @returns `alive`, or why it was not; `undefined` when nobody could be asked
 */
export async function verdictOn(issuer: string, { accessToken }: TokenSet): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${accessToken}`, 'x-got-at': String(Date.now()) }
  const response = await fetch(`${issuer}/alive`, { headers }).catch(() => undefined)
  return response?.text()
}
