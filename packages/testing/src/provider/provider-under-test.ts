/** What the contract needs to know of a provider, and what a case has at hand: a running server, and a client of it. */
import type { Client, Grant } from '@grantkit/core'

/** What the contract needs to know beforehand. What a server cannot do is said here, by name. */
export interface ProviderContractSetup {
  /** Starts a server with nothing in it. Called for every case; what it returns is disposed of after the case. */
  readonly start: () => Promise<ProviderUnderTest>
  /** The method its clients use, by its name in `token_endpoint_auth_methods_supported`: the only one a request may show. */
  readonly authMethod: string
  /** The status refused client credentials get. Default 401. */
  readonly refusedStatus?: number | undefined
  /** The status an API gives a dead token. Default 401. */
  readonly rejectedStatus?: number | undefined
  /** How long its tokens live, in milliseconds, where its answers do not say. Needed there, and unused elsewhere. */
  readonly lifetimeMs?: number | undefined
  /** Whether users' tokens are renewed by a refresh token; then `logIn` is needed. Default `true`. */
  readonly refreshTokens?: boolean | undefined
  /** Each makes a provider or a client with one option that is wrong, which the `TypeError` has to name. */
  readonly wrongOptions: readonly WrongOption[]
}

/** An option that is refused when the provider or the client is made. */
export interface WrongOption {
  /** Its name, as the error has it. */
  readonly option: string
  /** Makes the provider or the client; has to throw. */
  readonly make: () => unknown
}

/** A running server and a client of it. The client's clock and the server's move together. */
export interface ProviderUnderTest extends AsyncDisposable {
  /** The server. */
  readonly system: SystemUnderTest
  /** A client with good credentials. Its transport calls the API too. */
  readonly client: Client
  /** The same with credentials the server refuses. */
  readonly clientWithWrongCredentials: Client
  /** The grant of an application token that the API accepts. */
  readonly grant: Grant
  /** A user logs in: the grant that redeems the code of it. Needed unless `refreshTokens` is `false`. */
  readonly logIn?: (() => Grant) | undefined
  /** Moves the time of client and server, in milliseconds. */
  readonly advance: (milliseconds: number) => void
  /** Everything that may appear in no error: secrets, keys, passphrases. The client secret is known in a request by it. */
  readonly secrets: readonly string[]
}

/** A server that keeps a record and can be disturbed; a system of `@grantkit/sandbox` is one. */
export interface SystemUnderTest {
  /** A protected resource that answers GET with 200 when the token is good. */
  readonly apiUrl: string
  /** Every request received, oldest first. */
  readonly requests: readonly RequestReceived[]
  /** Answers the next request to the token endpoint with this instead of handling it. */
  fail(fault: SpoiltAnswer): unknown
  /** Kills an access or a refresh token, as an administrator would. */
  revoke(token: string): unknown
}

/** A request as the server saw it. */
export interface RequestReceived {
  /** `token` for the token endpoint; the contract looks at no other. */
  readonly kind: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The members of the form or JSON body. */
  readonly parameters: Readonly<Record<string, string>>
  /** The raw query, without `?`. */
  readonly query: string
}

/** An answer in place of the server's own. */
export interface SpoiltAnswer {
  /** The one kind of fault that the contract asks for, as `@grantkit/sandbox` names it. */
  readonly kind: 'status'
  /** The HTTP status. */
  readonly status: number
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** As text. Default: none. */
  readonly body?: string
}

/** A case before a provider is known; `run` rejects when the provider does not do what the name says. */
export interface ProviderCase {
  readonly name: string
  readonly run: (provider: ProviderUnderTest, setup: ProviderContractSetup) => Promise<void>
}
