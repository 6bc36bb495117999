/** The discovery document (OpenID Connect Discovery §3, RFC 8414 §2) and the JWK set. */
import { type Answer, json } from '../answer.js'
import type { DocumentDraft } from './drafts.js'
import type { OpenidProvider } from './openid-provider.js'
import { otherGrants } from './other-grants.js'

/** A draft with nothing wrong. */
export function documentDraft(body: Record<string, unknown>, status = 200): DocumentDraft {
  return { status, headers: {}, body, text: undefined }
}

/** Writes a draft out. */
export function writeDocument({ status, headers, body, text }: DocumentDraft): Answer {
  if (text === undefined) return json(status, body, headers)
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: text }
}

/** `/.well-known/openid-configuration`. */
export function answerDiscovery(provider: OpenidProvider): Answer {
  return writeDocument(
    provider.misbehaviours.apply('discovery', 'discovery', documentDraft(metadataOf(provider)), provider),
  )
}

/** `/jwks`. */
export function answerJwks(provider: OpenidProvider): Answer {
  const draft = documentDraft({ keys: provider.keys.published() })
  return writeDocument(provider.misbehaviours.apply('jwks', 'jwks', draft, provider))
}

function metadataOf({ issuer, mtlsOrigin, settings }: OpenidProvider): Record<string, unknown> {
  const algorithms = ['RS256', 'PS256', 'ES256']
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    ...endpointsAt(issuer),
    jwks_uri: `${issuer}/jwks`,
    end_session_endpoint: `${issuer}/logout`,
    ...(settings.mtlsEndpointAliases ? { mtls_endpoint_aliases: endpointsAt(mtlsOrigin) } : {}),
    scopes_supported: ['openid', 'accounts', 'payments', 'offline_access'],
    response_types_supported: ['code', 'code id_token'],
    response_modes_supported: ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'],
    grant_types_supported: ['authorization_code', 'refresh_token', ...Object.keys(otherGrants)],
    subject_types_supported: ['public'],
    token_endpoint_auth_methods_supported: [settings.authMethod],
    token_endpoint_auth_signing_alg_values_supported: settings.clientAlgorithms,
    id_token_signing_alg_values_supported: algorithms,
    id_token_encryption_alg_values_supported: ['RSA-OAEP', 'RSA-OAEP-256'],
    id_token_encryption_enc_values_supported: ['A256GCM', 'A128GCM', 'A128CBC-HS256'],
    userinfo_signing_alg_values_supported: algorithms,
    authorization_signing_alg_values_supported: algorithms,
    request_object_signing_alg_values_supported: settings.clientAlgorithms,
    request_parameter_supported: true,
    request_uri_parameter_supported: false,
    claims_parameter_supported: true,
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: settings.clientAlgorithms,
    authorization_response_iss_parameter_supported: settings.issParameter,
    tls_client_certificate_bound_access_tokens: settings.senderConstrained === 'certificate',
    require_pushed_authorization_requests: settings.requirePushedAuthorizationRequests,
    require_signed_request_object: settings.requireSignedRequestObject,
  }
}

function endpointsAt(origin: string): Record<string, string> {
  return {
    token_endpoint: `${origin}/token`,
    device_authorization_endpoint: `${origin}/device_authorization`,
    pushed_authorization_request_endpoint: `${origin}/par`,
    userinfo_endpoint: `${origin}/userinfo`,
  }
}
