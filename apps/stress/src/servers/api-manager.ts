/** The sandbox's API Manager in JWT mode, where each request for an application token revokes the one before. */
import { startSandbox } from '@grantkit/sandbox'

export interface ApiManagerOptions {
  /** How long access tokens live, in seconds. */
  readonly accessTokenSeconds: number
  /** How long an answer is held at most, in milliseconds. */
  readonly mostDelayMs: number
}

/** Where it is, and what its client needs. */
export interface ApiManagerAddress {
  readonly tokenEndpoint: string
  readonly apiUrl: string
  readonly clientId: string
  readonly signingKey: string
  readonly kid: string
  readonly certificate: { readonly cert: string; readonly key: string }
  readonly ca: string
}

export interface ApiManager {
  readonly address: ApiManagerAddress
  /** How many tokens it was asked for. */
  tokenRequests(): number
}

export async function startApiManager({ accessTokenSeconds, mostDelayMs }: ApiManagerOptions): Promise<ApiManager> {
  const { wso2ApiManager: system, ca } = await startSandbox()
  Object.assign(system.settings, { accessTokenFormat: 'jwt', accessTokenLifetimeSeconds: accessTokenSeconds })
  const delay = {
    kind: 'delay' as const,
    get ms() {
      return Math.random() * mostDelayMs
    },
  }
  system.fail(delay, { times: Number.POSITIVE_INFINITY })
  const { tokenEndpoint, apiUrl, clientId, signingKey, kid, certificate } = system
  return {
    address: { tokenEndpoint, apiUrl, clientId, signingKey, kid, certificate, ca },
    tokenRequests: () => system.issuedTokens.length,
  }
}
