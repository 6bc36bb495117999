/** Any authorization server that publishes metadata: it needs no oddities, so this is `defineProvider` used plainly. */
import { type Conform, type DiscoveryOptions, defineProvider, discoverMetadata, type Provider } from '@grantkit/core'
import { checkOptions } from '@grantkit/core/kit'

/** Where the server's metadata is, and what is known better. `issuer` or `discoveryUrl` is needed. */
export interface OidcOptions extends DiscoveryOptions {
  /** Names the server in errors and events. Default `oidc`. */
  readonly name?: string | undefined
  /** How the server departs from the RFCs, as `defineProvider` takes it. Default: it does not. */
  readonly conform?: Conform | undefined
}

/**
 * Reads a server's metadata and makes a provider of it, which keeps what was read. A program may call this as often as it
 * likes: the document is fetched once and serves for `maxAgeMs`. A list in it is a hint: a grant, a method or an algorithm
 * it leaves out is not refused, unless you state the list yourself, under `metadata`.
 *
 * @throws whatever `discoverMetadata` throws: better here than at the first request
 */
export async function oidc(options: OidcOptions): Promise<Provider> {
  checkOptions('oidc', options, optionNames)
  const { name = 'oidc', conform = {}, ...discovery } = options
  // before anything is asked
  defineProvider({ name, metadata: { issuer: name, token_endpoint: 'https://localhost/' }, conform })
  const { headers } = discovery
  const requestHeaders = headers && { ...conform.requestHeaders, ...headers }
  const metadata = await discoverMetadata({ ...discovery, name, headers: requestHeaders ?? conform.requestHeaders })
  return defineProvider({ name, metadata, conform: { ...conform, ...(requestHeaders && { requestHeaders }) } })
}

const optionNames = [
  'issuer',
  'discoveryUrl',
  'wellKnown',
  'metadata',
  'conform',
  'name',
  'headers',
  'tls',
  'transport',
  'maxAgeMs',
  'clock',
] as const
