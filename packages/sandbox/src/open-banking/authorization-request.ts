/** An authorization request, from whichever of its three forms: plain, with a request object, or pushed before. */
import { type ParsedJwt, parseJwt } from '../jwt.js'
import type { ResponseMode } from './authorization-response.js'
import { type Destination, parseResponseMode, standardMode } from './authorization-response.js'
import type { AuthorizationServer } from './authorization-server.js'
import { problemAtAuthorization, textClaim } from './request-object.js'

/** What the account holder is asked for, all of it checked. */
export interface AuthorizationRequest extends Destination {
  readonly responseType: string
  readonly scope: readonly string[]
  readonly nonce: string | undefined
  readonly codeChallenge: string | undefined
  readonly codeChallengeMethod: string
  /** `openbanking_intent_id`. */
  readonly consentId: string | undefined
  /** `prompt` with `login`: whoever is logged in is asked again (OpenID Connect Core §3.1.2.1). */
  readonly asksAgain: boolean
}

/** Refused; told to the application where there is a `destination`, and to the account holder where there is none. */
export class AuthorizationProblem extends Error {
  override readonly name = 'AuthorizationProblem'
  readonly error: string
  readonly destination: Destination | undefined

  constructor(error: string, description: string, destination?: Destination) {
    super(description)
    this.error = error
    this.destination = destination
  }
}

type Parameters = Readonly<Record<string, string | undefined>>

/** @throws AuthorizationProblem */
export function readAuthorizationRequest(server: AuthorizationServer, parameters: Parameters): AuthorizationRequest {
  checkClient(server, parameters)
  const { isPushed, text } = takeRequestObject(server, parameters)
  const object = text === undefined ? undefined : parseJwt(text)
  const read = (name: string) => (object && textClaim(object, name)) ?? (isPushed ? undefined : parameters[name])
  const responseType = (isPushed ? read('response_type') : parameters.response_type) ?? ''
  const destination = findDestination(server, read, responseType)
  const refuse = (error: string, description: string): never => {
    throw new AuthorizationProblem(error, description, errorDestination(server, destination))
  }
  if (text !== undefined && !object) refuse('invalid_request', 'Request object is not a signed JWT')
  checkResponseType(server, responseType, refuse)
  if (responseType !== 'code') checkHybrid(parameters, { object, isPushed }, refuse)
  if (object) checkRequestObject(server, object, { ...parameters, response_type: responseType }, refuse)
  const mode = checkMode(server, read('response_mode'), responseType, refuse)
  const codeChallengeMethod = checkPkce(read, refuse)
  if (read('prompt') === 'none') refuse('login_required', 'Authentication required')
  return {
    ...destination,
    mode,
    responseType,
    scope: (read('scope') ?? '').split(/\s+/).filter(value => value !== ''),
    nonce: read('nonce'),
    codeChallenge: read('code_challenge'),
    codeChallengeMethod,
    consentId: consentIdOf(object?.claims.claims ?? parseJson(parameters.claims)),
    asksAgain: (read('prompt') ?? '').split(' ').includes('login'),
  }
}

type Refuse = (error: string, description: string) => never
type Read = (name: string) => string | undefined

function checkClient({ store }: AuthorizationServer, { client_id: clientId }: Parameters): void {
  if (clientId === undefined) throw new AuthorizationProblem('invalid_request', 'Missing parameters: client_id')
  if (clientId !== store.client.id)
    throw new AuthorizationProblem(
      'invalid_client',
      `A valid OAuth client could not be found for client_id: ${clientId}`,
    )
}

/** A pushed request is good once, and for as long as was promised. */
function takeRequestObject({ store, clock }: AuthorizationServer, { request, request_uri: uri }: Parameters) {
  if (uri === undefined) return { isPushed: false, text: request }
  if (request !== undefined) throw new AuthorizationProblem('invalid_request', 'Not allowed parameters: request')
  const reference = uri.slice(uri.lastIndexOf(':') + 1)
  const pushed = store.pushedRequests.get(reference)
  store.pushedRequests.delete(reference)
  if (pushed === undefined || pushed.uri !== uri || pushed.expiresAt <= clock.now())
    throw new AuthorizationProblem('invalid_request_uri', 'Provided request URI is not valid')
  return { isPushed: true, text: pushed.requestObject }
}

