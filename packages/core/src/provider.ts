/** A provider: a server's metadata, plus the few facts about it that the RFCs have no name for. The contract, in types. */
import type { RefusalKind } from './errors.js'
import type { AuthorizationServerMetadata, EndpointName } from './metadata.js'
import type { RequestHeaders } from './request-headers.js'

/** Parameters of a request to an endpoint, by their names on the wire. Members that are `undefined` are not sent. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>

/** A request's body, ready to send. */
export interface EncodedRequest {
  /** The `Content-Type` header. */
  readonly contentType: string
  /** The body as text, sent in UTF-8. */
  readonly body: string
}

/** What a request was about, for facts that differ by it: the last argument of the hooks below. */
export type RequestFacts = {
  /** Which endpoint, by its name in the metadata. */
  readonly endpoint: EndpointName
  /** Of requests to the token endpoint alone. */
  readonly grantType: string | undefined
}

/** A refusal, read from whatever shape it came in. */
export interface Refusal extends RequestFacts {
  /** The HTTP status. */
  readonly status: number
  /** `error`, `code`, `errorCode` or the like of the body, as text; `undefined` when the body has none. */
  readonly error: string | undefined
  /** The server's own explanation, where there is one. */
  readonly errorDescription: string | undefined
  /** The scope that was asked for. */
  readonly scope: string | undefined
  /**
   * The body as it came: parsed when it is JSON (or a form, where `responseEncoding` says so), else as text. Of one beyond
   * 64 KiB the beginning, as text; `''` when there is none.
   */
  readonly body: unknown
}

/** An API's answer with status 401, or another of `rejectionStatuses`, as far as it tells whether the token was the reason. */
export interface ApiRefusal {
  /** The HTTP status. */
  readonly status: number
  /** The `WWW-Authenticate` header as received, malformed or not; empty when there is none. */
  readonly wwwAuthenticate: string
  /** The beginning of the body, at most 64 KiB. */
  readonly body: string
}

/** Checks of what the server sent that a provider may leave out, where its server is known to fail them; never that of a signature. */
export type RelaxableCheck =
  /** That the authentication context class is one that was asked for as essential. */
  'acr'

/** How answers are written. */
export type ResponseEncoding = 'json' | 'form'

/** How a server departs from the RFCs. Each member has the RFC's behaviour as default. */
export interface Conform {
  /** The endpoint refresh requests go to, where it is not the token endpoint. */
  readonly refreshEndpoint?: string | undefined
  /** Whether every request must come with a client certificate. Default `false`. */
  readonly requiresCertificate?: boolean | undefined
  /** How id and secret stand in a Basic header: form-encoded (RFC 6749 §2.3.1) or as they are. Default `'form'`. */
  readonly basicCredentials?: 'form' | 'raw' | undefined
  /** The method a plain `clientSecret` means. Default `client_secret_basic`. */
  readonly defaultSecretMethod?: 'client_secret_basic' | 'client_secret_post' | undefined
  /** What the server accepts of a client assertion, where it is not RFC 7523 as updated by RFC 10070. */
  readonly clientAssertion?: ClientAssertionRules | undefined
  /**
   * What the server accepts of a signed authorization request, where it is not RFC 9101: WSO2 Open Banking wants `typ` `JWT`,
   * its token endpoint as `aud`, and deducts its clock skew of 300 s from the lifetime.
   */
  readonly requestObject?: RequestObjectRules | undefined
  /** How the server departs from RFC 7591 and RFC 7592 where clients register, as WSO2 Open Banking does in each of these. */
  readonly registration?: RegistrationRules | undefined
  /** Refuses credentials the server could not take, by `optionError`, before anything is sent. */
  readonly checkCredentials?: ((credentials: Credentials) => void) | undefined
  /** Writes the parameters as the server wants them, at every endpoint. Default: `application/x-www-form-urlencoded`. */
  readonly encodeRequest?: ((parameters: Parameters, facts: RequestFacts) => EncodedRequest) | undefined
  /** How answers are written where they are not JSON: everywhere, or a function of where. Default `'json'`. */
  readonly responseEncoding?: ResponseEncoding | ((facts: RequestFacts) => ResponseEncoding) | undefined
  /**
   * Maps an answer of the token endpoint to RFC 6749 §5.1 names. `expires_at`, epoch seconds, is understood too. An `error`
   * in what it returns makes the answer a refusal, whatever its status, with `error_description`; an empty one says that
   * the answer's own `error` is none. Default: as it is.
   */
  readonly mapTokenResponse?: ((body: unknown, facts: RequestFacts) => unknown) | undefined
  /** The same for the other endpoints: maps an answer to the names of the RFC it is of. Default: as it is. */
  readonly mapResponse?: ((body: unknown, facts: RequestFacts) => unknown) | undefined
  /** The token type meant when the answer names none. Default: such an answer is refused. */
  readonly defaultTokenType?: string | undefined
  /** How long a token of unknown lifetime is used, in seconds. Default 300. */
  readonly defaultExpiresIn?: number | undefined
  /**
   * What an `expires_in` of 0 or less means: that the token is over when it comes (who waits for it gets it, the next one
   * asks anew), or that it never ends (it is used until an API rejects it). Default `'now'`.
   */
  readonly zeroExpiresIn?: 'now' | 'never' | undefined
  /** What a refusal means for the next request. Called with the RFC's own reading, `standard`, to fall back to. */
  readonly classifyError?: ((refusal: Refusal, standard: RefusalKind) => RefusalKind) | undefined
  /**
   * How often a refresh token is sent again when nobody knows whether the server used it up: its answer was lost, or was a
   * 500. 0 where a second time does harm; then the session is over. Default `Infinity`: one that was used up is answered
   * with `invalid_grant`, and one that was not is as good as before.
   */
  readonly refreshTokenResends?: number | undefined
  /**
   * Whether revoking a token takes the user's consent away, as WSO2 Open Banking 3.0.0 does: then who revokes has to say
   * that this is meant. Default `false`.
   */
  readonly revocationEndsConsent?: boolean | undefined
  /**
   * Checks that are left out: `acr` where the server names another class than the one that was asked for and met, as WSO2
   * Open Banking does. Default none.
   */
  readonly relax?: readonly RelaxableCheck[] | undefined
  /**
   * The statuses of an API's answers that may reject a token, such as `[401, 403]` where a dead one gets 403. No other
   * answer is looked at. Default `[401]`.
   */
  readonly rejectionStatuses?: readonly number[] | undefined
  /**
   * Whether an answer with one of these statuses says that a new token may help. Default: one with `invalid_token` in
   * `WWW-Authenticate` does; one that gives no reason is worth a try.
   */
  readonly recognizeRejection?: ((refusal: ApiRefusal) => boolean) | undefined
  /**
   * Headers that requests to the server's endpoints carry beside the protocol's own, discovery included; what gateways
   * ask for. A function is asked before every request. Default: `User-Agent: grantkit/<version>`.
   */
  readonly requestHeaders?: RequestHeaders | undefined
  /** Headers every API request carries beside `Authorization`. Default none. */
  readonly resourceHeaders?: Readonly<Record<string, string>> | undefined
}

