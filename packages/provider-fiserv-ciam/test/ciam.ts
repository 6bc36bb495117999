/** The sandbox's CIAM and a client of it, on one clock. */
import {
  type ClientOptions,
  clientCredentials,
  createClient,
  createTokenSource,
  type ManagedTokenSource,
  type Transport,
} from '@grantkit/core'
import { type ReceivedRequest, startSandbox } from '@grantkit/sandbox'
import { type FiservCiamOptions, fiservCiam } from '../src/index.js'

export async function startCiam() {
  const sandbox = await startSandbox()
  const system = sandbox.fiservCiam
  const clock = { now: () => sandbox.now() }
  /** A client with the good secret, changed as a test wants it. */
  function client(changes: Partial<ClientOptions> = {}, options: Partial<FiservCiamOptions> = {}) {
    const provider = fiservCiam({ tokenEndpoint: system.tokenEndpoint, ...options })
    const { clientId, clientSecret } = system
    return createClient({ provider, clientId, clientSecret, tls: { ca: sandbox.ca }, clock, ...changes })
  }
  return {
    sandbox,
    system,
    client,
    source: (changes?: Partial<ClientOptions>, options?: Partial<FiservCiamOptions>): ManagedTokenSource =>
      createTokenSource({ client: client(changes, options), grant: clientCredentials(), origins: [system.apiOrigin] }),
    tokenRequests: () => system.requests.filter(({ kind }) => kind === 'token'),
    lastTokenRequest: () => system.requests.filter(({ kind }) => kind === 'token').at(-1) as ReceivedRequest,
    [Symbol.asyncDispose]: sandbox.stop,
  }
}

/** A client of a server that is not there: `transport` answers. */
export function clientOf(transport: Transport) {
  const provider = fiservCiam({ tokenEndpoint: 'https://ciam.example.com/ciam-mfa/v2/get/token' })
  return createClient({ provider, clientId: 'id', clientSecret: 'S^7j|)v,Zd', transport })
}
