/** The errors a caller can meet, sorted by who can act. Match on `code`; messages may improve. */

const brand = Symbol.for('@grantkit/error')

/** Everything an error of this library may carry. Never a token, a secret, an assertion or the query of a URL. */
export interface GrantKitErrorOptions {
  /** The provider's `name`. */
  readonly provider?: string | undefined
  /** Whether the same call can succeed later without anybody changing anything. Default `false`. */
  readonly retryable?: boolean | undefined
  /** How long the endpoint rests before the next request, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** Whether the request it is about provably never left: nothing was asked of the server, nothing is used up. Default `false`. */
  readonly neverSent?: boolean | undefined
  /** What was thrown before, if this error came of it. Default: none. */
  readonly cause?: unknown
}

/** The base of every error but `TypeError` (which means: the program is wrong). */
export class GrantKitError extends Error {
  /** What happened, stable across versions. */
  readonly code: string
  /** The `name` of the provider that was asked; `undefined` where none was. */
  readonly provider: string | undefined
  /** Whether the same call can succeed later without anybody changing anything. */
  readonly retryable: boolean
  /** How long to wait before the next request, in milliseconds, where the server or the cool-down says so. */
  readonly retryAfterMs: number | undefined
  /**
   * Whether the request it is about provably never left: no client authentication could be made, or no connection. `false`
   * where that is not known, and where it is about no request. Of two attempts it speaks of the second: that is made only
   * where the first has done nothing.
   */
  readonly neverSent: boolean

  constructor(code: string, message: string, options: GrantKitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.provider = options.provider
    this.retryable = options.retryable ?? false
    this.retryAfterMs = options.retryAfterMs
    this.neverSent = options.neverSent ?? false
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * Whether an error comes from this library, whichever installed copy of it threw. TypeScript then knows by `code` which
 * one it is, and what that carries.
 */
export function isGrantKitError(error: unknown): error is KnownError {
  return typeof error === 'object' && error !== null && brand in error
}

/** What a refused request means for the next one; told apart per provider by `conform.classifyError`. */
export type RefusalKind =
  /** The server could not answer now: repeat after the cool-down. */
  | 'transient'
  /** Somebody has to change something about this request. */
  | 'terminal'
  /** This scope or resource was refused, and nothing else. */
  | 'invalid_scope'
  /** The client's own credentials were refused, or it may not use the grant: nothing else of it is worth sending now. */
  | 'invalid_client'
  /** The refresh token or the code is dead; a refused refresh token ends the user's session. */
  | 'invalid_grant'
  /** Only the user can help, at the server: a login, a consent, a stronger authentication (OpenID Connect Core §3.1.2.6). */
  | 'interaction_required'
  /** The user, or somebody for them, said no (RFC 6749 §4.1.2.1, RFC 8628 §3.5). */
  | 'denied'
  /** The answer is still to come: ask again later (RFC 8628 §3.5). No fault of anybody. */
  | 'pending'
  /** The proof of possession was refused, or is missing: nothing is said of what else the request shows (RFC 9449 §5). */
  | 'invalid_dpop_proof'
  /** The assertion was taken for replayed or expired: worth one repetition with a new one. */
  | 'stale_assertion'

/** What the error of a refusal is made of. */
export interface AuthorizationServerErrorOptions extends GrantKitErrorOptions {
  /** The HTTP status of the answer. */
  readonly serverStatus: number
  /** The OAuth error code, or the server's own code as text. */
  readonly error?: string | undefined
  /** Printable text of at most 300 characters. */
  readonly errorDescription?: string | undefined
  /** What the refusal means for the next request. `transient` makes the error retryable. */
  readonly kind: RefusalKind
}

/**
 * The authorization server refused. `code` is `ERR_SERVER_REFUSED`.
 *
 * @see RFC 6749 §5.2
 */
export class AuthorizationServerError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_SERVER_REFUSED'
  /** The HTTP status. Not `status`, since web frameworks take that of an error for the answer to their own caller. */
  readonly serverStatus: number
  /**
   * The OAuth error code, such as `invalid_client`, or the server's own code as text; `undefined` when it named none.
   */
  readonly error: string | undefined
  /** The server's own explanation, printable text of at most 300 characters; `undefined` when it gave none. */
  readonly error_description: string | undefined
  /** What the refusal means for the next request, told apart for each provider. */
  readonly kind: RefusalKind

  constructor(options: AuthorizationServerErrorOptions) {
    const { provider, serverStatus, error, errorDescription } = options
    const reason = [error, errorDescription].filter(Boolean).join(': ')
    super(
      'ERR_SERVER_REFUSED',
      `${provider ?? 'The server'} refused with ${serverStatus}${reason ? ` (${reason})` : ''}`,
      {
        ...options,
        retryable: options.kind === 'transient',
      },
    )
    this.serverStatus = serverStatus
    this.error = error
    this.error_description = errorDescription
    this.kind = options.kind
  }
}

/** What the error of an answer to an authorization request is made of. */
export interface AuthorizationRefusedErrorOptions extends GrantKitErrorOptions {
  /** The OAuth error code; `undefined` for what can be none. */
  readonly error?: string | undefined
  /** Printable text of at most 300 characters. */
  readonly errorDescription?: string | undefined
  /** What the refusal means for the next request. `transient` makes the error retryable. */
  readonly kind: RefusalKind
}

/**
 * A browser came back from the authorization server with an error instead of a code. `code` is
 * `ERR_AUTHORIZATION_REFUSED`. The login is over; whether another one makes sense is what `kind` says.
 *
 * @see RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6
 */
export class AuthorizationRefusedError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_AUTHORIZATION_REFUSED'
  /** The OAuth error code, such as `access_denied`; `undefined` when what came can be none. */
  readonly error: string | undefined
  /**
   * The explanation, printable text of at most 300 characters; `undefined` when there was none. It came by way of the
   * browser, so it is not in the message: escape it where you show it.
   */
  readonly error_description: string | undefined
  /** What the refusal means for the next request: `denied`, `interaction_required`, `transient` … */
  readonly kind: RefusalKind

