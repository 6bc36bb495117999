/** The way out: an authorization request with PKCE, as a URL to send a browser to (RFC 6749 §4.1.1, RFC 7636, RFC 9700 §2.1). */
import { randomBytes } from 'node:crypto'
import type { Client } from '../client.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { pushAuthorizationRequest } from '../endpoints/pushed-authorization.js'
import { type Pkce, pkceOf } from '../grants/authorization-code.js'
import { splitResource } from '../grants/grant.js'
import { checkHasKeys } from '../jwks.js'
import { flagIn } from '../metadata.js'
import { checkBoolean, checkNumber, checkOptions, optionError, toBeAwaited } from '../options.js'
import {
  type AuthorizationParameterOptions,
  type AuthorizationParameters,
  asText,
  authorizationParameterNames,
  authorizationParameters,
  resolveResponseMode,
} from './authorization-parameters.js'
import { authorizationEndpoint, authorizationUrl } from './authorization-url.js'
import { type ClaimsRequest, essentialAcrIn, expectedClaimsIn } from './claims-request.js'
import { besideRequest, checkRequestObject, makeRequestObject, type RequestObjectOptions } from './request-object.js'
import { type AuthorizationTransaction, asTransaction } from './transaction.js'

/** What is asked for, and how the request goes out. */
export interface AuthorizationRequestOptions extends AuthorizationParameterOptions {
  /** Signs the request (RFC 9101). Default: it is not signed. */
  readonly requestObject?: RequestObjectOptions | undefined
  /**
   * Whether the request is pushed to the server first, so that the browser carries a name for it alone (RFC 9126).
   * Default: where the server, or the client's registration, requires it.
   */
  readonly pushed?: boolean | undefined
  /**
   * Whether the ID token of a hybrid answer has to have `s_hash`, so that it signs all of the answer. Default: as FAPI 1.0
   * Advanced wants it (§5.2.2.1), where the request is one of its kind: signed or pushed, by a client with a certificate.
   */
  readonly requiresStateHash?: boolean | undefined
  /** How long an answer is waited for, in milliseconds. Default an hour. */
  readonly lifetimeMs?: number | undefined
}

/** Where to send the browser, and what to keep until it comes back. All of it is JSON. */
export interface AuthorizationRequest {
  /** Where to send the browser. */
  readonly url: string
  /**
   * Until when the URL can be used, in epoch milliseconds: a request that was pushed lives for a minute or so, one that is
   * signed for five. `undefined` where it has no end, or the server did not say.
   */
  readonly expiresAt: number | undefined
  /** What {@link readAuthorizationResponse} wants: keep it where this browser alone finds it, and take it away at its answer. */
  readonly transaction: AuthorizationTransaction
}

/**
 * Begins a login: makes `state`, `nonce` and a PKCE challenge, and the URL to send the browser to.
 *
 * @param client of the server that is asked; its `authorization_endpoint` has to be known
 * @throws TypeError naming the option, or what the metadata lacks
 * @see RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1, RFC 9700 §2.1
 */
export function createAuthorizationRequest(
  client: Client,
  options: AuthorizationRequestOptions,
): Promise<AuthorizationRequest> {
  return toBeAwaited(create(client, options), 'createAuthorizationRequest()', {
    members: ['url', 'transaction'],
    enumerable: false,
  })
}

/**
 * Refuses what {@link createAuthorizationRequest} would, before there is anybody to be sent out: for an integration that is
 * given its options long before its first login.
 *
 * @throws TypeError naming the option, or what the metadata lacks
 */
export function checkAuthorizationRequest(client: Client, options: AuthorizationRequestOptions): void {
  readRequest(client, options)
  authorizationEndpoint(client.provider)
}

/** What is asked for, once the options are found to be right. */
function readRequest(client: Client, options: AuthorizationRequestOptions): AuthorizationParameters {
  checkIsClient(client, 'createAuthorizationRequest(client, options)')
  checkRequestOptions(client, options)
  const asked = authorizationParameters(options)
  // the ID token comes for a code that is used up by then
  if (asksForIdToken(asked)) checkHasKeys(client)
  return asked
}

async function create(client: Client, options: AuthorizationRequestOptions): Promise<AuthorizationRequest> {
  const asked = readRequest(client, options)
  const made = newSecrets()
  const parameters = withProtocol(client, asked, made)
  const transaction = transactionOf(client, options, { ...parameters, codeVerifier: made.codeVerifier })
  return { ...(await urlOf(client, options, parameters)), transaction }
}

function checkRequestOptions(client: Client, options: AuthorizationRequestOptions): void {
  for (const name of ['state', 'nonce', 'codeVerifier', 'codeChallenge'])
    if (name in Object(options))
      throw optionError(name, 'is made anew for each request; what is yours belongs beside the transaction')
  const own = ['requestObject', 'pushed', 'requiresStateHash', 'lifetimeMs']
  checkOptions('createAuthorizationRequest', options, [...authorizationParameterNames, ...own])
  checkRequestObject(client, options.requestObject)
  checkIsUnreadable(client, options)
  if (options.pushed !== undefined) checkBoolean('pushed', options.pushed)
  if (options.pushed === false && mustBePushed(client))
    throw optionError('pushed', `must not be false: ${client.provider.name} takes pushed requests alone`)
  if (options.requiresStateHash !== undefined) checkBoolean('requiresStateHash', options.requiresStateHash)
  if (options.lifetimeMs !== undefined) checkNumber('lifetimeMs', options.lifetimeMs, 1)
}

