/** The contract's authorization server: its provider wants a header of its own on every request. */
import type { Conform } from '@grantkit/core'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  authorizationServer as serverOf,
} from '../servers/authorization-server.js'

export { type AuthorizationServer, clientSecret, lifetimeMs, tokenResponse } from '../servers/authorization-server.js'

/** A header of the provider's beside `Authorization`, as an API key is. */
export const resourceHeaders = { 'X-Contract-Key': 'secret-key-of-the-provider' }
/** What every token begins with. */
export const tokenPrefix = 'secret-token'

let count = 0

/** Each has tokens that are nobody else's. */
export function authorizationServer(
  conform: Conform = {},
  client: Pick<AuthorizationServerOptions, 'tls' | 'dpop' | 'onEvent'> = {},
): AuthorizationServer {
  return serverOf({ name: `${tokenPrefix}-${++count}`, conform: { resourceHeaders, ...conform }, ...client })
}
