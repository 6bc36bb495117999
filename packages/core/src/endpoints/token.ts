/** The token endpoint (RFC 6749 §3.2): a grant goes in, a token set comes out. */
import { type Client, endpointFor } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import type { Grant } from '../grants/grant.js'
import { optionError, refusePromise, toBeAwaited } from '../options.js'
import type { Received } from '../received.js'
import { rescue } from '../rescue.js'
import { salvage } from '../salvage.js'
import { mapTokenResponse, parseTokenResponse } from '../token-response.js'
import { type TokenSet, unawaited } from '../token-set.js'

/**
 * Asks for a token set once: nothing is cached, nothing is shared. Most programs want `createTokenSource` instead.
 *
 * @throws AuthorizationServerError when the server refuses, TransportError when it does not answer,
 *   TokenResponseError when the answer is no token response, TypeError naming an argument that is none
 */
export function requestTokenSet(client: Client, grant: Grant): Promise<TokenSet> {
  return toBeAwaited(askChecked(client, grant), 'requestTokenSet()', unawaited)
}

async function askChecked(client: Client, grant: Grant): Promise<TokenSet> {
  checkArguments(client, grant)
  return askTokenEndpoint(client, grant)
}

/** How a token source asks, where that differs from {@link requestTokenSet}. */
export interface AskOptions {
  /** Called right before each attempt is handed to the transport; see `EndpointRequest.beforeSending`. */
  readonly beforeSending?: (() => Promise<void>) | undefined
}

/**
 * Asks for a token set once, with arguments that were checked.
 *
 * @throws what {@link requestTokenSet} throws; what `beforeSending` throws
 */
export async function askTokenEndpoint(
  client: Client,
  grant: Grant,
  { beforeSending }: AskOptions = {},
): Promise<TokenSet> {
  const { provider } = client
  const { grantType, parameters, repeatable } = grant
  const requestedAt = client.clock.now()
  const requestedScope = typeof parameters.scope === 'string' ? parameters.scope : undefined
  return sendToEndpoint(client, {
    endpoint: endpointFor(client, grantType),
    parameters: { ...parameters, grant_type: grantType },
    grantType,
    repeatable,
    beforeSending,
    map: body => mapTokenResponse(body, provider),
    read: (body, original) => parseTokenResponse(body, { provider, requestedAt, requestedScope, original }),
    salvage: (error, received) => rescueWith(error, received, client, grant, requestedAt),
  })
}

function checkArguments(client: unknown, grant: unknown): void {
  const order = 'the order is requestTokenSet(client, grant)'
  refusePromise('client', client)
  refusePromise('grant', grant)
  if (typeof Object(client).transport !== 'function')
    throw optionError('client', `must come from createClient(); ${order}`)
  if (typeof Object(grant).grantType !== 'string')
    throw optionError('grant', `must come from a grant function such as clientCredentials(); ${order}`)
}

/** Of an answer that brings an application's token nothing is worth it: it is asked for again. */
async function rescueWith(
  error: unknown,
  received: Received,
  { provider }: Client,
  { grantType, parameters }: Grant,
  requestedAt: number,
): Promise<void> {
  if (grantType === 'client_credentials') return
  const sent = typeof parameters.refresh_token === 'string' ? parameters.refresh_token : undefined
  const found = await salvage(received, { provider, sent, requestedAt })
  if (found !== undefined && typeof error === 'object' && error !== null) rescue(error, found)
}