/** Nothing is told to a URI that is not the client's. */
function findDestination({ store }: AuthorizationServer, read: Read, responseType: string): Destination {
  const redirectUri = read('redirect_uri')
  if (redirectUri === undefined || !store.client.redirectUris.includes(redirectUri))
    throw new AuthorizationProblem('invalid_callback', 'Registered callback does not match with the provided url.')
  const mode = parseResponseMode(read('response_mode'), responseType) ?? standardMode(responseType)
  return { redirectUri, state: read('state'), mode }
}

/** Errors of the hybrid flow come in the fragment, or on some paths of the real server in the query. */
function errorDestination({ settings }: AuthorizationServer, destination: Destination): Destination {
  const { mode } = destination
  if (mode.isJwt && settings.jarm) return destination
  const inQuery = settings.authorizationErrors === 'query' && mode.channel === 'fragment'
  return { ...destination, mode: { channel: inQuery ? 'query' : mode.channel, isJwt: false } }
}

function checkResponseType({ settings }: AuthorizationServer, responseType: string, refuse: Refuse): void {
  if (responseType === '') refuse('invalid_request', 'Missing response_type parameter value')
  if (!settings.responseTypes.includes(responseType)) refuse('unsupported_response_type', 'Unsupported Response Type')
}

/** `OBHybridResponseTypeValidator`: it looks for `openid` beside the request object, not in it, unless that was pushed. */
function checkHybrid(
  parameters: Parameters,
  { object, isPushed }: { readonly object: ParsedJwt | undefined; readonly isPushed: boolean },
  refuse: Refuse,
): void {
  if (!object) refuse('invalid_request', 'Missing parameters: request')
  const scope = isPushed ? textClaim(object, 'scope') : parameters.scope
  if (!scope?.split(/\s+/).includes('openid')) {
    const beginning = `Request with 'client_id' = '${parameters.client_id}' has 'response_type' for 'hybrid flow'`
    refuse('invalid_request', `${beginning}; but 'openid' scope not found.`)
  }
}

function checkRequestObject(
  server: AuthorizationServer,
  object: ParsedJwt,
  parameters: Parameters,
  refuse: Refuse,
): void {
  const problem = problemAtAuthorization(server, object)
  if (problem) refuse(problem.error, problem.description)
  for (const name of ['client_id', 'response_type'])
    if ((textClaim(object, name) ?? parameters[name]) !== parameters[name])
      refuse('invalid_request', `Request Object and Authorization request contains unmatched ${name}`)
}

function checkMode(
  { settings }: AuthorizationServer,
  mode: string | undefined,
  responseType: string,
  refuse: Refuse,
): ResponseMode {
  const parsed = parseResponseMode(mode, responseType)
  if (!parsed || (parsed.isJwt && !settings.jarm)) return refuse('invalid_request', 'Unsupported response mode')
  if (parsed.channel === 'query' && !parsed.isJwt && responseType !== 'code')
    refuse('invalid_request', 'Response mode query is not supported for this response type')
  return parsed
}

function checkPkce(read: Read, refuse: Refuse): string {
  const challenge = read('code_challenge')
  const method = read('code_challenge_method') ?? 'plain'
  if (challenge !== undefined && !/^[\w.~-]{43,128}$/.test(challenge))
    refuse('invalid_request', 'PKCE challenge is not up to RFC 7636 specification')
  if (method !== 'S256' && method !== 'plain') refuse('invalid_request', 'Unsupported PKCE Challenge Method')
  return method
}

/** `/id_token/openbanking_intent_id/value`, else the same below `userinfo`. */
function consentIdOf(claims: unknown): string | undefined {
  const member = (value: unknown, name: string): unknown => (value as Record<string, unknown> | undefined)?.[name]
  const idOf = (part: string) => member(member(member(claims, part), 'openbanking_intent_id'), 'value')
  const id = idOf('id_token') ?? idOf('userinfo')
  return typeof id === 'string' ? id : undefined
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
