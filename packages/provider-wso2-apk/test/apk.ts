/** The sandbox's APK and a client of it, on one clock. */
import {
  type ClientOptions,
  clientCredentials,
  createClient,
  createTokenSource,
  type ManagedTokenSource,
} from '@grantkit/core'
import { type ReceivedRequest, startSandbox } from '@grantkit/sandbox'
import { type Wso2ApkOptions, wso2Apk } from '../src/index.js'

export async function startApk() {
  const sandbox = await startSandbox()
  const system = sandbox.wso2Apk
  const tls = { ca: sandbox.ca, connectTo: system.connectTo }
  const clock = { now: () => sandbox.now() }
  /** A client with the good secret, changed as a test wants it. */
  function client(changes: Partial<ClientOptions> = {}, provider: Wso2ApkOptions = {}) {
    const { clientId, clientSecret } = system
    const credentials = changes.auth ? {} : { clientSecret }
    return createClient({ provider: wso2Apk(provider), clientId, ...credentials, tls, clock, ...changes })
  }
  return {
    sandbox,
    system,
    tls,
    client,
    source: (changes?: Partial<ClientOptions>): ManagedTokenSource =>
      createTokenSource({ client: client(changes), grant: clientCredentials(), origins: [system.apiOrigin] }),
    tokenRequests: () => system.requests.filter(({ kind }) => kind === 'token'),
    lastTokenRequest: () => system.requests.filter(({ kind }) => kind === 'token').at(-1) as ReceivedRequest,
    [Symbol.asyncDispose]: sandbox.stop,
  }
}
