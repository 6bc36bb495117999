/** Pushed authorization requests (RFC 9126) at the two places WSO2 has for them, each with its own order of checks. */
import { randomBytes } from 'node:crypto'
import { type Answer, json } from '../answer.js'
import { parseJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import { type AuthorizationServer, refuse } from './authorization-server.js'
import { authenticateClient, readParameters } from './client-authentication.js'
import { problemAtAuthorization, problemWhenPushed, textClaim } from './request-object.js'

/** A request that was pushed, by the last part of its `request_uri`. */
export interface PushedRequest {
  readonly uri: string
  readonly requestObject: string
  readonly expiresAt: number
}

/** `/api/openbanking/push-authorization/par`, Open Banking 3.0.0: the request object is looked at before the client is. */
export function answerPushedRequest(server: AuthorizationServer, request: ReceivedRequest): Answer {
  const names = request.parameterList.map(([name]) => name)
  if (new Set(names).size < names.length) refuse(400, 'invalid_request', 'Repeated parameter found in the request')
  const { request: text, request_uri: uri } = request.parameters
  if (uri !== undefined) refuse(400, 'invalid_request', 'Request does not allow request_uri parameter')
  if (text === undefined) return refuse(400, 'invalid_request', 'Invalid JWT as request')
  const object = parseJwt(text)
  if (!object) return refuse(400, 'invalid_request_object', 'Unable to decode JWT.')
  const problem = problemWhenPushed(server, object)
  if (problem) refuse(400, problem.error, problem.description)
  authenticateClient(acceptingItself(server, request), request, request.parameters)
  return keep(server, 'urn:ietf:params:oauth:request_uri:', text)
}

/** `/oauth2/par`, Identity Server 7 with Open Banking 4.x: the client comes first (`OAuth2ParEndpoint`). */
export function answerPushedRequestOf4(server: AuthorizationServer, request: ReceivedRequest): Answer {
  const parameters = readParameters(server, request)
  authenticateClient(acceptingItself(server, request), request, parameters)
  if (parameters.request_uri !== undefined)
    refuse(400, 'invalid_request', 'Request_uri is not allowed in the request body')
  if (parameters.request === undefined) return refuse(400, 'invalid_request', 'Request object is mandatory for FAPI')
  const object = parseJwt(parameters.request)
  if (!object) return refuse(400, 'invalid_request', 'Invalid request object')
  const problem = problemAtAuthorization(server, object)
  if (problem) refuse(400, problem.error, problem.description)
  if (textClaim(object, 'code_challenge') === undefined || object.claims.code_challenge_method !== 'S256')
    refuse(400, 'invalid_request', 'Mandatory PKCE parameters are missing: code_challenge, code_challenge_method')
  return keep(server, 'urn:ietf:params:oauth:par:request_uri:', parameters.request)
}

/** An assertion's `aud` may be the endpoint it is sent to, beside what the settings say. */
function acceptingItself(server: AuthorizationServer, { path }: ReceivedRequest): AuthorizationServer {
  const { settings, issuer } = server
  if (!settings.pushedRequestAudience) return server
  return { ...server, settings: { ...settings, audiences: [...settings.audiences, new URL(path, issuer).href] } }
}

function keep({ store, clock, settings }: AuthorizationServer, prefix: string, requestObject: string): Answer {
  const reference = randomBytes(16).toString('hex')
  const uri = prefix + reference
  const lifetime = settings.requestUriLifetimeSeconds
  store.pushedRequests.set(reference, { uri, requestObject, expiresAt: clock.now() + lifetime * 1000 })
  return json(201, { request_uri: uri, expires_in: lifetime }, { 'cache-control': 'no-store' })
}
