/** An OpenID Provider with PAR, JAR, JARM, hybrid flow, DPoP and mutual TLS that misbehaves on request. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { type CertificateAndKey, certificateThumbprint } from '../certificates.js'
import { BoundedMap, type ReceivedRequest } from '../record.js'
import { type Route, startServer } from '../server.js'
import { signingKeysFor } from '../signing-keys.js'
import { createSystem, createSystemState, type StartedSystem, type System, type SystemContext } from '../system.js'
import { answerAuthorizationRequest } from './authorization-endpoint.js'
import { answerPushedAuthorizationRequest } from './authorization-request.js'
import { answerDiscovery, answerJwks } from './documents.js'
import { answerEndSession } from './end-session.js'
import { MisbehaviourList, type MisbehaviourOptions } from './misbehaviour-list.js'
import { misbehaviours } from './misbehaviours/index.js'
import type { Misbehaviour } from './misbehaviours/names.js'
import type { OpenidProvider } from './openid-provider.js'
import { answerDeviceAuthorization } from './other-grants.js'
import { answerAccounts, answerUserinfo } from './protected-resource.js'
import { ServerKeys } from './server-keys.js'
import { defaultSettings, type OpenidSettings } from './settings.js'
import { answerTokenRequest } from './token-endpoint.js'

/** An OpenID Provider by the book, until it is told otherwise. */
export interface Openid extends System<OpenidSettings> {
  /** Its name in the sandbox. */
  readonly name: 'openid'
  /** `iss`; the discovery document is under it. */
  readonly issuer: string
  /** The `redirect_uri` that is registered from the start. */
  readonly redirectUri: string
  /** All that are registered; push another to register it. */
  readonly redirectUris: string[]
  /** The one registered `post_logout_redirect_uri`. */
  readonly postLogoutRedirectUri: string
  /** Assign to rotate it. */
  clientSecret: string
  /** PEM of the client's RSA key: for assertions and request objects, and ID tokens are encrypted to it. */
  readonly signingKey: string
  /** Its `kid`. */
  readonly kid: string
  /** The client's certificate. */
  readonly certificate: CertificateAndKey
  /** Every name `misbehave` knows. */
  readonly misbehaviours: readonly Misbehaviour[]
  /**
   * Does one thing wrong: by default once, the next time there is an occasion.
   *
   * @returns a function that cancels what is left of it
   * @throws TypeError when it is not known
   */
  misbehave(name: Misbehaviour, options?: MisbehaviourOptions): () => void
  /** Signs with new keys under new `kid`s from now on; the JWKS has only those. */
  rotateKeys(): Promise<void>
}

/** Starts it on TLS, where a client certificate is asked for and none needed. */
export async function startOpenid(context: SystemContext): Promise<StartedSystem<Openid>> {
  const state = createSystemState(context.requestLimit)
  const provider = await createProvider(context, state.tokens)
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    faults: state.faults,
    routes: routesOf(provider),
    record: request => state.record.add(request),
    requestClientCertificate: true,
  })
  provider.issuer = `https://localhost:${port}`
  provider.mtlsOrigin = `https://127.0.0.1:${port}`
  const { issuer } = provider
  const system: Openid = createSystem(state, {
    name: 'openid' as const,
    origin: issuer,
    issuer,
    tokenEndpoint: `${issuer}/token`,
    apiOrigin: issuer,
    apiUrl: `${issuer}/accounts`,
    connectTo: { host: context.host, port },
    clientId: provider.clientId,
    redirectUri: provider.redirectUris[0] as string,
    redirectUris: provider.redirectUris,
    postLogoutRedirectUri: provider.postLogoutRedirectUri,
    signingKey: provider.clientKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    kid: provider.clientKid,
    certificate: context.certificates.client,
    settings: provider.settings,
    misbehaviours: [...misbehaviours.keys()],
    misbehave: (name: Misbehaviour, options?: MisbehaviourOptions) => provider.misbehaviours.add(name, options),
    rotateKeys: () => provider.keys.rotate(),
    get clientSecret() {
      return provider.clientSecret
    },
    set clientSecret(secret) {
      provider.clientSecret = secret
    },
  })
  return { system, close }
}

async function createProvider(
  { certificates, clock }: SystemContext,
  tokens: OpenidProvider['tokens'],
): Promise<OpenidProvider> {
  const limit = 10_000
  return {
    settings: defaultSettings(),
    clock,
    tokens,
    keys: await ServerKeys.create(),
    misbehaviours: new MisbehaviourList(),
    clientId: 'openid-client',
    clientSecret: 'a secret of the OpenID client, 32 bytes or more',
    clientKeys: await signingKeysFor('client'),
    clientKid: 'client-1',
    certificateThumbprint: certificateThumbprint(new X509Certificate(certificates.client.cert).raw),
    redirectUris: ['https://app.example/callback'],
    postLogoutRedirectUri: 'https://app.example/logged-out',
    issuer: '',
    mtlsOrigin: '',
    codes: new BoundedMap(limit),
    authorizations: new BoundedMap(2 * limit),
    pushedRequests: new BoundedMap(limit),
    devices: new BoundedMap(limit),
    usedJtis: new BoundedMap(100 * limit),
    nonce: randomBytes(12).toString('base64url'),
  }
}

function routesOf(provider: OpenidProvider): Route[] {
  const route = (
    kind: Route['kind'],
    method: string,
    path: string,
    answer: (provider: OpenidProvider, request: ReceivedRequest) => ReturnType<Route['handle']>,
  ): Route => ({ kind, method, matches: asked => asked === path, handle: request => answer(provider, request) })
  return [
    route('discovery', 'GET', '/.well-known/openid-configuration', answerDiscovery),
    route('discovery', 'GET', '/.well-known/oauth-authorization-server', answerDiscovery),
    route('jwks', 'GET', '/jwks', answerJwks),
    route('authorization', 'GET', '/authorize', answerAuthorizationRequest),
    route('authorization', 'POST', '/authorize', answerAuthorizationRequest),
    route('pushed-authorization', 'POST', '/par', answerPushedAuthorizationRequest),
    route('token', 'POST', '/token', answerTokenRequest),
    route('device-authorization', 'POST', '/device_authorization', answerDeviceAuthorization),
    route('userinfo', '*', '/userinfo', answerUserinfo),
    route('api', '*', '/accounts', answerAccounts),
    route('other', 'GET', '/logout', answerEndSession),
  ]
}
