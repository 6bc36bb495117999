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

/** Refuses metadata a secret could not be sent by. Returns it, so that it reads as a step. */
export function checkMetadata(metadata: AuthorizationServerMetadata): AuthorizationServerMetadata {
  if (typeof metadata !== 'object' || metadata === null) throw optionError('metadata', 'must be an object')
  checkText('issuer', metadata.issuer)
  checkSecureUrl('token_endpoint', metadata.token_endpoint)
  const alias = metadata.mtls_endpoint_aliases?.token_endpoint
  if (alias !== undefined) checkSecureUrl('mtls_endpoint_aliases.token_endpoint', alias)
  return metadata
}

/** The token endpoint, by its mutual-TLS alias when the client presents a certificate and the server names one. */
export function tokenEndpoint(metadata: AuthorizationServerMetadata, withCertificate: boolean): string {
  return (withCertificate ? metadata.mtls_endpoint_aliases?.token_endpoint : undefined) ?? metadata.token_endpoint
}
