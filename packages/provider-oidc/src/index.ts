/** Any authorization server that publishes metadata: it needs no oddities, so this is `defineProvider` used plainly. */
import { type DiscoveryOptions, defineProvider, discoverMetadata, type Provider } from '@grantkit/core'

export interface OidcOptions extends DiscoveryOptions {
  /** Names the server in errors and events. Default `oidc`. */
  readonly name?: string | undefined
}

/**
 * Reads a server's metadata once, at start-up, and makes a provider of it.
 *
 * @throws whatever `discoverMetadata` throws: better here than at the first request
 */
export async function oidc({ name = 'oidc', ...discovery }: OidcOptions): Promise<Provider> {
  return defineProvider({ name, metadata: await discoverMetadata(discovery) })
}
