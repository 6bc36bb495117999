/** What happened, step by step, for logs and metrics: typed, and without secrets. */
import type { Clock } from './clock.js'
import type { LoginReason } from './errors.js'

/** Why a token was asked for. */
export type RenewalReason =
  /** None was held. */
  | 'cold'
  /** The held one comes near its end and still serves: renewed in the background. */
  | 'soft'
  /** The held one is at its end: callers wait. */
  | 'hard'
  /** The caller asked for a new one. */
  | 'forced'
  /** An API rejected the held one. */
  | 'rejected'
  /** A login: a code is redeemed, or a user's agreement elsewhere is waited for. */
  | 'login'

/** What every event says. */
export interface TokenEvent<Type extends string = string> {
  /** What happened, such as `token_received`: each event's type has its own, by which TypeScript tells them apart. */
  readonly type: Type
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The provider's `name`. */
  readonly provider: string
  /** The client's id at that server. */
  readonly clientId: string
  /** `debug`: routine. `warn`: will be tried again. `error`: somebody has to act. */
  readonly level: 'debug' | 'warn' | 'error'
}

/** What is said of one request for a token: when it goes out, and when it has come to something. It may be sent twice. */
export interface TokenRequestEvent<Type extends string> extends TokenEvent<Type> {
  /** The same for both; a UUID. */
  readonly requestId: string
  /** Where it goes, by its name in the metadata (RFC 8414), such as `token_endpoint`. */
  readonly endpoint: string
  /** The URL of that, without a query. */
  readonly url: string
  /** `grant_type` of the request. */
  readonly grantType: string
  /** Why a token was asked for. */
  readonly reason: RenewalReason
}

/** A request to the token endpoint goes out. */
export interface TokenRequestedEvent extends TokenRequestEvent<'token_requested'> {}

/** The token endpoint answered with a token set. */
export interface TokenReceivedEvent extends TokenRequestEvent<'token_received'> {
  /** From before the request was sent, in milliseconds: what a waiting caller waited. */
  readonly durationMs: number
  /** When the access token expires, in milliseconds since the epoch; `undefined` when the server did not say. */
  readonly expiresAt: number | undefined
  /** The scope granted. */
  readonly scope: string | undefined
  /** What was asked for and not granted. */
  readonly missingScope: readonly string[]
}

/** No token set could be had. */
export interface TokenRequestFailedEvent extends TokenRequestEvent<'token_request_failed'> {
  /** From before the request was sent, in milliseconds. */
  readonly durationMs: number
  /** `code` of the error the callers got, such as `ERR_TRANSPORT`. */
  readonly code: string
  /** The HTTP status of the answer; `undefined` when there was none. */
  readonly status: number | undefined
  /** The server's error code, such as `invalid_grant`; `undefined` when it named none. */
  readonly error: string | undefined
  /** Whether the same request can succeed later without anybody changing anything. */
  readonly retryable: boolean
}

/**
 * A caller of `getTokenSet()` had to wait: for a request, its own or one that it joined; for another process; or for the
 * store. Told when the wait is over. Who finds a good token waits for nothing, and nothing is told.
 */
export interface TokenAwaitedEvent extends TokenEvent<'token_awaited'> {
  /** The user, as `for(subject)` names them; `undefined` for an application's own token. */
  readonly subject: string | undefined
  /** Why the token that was held did not do; `undefined` when it did, once it was compared with the store. */
  readonly reason: RenewalReason | undefined
  /** The request whose end it waited for; `undefined` when there was none, as when another process made it. */
  readonly requestId: string | undefined
  /** How long it waited, in milliseconds. */
  readonly durationMs: number
  /** What came of it; `aborted` by the caller's own signal. */
  readonly outcome: 'served' | 'failed' | 'aborted'
}

/** A renewal had to wait for another process, which had the lease. Told when that wait is over. */
export interface LeaseAwaitedEvent extends TokenEvent<'lease_awaited'> {
  /** The user, as `for(subject)` names them; `undefined` for an application's own token. */
  readonly subject: string | undefined
  /** How long it waited, in milliseconds. */
  readonly durationMs: number
  /** Whether it had the lease in the end; if not, the other process has renewed the token, or has held it for too long. */
  readonly granted: boolean
}