  constructor(options: AuthorizationRefusedErrorOptions) {
    const { provider, error, errorDescription, kind } = options
    const who = provider ?? 'The server'
    super('ERR_AUTHORIZATION_REFUSED', `${who} refused the authorization request (${error ?? 'unknown error'})`, {
      ...options,
      retryable: kind === 'transient',
    })
    this.error = error
    this.error_description = errorDescription
    this.kind = kind
  }
}

/** What the error of a lost request is made of. */
export interface TransportErrorOptions extends GrantKitErrorOptions {
  /** Whether the request provably never left: DNS, connection or TLS handshake failed before anything was written. */
  readonly neverSent: boolean
}

/** Which kind of {@link TransportError} it is. */
export type TransportErrorCode =
  | 'ERR_TRANSPORT'
  | 'ERR_TRANSPORT_TIMEOUT'
  | 'ERR_TRANSPORT_TLS'
  | 'ERR_TRANSPORT_CLOSED'

/**
 * No answer: DNS, TLS, connection, deadline. `code` is one of `ERR_TRANSPORT`, `ERR_TRANSPORT_TIMEOUT`,
 * `ERR_TRANSPORT_TLS`, `ERR_TRANSPORT_CLOSED`.
 */
export class TransportError extends GrantKitError {
  /** What kept the answer away: the deadline, a certificate that is not trusted, a transport that was closed; or anything else. */
  declare readonly code: TransportErrorCode

  constructor(code: TransportErrorCode, message: string, options: TransportErrorOptions) {
    super(code, message, { retryable: true, ...options })
  }
}

/** An answer that is not a token response; says what was expected, never the body. `code` is `ERR_TOKEN_RESPONSE`. */
export class TokenResponseError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_TOKEN_RESPONSE'
  /** As in {@link AuthorizationServerError}; `undefined` when the answer had none. */
  readonly serverStatus: number | undefined

  constructor(message: string, options: GrantKitErrorOptions & { readonly serverStatus?: number | undefined } = {}) {
    super('ERR_TOKEN_RESPONSE', message, options)
    this.serverStatus = options.serverStatus
  }
}

/** What the server sent does not hold. `code` is `ERR_VALIDATION`. */
export class ValidationError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_VALIDATION'
  /** What was checked, such as `issuer`. */
  readonly check: string

  constructor(check: string, message: string, options: GrantKitErrorOptions = {}) {
    super('ERR_VALIDATION', `${check}: ${message}`, options)
    this.check = check
  }
}

/** This URL may not have the credential. `code` is `ERR_ORIGIN`. */
export class OriginError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_ORIGIN'
  /** Scheme, host and port of the refused URL; `undefined` when it could not be parsed. */
  readonly origin: string | undefined

  constructor(message: string, origin: string | undefined) {
    super('ERR_ORIGIN', message)
    this.origin = origin
  }
}