/** A query stands in logs and histories: an ID token in it has to be encrypted (JARM §2.3.1). */
function checkIsUnreadable({ metadata }: Client, { responseType, responseMode }: AuthorizationRequestOptions): void {
  if (responseType !== 'code id_token' || responseMode !== 'query.jwt') return
  if (metadata.authorization_encrypted_response_alg === undefined)
    throw optionError('responseMode', 'query.jwt is for ID tokens only where the answer is encrypted (JARM §2.3.1)')
}

/** @see RFC 9126 §5, §6 */
function mustBePushed({ provider, metadata }: Client): boolean {
  const required = flagIn(provider.metadata, 'require_pushed_authorization_requests')
  return required === true || metadata.require_pushed_authorization_requests === true
}

type Way = Omit<AuthorizationRequest, 'transaction'>

async function urlOf(
  client: Client,
  { pushed = mustBePushed(client), requestObject }: AuthorizationRequestOptions,
  parameters: AuthorizationParameters,
): Promise<Way> {
  // an endpoint that cannot be used is told before anything is pushed
  const asked = { endpoint: authorizationEndpoint(client.provider), parameters }
  if (pushed) return pushedUrl(client, requestObject, asked)
  if (requestObject !== undefined) return signedUrl(client, requestObject, asked)
  return { url: authorizationUrl(asked.endpoint, asText(parameters)), expiresAt: undefined }
}

/** A request, and where it goes. */
interface Asked {
  readonly endpoint: URL
  readonly parameters: AuthorizationParameters
}

/** The browser carries the name of the request, and whose it is (RFC 9126 §4). */
async function pushedUrl(
  client: Client,
  requestObject: RequestObjectOptions | undefined,
  { endpoint, parameters }: Asked,
): Promise<Way> {
  const { requestUri, expiresAt } = await pushAuthorizationRequest(client, async () => {
    if (requestObject === undefined) return asText(parameters)
    // RFC 9126 §3: all of the request stands in the JWT, and nothing beside it
    return { request: (await makeRequestObject(client, requestObject, parameters)).jwt }
  })
  return { url: authorizationUrl(endpoint, { client_id: client.id, request_uri: requestUri }), expiresAt }
}

async function signedUrl(
  client: Client,
  requestObject: RequestObjectOptions,
  { endpoint, parameters }: Asked,
): Promise<Way> {
  const { jwt, expiresAt } = await makeRequestObject(client, requestObject, parameters)
  return { url: authorizationUrl(endpoint, { ...besideRequest(parameters), request: jwt }), expiresAt }
}

/** Adds what is new for each request. A nonce is for ID tokens alone. */
function withProtocol(
  client: Client,
  asked: AuthorizationParameters,
  { state, nonce, codeChallenge, codeChallengeMethod }: Secrets,
) {
  return {
    ...asked,
    client_id: client.id,
    state,
    nonce: asksForIdToken(asked) ? nonce : undefined,
    // RFC 9449 §10: a code that is stolen is of no use to another key either
    dpop_jkt: client.dpop?.thumbprint,
    code_challenge: codeChallenge,
    code_challenge_method: codeChallengeMethod,
  }
}

function asksForIdToken({ scope }: AuthorizationParameters): boolean {
  return String(scope ?? '')
    .split(' ')
    .includes('openid')
}

/** What is new for each request, and cannot be guessed. */
interface Secrets extends Pkce {
  readonly state: string
  readonly nonce: string
}

/** Of 256 bits each (RFC 9700 §2.1, RFC 6749 §10.10). The generator takes as long for all as for one. */
function newSecrets(): Secrets {
  const bytes = randomBytes(96)
  const secretAt = (start: number) => bytes.toString('base64url', start, start + 32)
  return { state: secretAt(0), nonce: secretAt(32), ...pkceOf(secretAt(64)) }
}

interface Made {
  readonly state: string
  readonly nonce: string | undefined
  readonly codeVerifier: string
  readonly [name: string]: AuthorizationParameters[string]
}

function transactionOf(client: Client, options: AuthorizationRequestOptions, made: Made): AuthorizationTransaction {
  const { redirectUri, responseType = 'code', resource, maxAgeSeconds, lifetimeMs = 3_600_000 } = options
  const claims = made.claims as ClaimsRequest | undefined
  const scope = made.scope as string | undefined
  return asTransaction({
    version: 1,
    issuer: client.provider.metadata.issuer,
    clientId: client.id,
    redirectUri,
    responseType,
    responseMode: resolveResponseMode(options),
    state: made.state,
    nonce: made.nonce,
    codeVerifier: made.codeVerifier,
    scope,
    resource: splitResource(resource),
    maxAgeSeconds,
    essentialAcr: essentialAcrIn(claims),
    expectedClaims: expectedClaimsIn(claims),
    requiresStateHash: requiresStateHash(client, options) || undefined,
    dpopThumbprint: client.dpop?.thumbprint,
    expiresAt: client.clock.now() + lifetimeMs,
  })
}

/** The ID token is what signs a hybrid answer, unless all of that is a signed JWT. */
function requiresStateHash(client: Client, options: AuthorizationRequestOptions): boolean {
  const { responseType, requestObject, pushed = mustBePushed(client) } = options
  if (responseType !== 'code id_token' || resolveResponseMode(options).endsWith('.jwt')) return false
  const isOfFapi = client.tls.certificate !== undefined && (pushed || requestObject !== undefined)
  return options.requiresStateHash ?? isOfFapi
}
