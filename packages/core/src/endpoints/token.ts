/** The token endpoint (RFC 6749 §3.2): a grant goes in, a token set comes out. */
import { json } from '../answer-shape.js'
import type { Client } from '../client.js'
import { type BeforeSending, sendToEndpoint } from '../endpoint.js'
import type { Grant } from '../grants/grant.js'
import { optionError, refusePromise, toBeAwaited } from '../options.js'
import type { Parameters } from '../provider.js'
import type { Received } from '../received.js'
import { rescue } from '../rescue.js'
import { type SalvageContext, salvage } from '../salvage.js'
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
  readonly beforeSending?: BeforeSending | undefined
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
  const facts = { endpoint: 'token_endpoint', grantType } as const
  const requestedAt = client.clock.now()
  const requestedScope = typeof parameters.scope === 'string' ? parameters.scope : undefined
  const resend = repeatable ? 'always' : grantType === 'authorization_code' ? 'never' : 'unsent'
  return sendToEndpoint(client, {
    ...facts,
    parameters: () => ({ ...parameters, grant_type: grantType }),
    resend,
    beforeSending,
    map: body => mapTokenResponse(body, provider, facts),
    accepts: [
      json(({ body, original }) => parseTokenResponse(body, { provider, requestedAt, requestedScope, original })),
    ],
    salvage: (error, received, { refresh_token: sent }) =>
      rescueWith(error, received, { provider, facts, sent: textOf(sent), requestedAt }),
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
async function rescueWith(error: unknown, received: Received, context: SalvageContext): Promise<void> {
  if (context.facts.grantType === 'client_credentials') return
  const found = await salvage(received, context)
  if (found !== undefined && typeof error === 'object' && error !== null) rescue(error, found)
}

function textOf(value: Parameters[string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}
