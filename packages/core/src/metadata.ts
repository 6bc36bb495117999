/** Authorization server metadata by its RFC 8414 names. */
import { checkBoolean, checkSecureUrl, checkText, optionError } from './options.js'

/** The endpoints a client sends requests to, by their names in the metadata. */
export type EndpointName =
  | 'token_endpoint'
  /** @see RFC 9126 §5 */
  | 'pushed_authorization_request_endpoint'
  /** @see RFC 8628 §4 */
  | 'device_authorization_endpoint'
  /** @see CIBA Core §4 */
  | 'backchannel_authentication_endpoint'
  | 'revocation_endpoint'
  | 'introspection_endpoint'
  /** @see OpenID Connect Discovery §3 */
  | 'userinfo_endpoint'
  | 'registration_endpoint'
  | 'jwks_uri'

/** Endpoints that a user's browser is sent to; the client itself sends them nothing. */
export type BrowserEndpointName =
  | 'authorization_endpoint'
  /** @see OpenID Connect RP-Initiated Logout §2.1 */
  | 'end_session_endpoint'

/** The lists by which a request can be refused before it is sent, or made so that it is not refused. */
export type MetadataList =
  | 'grant_types_supported'
  | 'token_endpoint_auth_methods_supported'
  | 'token_endpoint_auth_signing_alg_values_supported'
  | 'scopes_supported'
  | 'response_types_supported'
  | 'response_modes_supported'
  /** @see RFC 8414 §2, RFC 7636 §4.3 */
  | 'code_challenge_methods_supported'
  | 'revocation_endpoint_auth_methods_supported'
  | 'introspection_endpoint_auth_methods_supported'
  /** @see RFC 9701 §7 */
  | 'introspection_signing_alg_values_supported'
  | 'introspection_encryption_alg_values_supported'
  | 'introspection_encryption_enc_values_supported'
  /** @see RFC 9396 §10 */
  | 'authorization_details_types_supported'
  /** @see RFC 9449 §5.1 */
  | 'dpop_signing_alg_values_supported'
  /** @see RFC 9728 §4 */
  | 'protected_resources'
  /** @see JWT Secured Authorization Response Mode §4 */
  | 'authorization_signing_alg_values_supported'
  | 'authorization_encryption_alg_values_supported'
  | 'authorization_encryption_enc_values_supported'
  /** @see OpenID Connect Discovery §3 */
  | 'subject_types_supported'
  | 'id_token_signing_alg_values_supported'
  | 'id_token_encryption_alg_values_supported'
  | 'id_token_encryption_enc_values_supported'
  | 'userinfo_signing_alg_values_supported'
  | 'userinfo_encryption_alg_values_supported'
  | 'userinfo_encryption_enc_values_supported'
  | 'request_object_signing_alg_values_supported'
  | 'request_object_encryption_alg_values_supported'
  | 'request_object_encryption_enc_values_supported'
  | 'acr_values_supported'
  | 'claims_supported'
  /** @see Initiating User Registration via OpenID Connect §4.2 */
  | 'prompt_values_supported'
  /** @see CIBA Core §4 */
  | 'backchannel_token_delivery_modes_supported'
  | 'backchannel_authentication_request_signing_alg_values_supported'

/** What a server does or wants, or does not. */
export type MetadataFlag =
  /** @see RFC 9126 §5 */
  | 'require_pushed_authorization_requests'
  /** @see RFC 9101 §10.5 */
  | 'require_signed_request_object'
  /** @see RFC 9207 §3 */
  | 'authorization_response_iss_parameter_supported'
  /** @see RFC 8705 §3.3 */
  | 'tls_client_certificate_bound_access_tokens'
  /** @see OpenID Connect Discovery §3 */
  | 'claims_parameter_supported'
  | 'request_parameter_supported'
  | 'request_uri_parameter_supported'
  | 'require_request_uri_registration'
  /** @see CIBA Core §4 */
  | 'backchannel_user_code_parameter_supported'
  /** @see OpenID Connect Back-Channel Logout §2.1 */
  | 'backchannel_logout_supported'
  | 'backchannel_logout_session_supported'
  /** @see OpenID Connect Front-Channel Logout §3 */
  | 'frontchannel_logout_supported'
  | 'frontchannel_logout_session_supported'

