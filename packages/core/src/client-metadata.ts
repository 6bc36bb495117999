/** What a server has registered for a client, by its names in the registration (RFC 7591 §2). */
import { asymmetricEncryption, contentEncryption, type Encryption, symmetricEncryption } from './decryption.js'
import { checkBoolean, checkNumber, checkObject, checkText, oneOf, optionError } from './options.js'
import { isMacAlgorithm, isSigningAlgorithm } from './verification.js'

/**
 * What was registered for a client and decides what it accepts and sends. Members that are not named here are taken too.
 *
 * @see RFC 7591 §2, OpenID Connect Dynamic Client Registration §2
 */
export interface ClientMetadata {
  /**
   * How the client authenticates at the token endpoint. Default: whatever `createClient()` is given; in a registration
   * `client_secret_basic`.
   */
  readonly token_endpoint_auth_method?: string | undefined
  /** Signs ID tokens. Default `RS256`; what the server's metadata lists, where `RS256` is not in it. Never `none`. */
  readonly id_token_signed_response_alg?: string | undefined
  /** Encrypts ID tokens, for one of the `decryptionKeys`. Default: they are not encrypted. */
  readonly id_token_encrypted_response_alg?: string | undefined
  /** Encrypts their content. Default `A128CBC-HS256`. */
  readonly id_token_encrypted_response_enc?: string | undefined
  /** Signs authorization responses. Default `RS256`. @see JARM §3 */
  readonly authorization_signed_response_alg?: string | undefined
  /** Encrypts authorization responses. Default: they are not encrypted. */
  readonly authorization_encrypted_response_alg?: string | undefined
  /** Encrypts their content. Default `A128CBC-HS256`. */
  readonly authorization_encrypted_response_enc?: string | undefined
  /** Signs what userinfo answers. Default: it answers with JSON. */
  readonly userinfo_signed_response_alg?: string | undefined
  /** Encrypts what userinfo answers. Default: it is not encrypted. */
  readonly userinfo_encrypted_response_alg?: string | undefined
  /** Encrypts their content. Default `A128CBC-HS256`. */
  readonly userinfo_encrypted_response_enc?: string | undefined
  /** Signs what introspection answers. Default `RS256`, where it answers with a JWT. @see RFC 9701 §6 */
  readonly introspection_signed_response_alg?: string | undefined
  /** Encrypts what introspection answers. Default: it is not encrypted. */
  readonly introspection_encrypted_response_alg?: string | undefined
  /** Encrypts their content. Default `A128CBC-HS256`. */
  readonly introspection_encrypted_response_enc?: string | undefined
  /** Signs request objects. @see RFC 9101 §10.5 */
  readonly request_object_signing_alg?: string | undefined
  /** Encrypts request objects. Default: they are not encrypted. */
  readonly request_object_encryption_alg?: string | undefined
  /** Encrypts their content. Default `A128CBC-HS256`. */
  readonly request_object_encryption_enc?: string | undefined
  /** Signs backchannel authentication requests. @see CIBA Core §4 */
  readonly backchannel_authentication_request_signing_alg?: string | undefined
  /** How the client hears that a user has answered: `poll` or `ping`. Default `poll`. @see CIBA Core §4 */
  readonly backchannel_token_delivery_mode?: string | undefined
  /** Whether access tokens are bound to the client's certificate. @see RFC 8705 §3.4 */
  readonly tls_client_certificate_bound_access_tokens?: boolean | undefined
  /** Whether access tokens are bound to a DPoP key, always. @see RFC 9449 §5.2 */
  readonly dpop_bound_access_tokens?: boolean | undefined
  /** Whether the server takes nothing but request objects. @see RFC 9101 §10.5 */
  readonly require_signed_request_object?: boolean | undefined
  /** Whether the server takes nothing but pushed authorization requests. @see RFC 9126 §6 */
  readonly require_pushed_authorization_requests?: boolean | undefined
  /** How long ago a user may have logged in where a request does not say, in seconds. */
  readonly default_max_age?: number | undefined
  /** Whether ID tokens say when the user logged in. Default `false`. */
  readonly require_auth_time?: boolean | undefined
  /** Further members of the registration. */
  readonly [member: string]: unknown
}

/**
 * What is asked for in a registration, and what was registered. Members that are not named here are sent too, such as
 * `client_name#ja` or those of a profile.
 *
 * @see RFC 7591 §2, OpenID Connect Dynamic Client Registration §2
 */
export interface RegistrationMetadata extends ClientMetadata {
  /** Where users' browsers come back to. Default: none, for a client without users. */
  readonly redirect_uris?: readonly string[] | undefined
  /** Default `authorization_code` alone. */
  readonly grant_types?: readonly string[] | undefined
  /** Default `code` alone. */
  readonly response_types?: readonly string[] | undefined
  /** Signs client assertions. */
  readonly token_endpoint_auth_signing_alg?: string | undefined
  /** What the client may ask for, single blanks between its values. Default: the server's choice. */
  readonly scope?: string | undefined
  /** As users read it. */
  readonly client_name?: string | undefined
  /** Where the client publishes its public keys. */
  readonly jwks_uri?: string | undefined
  /** The public keys themselves, instead. */
  readonly jwks?: { readonly keys: readonly object[] } | undefined
  /** Names the software, for all its installations. */
  readonly software_id?: string | undefined
  /** Names its version. */
  readonly software_version?: string | undefined
}

