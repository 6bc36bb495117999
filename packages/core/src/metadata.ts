/** Authorization server metadata by its RFC 8414 names. */
import { checkSecureUrl, checkText, optionError } from './options.js'

/** The endpoints a client sends requests to, by their names in the metadata. */
export type EndpointName =
  | 'token_endpoint'
  /** @see RFC 9126 §5 */
  | 'pushed_authorization_request_endpoint'
  /** @see RFC 8628 §4 */
  | 'device_authorization_endpoint'
  /** @see OpenID Connect Client-Initiated Backchannel Authentication §4 */
  | 'backchannel_authentication_endpoint'
  | 'revocation_endpoint'
  | 'introspection_endpoint'
  /** @see OpenID Connect Discovery §3 */
  | 'userinfo_endpoint'
  | 'registration_endpoint'
  | 'jwks_uri'

/** What a server says of itself, or what is known of it. @see RFC 8414 §2 */
export interface AuthorizationServerMetadata extends Readonly<Partial<Record<EndpointName, string | undefined>>> {
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
  /** Endpoints for clients that present a certificate. @see RFC 8705 §5 */
  readonly mtls_endpoint_aliases?: Readonly<Partial<Record<EndpointName, string | undefined>>> | undefined
}

/** The lists by which a request can be refused before it is sent. */
export type MetadataList =
  | 'grant_types_supported'
  | 'token_endpoint_auth_methods_supported'
  | 'token_endpoint_auth_signing_alg_values_supported'

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
    if (name.endsWith('_supported') && isNone) throw optionError(name, `must be a list, got ${nameOfKind(value)}`)
  }
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
 */
export function statedList(metadata: AuthorizationServerMetadata, name: MetadataList): readonly string[] | undefined {
  return isDiscovered(metadata, name) ? undefined : metadata[name]
}

/** A discovered list. */
export function hintedList(metadata: AuthorizationServerMetadata, name: MetadataList): readonly string[] | undefined {
  return isDiscovered(metadata, name) ? metadata[name] : undefined
}

function isDiscovered(metadata: AuthorizationServerMetadata, name: MetadataList): boolean {
  return metadata[name] !== undefined && discovered in metadata[name]
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
