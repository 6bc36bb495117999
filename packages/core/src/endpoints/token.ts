/** The token endpoint (RFC 6749 §3.2): a grant goes in, a token set comes out. */
import { type Content, json } from '../answer-shape.js'
import type { Presented } from '../binding.js'
import { type Client, endpointFor } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import type { BeforeSending } from '../endpoint-request.js'
import { GrantKitError, isGrantKitError } from '../errors.js'
import { checkIsGrant, type Grant, type GrantContext } from '../grants/grant.js'
import { knowsDpop } from '../metadata.js'
import { checkObject, toBeAwaited } from '../options.js'
import { poll } from '../polling.js'
import type { Parameters } from '../provider.js'
import type { Received } from '../received.js'
import { rescue } from '../rescue.js'
import { type SalvageContext, salvage } from '../salvage.js'
import { mapTokenResponse, parseTokenResponse } from '../token-response.js'
import { type TokenSet, unawaited } from '../token-set.js'
import { checkIsClient } from './check-client.js'

/**
 * Asks for a token set once: nothing is cached, nothing is shared. Most programs want `createTokenSource` instead. A grant
 * that somebody has to agree to elsewhere is asked for until they have.
 *
 * @throws AuthorizationServerError when the server refuses, TransportError when it does not answer,
 *   TokenResponseError when the answer is no token response, TypeError naming an argument that is none
 */
export function requestTokenSet(client: Client, grant: Grant): Promise<TokenSet> {
  return toBeAwaited(askChecked(client, grant), 'requestTokenSet()', unawaited)
}

async function askChecked(client: Client, grant: Grant): Promise<TokenSet> {
  checkArguments(client, grant)
  return poll(client, grant, () => askTokenEndpoint(client, grant))
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
  const { grantType, resend, withoutRefreshToken } = grant
  const facts = { endpoint: 'token_endpoint', grantType } as const
  const context = { client, endpoint: endpointFor(client, facts.endpoint, grantType) }
  const requestedAt = client.clock.now()
  const certificateBefore = client.tls.certificate?.thumbprint
  return sendToEndpoint(client, {
    ...facts,
    parameters: () => parametersOf(grant, context),
    proves: {},
    resend,
    beforeSending,
    map: body => mapTokenResponse(body, provider, facts),
    accepts: [json((content, sent) => readTokenSet(content, { grant, context, requestedAt, certificateBefore, sent }))],
    salvage: withoutRefreshToken
      ? undefined
      : (error, received, { refresh_token: sent }) =>
          rescueWith(error, received, { provider, facts, sent: textOf(sent), requestedAt }),
  })
}

/** What a signer or another token source throws is told as such: it is no word of this server, and nothing was sent. */
async function parametersOf(grant: Grant, context: GrantContext): Promise<Parameters> {
  try {
    const parameters = await grant.parameters(context)
    checkObject('grant.parameters', parameters)
    return { ...parameters, grant_type: grant.grantType }
  } catch (cause) {
    if (Object(cause).code === 'ERR_OPTION') throw cause
    const retryable = isGrantKitError(cause) ? cause.retryable : true
    const options = { provider: context.client.provider.name, retryable, neverSent: true, cause }
    throw new GrantKitError('ERR_GRANT', `${grant.grantType}: what it shows could not be had`, options)
  }
}

/** An answer to a grant, and what was sent for it. */
interface Answered {
  readonly grant: Grant
  readonly context: GrantContext
  readonly requestedAt: number
  /** The thumbprint of the client's certificate before the request: it may have been replaced meanwhile. */
  readonly certificateBefore: string | undefined
  readonly sent: Parameters
}

async function readTokenSet({ body, original }: Content, answered: Answered): Promise<TokenSet> {
  const { grant, context, requestedAt, certificateBefore, sent } = answered
  const { provider } = context.client
  const requestedScope = textOf(sent.scope) ?? grant.requestedScope
  const presented = presentedBy(context.client, certificateBefore)
  const tokenSet = await parseTokenResponse(body, { provider, requestedAt, requestedScope, original, presented })
  await grant.validate?.(tokenSet, context)
  return tokenSet
}

function presentedBy({ dpop, tls, provider, metadata }: Client, certificateBefore: string | undefined): Presented {
  const certificates = [certificateBefore, tls.certificate?.thumbprint].filter(one => one !== undefined)
  const { dpop_bound_access_tokens: isRegistered, tls_client_certificate_bound_access_tokens: isCertificate } = metadata
  return {
    jkt: dpop?.thumbprint,
    certificates,
    refusesBearer: isRegistered ?? knowsDpop(provider.metadata),
    registered: { jkt: isRegistered === true, certificate: isCertificate === true },
  }
}

function checkArguments(client: unknown, grant: unknown): void {
  const order = 'requestTokenSet(client, grant)'
  checkIsClient(client, order)
  checkIsGrant(grant, `; the order is ${order}`)
}

async function rescueWith(error: unknown, received: Received, context: SalvageContext): Promise<void> {
  const found = await salvage(received, context)
  if (found !== undefined && typeof error === 'object' && error !== null) rescue(error, found)
}

function textOf(value: Parameters[string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}
