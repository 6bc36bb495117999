/** What an authorization request asks for: plain, in a signed request object (RFC 9101), or pushed (RFC 9126). */
import { randomBytes } from 'node:crypto'
import type { Answer } from '../answer.js'
import { parseJwt, verifyJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import { authenticateClient } from './client-authentication.js'
import { documentDraft, writeDocument } from './documents.js'
import { proofThumbprint } from './dpop-proof.js'
import { type AuthorizationParameters, type OpenidProvider, refuse } from './openid-provider.js'

/** `/par`: keeps what was asked for under a `request_uri` for one use. */
export function answerPushedAuthorizationRequest(provider: OpenidProvider, request: ReceivedRequest): Answer {
  authenticateClient(provider, request)
  const thumbprint = proofThumbprint(provider, request, 'pushed-authorization')
  const asked = requestedParameters(provider, request.parameters)
  const parameters = thumbprint === undefined ? asked : { dpop_jkt: thumbprint, ...asked }
  checkParameters(provider, parameters)
  const { requestUriLifetimeSeconds } = provider.settings
  const uri = `urn:ietf:params:oauth:request_uri:${randomBytes(24).toString('base64url')}`
  provider.pushedRequests.set(uri, { parameters, expiresAt: provider.clock.now() + requestUriLifetimeSeconds * 1000 })
  const draft = documentDraft({ request_uri: uri, expires_in: requestUriLifetimeSeconds }, 201)
  return writeDocument(provider.misbehaviours.apply('pushed-authorization', 'pushed-authorization', draft, provider))
}

/** The parameters of a request to the authorization endpoint, wherever they are. */
export function readAuthorizationRequest(provider: OpenidProvider, query: URLSearchParams): AuthorizationParameters {
  const given = Object.fromEntries(query)
  const uri = given.request_uri
  if (uri === undefined) {
    if (provider.settings.requirePushedAuthorizationRequests)
      refuse(400, 'invalid_request', 'the request is to be pushed')
    const parameters = requestedParameters(provider, given)
    checkParameters(provider, parameters)
    return parameters
  }
  const pushed = provider.pushedRequests.get(uri)
  provider.pushedRequests.delete(uri)
  if (!pushed || pushed.expiresAt <= provider.clock.now() || given.client_id !== provider.clientId)
    refuse(400, 'invalid_request_uri', 'the request_uri is unknown, used or expired')
  return pushed.parameters
}

/** Of a request object only what is in it counts (RFC 9101 §6.3). */
function requestedParameters(provider: OpenidProvider, given: AuthorizationParameters): AuthorizationParameters {
  if (given.request === undefined) {
    if (provider.settings.requireSignedRequestObject) refuse(400, 'invalid_request', 'a request object is due')
    return given
  }
  const jwt = parseJwt(given.request)
  const { clientKeys, clientId, clock, issuer, settings } = provider
  if (!jwt || !settings.clientAlgorithms.includes(String(jwt.header.alg)) || !verifyJwt(jwt, clientKeys.publicKey))
    refuse(400, 'invalid_request_object', 'the signature does not hold')
  const { iss, aud, exp, client_id } = jwt.claims
  if (iss !== clientId || client_id !== given.client_id || ![aud].flat().includes(issuer))
    refuse(400, 'invalid_request_object', 'iss, aud or client_id does not fit')
  if (exp !== undefined && Number(exp) * 1000 <= clock.now()) refuse(400, 'invalid_request_object', 'expired')
  return textMembers(jwt.claims)
}

function textMembers(claims: Readonly<Record<string, unknown>>): AuthorizationParameters {
  const entries = Object.entries(claims).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return Object.fromEntries(entries)
}

/** What is told to the user and not to the client, since it may not be the client's (RFC 6749 §4.1.2.1), and the rest. */
function checkParameters(
  { clientId, redirectUris, settings }: OpenidProvider,
  parameters: AuthorizationParameters,
): void {
  if (parameters.client_id !== clientId) refuse(400, 'unauthorized_client', 'the client is not known')
  if (!redirectUris.includes(parameters.redirect_uri ?? ''))
    refuse(400, 'invalid_request', 'the redirect_uri is not registered')
  if (!['code', 'code id_token'].includes(parameters.response_type ?? ''))
    refuse(400, 'unsupported_response_type', 'code or code id_token')
  const isS256 = parameters.code_challenge !== undefined && parameters.code_challenge_method === 'S256'
  if (settings.requirePkce && !isS256) refuse(400, 'invalid_request', 'an S256 code_challenge is due')
  if (parameters.response_type === 'code id_token' && parameters.nonce === undefined)
    refuse(400, 'invalid_request', 'a nonce is due')
}
