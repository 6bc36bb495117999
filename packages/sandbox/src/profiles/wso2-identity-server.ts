/** WSO2 Open Banking 3.0.0 and later: Identity Server issues the tokens, API Manager's gateway accepts them. */

import { json } from '../answer.js'
import type { Fault, FaultOptions } from '../faults.js'
import { type AccountHolder, accountHolders } from '../open-banking/account-holders.js'
import { authorizationRoutes } from '../open-banking/authorization-endpoint.js'
import { type AuthorizationServer, approve } from '../open-banking/authorization-server.js'
import { type Visit, type Visited, visit } from '../open-banking/customer.js'
import { endSessionPath } from '../open-banking/end-session.js'
import type { OpenBankingInstallation, OpenBankingSystem } from '../open-banking/open-banking-system.js'
import { answerPushedRequest, answerPushedRequestOf4 } from '../open-banking/pushed-authorization.js'
import { answerIntrospection, answerRevocation } from '../open-banking/revocation.js'
import { openBankingSettings } from '../open-banking/settings.js'
import { answerTokenRequest } from '../open-banking/token-endpoint.js'
import { answerUserinfo } from '../open-banking/userinfo.js'
import type { ReceivedRequest } from '../record.js'
import { type Route, startServer } from '../server.js'
import { createSystem, createSystemState, type StartedSystem, type SystemContext } from '../system.js'
import type { StartedApiManager } from './wso2-api-manager.js'

/**
 * Seed 001: `POST {origin}/oauth2/token`; same client, keys and tokens as `wso2ApiManager`.
 *
 * Its API is the gateway's: `requests` lists those calls too, and `fail(…, { on: 'api' })` reaches the gateway,
 * whose settings are `wso2ApiManager.settings`.
 */
export interface Wso2IdentityServer extends OpenBankingSystem {
  /** Its name in the sandbox. */
  readonly name: 'wso2IdentityServer'
  /** Equal to the token endpoint, as on a real one. */
  readonly issuer: string
  /** Where customers log in and decide about a consent; its pages work without script. */
  readonly authorizationEndpoint: string
  /** Where they log out (OpenID Connect RP-Initiated Logout); it sends them back to a registered redirect URI. */
  readonly endSessionEndpoint: string
  /**
   * The two endpoints above for a browser that does not trust the sandbox's CA: the same pages by plain HTTP on loopback,
   * and nothing else. A client that is told these as its endpoints goes on to push requests, get tokens and call the API by TLS.
   */
  readonly plainHttp: { readonly authorizationEndpoint: string; readonly endSessionEndpoint: string }
  /** Where requests are pushed at Identity Server 7, with Open Banking 4.x. */
  readonly pushedAuthorizationRequestEndpoint: string
  /** Where they are pushed with Open Banking 3.0.0, which demands PKCE, `nbf` and `exp` within an hour. */
  readonly pushedAuthorizationRequestEndpointOf3: string
  /** Who may log in on its pages. */
  readonly accountHolders: readonly AccountHolder[]
  /**
   * Plays a customer's browser, over HTTP: follows an authorization URL through login and consent.
   *
   * @returns where the browser ended: the client's redirect URI with query and fragment
   * @throws Error with the words of the page when the bank shows one that leads nowhere
   */
  visit(authorizationUrl: string, visit?: Visit): Promise<Visited>
  /** Ends a consent as its customer does at the bank: with its tokens, and without a word to the application. */
  endConsent(consentId: string): void
  /** Where tokens are revoked (RFC 7009). */
  readonly revocationEndpoint: string
  /** Wants `Authorization: Basic admin:admin`. */
  readonly introspectionEndpoint: string
  /** Where its public keys are. */
  readonly jwksUri: string
  /** Below the token path, not at the root of the host. */
  readonly discoveryUrl: string
}