/** What a client says who it is by. */
export interface Credentials {
  /** `client_id`. */
  readonly clientId: string
  /** `undefined` when there is none, or a function that has not been asked yet. */
  readonly clientSecret?: string | undefined
  /** How they are sent, by its name in `token_endpoint_auth_methods_supported`. */
  readonly method: string
}

/** The claims and header of client assertions; see {@link Conform.clientAssertion}. */
export interface ClientAssertionRules {
  /** `aud`: a value, or a function of the endpoint's URL and its name in the metadata. Default: the issuer. */
  readonly audience?: string | ((endpoint: string, name: EndpointName) => string) | undefined
  /** Header `typ`. Default `client-authentication+jwt`. */
  readonly typ?: string | undefined
  /** How long an assertion is good for, in seconds. Default 60. */
  readonly lifetimeSeconds?: number | undefined
}

/** The claims and header of request objects; see {@link Conform.requestObject}. */
export interface RequestObjectRules {
  /** `aud`. Default: the issuer. */
  readonly audience?: string | undefined
  /** Header `typ`. Default `oauth-authz-req+jwt`. */
  readonly typ?: string | undefined
  /** How long a request object is good for, in seconds: at most 3,540. Default 300. */
  readonly lifetimeSeconds?: number | undefined
}

/** How clients register; see {@link Conform.registration}. */
export interface RegistrationRules {
  /** Whether nothing but a signed request is taken. Default `false`. */
  readonly signed?: boolean | undefined
  /** `aud` of signed requests. Default: the issuer. */
  readonly audience?: string | undefined
  /** Header `typ` of signed requests. Default `JWT`. */
  readonly typ?: string | undefined
  /** How long a signed request is good for, in seconds. Default 300. */
  readonly lifetimeSeconds?: number | undefined
  /** `Content-Type` of a signed request that registers a client. Default `application/jwt`, as when it changes one. */
  readonly contentType?: string | undefined
  /**
   * Where a registration is, at a server that does not say it right: below the registration endpoint, at WSO2 Open Banking.
   * Default: as the server says.
   */
  readonly clientUri?: ((registrationEndpoint: string, clientId: string) => string) | undefined
}

/** An authorization server as a client knows it, made by `defineProvider()`. Frozen. */
export interface Provider {
  /** Names the server in errors and events. */
  readonly name: string
  /** The server's metadata by its RFC 8414 names. */
  readonly metadata: AuthorizationServerMetadata
  /** How the server departs from the RFCs; empty where it does not. */
  readonly conform: Conform
}
