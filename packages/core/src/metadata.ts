/** Authorization server metadata by its RFC 8414 names. */
import { checkSecureUrl, checkText, optionError } from './options.js'

/** What a server says of itself, or what is known of it. @see RFC 8414 §2 */
export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly token_endpoint: string
  readonly authorization_endpoint?: string | undefined
  readonly revocation_endpoint?: string | undefined
  readonly introspection_endpoint?: string | undefined
  readonly jwks_uri?: string | undefined
  readonly grant_types_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[] | undefined
  /** Endpoints for clients that present a certificate. @see RFC 8705 §5 */
  readonly mtls_endpoint_aliases?: { readonly token_endpoint?: string | undefined } | undefined
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

function checkList(name: MetadataList, list: unknown): void {
  if (list === undefined) return
  if (!Array.isArray(list)) throw optionError(name, `must be a list, got ${list === null ? 'null' : typeof list}`)
  const wrong = list.find(one => typeof one !== 'string' || one === '')
  if (list.length > 0 && (wrong !== undefined || list.includes(undefined)))
    throw optionError(name, `must be a list of texts; it holds ${wrong === null ? 'null' : typeof wrong}`)
}

function checkAliases(aliases: unknown): void {
  if (aliases === undefined) return
  if (typeof aliases !== 'object' || aliases === null || Array.isArray(aliases))
    throw optionError('mtls_endpoint_aliases', 'must be an object')
  const { token_endpoint: alias } = aliases as { token_endpoint?: unknown }
  if (alias !== undefined) checkSecureUrl('mtls_endpoint_aliases.token_endpoint', alias)
}

/** On metadata that was discovered: the names of the members that nobody corrected. Shared by installed copies. */
const discovered = Symbol.for('@grantkit/discovered')

/** Metadata with corrections, which remembers what in it was discovered. */
export function asDiscovered(
  metadata: AuthorizationServerMetadata,
  corrections: Partial<AuthorizationServerMetadata>,
): AuthorizationServerMetadata {
  const names = Object.keys(metadata).filter(name => !(name in corrections))
  return Object.defineProperty({ ...metadata, ...corrections }, discovered, { value: new Set(names) })
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
  return (metadata as { [discovered]?: ReadonlySet<string> })[discovered]?.has(name) ?? false
}

/** The token endpoint, by its mutual-TLS alias when the client presents a certificate and the server names one. */
export function tokenEndpoint(metadata: AuthorizationServerMetadata, withCertificate: boolean): string {
  return (withCertificate ? metadata.mtls_endpoint_aliases?.token_endpoint : undefined) ?? metadata.token_endpoint
}