/** Starts it beside the API Manager whose tokens it shares. */
export async function startWso2IdentityServer(
  context: SystemContext,
  installation: OpenBankingInstallation,
  apiManager: StartedApiManager,
): Promise<StartedSystem<Wso2IdentityServer>> {
  const state = { ...createSystemState(context.requestLimit), tokens: installation.store.tokens }
  const settings = openBankingSettings({})
  const routes: Route[] = []
  const shared = { ...context, faults: state.faults, record: (request: ReceivedRequest) => state.record.add(request) }
  const secure = await startServer({
    ...shared,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    routes,
    requestClientCertificate: true,
    refuseInHandshake: () => settings.refuseInHandshake,
  })
  const plainRoutes: Route[] = []
  const plain = await startServer({
    ...shared,
    port: 0,
    certificate: undefined,
    routes: plainRoutes,
    requestClientCertificate: false,
  })
  const close = async () => {
    await Promise.all([secure.close(), plain.close()])
  }
  apiManager.onApiRequest = request => state.record.add(request)
  const origin = `https://localhost:${secure.port}`
  const plainOrigin = `http://localhost:${plain.port}`
  const server: AuthorizationServer = {
    issuer: `${origin}/oauth2/token`,
    settings,
    store: installation.store,
    clock: context.clock,
    keys: installation.keys,
    acceptsJson: true,
    defaultScope: undefined,
  }
  plainRoutes.push(...authorizationRoutes(server))
  routes.push(...plainRoutes, ...endpoints(server, origin))
  const { client } = installation.store
  const connectTo = { host: context.host, port: secure.port }
  const system: Wso2IdentityServer = createSystem(state, {
    name: 'wso2IdentityServer' as const,
    origin,
    issuer: server.issuer,
    tokenEndpoint: server.issuer,
    ...frontChannel(origin),
    plainHttp: frontChannel(plainOrigin),
    pushedAuthorizationRequestEndpoint: `${origin}/oauth2/par`,
    pushedAuthorizationRequestEndpointOf3: `${origin}${par3}`,
    accountHolders,
    visit: (url: string, how: Visit = {}) =>
      visit({ origin, plainOrigin, ca: context.authority.cert, connectTo }, url, how),
    endConsent: (consentId: string) => installation.store.consents.end(consentId, context.clock.now()),
    revocationEndpoint: `${origin}/oauth2/revoke`,
    introspectionEndpoint: `${origin}/oauth2/introspect`,
    jwksUri: `${origin}/oauth2/jwks`,
    discoveryUrl: `${server.issuer}/.well-known/openid-configuration`,
    apiOrigin: apiManager.system.apiOrigin,
    apiUrl: apiManager.system.apiUrl,
    connectTo,
    clientId: client.id,
    redirectUri: client.redirectUris[0] as string,
    redirectUris: client.redirectUris,
    settings,
    signingKey: installation.signingKey,
    kid: installation.kid,
    certificate: installation.certificate,
    clientKeys: client.keys,
    approve: (approval: Parameters<typeof approve>[1]) => approve(server, approval),
    fail: (fault: Fault, options?: FaultOptions) =>
      (options?.on === 'api' ? apiManager.state : state).faults.add(fault, options),
    get clientSecret() {
      return client.secret
    },
    set clientSecret(secret) {
      client.secret = secret
    },
  })
  return { system, close }
}

/** What browsers are sent to. */
function frontChannel(origin: string) {
  return { authorizationEndpoint: `${origin}/oauth2/authorize`, endSessionEndpoint: `${origin}${endSessionPath}` }
}

const par3 = '/api/openbanking/push-authorization/par'

function endpoints(server: AuthorizationServer, origin: string): Route[] {
  const at = (expected: string) => (path: string) => path === expected
  const wellKnown = ['openid-configuration', 'oauth-authorization-server'].map(
    name => `/oauth2/token/.well-known/${name}`,
  )
  return [
    {
      kind: 'pushed-authorization',
      method: 'POST',
      matches: at('/oauth2/par'),
      handle: r => answerPushedRequestOf4(server, r),
    },
    {
      kind: 'pushed-authorization',
      method: 'POST',
      matches: at(par3),
      handle: r => answerPushedRequest(server, r),
    },
    { kind: 'token', method: 'POST', matches: at('/oauth2/token'), handle: r => answerTokenRequest(server, r) },
    { kind: 'userinfo', method: '*', matches: at('/oauth2/userinfo'), handle: r => answerUserinfo(server, r) },
    { kind: 'revocation', method: 'POST', matches: at('/oauth2/revoke'), handle: r => answerRevocation(server, r) },
    {
      kind: 'introspection',
      method: 'POST',
      matches: at('/oauth2/introspect'),
      handle: r => answerIntrospection(server, r),
    },
    { kind: 'jwks', method: 'GET', matches: at('/oauth2/jwks'), handle: async () => json(200, await jwks(server)) },
    {
      kind: 'discovery',
      method: 'GET',
      matches: path => wellKnown.includes(path),
      handle: () => json(200, metadata(server, origin)),
    },
  ]
}

/** One key under both of its algorithms, since a WSO2 `kid` ends in the algorithm. */
async function jwks(server: AuthorizationServer): Promise<object> {
  const { publicKey, certificateHash } = await server.keys()
  const jwk = publicKey.export({ format: 'jwk' })
  return { keys: ['RS256', 'PS256'].map(alg => ({ ...jwk, use: 'sig', kid: `${certificateHash}_${alg}`, alg })) }
}

/** RFC 8414 and OpenID Connect Discovery, one document under both names. */
function metadata({ issuer, settings }: AuthorizationServer, origin: string): object {
  return {
    issuer,
    token_endpoint: issuer,
    authorization_endpoint: `${origin}/oauth2/authorize`,
    end_session_endpoint: `${origin}${endSessionPath}`,
    pushed_authorization_request_endpoint: `${origin}/oauth2/par`,
    revocation_endpoint: `${origin}/oauth2/revoke`,
    introspection_endpoint: `${origin}/oauth2/introspect`,
    userinfo_endpoint: `${origin}/oauth2/userinfo`,
    jwks_uri: `${origin}/oauth2/jwks`,
    scopes_supported: settings.registeredScopes,
    response_types_supported: settings.responseTypes,
    response_modes_supported: responseModes(settings.jarm),
    request_parameter_supported: true,
    request_uri_parameter_supported: true,
    request_object_signing_alg_values_supported: settings.requestObjectSigningAlgorithms,
    claims_parameter_supported: true,
    grant_types_supported: settings.grantTypes,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['PS256'],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'tls_client_auth'],
    token_endpoint_auth_signing_alg_values_supported: settings.signingAlgorithms,
    tls_client_certificate_bound_access_tokens: true,
    code_challenge_methods_supported: ['S256'],
  }
}

function responseModes(jarm: boolean): string[] {
  const channels = ['query', 'fragment', 'form_post']
  return jarm ? [...channels, 'jwt', ...channels.map(channel => `${channel}.jwt`)] : channels
}
