/** A row of the tour: one system, one grant, one way of client authentication. */
import type { Client, Clock, GrantKitEvent, ManagedTokenSource, TokenSource } from '@grantkit/core'
import type { Sandbox, System } from '@grantkit/sandbox'

export interface Row {
  readonly row: number
  readonly system: string
  readonly grant: string
  readonly authentication: string
  /** What a user writes: a provider, a client, a token source. */
  prepare(context: RowContext): Promise<Prepared>
}

interface RowContext {
  readonly sandbox: Sandbox
  /** The sandbox's time, so that moving it moves the client's too. */
  readonly clock: Clock
  readonly onEvent: (event: GrantKitEvent) => void
}

export interface Prepared {
  readonly server: System
  readonly client: Client
  readonly tokens: TokenSource & Pick<ManagedTokenSource, 'forget'>
  /** What ends the tokens from outside, where the tour shows that too: the next call has to ask for a login. */
  readonly end?: { readonly what: string; run(): Promise<void> }
}