/** What comes to the client as a JWT, by the prefix of its members. */
export type ResponseKind = 'id_token' | 'authorization' | 'userinfo' | 'introspection'

export const responseKinds: readonly ResponseKind[] = ['id_token', 'authorization', 'userinfo', 'introspection']

const texts = [
  'token_endpoint_auth_method',
  'request_object_signing_alg',
  'backchannel_authentication_request_signing_alg',
  'backchannel_token_delivery_mode',
]

const flags = [
  'tls_client_certificate_bound_access_tokens',
  'dpop_bound_access_tokens',
  'require_signed_request_object',
  'require_pushed_authorization_requests',
  'require_auth_time',
]

/** A copy without secrets and without the software statement, checked; a wrong member is named with `metadata.` before it. */
export function checkClientMetadata(metadata: ClientMetadata): ClientMetadata {
  checkObject('metadata', metadata)
  const each = (names: readonly string[], check: (option: string, value: unknown) => void) => {
    for (const name of names) if (metadata[name] !== undefined) check(`metadata.${name}`, metadata[name])
  }
  each(texts, checkText)
  each(flags, checkBoolean)
  each(['default_max_age'], (option, value) => checkNumber(option, value, 0))
  for (const kind of responseKinds) checkResponse(metadata, kind)
  checkEncryption(metadata, 'request_object_encryption_alg', 'request_object_encryption_enc')
  return Object.freeze(
    Object.fromEntries(Object.entries(metadata).filter(([name]) => !isSecret(name) && name !== 'software_statement')),
  )
}

/** What a server answers to a registration may be given whole, and clients are printed. @see RFC 7591 §3.2.1 */
export function isSecret(name: string): boolean {
  return /(secret|token)$/.test(name)
}

function checkResponse(metadata: ClientMetadata, kind: ResponseKind): void {
  const [alg, keyAlg, enc] = ['signed_response_alg', 'encrypted_response_alg', 'encrypted_response_enc'].map(
    name => `${kind}_${name}`,
  ) as [string, string, string]
  if (metadata[alg] !== undefined) checkSignedBy(`metadata.${alg}`, metadata[alg])
  checkEncryption(metadata, keyAlg, enc)
}

function checkEncryption(metadata: ClientMetadata, keyAlg: string, enc: string): void {
  if (metadata[keyAlg] !== undefined)
    checkAmong(`metadata.${keyAlg}`, metadata[keyAlg], [...asymmetricEncryption, ...symmetricEncryption])
  if (metadata[enc] === undefined) return
  checkAmong(`metadata.${enc}`, metadata[enc], contentEncryption)
  if (metadata[keyAlg] === undefined) throw optionError(`metadata.${keyAlg}`, `is needed with ${enc}`)
}

function checkSignedBy(option: string, alg: unknown): void {
  checkText(option, alg)
  if (alg === 'none') throw optionError(option, 'must not be none: what is not signed is not taken')
  if (!isSigningAlgorithm(alg) && !isMacAlgorithm(alg))
    throw optionError(option, 'must be one of RS, PS, ES or HS with 256, 384 or 512, EdDSA or Ed25519')
}

function checkAmong(option: string, value: unknown, names: readonly string[]): void {
  checkText(option, value)
  if (!names.includes(value)) throw optionError(option, `must be ${oneOf(names, value)}`)
}

/** How what the server sends is signed, and encrypted if it is. */
export interface ResponseAlgorithms {
  /** `undefined` where nothing was registered. */
  readonly algorithm: string | undefined
  readonly encryption: Encryption | undefined
}

/** What was registered for one kind of response. */
export function registeredFor(metadata: ClientMetadata, kind: ResponseKind): ResponseAlgorithms {
  const alg = metadata[`${kind}_encrypted_response_alg`]
  const enc = metadata[`${kind}_encrypted_response_enc`] ?? 'A128CBC-HS256'
  const encryption = alg === undefined ? undefined : { alg, enc }
  return { algorithm: metadata[`${kind}_signed_response_alg`], encryption }
}

/** How request objects are encrypted, where that was registered. */
export function requestEncryption(metadata: ClientMetadata): Encryption | undefined {
  const { request_object_encryption_alg: alg, request_object_encryption_enc: enc = 'A128CBC-HS256' } = metadata
  return alg === undefined ? undefined : { alg, enc }
}

/** Whether one kind of response was registered to come as a JWT, where it may come as JSON too. */
export function isResponseJwt(metadata: ClientMetadata, kind: 'userinfo' | 'introspection'): boolean {
  const { algorithm, encryption } = registeredFor(metadata, kind)
  return algorithm !== undefined || encryption !== undefined
}