/**
 * What a server says of itself, or what is known of it. What is not named here may stand in it too.
 *
 * @see RFC 8414 §2, OpenID Connect Discovery §3
 */
export interface AuthorizationServerMetadata
  extends Readonly<Partial<Record<EndpointName | BrowserEndpointName, string | undefined>>>,
    Readonly<Partial<Record<MetadataList, readonly string[] | undefined>>>,
    Readonly<Partial<Record<MetadataFlag, boolean | undefined>>> {
  /** The name of the server: an https URL without query and fragment, where the server follows the RFC. */
  readonly issuer: string
  /** Where tokens are asked for: https, http to loopback addresses alone. */
  readonly token_endpoint: string
  /** Where a user's browser is sent to log in. */
  readonly authorization_endpoint?: string | undefined
  /**
   * The grant types it serves. Stated by a provider, another one is refused before anything is sent; discovered, it is
   * a hint.
   */
  readonly grant_types_supported?: readonly string[] | undefined
  /** The methods of client authentication it takes; a rule or a hint as the grant types are. */
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  /** The JWS algorithms it takes of client assertions; a rule or a hint as the grant types are. */
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[] | undefined
  /** The server's keys themselves, where it publishes no `jwks_uri`; not asked for again. @see RFC 7517 §5 */
  readonly jwks?: { readonly keys: readonly unknown[] } | undefined
  /** Endpoints for clients that present a certificate. @see RFC 8705 §5 */
  readonly mtls_endpoint_aliases?: Readonly<Partial<Record<EndpointName, string | undefined>>> | undefined
}

/** Used by every client, so they are checked when it is made; the others are where they are used. */
const lists: readonly MetadataList[] = [
  'grant_types_supported',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
]
const texts = ['authorization_endpoint', 'revocation_endpoint', 'introspection_endpoint', 'jwks_uri'] as const

/** Refuses metadata a secret could not be sent by, member by member. Returns it, so that it reads as a step. */
export function checkMetadata(metadata: AuthorizationServerMetadata): AuthorizationServerMetadata {
  if (typeof metadata !== 'object' || metadata === null) throw optionError('metadata', 'must be an object')
  checkText('issuer', metadata.issuer)
  checkSecureUrl('token_endpoint', metadata.token_endpoint)
  for (const name of texts) if (metadata[name] !== undefined) checkText(name, metadata[name])
  for (const name of lists) checkList(name, metadata[name])
  checkAliases(metadata.mtls_endpoint_aliases)
  checkKeySet(metadata)
  return metadata
}

function checkList(name: string, list: unknown): void {
  if (list === undefined) return
  if (!Array.isArray(list)) throw optionError(name, `must be a list, got ${nameOfKind(list)}`)
  const wrong = list.find(one => typeof one !== 'string' || one === '')
  if (list.length > 0 && (wrong !== undefined || list.includes(undefined)))
    throw optionError(name, `must be a list of texts; it holds ${nameOfKind(wrong)}`)
}

/** What a member is instead, without showing it. */
export function nameOfKind(value: unknown): string {
  return value === null ? 'null' : typeof value
}

/** What is in the set is looked at when a key is wanted; one that nobody uses may be anything. */
function checkKeySet({ jwks, jwks_uri }: AuthorizationServerMetadata): void {
  if (jwks === undefined || jwks_uri !== undefined) return
  if (!Array.isArray(Object(jwks).keys)) throw optionError('jwks', 'must be a JWK set: { keys: [...] }')
}

function checkAliases(aliases: unknown): void {
  if (aliases === undefined) return
  if (typeof aliases !== 'object' || aliases === null || Array.isArray(aliases))
    throw optionError('mtls_endpoint_aliases', 'must be an object')
  const { token_endpoint: alias } = aliases as { token_endpoint?: unknown }
  if (alias !== undefined) checkSecureUrl('mtls_endpoint_aliases.token_endpoint', alias)
}

/**
 * Refuses a document with `null`, a text or a number where the name of a member promises a list. What else may stand there,
 * such as the objects of some profiles, is not ours to know.
 *
 * @see RFC 8414 §2, OpenID Connect Discovery §3
 */
