/** What users need, by name, in the order of the modules: each imports only from those above it. */
export type { OptionError } from './options.js'
export {
  AuthorizationRefusedError,
  AuthorizationServerError,
  ClosedError,
  GrantKitError,
  isGrantKitError,
  type KnownError,
  type LoginReason,
  LoginRequiredError,
  OriginError,
  type OwnPartError,
  type RefusalKind,
  type SessionEndReason,
  TokenResponseError,
  TokenStoreError,
  TransportError,
  type TransportErrorCode,
  ValidationError,
} from './errors.js'
export type {
  EventListener,
  GrantKitEvent,
  LeaseAwaitedEvent,
  TokenAwaitedEvent,
  LoginRequiredEvent,
  RefreshTokenExpiringEvent,
  ScopeNarrowedEvent,
  RenewalReason,
  StoreFailedEvent,
  TokenEvent,
  TokenReceivedEvent,
  TokenRejectedEvent,
  TokenRequestEvent,
  TokenRequestedEvent,
  TokenRequestFailedEvent,
  TokensUnsavedEvent,
} from './events.js'
export type { Clock } from './clock.js'
export type { Secret } from './secret.js'
export type { MacAlgorithm, SigningAlgorithm } from './algorithms.js'
export { type Jwk, jwkThumbprint, type PrivateKey } from './keys.js'
export { type ExternalSigner, type Signer, type SignerOptions, signer } from './signer.js'
export {
  type ClientCertificate,
  type ClientCertificateOptions,
  certificateThumbprint,
  clientCertificate,
  type TlsOptions,
} from './certificate.js'
export {
  type ClosableTransport,
  createTransport,
  type Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from './transport.js'
export type { RequestHeaders } from './request-headers.js'
export type {
  AuthorizationServerMetadata,
  BrowserEndpointName,
  EndpointName,
  MetadataFlag,
  MetadataList,
} from './metadata.js'
export type {
  ApiRefusal,
  ClientAssertionRules,
  Conform,
  Credentials,
  EncodedRequest,
  Parameters,
  Provider,
  Refusal,
  RegistrationRules,
  RelaxableCheck,
  RequestFacts,
  RequestObjectRules,
  ResponseEncoding,
} from './provider.js'
export { defineProvider, type ProviderDefinition } from './define-provider.js'
export { encodeForm, encodeJson } from './request-encoding.js'
export { type DpopKey, type DpopKeyOptions, type DpopProof, dpopKey, rememberDpopNonce } from './dpop.js'
export type { AssertionOptions } from './client-auth/assertion-auth.js'
export { type ClientAssertionOptions, clientAssertion } from './client-auth/client-assertion.js'
export type { Authenticated, AuthenticationContext, ClientAuth } from './client-auth/client-auth.js'
export { type ClientSecretBasicOptions, clientSecretBasic } from './client-auth/client-secret-basic.js'
export { type ClientSecretJwtOptions, clientSecretJwt } from './client-auth/client-secret-jwt.js'
export { clientSecretPost } from './client-auth/client-secret-post.js'
export { none } from './client-auth/none.js'
export { type PrivateKeyJwt, type PrivateKeyJwtOptions, privateKeyJwt } from './client-auth/private-key-jwt.js'
export { selfSignedTlsClientAuth, tlsClientAuth } from './client-auth/tls-client-auth.js'
export type { DecryptionKey, DecryptionKeys } from './decryption.js'
export type { ClientMetadata, RegistrationMetadata } from './client-metadata.js'
export type { Connection, ConnectionOptions } from './connection.js'
export { type Client, type ClientOptions, createClient } from './client.js'
export type { DocumentOptions } from './published-document.js'
export { type DiscoveryOptions, discoverMetadata } from './discovery.js'
export type { Resend } from './endpoint-request.js'
export type { JwtHeader } from './signed-jwt.js'
export { ClientRegistration, type ClientRegistrationMembers, type RegisteredClient } from './client-registration.js'
export type { RegistrationRequestOptions, SignedRegistrationOptions } from './registration-request.js'
export type { AdditionalMembers, JsonValue } from './additional.js'
export type { AccessTokenType } from './binding.js'
export { type IdTokenClaims, TokenSet, type TokenSetMembers } from './token-set.js'
export type { GetTokenSetOptions, TokenSource } from './token-source.js'
export { type AuthorizationCodeOptions, authorizationCode, createPkce, type Pkce } from './grants/authorization-code.js'
export { type ClientCredentialsOptions, clientCredentials } from './grants/client-credentials.js'
export type { Grant, GrantContext, GrantOptions, PollingOptions, PollSchedule } from './grants/grant.js'
export {
  type GivenAssertionOptions,
  type JwtBearerOptions,
  jwtBearer,
  type SignedAssertionOptions,
} from './grants/jwt-bearer.js'
export type { PresentedToken } from './grants/presented-token.js'
export { type RefreshTokenOptions, refreshToken } from './grants/refresh-token.js'
export { type TokenExchangeOptions, type TokenType, tokenExchange } from './grants/token-exchange.js'
export {
  type ActiveToken,
  type Introspection,
  introspectToken,
  type IntrospectTokenOptions,
} from './endpoints/introspection.js'
export {
  deleteRegistration,
  readRegistration,
  registerClient,
  type RegisterClientOptions,
  type RegistrationOptions,
  updateRegistration,
  type UpdateRegistrationOptions,
} from './endpoints/registration.js'
export { type RevocationOptions, revokeToken, type RevokeTokenOptions } from './endpoints/revocation.js'
export { requestTokenSet } from './endpoints/token.js'
export { type UserInfo, requestUserInfo, type UserInfoOptions } from './endpoints/userinfo.js'
export { type ExpectedIdToken, validateIdToken } from './front-channel/id-token.js'
export {
  checkEndSessionResponse,
  type EndSessionOptions,
  type EndSessionRequest,
  createEndSessionRequest,
} from './front-channel/logout.js'
export { type Logout, type LogoutTokenOptions, readLogoutToken } from './front-channel/logout-token.js'
export type { AuthorizationTransaction, ResolvedResponseMode, ResponseType } from './front-channel/transaction.js'
export type { AnswerEntries, AuthorizationAnswer } from './front-channel/authorization-answer.js'
export type { ClaimRequest, ClaimsOptions, ClaimsRequest } from './front-channel/claims-request.js'
export type {
  AuthorizationDetail,
  AuthorizationParameterOptions,
  ResponseMode,
} from './front-channel/authorization-parameters.js'
export type { RequestEncryptionOptions, RequestObjectOptions } from './front-channel/request-object.js'
export {
  type AuthorizationRequest,
  type AuthorizationRequestOptions,
  createAuthorizationRequest,
} from './front-channel/authorization-request.js'
export { readAuthorizationResponse, type TakeTransaction } from './front-channel/authorization-response.js'
export { type AuthenticationRequestId, ciba } from './decoupled/ciba.js'
export {
  BackchannelAuthentication,
  type BackchannelAuthenticationOptions,
  requestBackchannelAuthentication,
} from './decoupled/backchannel-authentication.js'
export { type FindAuthentication, type PingNotification, readPingNotification } from './decoupled/ping.js'
export {
  DeviceAuthorization,
  type DeviceAuthorizationOptions,
  type DeviceCode,
  type DeviceCodeOptions,
  deviceCode,
  requestDeviceAuthorization,
} from './decoupled/device-code.js'
export type { SealingKey } from './sealing.js'
export type { StoreLimits, TokenStore } from './store/token-store.js'
export { type MemoryStoreOptions, memoryStore } from './store/memory-store.js'
export { type SealedStoreOptions, sealedStore } from './store/sealed-store.js'
export {
  discoverProtectedResource,
  type ProtectedResourceMetadata,
  type ProtectedResourceOptions,
} from './protected-resource.js'
export type { Thresholds } from './lifecycle/cached.js'
export type { ImportedTokens } from './sources/import-tokens.js'
export type { Closable } from './sources/open-state.js'
export type { SourceOptions } from './sources/options.js'
export type { RenewingTokenSource } from './sources/renewing-source.js'
export type { UserTokenSource } from './sources/user-source.js'
export {
  createTokenSource,
  createUserTokenSources,
  type ManagedTokenSource,
  type TokenSourceOptions,
  type UserTokenSources,
  type UserTokenSourcesOptions,
} from './create-token-source.js'
export {
  type CriticalMember,
  type CriticalMembers,
  openBankingUk,
  type OpenBankingUkOptions,
  signDetached,
  type SignDetachedOptions,
  verifyDetached,
  type VerifyDetachedOptions,
} from './detached-jws.js'
