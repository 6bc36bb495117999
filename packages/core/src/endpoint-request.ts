/** What is asked of an endpoint of the server, whichever it is. */
import type { AnswerShape } from './answer-shape.js'
import type { ClientAuth } from './client-auth/client-auth.js'
import type { EncodedRequest, Parameters, RequestFacts } from './provider.js'
import type { Received } from './received.js'
import type { TransportResponse } from './transport.js'

/** What is sent where, whether it may be sent again, and what is made of the answer. */
export interface EndpointRequest<T> extends Pick<RequestFacts, 'endpoint'> {
  /** Of requests to the token endpoint alone. */
  readonly grantType?: string | undefined
  /** Default `POST`. `GET` and `DELETE` carry credentials, and no parameters. */
  readonly method?: 'POST' | 'GET' | 'PUT' | 'DELETE' | undefined
  /** Where it goes, if not to the endpoint itself: a resource that the endpoint has made, and that was checked. */
  readonly url?: string | undefined
  /** What it carries beside the client's credentials; asked for before each attempt. Default: nothing. */
  readonly parameters?: (() => Parameters | Promise<Parameters>) | undefined
  /** Adds the credentials, where they are not the client's own: an access token, or none at all. */
  readonly auth?: Pick<ClientAuth, 'method' | 'authenticate'> | undefined
  /** Writes the body. Default: the provider's way, else a form. */
  readonly encode?: ((parameters: Parameters, facts: RequestFacts) => EncodedRequest) | undefined
  /**
   * Asked for a DPoP proof, where the client has a key: `{}` at the token endpoint, with the access token at a protected
   * resource. Default: none is sent.
   *
   * @see RFC 9449 §4.3, §7, §10.1
   */
  readonly proves?: { readonly accessToken?: string | undefined } | undefined
  readonly resend: Resend
  readonly beforeSending?: BeforeSending | undefined
  /** The shapes an answer may come in, the preferred one first, each with what is made of it. */
  readonly accepts: readonly AnswerShape<T>[]
  /** Gives the members of an answer the RFC's names. Default: by the provider's `mapResponse`. */
  readonly map?: ((body: unknown) => unknown) | undefined
  /** Told of whatever came with an error, whole or in part, before the error is thrown. */
  readonly salvage?: ((error: unknown, received: Received, sent: Parameters) => Promise<void>) | undefined
}

/**
 * How often a request may go out at once. `'always'`: again when no answer came. `'unsent'`: again only where the first
 * one has surely done nothing, since what it carries is good for one use. `'never'`: once, whatever happens.
 */
export type Resend = 'always' | 'unsent' | 'never'

/** An attempt about to be handed to the transport. */
export interface Outgoing {
  readonly method: string
  readonly url: string
  /** Headers of the answer to the attempt before, where there was one: it may have brought a nonce (RFC 9449 §8). */
  readonly answered: TransportResponse['headers'] | undefined
}

/**
 * Called right before each attempt is handed to the transport; returns headers for that attempt, or nothing. What it throws
 * comes out as it is; before a second attempt, the error of the first does.
 */
export type BeforeSending = (outgoing: Outgoing) => Promise<Readonly<Record<string, string>>> | Promise<void>
