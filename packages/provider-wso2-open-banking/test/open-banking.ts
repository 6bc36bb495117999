/** The sandbox's two WSO2 Open Banking systems and a client of them, on one clock. */
import { generateKeyPairSync } from 'node:crypto'
import {
  type ClientOptions,
  clientCertificate,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  type ManagedTokenSource,
  type PrivateKeyJwtOptions,
  privateKeyJwt,
  type Transport,
} from '@grantkit/core'
import { type ReceivedRequest, startSandbox } from '@grantkit/sandbox'
import { type Wso2OpenBankingOptions, wso2OpenBanking } from '../src/index.js'

export async function startOpenBanking(which: 'wso2ApiManager' | 'wso2IdentityServer' = 'wso2IdentityServer') {
  const sandbox = await startSandbox()
  const system = sandbox[which]
  const gateway = sandbox.wso2ApiManager.settings
  const certificate = clientCertificate(system.certificate)
  const tls = { ca: sandbox.ca, certificate }
  const clock = { now: () => sandbox.now() }
  const auth = (changes: Partial<PrivateKeyJwtOptions> = {}) =>
    privateKeyJwt({ key: system.signingKey, alg: 'PS256', kid: system.kid, ...changes })
  /** A client with the good key and certificate, changed as a test wants it. */
  function client(changes: Partial<ClientOptions> = {}, options: Partial<Wso2OpenBankingOptions> = {}) {
    const provider = wso2OpenBanking({ tokenEndpoint: system.tokenEndpoint, ...options })
    const credentials = changes.clientSecret === undefined ? { auth: auth() } : {}
    return createClient({ provider, clientId: system.clientId, ...credentials, tls, clock, ...changes })
  }
  /** A call to the consents with an application token. */
  async function consents(method: string, path: string, body?: object) {
    const { client: asking, getTokenSet } = createTokenSource({
      client: client(),
      grant: clientCredentials({ scope: 'accounts' }),
    })
    const headers = { authorization: `Bearer ${(await getTokenSet()).accessToken}` }
    const url = sandbox.wso2ApiManager.consentsUrl + path
    return asking.transport({ method, url, headers, body: body && JSON.stringify(body) })
  }
  return {
    sandbox,
    system,
    gateway,
    certificate,
    tls,
    auth,
    client,
    /** Application tokens with scope `accounts`. */
    source: (changes?: Partial<ClientOptions>): ManagedTokenSource =>
      createTokenSource({
        client: client(changes),
        grant: clientCredentials({ scope: 'accounts' }),
        origins: [system.apiOrigin],
      }),
    /** One user's tokens, before the login. */
    user: (changes?: Partial<ClientOptions>, options?: Partial<Wso2OpenBankingOptions>) =>
      createUserTokenSources({ client: client(changes, options), origins: [system.apiOrigin] }).for('user'),
    /** A user agrees: what the code is redeemed with. */
    approved(scope = 'accounts openid') {
      const code = system.approve({ clientId: system.clientId, scope })
      return { code, redirectUri: system.redirectUri }
    },
    /** A consent for the customer to decide about. */
    async askConsent(): Promise<string> {
      const { status, body } = await consents('POST', '', { Data: { Permissions: ['ReadAccountsBasic'] }, Risk: {} })
      if (status !== 201) throw new Error(`the consent was answered with ${status}`)
      return JSON.parse(new TextDecoder().decode(body)).Data.ConsentId
    },
    /** The application withdraws it. */
    deleteConsent: (id: string) => consents('DELETE', `/${id}`),
    tokenRequests: () => system.requests.filter(({ kind }) => kind === 'token'),
    lastTokenRequest: () => system.requests.filter(({ kind }) => kind === 'token').at(-1) as ReceivedRequest,
    [Symbol.asyncDispose]: sandbox.stop,
  }
}

/** Header and claims of the assertion a request carried. */
export function assertionOf({ parameters }: ReceivedRequest) {
  const [header, claims] = (parameters.client_assertion ?? '').split('.')
  const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { header: decode(header), claims: decode(claims) }
}

/** A client of a server that is not there: `transport` answers, and `requests` counts. */
export function clientOf(transport: Transport, changes: Partial<ClientOptions> = {}) {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const seen = { requests: 0 }
  const client = createClient({
    provider: wso2OpenBanking({ tokenEndpoint: 'https://is.example.com:9446/oauth2/token' }),
    clientId: 'id',
    auth: privateKeyJwt({ key, alg: 'ES256' }),
    transport(request) {
      seen.requests++
      return transport(request)
    },
    ...changes,
  })
  return { client, seen }
}
