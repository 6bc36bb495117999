/** Request objects: an authorization request as a JWT that the client has signed, and may have encrypted (RFC 9101, OpenID Connect Core §6, FAPI 1.0 Advanced §5.2.3). */
import { randomUUID } from 'node:crypto'
import type { Client } from '../client.js'
import { requestEncryption } from '../client-metadata.js'
import { msToSeconds, secondsToMs } from '../clock.js'
import {
  asymmetricEncryption,
  contentEncryption,
  type Encryption,
  encryptJwt,
  keyOfSecret,
  symmetricEncryption,
} from '../decryption.js'
import { checkRequestLifetime } from '../define-provider.js'
import { GrantKitError, isGrantKitError, ValidationError } from '../errors.js'
import { serverKeys } from '../jwks.js'
import { statedList } from '../metadata.js'
import { checkObject, checkOptions, checkText, oneOf, optionError } from '../options.js'
import type { Parameters } from '../provider.js'
import type { Signer } from '../signer.js'
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
  /** How it is encrypted once it is signed. Default: as registered, in the client's `metadata`; else it is not. */
  readonly encrypt?: RequestEncryptionOptions | undefined
}

/** How a request is encrypted. */
export interface RequestEncryptionOptions {
  /**
   * By its name in `alg` (RFC 7518 §4.1): to a key that the server publishes at `jwks_uri`, such as `RSA-OAEP-256` and
   * `ECDH-ES`; or by the client secret, such as `A256KW` and `dir`.
   */
  readonly alg: string
  /** By its name in `enc` (RFC 7518 §5.1). Default `A128CBC-HS256`. */
  readonly enc?: string | undefined
}

/** How far `iat` and `nbf` are set back, for servers whose clock runs behind. */
const setBackSeconds = 10

/**
 * Refuses wrong options, and none at all where the server takes nothing else.
 *
 * @throws TypeError naming the option
 */
export function checkRequestObject(client: Client, options: RequestObjectOptions | undefined): void {
  const { provider, metadata } = client
  const { name, metadata: server } = provider
  if (options === undefined) {
    if (server.require_signed_request_object === true || metadata.require_signed_request_object === true)
      throw optionError('requestObject', `is needed: ${name} takes signed requests alone`)
    return
  }
  checkObject('requestObject', options)
  checkOptions('requestObject', options, ['signer', 'audience', 'typ', 'lifetimeSeconds', 'encrypt'])
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
  checkEncryption(client, options)
}

function checkEncryption(client: Client, { encrypt }: RequestObjectOptions): void {
  if (encrypt !== undefined) {
    checkObject('requestObject.encrypt', encrypt)
    checkOptions('requestObject.encrypt', encrypt, ['alg', 'enc'])
  }
  const encryption = encryptionFor(client, encrypt)
  if (encryption === undefined) return
  const { name, metadata: server } = client.provider
  for (const member of ['alg', 'enc'] as const) {
    const known = member === 'enc' ? contentEncryption : [...asymmetricEncryption, ...symmetricEncryption]
    const { [member]: value } = encryption
    const accepted = statedList(server, `request_object_encryption_${member}_values_supported`) ?? known
    if (known.includes(value) && accepted.includes(value)) continue
    const option =
      encrypt === undefined ? `metadata.request_object_encryption_${member}` : `requestObject.encrypt.${member}`
    throw optionError(
      option,
      `must be ${oneOf(
        known.filter(one => accepted.includes(one)),
        value,
      )}, for ${name}`,
    )
  }
  if (!symmetricEncryption.includes(encryption.alg)) serverKeys(client)
  else if (client.auth.secret === undefined)
    throw optionError('clientSecret', `is needed: by ${encryption.alg} requests are encrypted by it`)
}

function encryptionFor({ metadata }: Client, encrypt: RequestEncryptionOptions | undefined): Encryption | undefined {
  if (encrypt === undefined) return requestEncryption(metadata)
  const { alg, enc = 'A128CBC-HS256' } = encrypt
  return { alg, enc }
}

/** A signed request, encrypted where that was wanted. */
export interface SignedRequest {
  readonly jwt: string
  /** `exp`, in epoch milliseconds. */
  readonly expiresAt: number
}

/**
 * Signs a request, and encrypts it then where that was wanted.
 *
 * @throws GrantKitError with code `ERR_REQUEST_OBJECT`; its cause is what the signer threw, or why no key of the server's
 *   could be had
 * @see RFC 9101 §6.1
 */
export async function makeRequestObject(
  client: Client,
  { encrypt, ...options }: RequestObjectOptions,
  parameters: AuthorizationParameters,
): Promise<SignedRequest> {
  const { jwt, expiresAt } = await signRequest(client, options, parameters)
  const encryption = encryptionFor(client, encrypt)
  if (encryption === undefined) return { jwt, expiresAt }
  return { jwt: await made(client, 'encrypted', () => encrypted(client, jwt, encryption)), expiresAt }
}

/**
 * Signs a request; each time a new one, since a server may take a `jti` once.
 *
 * @throws GrantKitError with code `ERR_REQUEST_OBJECT`; its cause is what the signer threw
 * @see RFC 9101 §4, §10.8
 */
export async function signRequest(
  client: Client,
  { signer, ...options }: Omit<RequestObjectOptions, 'encrypt'>,
  parameters: AuthorizationParameters,
): Promise<SignedRequest> {
  const { id, provider, clock } = client
  const rules = provider.conform.requestObject ?? {}
  const { audience = rules.audience ?? provider.metadata.issuer, typ = rules.typ ?? 'oauth-authz-req+jwt' } = options
  const { lifetimeSeconds = rules.lifetimeSeconds ?? 300 } = options
  const now = msToSeconds(clock.now())
  const [since, until] = [now - setBackSeconds, now + lifetimeSeconds]
  const claims = { ...parameters, iss: id, aud: audience, jti: randomUUID(), iat: since, nbf: since, exp: until }
  const jwt = await made(client, 'signed', () => signer.signJwt({ typ }, claims))
  return { jwt, expiresAt: secondsToMs(until) }
}

async function made(client: Client, what: string, make: () => Promise<string>): Promise<string> {
  try {
    return await make()
  } catch (cause) {
    const { message, retryable, retryAfterMs } = isGrantKitError(cause) ? cause : { retryable: true }
    const known = { provider: client.provider.name, retryable, retryAfterMs, neverSent: true, cause }
    const why = message === undefined ? '' : `: ${message}`
    throw new GrantKitError('ERR_REQUEST_OBJECT', `the request object could not be ${what}${why}`, known)
  }
}

/** @see RFC 9101 §6.1, OpenID Connect Core §10.2 */
async function encrypted(client: Client, jwt: string, encryption: Encryption): Promise<string> {
  const { alg } = encryption
  if (symmetricEncryption.includes(alg))
    return encryptJwt(jwt, encryption, { key: keyOfSecret((await client.auth.secret?.()) ?? '', encryption) })
  const keys = serverKeys(client)
  const key = await keys.findToEncrypt(client, alg)
  if (key !== undefined) return encryptJwt(jwt, encryption, key)
  throw new ValidationError('jwks', `the server publishes no key to encrypt to by ${alg}: ${keys.describe()}`, {
    retryable: true,
  })
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
