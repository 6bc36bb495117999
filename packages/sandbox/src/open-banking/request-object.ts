/**
 * The checks of WSO2 Open Banking on a request object, in the order of the accelerator: once at the authorization endpoint
 * (`OBRequestObjectValidationExtension`, `FapiRequestObject`), once where it is pushed (`PushAuthRequestValidator`).
 */
import { type ParsedJwt, verifyJwt } from '../jwt.js'
import type { AuthorizationServer } from './authorization-server.js'

/** What is wrong with an authorization request. */
export interface Problem {
  readonly error: string
  readonly description: string
}

type Check = (server: AuthorizationServer, object: ParsedJwt) => Problem | undefined

/** What the authorization endpoint finds wrong with a request object first. */
export function problemAtAuthorization(server: AuthorizationServer, object: ParsedJwt): Problem | undefined {
  return first(server, object, [
    signature('invalid_request', 'Request Object signature verification failed.'),
    present('redirect_uri', 'invalid_request', 'Mandatory parameter redirect_uri, not found in the request'),
    present('nonce', 'invalid_request', 'nonce parameter is missing in the request object'),
    present('exp', 'invalid_request', 'exp parameter is missing in the request object'),
    notExpired,
    notBefore('invalid_request'),
    closeToNotBefore,
    clientAndScope,
    issuer('invalid_request', 'Invalid parameters found in the Request Object.'),
    audience('invalid_request', 'Invalid parameters found in the Request Object.'),
    notNested('invalid_request', 'Invalid parameters found in the Request Object.'),
  ])
}

/** What the 3.0.0 endpoint for pushed requests finds wrong first. */
export function problemWhenPushed(server: AuthorizationServer, object: ParsedJwt): Problem | undefined {
  return first(server, object, [
    present('redirect_uri', 'invalid_request', 'Mandatory parameter redirect_uri, not found in the request'),
    sameClient,
    registeredRedirectUri,
    algorithm,
    signature('invalid_request', 'Request object signature validation failed'),
    present('response_type', 'invalid_request_object', 'Mandatory parameter response_type, not found in the request'),
    nonceOfHybrid,
    scopes,
    present('aud', 'invalid_request_object', 'aud parameter is missing in the request object'),
    audience('invalid_request_object', 'Invalid audience value in the request'),
    issuer('invalid_request_object', 'Invalid issuer in the request'),
    present('exp', 'invalid_request_object', 'exp parameter is missing in the request object'),
    notTooLong,
    notExpired,
    notBefore('invalid_request_object'),
    present('code_challenge', 'invalid_request_object', 'Mandatory parameter code_challenge, not found in the request'),
    present(
      'code_challenge_method',
      'invalid_request_object',
      'Mandatory parameter code_challenge_method, not found in the request',
    ),
    notNested(
      'invalid_request_object',
      'Both request and request_uri parameters are not allowed in the request object',
    ),
  ])
}

function first(server: AuthorizationServer, object: ParsedJwt, checks: readonly Check[]): Problem | undefined {
  for (const check of checks) {
    const problem = check(server, object)
    if (problem) return problem
  }
  return undefined
}

