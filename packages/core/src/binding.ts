/**
 * What an access token is bound to: its type, and the key or the certificate that it names, against what the client presents
 * with its requests (RFC 9449 §5, §6; RFC 8705 §3.1).
 */
import { isObject, kindOf, parseJson } from './body.js'
import { TokenResponseError, ValidationError } from './errors.js'
import type { Provider } from './provider.js'

/** How an access token is sent: it is the scheme of `Authorization`. */
export type AccessTokenType = 'Bearer' | 'DPoP'

/** What a client presents, and what its tokens are registered to be. */
export interface Presented {
  /** The thumbprint of the key that its proofs are made with. */
  readonly jkt?: string | undefined
  /** The thumbprints of its certificate, before the request and after it; none where the transport has one that we do not know. */
  readonly certificates?: readonly string[] | undefined
  /** Whether a Bearer token in answer to a proof is refused: by registration, or because the server knows better. */
  readonly refusesBearer?: boolean | undefined
  /** What a token has to name where it can be read, by registration. */
  readonly registered?: { readonly jkt: boolean; readonly certificate: boolean } | undefined
}

/**
 * Reads `token_type`. A server that knows nothing of DPoP answers a proof with a Bearer token, which serves as any does; one
 * that does, or has been told to bind this client's tokens, is not believed when it says so.
 *
 * @throws TokenResponseError for a type that cannot be used, ValidationError for a Bearer token that should be bound
 * @see RFC 9449 §5
 */
export function readTokenType(tokenType: unknown, presented: Presented, { name }: Provider): AccessTokenType {
  const type = typeof tokenType === 'string' ? tokenType.toLowerCase() : undefined
  const proves = presented.jkt !== undefined
  if (type === 'dpop' && proves) return 'DPoP'
  if (type === 'bearer' && !(proves && presented.refusesBearer)) return 'Bearer'
  const options = { provider: name }
  if (type === 'bearer')
    throw new ValidationError('token_type', 'Bearer came in answer to a DPoP proof; DPoP was wanted', options)
  const got = tokenType === undefined ? 'missing' : (another(type) ?? kindOf(tokenType))
  const usable = proves ? 'only DPoP and Bearer tokens' : 'only Bearer tokens'
  throw new TokenResponseError(`token_type is ${got}; ${usable} can be used`, options)
}

/**
 * Checks what a JWT access token says it is bound to. A token that cannot be read says nothing. Where a key and a certificate
 * are both presented, the token's type decides: the key binds a DPoP token, and a certificate it names as well has to be ours.
 *
 * @throws ValidationError `cnf`
 * @see RFC 7800 §3.1
 */
export function checkConfirmation(
  accessToken: string,
  tokenType: AccessTokenType,
  { jkt, certificates = [], registered }: Presented,
  { name }: Provider,
): void {
  const confirmation = confirmationOf(accessToken)
  if (confirmation === undefined) return
  const { jkt: key, 'x5t#S256': certificate } = confirmation
  const refuse = (came: string, wanted: string) => {
    throw new ValidationError('cnf', `the access token ${came}; ${wanted}`, { provider: name })
  }
  if (key !== undefined && jkt === undefined) refuse('is bound to a DPoP key (jkt)', 'this client has none')
  if (key !== undefined && key !== jkt) refuse('is bound to another DPoP key (jkt)', 'it was asked for with ours')
  if (key !== undefined && tokenType === 'Bearer') refuse('is bound to a DPoP key (jkt)', 'its type is Bearer')
  if (certificate !== undefined && certificates.length > 0 && !certificates.includes(asBase64url(certificate)))
    refuse('is bound to another certificate (x5t#S256)', 'it was asked for with ours')
  if (registered?.jkt && tokenType === 'DPoP' && key === undefined)
    refuse('names no DPoP key (jkt)', 'the client is registered for tokens that are bound to one')
  if (registered?.certificate && tokenType === 'Bearer' && certificate === undefined)
    refuse('names no certificate (x5t#S256)', 'the client is registered for tokens that are bound to one')
}

function another(type: string | undefined): string | undefined {
  // RFC 8693 §2.2.1
  if (type === 'n_a') return 'N_A: what was issued is no access token, and no request can carry it'
  if (type === 'dpop') return 'another, DPoP, which needs a key (createClient({ dpop: dpopKey() }))'
  return type ? 'another' : undefined
}

const jwtPayload = /^[\w-]+\.([\w-]+)\.[\w-]*$/

/** The `cnf` of a JWT, empty where it has none; `undefined` for what is no JWT, or one that cannot be read. */
function confirmationOf(accessToken: string): Readonly<Record<string, unknown>> | undefined {
  const payload = jwtPayload.exec(accessToken)?.[1]
  const claims = payload && parseJson(Buffer.from(payload, 'base64url').toString())
  if (!isObject(claims)) return undefined
  return isObject(claims.cnf) ? claims.cnf : {}
}

/** Some servers write a thumbprint in the other alphabet of base64, or with padding. What is no text is no thumbprint. */
function asBase64url(thumbprint: unknown): string {
  if (typeof thumbprint !== 'string') return ''
  // of many more a search for the last ones would take its time
  return thumbprint
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/={1,2}$/, '')
}