export function checkDocument(document: object): void {
  for (const [name, value] of Object.entries(document)) {
    const isNone = value === null || typeof value === 'string' || typeof value === 'number'
    if (name.endsWith('_supported') && !(name in flags) && isNone)
      throw optionError(name, `must be a list, got ${nameOfKind(value)}`)
  }
}

/** A record, so that none can be left out. */
const flags: Readonly<Record<MetadataFlag, true>> = {
  require_pushed_authorization_requests: true,
  require_signed_request_object: true,
  authorization_response_iss_parameter_supported: true,
  tls_client_certificate_bound_access_tokens: true,
  claims_parameter_supported: true,
  request_parameter_supported: true,
  request_uri_parameter_supported: true,
  require_request_uri_registration: true,
  backchannel_user_code_parameter_supported: true,
  backchannel_logout_supported: true,
  backchannel_logout_session_supported: true,
  frontchannel_logout_supported: true,
  frontchannel_logout_session_supported: true,
}

/** On a list that was discovered. Shared by installed copies. */
const discovered = Symbol.for('@grantkit/discovered')

/** Metadata with corrections; the lists that nobody corrected remember that they were discovered, wherever they go. */
export function asDiscovered(
  metadata: AuthorizationServerMetadata,
  corrections: Partial<AuthorizationServerMetadata>,
): AuthorizationServerMetadata {
  for (const list of Object.values(metadata))
    if (Array.isArray(list)) Object.defineProperty(list, discovered, { value: true })
  return { ...metadata, ...corrections }
}

/**
 * What may be used, where that is stated. A discovered list is a hint: servers leave out grants and methods that they
 * serve, so nothing is refused for it.
 *
 * @throws TypeError naming the member, where what is stated is no list of texts
 */
export function statedList(metadata: AuthorizationServerMetadata, name: MetadataList): readonly string[] | undefined {
  if (isDiscovered(metadata, name)) return undefined
  checkList(name, metadata[name])
  return metadata[name]
}

/** A discovered list; `undefined` for one that holds anything but texts, since a hint has to be understood. */
export function hintedList(metadata: AuthorizationServerMetadata, name: MetadataList): readonly string[] | undefined {
  const list = isDiscovered(metadata, name) ? metadata[name] : undefined
  return list?.every(one => typeof one === 'string') ? list : undefined
}

function isDiscovered(metadata: AuthorizationServerMetadata, name: MetadataList): boolean {
  return Array.isArray(metadata[name]) && discovered in Object(metadata[name])
}

/**
 * What a server does or wants; `undefined` where it does not say. Each RFC has its own default.
 *
 * @throws TypeError naming the member, where it is neither `true` nor `false`: a defence may depend on it, so nobody guesses
 */
export function flagIn(metadata: AuthorizationServerMetadata, name: MetadataFlag): boolean | undefined {
  const flag = metadata[name]
  if (flag !== undefined) checkBoolean(name, flag)
  return flag
}

/**
 * Whether a server says that it knows of DPoP.
 *
 * @see RFC 9449 §5.1
 */
export function knowsDpop(metadata: AuthorizationServerMetadata): boolean {
  return metadata.dpop_signing_alg_values_supported !== undefined
}

/**
 * Where a user's browser is sent: as the metadata has it, its own query included.
 *
 * @throws TypeError naming the endpoint that the metadata lacks, or has where no user may be sent
 */
export function browserEndpointIn(
  metadata: AuthorizationServerMetadata,
  name: BrowserEndpointName,
  provider: string,
): URL {
  if (metadata[name] === undefined)
    throw optionError(name, `is not in the metadata of ${provider}; if the server has one, name it there`)
  return checkSecureUrl(name, metadata[name])
}

/** An endpoint as the metadata has it, by its mutual-TLS alias when the client presents a certificate and the server names one. */
export function endpointIn(
  metadata: AuthorizationServerMetadata,
  name: EndpointName,
  withCertificate: boolean,
): { readonly member: string; readonly url: string | undefined } {
  const alias = withCertificate ? metadata.mtls_endpoint_aliases?.[name] : undefined
  if (alias === undefined) return { member: name, url: metadata[name] }
  return { member: `mtls_endpoint_aliases.${name}`, url: alias }
}