/** Why a user's session is over. */
export type SessionEndReason =
  /** None was ever there, or none came with the last login. */
  | 'no_refresh_token'
  | 'refresh_token_expired'
  /** The server says that it is dead. */
  | 'invalid_grant'
  /** The server refuses it again and again without saying that it is dead, and serves other users meanwhile. */
  | 'refused'
  /** The server wants to see the user: a login, a consent, a stronger authentication. */
  | 'interaction_required'
  /** It is bound to a DPoP key that this client does not have: with that key it is as good as before (RFC 9449 §5). */
  | 'other_dpop_key'
  /** It was sent as often as the provider allows, and whether the server has used it up is not known. */
  | 'unknown_outcome'
  /** `forget()` was called. */
  | 'forgotten'

/** Why only the user can help. */
export type LoginReason =
  | SessionEndReason
  /** The session lives, but an API wants a stronger login, or a more recent one (RFC 9470 §3). */
  | 'insufficient_user_authentication'
  /** The session lives, but has not been granted a scope that is needed (RFC 6750 §3.1). Thrown by programs. */
  | 'insufficient_scope'
  /** Nobody has agreed before the device code, or the request to the user, was over (RFC 8628 §3.5). */
  | 'expired_token'

/** What the error of an ended session is made of. */
export interface LoginRequiredErrorOptions extends GrantKitErrorOptions {
  /** The user, as `for(subject)` names them. */
  readonly subject?: string | undefined
  /** Why only the user can help. */
  readonly reason?: LoginReason | undefined
  /** The authentication contexts one of which is wanted. */
  readonly acrValues?: readonly string[] | undefined
  /** How long ago the login may have been, in seconds. */
  readonly maxAgeSeconds?: number | undefined
  /** The scope that is needed and was not granted. */
  readonly missingScope?: readonly string[] | undefined
}

/** Only the user can help: no refresh token, or a dead one, or an API wants another login. `code` is `ERR_LOGIN_REQUIRED`. */
export class LoginRequiredError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_LOGIN_REQUIRED'
  /** The user who has to log in, as `for(subject)` names them; `undefined` where it is not known. */
  readonly subject: string | undefined
  /** Why only the user can help; `undefined` where it is not known. */
  readonly reason: LoginReason | undefined
  /**
   * `acr_values` for the authorization request, the preferred one first; `undefined` where nobody asked for any.
   *
   * @see RFC 9470 §4
   */
  readonly acrValues: readonly string[] | undefined
  /** `max_age` for the authorization request, in seconds; `undefined` where nobody asked for one. */
  readonly maxAgeSeconds: number | undefined
  /** Scope for the authorization request, beside what it asks for anyway; `undefined` where nobody asked for more. */
  readonly missingScope: readonly string[] | undefined

  constructor(message: string, options: LoginRequiredErrorOptions = {}) {
    super('ERR_LOGIN_REQUIRED', message, options)
    this.subject = options.subject
    this.reason = options.reason
    this.acrValues = options.acrValues
    this.maxAgeSeconds = options.maxAgeSeconds
    this.missingScope = options.missingScope
  }
}

/** What the error of a store is made of. Default of `retryable`: `true`. */
export interface TokenStoreErrorOptions extends GrantKitErrorOptions {
  /** What was asked of the store, such as `compareAndSet`. */
  readonly operation: string
}

/** The store failed, did not answer in time, or holds what cannot be read. `code` is `ERR_TOKEN_STORE`. */
export class TokenStoreError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_TOKEN_STORE'
  /** What was asked of the store, such as `compareAndSet`. */
  readonly operation: string

  constructor(message: string, options: TokenStoreErrorOptions) {
    super('ERR_TOKEN_STORE', `${options.operation}: ${message}`, { retryable: true, ...options })
    this.operation = options.operation
  }
}

/** The token source was closed before or while it was asked. `code` is `ERR_CLOSED`. */
export class ClosedError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_CLOSED'
  constructor(message: string) {
    super('ERR_CLOSED', message, { neverSent: true })
  }
}

/** Your own part failed: a secret, a signature, a header, a signed request or what a grant shows could not be had; `cause` says why. */
export type OwnPartError = GrantKitError & {
  readonly code: 'ERR_CLIENT_AUTHENTICATION' | 'ERR_GRANT' | 'ERR_REQUEST_OBJECT'
}

/** Every error of this library, told apart by `code`. Later versions may add to it. */
export type KnownError =
  | AuthorizationServerError
  | AuthorizationRefusedError
  | TransportError
  | TokenResponseError
  | ValidationError
  | OriginError
  | LoginRequiredError
  | TokenStoreError
  | ClosedError
  | OwnPartError
