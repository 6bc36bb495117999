/** The token endpoint (RFC 6749 §3.2): a grant goes in, a token set comes out. */
import { type Client, endpointFor } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import type { Grant } from '../grants/grant.js'
import { parseTokenResponse, type TokenSet } from '../token-set.js'

/**
 * Asks for a token set once: nothing is cached, nothing is shared. Most programs want `createTokenSource` instead.
 *
 * @throws AuthorizationServerError when the server refuses, TransportError when it does not answer,
 *   TokenResponseError when the answer is no token response
 */
export async function requestTokenSet(client: Client, grant: Grant): Promise<TokenSet> {
  const requestedAt = client.clock.now()
  const body = await sendToEndpoint(client, {
    endpoint: endpointFor(client, grant.grantType),
    parameters: { ...grant.parameters, grant_type: grant.grantType },
    grantType: grant.grantType,
    repeatable: grant.repeatable,
  })
  const requestedScope = grant.parameters.scope
  return parseTokenResponse(body, {
    provider: client.provider,
    requestedAt,
    requestedScope: typeof requestedScope === 'string' ? requestedScope : undefined,
  })
}
