/** Request objects: an authorization request as a JWT that the client has signed (RFC 9101, OpenID Connect Core §6, FAPI 1.0 Advanced §5.2.3). */
import { randomUUID } from 'node:crypto'
import type { Client } from '../client.js'
import { msToSeconds, secondsToMs } from '../clock.js'
import { GrantKitError } from '../errors.js'
import type { Signer } from '../keys.js'
import { statedList } from '../metadata.js'
import { checkObject, checkOptions, checkText, optionError } from '../options.js'
import { checkRequestLifetime, type Parameters } from '../provider.js'
import { type AuthorizationParameters, asText } from './authorization-parameters.js'

/** How the request is signed. */
export interface RequestObjectOptions {
  /** Signs it: what `signer({ key, alg, kid })` made, once for all requests. */
  readonly signer: Signer
  /** `aud`. Default: the provider's, else the issuer. */
  readonly audience?: string | undefined
  /** Header `typ`. Default: the provider's, else `oauth-authz-req+jwt` (RFC 9101 §10.8). */
  readonly typ?: string | undefined
  /** From now to `exp`, in seconds: at most 3,540. Default: the provider's, else 300. */
  readonly lifetimeSeconds?: number | undefined
}

/** How far `iat` and `nbf` are set back, for servers whose clock runs behind. */
const setBackSeconds = 10

/**
 * Refuses wrong options, and none at all where the server takes nothing else.
 *
 * @throws TypeError naming the option
 */
export function checkRequestObject({ provider, metadata }: Client, options: RequestObjectOptions | undefined): void {
  const { name, metadata: server } = provider
  if (options === undefined) {
    if (server.require_signed_request_object === true || metadata.require_signed_request_object === true)
      throw optionError('requestObject', `is needed: ${name} takes signed requests alone`)
    return
  }
  checkObject('requestObject', options)
  checkOptions('requestObject', options, ['signer', 'audience', 'typ', 'lifetimeSeconds'])
  const { signer, audience, typ, lifetimeSeconds } = options
  if (typeof Object(signer).signJwt !== 'function')
    throw optionError('requestObject.signer', 'must come from signer({ key, alg, kid })')
  if (audience !== undefined) checkText('requestObject.audience', audience)
  if (typ !== undefined) checkText('requestObject.typ', typ)
  if (lifetimeSeconds !== undefined) checkRequestLifetime('requestObject.lifetimeSeconds', lifetimeSeconds)
  const { request_object_signing_alg: registered } = metadata
  const accepted = registered ?? statedList(server, 'request_object_signing_alg_values_supported')
  if (accepted !== undefined && ![accepted].flat().includes(signer.alg))
    throw optionError('requestObject.signer', `signs by ${signer.alg}; ${name} takes ${[accepted].flat().join(', ')}`)
}

/** A signed request. */
export interface SignedRequest {
  readonly jwt: string
  /** `exp`, in epoch milliseconds. */
  readonly expiresAt: number
}

/**
 * Signs a request; each time a new one, since a server may take a `jti` once.
 *
 * @throws GrantKitError with code `ERR_REQUEST_OBJECT` and what the signer threw as cause
 * @see RFC 9101 §4, §10.8
 */
export async function signRequest(
  { id, provider, clock }: Client,
  { signer, ...options }: RequestObjectOptions,
  parameters: AuthorizationParameters,
): Promise<SignedRequest> {
  const rules = provider.conform.requestObject ?? {}
  const { audience = rules.audience ?? provider.metadata.issuer, typ = rules.typ ?? 'oauth-authz-req+jwt' } = options
  const { lifetimeSeconds = rules.lifetimeSeconds ?? 300 } = options
  const now = msToSeconds(clock.now())
  const [since, until] = [now - setBackSeconds, now + lifetimeSeconds]
  const claims = { ...parameters, iss: id, aud: audience, jti: randomUUID(), iat: since, nbf: since, exp: until }
  try {
    return { jwt: await signer.signJwt({ typ }, claims), expiresAt: secondsToMs(until) }
  } catch (cause) {
    const known = { provider: provider.name, retryable: true, neverSent: true, cause }
    throw new GrantKitError('ERR_REQUEST_OBJECT', 'the request object could not be signed', known)
  }
}

/**
 * What stands beside `request` in a URL: what OAuth and OpenID Connect want there whatever the JWT says, and what a server
 * needs to send an error back where it cannot read the JWT. The JWT has all of it too, and counts.
 *
 * @see OpenID Connect Core §6.1, RFC 9101 §5
 */
export function besideRequest(parameters: AuthorizationParameters): Parameters {
  const { client_id, response_type, scope, redirect_uri, response_mode, state, nonce } = parameters
  return asText({ client_id, response_type, scope, redirect_uri, response_mode, state, nonce })
}
