/** WSO2 Open Banking 3.0.0 and later: Identity Server issues the tokens, API Manager's gateway accepts them. */

import { json } from '../answer.js'
import type { Fault, FaultOptions } from '../faults.js'
import { type AuthorizationServer, approve } from '../open-banking/authorization-server.js'
import type { OpenBankingInstallation, OpenBankingSystem } from '../open-banking/open-banking-system.js'
import { answerIntrospection, answerRevocation } from '../open-banking/revocation.js'
import { openBankingSettings } from '../open-banking/settings.js'
import { answerTokenRequest } from '../open-banking/token-endpoint.js'
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
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    faults: state.faults,
    routes,
    record: request => state.record.add(request),
    requestClientCertificate: true,
    refuseInHandshake: () => settings.refuseInHandshake,
  })
  apiManager.onApiRequest = request => state.record.add(request)
  const origin = `https://localhost:${port}`
  const server: AuthorizationServer = {
    issuer: `${origin}/oauth2/token`,
    settings,
    store: installation.store,
    clock: context.clock,
    keys: installation.keys,
    acceptsJson: true,
    defaultScope: undefined,
  }
  routes.push(...endpoints(server, origin))
  const { client } = installation.store
  const system: Wso2IdentityServer = createSystem(state, {
    name: 'wso2IdentityServer' as const,
    origin,
    issuer: server.issuer,
    tokenEndpoint: server.issuer,
    revocationEndpoint: `${origin}/oauth2/revoke`,
    introspectionEndpoint: `${origin}/oauth2/introspect`,
    jwksUri: `${origin}/oauth2/jwks`,
    discoveryUrl: `${server.issuer}/.well-known/openid-configuration`,
    apiOrigin: apiManager.system.apiOrigin,
    apiUrl: apiManager.system.apiUrl,
    connectTo: { host: context.host, port },
    clientId: client.id,
    redirectUri: client.redirectUri,
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

function endpoints(server: AuthorizationServer, origin: string): Route[] {
  const at = (expected: string) => (path: string) => path === expected
  return [
    { kind: 'token', method: 'POST', matches: at('/oauth2/token'), handle: r => answerTokenRequest(server, r) },
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
      matches: at('/oauth2/token/.well-known/openid-configuration'),
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

/** RFC 8414 and OpenID Connect Discovery; the authorize endpoint is named though it is not served yet. */
function metadata({ issuer, settings }: AuthorizationServer, origin: string): object {
  return {
    issuer,
    token_endpoint: issuer,
    authorization_endpoint: `${origin}/oauth2/authorize`,
    revocation_endpoint: `${origin}/oauth2/revoke`,
    introspection_endpoint: `${origin}/oauth2/introspect`,
    jwks_uri: `${origin}/oauth2/jwks`,
    scopes_supported: settings.registeredScopes,
    response_types_supported: ['code id_token'],
    grant_types_supported: settings.grantTypes,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['PS256'],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'tls_client_auth'],
    token_endpoint_auth_signing_alg_values_supported: settings.signingAlgorithms,
    tls_client_certificate_bound_access_tokens: true,
    code_challenge_methods_supported: ['S256'],
  }
}
