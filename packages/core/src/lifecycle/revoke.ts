/** Takes what is held of a lineage away at the server, then here. */
import type { Client } from '../client.js'
import { type RevocationOptions, revokeToken } from '../endpoints/revocation.js'
import { leaseOf } from './lease.js'
import type { Entry } from './lineage.js'
import type { LineageRecord } from './record.js'
import { StoredLineage } from './stored.js'

/** How much longer than the requests a lease lasts, in milliseconds. */
const leaseMarginMs = 5_000

/** What is to be done, and who has to wait no more. */
interface Revocation {
  readonly options: RevocationOptions
  readonly forget: () => Promise<void>
  /** Throws once nobody wants it any more. */
  readonly checkOpen: () => void
}

/**
 * Revokes the refresh token, or where there is none the access tokens, and forgets all of them. Nobody refreshes meanwhile,
 * in any process, so that no token comes into being that nobody revokes.
 *
 * @throws what {@link revokeToken} throws: then nothing is forgotten
 */
export async function revokeHeld(client: Client, { lineage }: Entry, revocation: Revocation): Promise<void> {
  const { options, forget, checkOpen } = revocation
  const leaseMs = Math.ceil(client.timeoutMs) + leaseMarginMs
  const lease = leaseOf(lineage, leaseMs, 2 * leaseMs)
  await lineage.underWay.inTurn(async () => {
    try {
      while (!(await lease.takeOrWait())) checkOpen()
      const { record } = await new StoredLineage(lineage, client.clock).read()
      for (const held of tokensIn(record)) await revokeToken(client, { ...options, ...held })
      await forget()
    } finally {
      await lease.release()
    }
  })
}

/** With a refresh token a server revokes the access tokens as well (RFC 7009 §2.1). */
function tokensIn({ refreshToken, accessTokens }: LineageRecord) {
  if (refreshToken !== undefined) return [{ token: refreshToken, tokenTypeHint: 'refresh_token' }]
  return Object.values(accessTokens).map(({ accessToken }) => ({ token: accessToken, tokenTypeHint: 'access_token' }))
}