/** An API rejected a token with a challenge that a new one may answer. */
export interface TokenRejectedEvent extends TokenEvent<'token_rejected'> {
  /** Scheme, host and port of the API. */
  readonly origin: string
  /** Whether the request is sent once more. */
  readonly replayed: boolean
}

/** A user's refresh token comes near its end: time to log in before it does. Told once for each, by every process. */
export interface RefreshTokenExpiringEvent extends TokenEvent<'refresh_token_expiring'> {
  /** The user, as `for(subject)` names them. */
  readonly subject: string
  /** When the refresh token expires, in milliseconds since the epoch. */
  readonly expiresAt: number
}

/**
 * A refresh brought less scope than the token before had, although no less was asked for: the grant has shrunk, at many
 * servers because another request with the same refresh token asked for less. A login brings the rest back.
 */
export interface ScopeNarrowedEvent extends TokenEvent<'scope_narrowed'> {
  /** The user, as `for(subject)` names them. */
  readonly subject: string
  /** The request that brought it. */
  readonly requestId: string | undefined
  /** What is left, single blanks between its values. */
  readonly scope: string
  /** What is gone. */
  readonly lostScope: readonly string[]
}

/**
 * A user's session is over: nothing but a login brings another token. Told once for each end, by every process that meets
 * it.
 */
export interface LoginRequiredEvent extends TokenEvent<'login_required'> {
  /** The user, as `for(subject)` names them. */
  readonly subject: string
  /** The request whose refusal ended the session; `undefined` when it ended otherwise, or another process met it. */
  readonly requestId: string | undefined
  /** Why only the user can help. */
  readonly reason: LoginReason
}

/** The token store failed. An application's tokens go on without it, a refresh token waits for it. */
export interface StoreFailedEvent extends TokenEvent<'store_failed'> {
  /** What was asked of it, such as `compareAndSet`. */
  readonly operation: string
  /** What it said, without secrets. */
  readonly message: string
  /** Whether it may work again by itself; a record that cannot be read does not. */
  readonly retryable: boolean
}

/**
 * The store refuses a user's new tokens for good: a record that it cannot read is in the way. They are served from this
 * process, which keeps the lease and goes on trying; the session ends with it. Make the store readable before that.
 */
export interface TokensUnsavedEvent extends TokenEvent<'tokens_unsaved'> {
  /** The user, as `for(subject)` names them. */
  readonly subject: string
  /** The request that brought them. */
  readonly requestId: string | undefined
}

/** One step of what a client and its token sources do; `type` says which. */
export type GrantKitEvent =
  | TokenRequestedEvent
  | TokenReceivedEvent
  | TokenRequestFailedEvent
  | TokenAwaitedEvent
  | LeaseAwaitedEvent
  | TokenRejectedEvent
  | RefreshTokenExpiringEvent
  | ScopeNarrowedEvent
  | LoginRequiredEvent
  | StoreFailedEvent
  | TokensUnsavedEvent

/** Called with every event. What it throws, or rejects with, is ignored. */
export type EventListener = (event: GrantKitEvent) => void

/** A client, as far as it tells of something. */
interface Teller {
  readonly id: string
  readonly provider: { readonly name: string }
  readonly clock: Clock
  readonly onEvent: EventListener | undefined
}

/** An event without what the client knows; `at` is now unless it says otherwise. */
type Untold<Event extends GrantKitEvent = GrantKitEvent> = Event extends GrantKitEvent
  ? Omit<Event, 'at' | 'provider' | 'clientId'> & { readonly at?: number }
  : never

/** Tells a client's listener what happened. */
export function tell({ id, provider, clock, onEvent }: Teller, event: Untold): void {
  if (onEvent === undefined) return
  notify(onEvent, { at: clock.now(), provider: provider.name, clientId: id, ...event } as GrantKitEvent)
}

/** Tells a listener; one that throws or rejects changes nothing for the caller. */
export function notify(listener: EventListener | undefined, event: GrantKitEvent): void {
  if (listener === undefined) return
  try {
    const returned: unknown = listener(event)
    if (returned instanceof Promise) returned.catch(() => {})
  } catch {
    // a listener's fault is the listener's
  }
}
