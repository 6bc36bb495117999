/** The contract every caller knows, and nothing else: a token set on request. */
import type { Client } from './client.js'
import type { TokenSet } from './token-set.js'

export interface GetTokenSetOptions {
  /** Detaches this caller when it aborts; the request others wait for goes on. */
  readonly signal?: AbortSignal | undefined
  /** Asks for a new token set although the held one would serve. Default `false`. */
  readonly force?: boolean | undefined
  /** An access token an API rejected: replaced if it is still the one held, otherwise the held one is returned. */
  readonly rejected?: string | undefined
}

export interface TokenSource {
  /** A token set that is valid now. */
  getTokenSet(options?: GetTokenSetOptions): Promise<TokenSet>
  /** The client the tokens belong to: where its provider's rules for API calls are read from. */
  readonly client?: Client | undefined
  /** The origins the token may be sent to, where the source names them. */
  readonly origins?: readonly string[] | undefined
}
