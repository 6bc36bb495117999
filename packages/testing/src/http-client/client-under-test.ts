/** What the HTTP client contract asks of a client: how it is made, and how it sends one request. */
import type { TlsOptions, TokenSource } from '@grantkit/core'

/** What the contract needs to know beforehand. */
export interface HttpClientSetup {
  /** A new client with token sources attached. Called in every case; what it returns is closed after the case. */
  readonly create: (
    attachments: readonly HttpClientAttachment[],
    options: HttpClientOptions,
  ) => HttpClientUnderTest | Promise<HttpClientUnderTest>
  /**
   * Cases this client cannot pass, by name, with the reason; they are left out of the list and of nothing else.
   * Unknown names are refused.
   */
  readonly cannot?: Readonly<Record<string, string>> | undefined
  /** Told after each case with a server of another origin what that server received. */
  readonly onForeignTraffic?: ((traffic: ForeignTraffic) => void) | undefined
}

/** What servers of other origins received during one case; more than 0 of ours fails the case. */
export interface ForeignTraffic {
  /** The case. */
  readonly name: string
  /** How many requests came in. */
  readonly requests: number
  /** All bytes received, decrypted. */
  readonly bytes: number
  /** Those of them that belong to headers we added. */
  readonly bytesOfOurs: number
  /** How many connections presented a client certificate. */
  readonly certificates: number
}

/** A token source, and where its tokens go: what every integration's attach function takes. */
export interface HttpClientAttachment {
  /** A function chooses for each request, by its `x-user` header. */
  readonly source: TokenSource | ((request: HeaderReader) => TokenSource | Promise<TokenSource>)
  /** Where its tokens may go. */
  readonly origins: readonly string[]
  /** What happens to requests to other origins. Default `refuse`. */
  readonly otherOrigins?: 'refuse' | 'pass-through' | undefined
  /** Client certificate, CA and connection of the requests to these origins. */
  readonly tls?: TlsOptions | undefined
}

/** A request's headers, in whatever way a library keeps them. */
export interface HeaderReader {
  /** A header by its name in small letters; `undefined` when the request has none. */
  header(name: string): string | undefined
}

/** How the library itself is set up. */
export interface HttpClientOptions {
  /** What relative URLs are joined to, by the library's own option. */
  readonly baseUrl?: string | undefined
  /** How often the library itself repeats a request answered with 503, whatever its method, without a delay. Default 0. */
  readonly retries?: number | undefined
  /** Whether redirects are followed. Default `true`. */
  readonly followRedirects?: boolean | undefined
  /**
   * A cache for answers such as the library's users take, as near to the caller or to the wire as it can be set up. It may
   * keep what `Cache-Control` lets it.
   */
  readonly cache?: 'above' | 'beneath' | undefined
  /** The URL of an HTTP proxy that everything goes through. It forwards absolute URLs and opens tunnels. */
  readonly proxy?: string | undefined
}

/** A client, reduced to one method. */
export interface HttpClientUnderTest {
  /**
   * Resolves with the answer, whatever its status. Rejects only when there is none, with what the library throws: an
   * error of ours is that, or in its chain of causes.
   */
  send(request: ClientRequest): Promise<ClientResponse>
  /** Closes what it holds open. */
  close?(): Promise<void>
}

/** A request as the library's users write it. */
export interface ClientRequest {
  /** Default `GET`. */
  readonly method?: string | undefined
  /** Absolute, or relative to `baseUrl`. */
  readonly url: string
  /** The caller's own headers. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Default none. */
  readonly body?: ClientBody | undefined
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined
  /** The library's own time-out. */
  readonly timeoutMs?: number | undefined
}

/** A body as the library's users give it: what is no text, bytes or form is serialised or streamed by the library. */
export type ClientBody =
  | string
  | Uint8Array
  | FormData
  | URLSearchParams
  | { readonly json: unknown }
  | { readonly stream: AsyncIterable<Uint8Array> }

/** An answer as the library's users get it. */
export interface ClientResponse {
  /** The HTTP status. */
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** As text. */
  readonly body: string
}
