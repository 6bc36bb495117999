/** How the OpenID Provider and its one client are set up; a test may change any of it at any time. */
import type { ContentEncryption, KeyManagement } from './jwe.js'

/** Algorithms the sandbox signs with. */
export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256'

/** The client as registered, what the server insists on, and how long things live. */
export interface OpenidSettings {
  /** How the client authenticates. Default `client_secret_basic`. */
  authMethod: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'tls_client_auth' | 'none'
  /** Algorithms client assertions, request objects and DPoP proofs may be signed with. Default PS256, ES256, EdDSA. */
  clientAlgorithms: string[]
  /** `id_token_signed_response_alg`. Default RS256. */
  idTokenSignedResponseAlg: SigningAlgorithm
  /** Encrypts ID tokens to the client's encryption key. Default none. */
  idTokenEncryption: { readonly alg: KeyManagement; readonly enc: ContentEncryption } | undefined
  /** `authorization_signed_response_alg`, for JARM. Default RS256. */
  authorizationSignedResponseAlg: SigningAlgorithm
  /** `userinfo_signed_response_alg`; undefined answers JSON. Default undefined. */
  userinfoSignedResponseAlg: SigningAlgorithm | undefined
  /** Refuses authorization requests that were not pushed (RFC 9126 §5). Default false. */
  requirePushedAuthorizationRequests: boolean
  /** Refuses authorization requests that are not in a signed request object (RFC 9101 §10.5). Default false. */
  requireSignedRequestObject: boolean
  /** Refuses authorization requests without an S256 challenge. Default true. */
  requirePkce: boolean
  /** What access tokens are bound to. Default none. */
  senderConstrained: 'none' | 'dpop' | 'certificate'
  /** Wants the nonce it last gave in every DPoP proof (RFC 9449 §8). Default false. */
  dpopNonces: boolean
  /** `opaque`, or a JWT that shows what it is bound to in `cnf` (RFC 9068). Default opaque. */
  accessTokenFormat: 'opaque' | 'jwt'
  /** `authorization_response_iss_parameter_supported` (RFC 9207). Default true. */
  issParameter: boolean
  /** Lists the endpoints a second time under `mtls_endpoint_aliases`, on another host name. Default false. */
  mtlsEndpointAliases: boolean
  /** Who is logged in at the authorization endpoint: `sub`. Default `alice`. */
  subject: string
  /** Gives a new refresh token at each refresh; the old one is dead. Default true. */
  rotateRefreshTokens: boolean
  /** Sends an ID token with refreshed access tokens too. Default true. */
  idTokenOnRefresh: boolean
  /** Default 300. */
  accessTokenLifetimeSeconds: number
  /** Default 60. */
  codeLifetimeSeconds: number
  /** Default 60. */
  requestUriLifetimeSeconds: number
  /** Default 600. */
  deviceLifetimeSeconds: number
  /** How often a device is told that nobody has come yet, before the user has agreed. Default 1. */
  devicePolls: number
}

/** A plain OpenID Provider with a confidential client. */
export function defaultSettings(): OpenidSettings {
  return {
    authMethod: 'client_secret_basic',
    clientAlgorithms: ['PS256', 'ES256', 'EdDSA'],
    idTokenSignedResponseAlg: 'RS256',
    idTokenEncryption: undefined,
    authorizationSignedResponseAlg: 'RS256',
    userinfoSignedResponseAlg: undefined,
    requirePushedAuthorizationRequests: false,
    requireSignedRequestObject: false,
    requirePkce: true,
    senderConstrained: 'none',
    dpopNonces: false,
    accessTokenFormat: 'opaque',
    issParameter: true,
    mtlsEndpointAliases: false,
    subject: 'alice',
    rotateRefreshTokens: true,
    idTokenOnRefresh: true,
    accessTokenLifetimeSeconds: 300,
    codeLifetimeSeconds: 60,
    requestUriLifetimeSeconds: 60,
    deviceLifetimeSeconds: 600,
    devicePolls: 1,
  }
}