/** Of a claim, or nothing when it is no text. */
export function textClaim({ claims }: ParsedJwt, name: string): string | undefined {
  const value = claims[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function present(claim: string, error: string, description: string): Check {
  return (_, { claims }) =>
    [undefined, null, ''].includes(claims[claim] as string) ? { error, description } : undefined
}

/**
 * By the key its `kid` names in the client's JWKS, or the application's certificate, as client assertions are. The library
 * that looks into a JWKS (`JWKSBasedJWTValidator`) takes no `typ` but `JWT`, or none.
 */
function signature(error: string, description: string): Check {
  return ({ settings, store }, object) => {
    const { kid, alg, typ } = object.header
    const { keys } = store.client
    const byKid = settings.keyLookup === 'kid'
    const candidates = byKid ? keys.filter(key => key.kid === kid) : keys.slice(0, 1)
    const isAllowed = settings.requestObjectSigningAlgorithms.includes(String(alg))
    const isTyped = !byKid || typ === undefined || String(typ).toUpperCase() === 'JWT'
    const isVerified = isAllowed && isTyped && candidates.some(({ publicKey }) => verifyJwt(object, publicKey))
    return isVerified ? undefined : { error, description }
  }
}

const algorithm: Check = ({ settings }, { header }) =>
  settings.requestObjectSigningAlgorithms.includes(String(header.alg))
    ? undefined
    : { error: 'invalid_request_object', description: 'Invalid request object signing algorithm' }

const sameClient: Check = ({ store }, object) =>
  textClaim(object, 'client_id') === store.client.id
    ? undefined
    : {
        error: 'invalid_client',
        description: 'The client_id in the request object is different from the authenticated client.',
      }

const registeredRedirectUri: Check = ({ store }, object) =>
  store.client.redirectUris.includes(String(object.claims.redirect_uri))
    ? undefined
    : {
        error: 'invalid_request_object',
        description: 'Registered callback does not match with the provided url.',
      }

const nonceOfHybrid: Check = (_, object) =>
  /\bid_token\b/.test(textClaim(object, 'response_type') ?? '') && textClaim(object, 'nonce') === undefined
    ? { error: 'invalid_request', description: 'Invalid Nonce parameter in the request' }
    : undefined

const scopes: Check = ({ settings }, object) => {
  const scope = textClaim(object, 'scope')?.split(/\s+/)
  const problem = (description: string) => ({ error: 'invalid_request', description })
  if (!scope) return problem('Mandatory parameter scope, not found in the request')
  if (!scope.includes('openid')) return problem('Invalid scope: openid scope not present')
  return scope.every(one => settings.registeredScopes.includes(one))
    ? undefined
    : problem('Invalid scopes in the request')
}

const clientAndScope: Check = (_, object) =>
  textClaim(object, 'client_id') === undefined || textClaim(object, 'scope') === undefined
    ? { error: 'invalid_request', description: 'Client id or scope cannot be empty' }
    : undefined

function issuer(error: string, description: string): Check {
  return ({ store }, { claims }) => (claims.iss === store.client.id ? undefined : { error, description })
}

/** A text or a list; one of them has to be the issuer, which is the token endpoint. */
function audience(error: string, description: string): Check {
  return (server, { claims: { aud } }) => ([aud].flat().includes(server.issuer) ? undefined : { error, description })
}

function notNested(error: string, description: string): Check {
  return (_, { claims }) => (claims.request || claims.request_uri ? { error, description } : undefined)
}

const hour = 3600

/** The server's idea of now: its clock skew ahead, so that a request object lives that much shorter. */
function skewed({ clock, settings }: AuthorizationServer): number {
  return clock.now() / 1000 + settings.assertionSkewSeconds
}

const notExpired: Check = (server, { claims: { exp } }) =>
  typeof exp === 'number' && skewed(server) <= exp
    ? undefined
    : { error: 'invalid_request', description: 'Request object expired' }

const notTooLong: Check = (server, { claims: { exp } }) =>
  Number(exp) - skewed(server) > hour
    ? {
        error: 'invalid_request_object',
        description: 'exp parameter in the request object is over 1 hour in the future',
      }
    : undefined

function notBefore(error: string): Check {
  return (server, { claims: { nbf } }) => {
    if (typeof nbf !== 'number') return { error, description: 'nbf parameter is missing in the request object' }
    if (skewed(server) < nbf) return { error, description: 'Request object is not valid yet' }
    const isOld = skewed(server) - nbf > hour
    return isOld ? { error, description: 'nbf parameter in the request object is over 1 hour in the past' } : undefined
  }
}

const closeToNotBefore: Check = (_, { claims: { exp, nbf } }) =>
  Number(exp) - Number(nbf) > hour
    ? {
        error: 'invalid_request',
        description: 'Request Object expiry time is too far in the future than not before time.',
      }
    : undefined
