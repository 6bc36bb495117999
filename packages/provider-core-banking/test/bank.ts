/** The sandbox's core banking API and a client of it, on one clock. */
import {
  type ClientOptions,
  clientCredentials,
  createClient,
  createTokenSource,
  type ManagedTokenSource,
} from '@grantkit/core'
import { type ReceivedRequest, startSandbox } from '@grantkit/sandbox'
import { type CoreBankingOptions, coreBanking } from '../src/index.js'

export async function startBank() {
  const sandbox = await startSandbox()
  const system = sandbox.coreBanking
  const clock = { now: () => sandbox.now() }
  /** A client with the good secret, changed as a test wants it. */
  function client(changes: Partial<ClientOptions> = {}, options: Partial<CoreBankingOptions> = {}) {
    const provider = coreBanking({ baseUrl: system.origin, ...options })
    const { clientId, clientSecret } = system
    return createClient({ provider, clientId, clientSecret, tls: { ca: sandbox.ca }, clock, ...changes })
  }
  return {
    sandbox,
    system,
    client,
    source: (changes?: Partial<ClientOptions>): ManagedTokenSource =>
      createTokenSource({ client: client(changes), grant: clientCredentials(), origins: [system.apiOrigin] }),
    tokenRequests: () => system.requests.filter(({ kind }) => kind === 'token'),
    lastTokenRequest: () => system.requests.filter(({ kind }) => kind === 'token').at(-1) as ReceivedRequest,
    [Symbol.asyncDispose]: sandbox.stop,
  }
}
