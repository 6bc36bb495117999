/** WSO2 Open Banking on API Manager, Accelerator 2.0: the token endpoint at the gateway, and the gateway's APIs. */

import { accountInformationRoutes } from '../open-banking/account-information.js'
import { type AuthorizationServer, approve } from '../open-banking/authorization-server.js'
import { type GatewaySettings, gatewaySettings, noMatchingResource } from '../open-banking/gateway.js'
import type { OpenBankingInstallation, OpenBankingSystem } from '../open-banking/open-banking-system.js'
import { type RegistrationSettings, registration } from '../open-banking/registration.js'
import { type OpenBankingSettings, openBankingSettings } from '../open-banking/settings.js'
import { answerTokenRequest } from '../open-banking/token-endpoint.js'
import type { ReceivedRequest } from '../record.js'
import type { Route } from '../server.js'
import { startServer } from '../server.js'
import { createSystem, createSystemState, type StartedSystem, type SystemContext, type SystemState } from '../system.js'

/** Token endpoint and gateway in one. */
export type Wso2ApiManagerSettings = OpenBankingSettings & GatewaySettings & RegistrationSettings

/** Seed 000: `POST {origin}/token`, `private_key_jwt` PS256 over mutual TLS. */
export interface Wso2ApiManager extends OpenBankingSystem<Wso2ApiManagerSettings> {
  /** Its name in the sandbox. */
  readonly name: 'wso2ApiManager'
  /** POST JSON `{"Data":{...}}` with an application token. */
  readonly consentsUrl: string
  /** Where the client's software registers: a JWT by its signing key. The client's id comes back. */
  readonly registrationEndpoint: string
  /** `iss` of that JWT: what the directory calls the software. */
  readonly softwareId: string
  /** What the directory says of the software (SSA). */
  readonly softwareStatement: string
}

/** What Identity Server needs of it, since its tokens are used at this gateway. */
export interface StartedApiManager extends StartedSystem<Wso2ApiManager> {
  readonly state: SystemState
  /** Also told of every call to the gateway's APIs. */
  onApiRequest: (request: ReceivedRequest) => void
}

/** Starts token endpoint and gateway on one mutual TLS port. */
export async function startWso2ApiManager(
  context: SystemContext,
  installation: OpenBankingInstallation,
): Promise<StartedApiManager> {
  const state = { ...createSystemState(context.requestLimit), tokens: installation.store.tokens }
  const settings: Wso2ApiManagerSettings = {
    ...openBankingSettings({ accessTokenFormat: 'opaque', blankRuns: true, applicationIdTokens: true }),
    ...gatewaySettings(),
    registrationContentType: 'application/jwt',
  }
  const gateway = { settings, store: installation.store, clock: context.clock }
  const registering = registration(gateway)
  const routes: Route[] = [...accountInformationRoutes(gateway), ...registering.routes]
  const started: { onApiRequest: StartedApiManager['onApiRequest'] } = { onApiRequest: () => {} }
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    faults: state.faults,
    routes,
    record: request => {
      state.record.add(request)
      if (request.kind === 'api') started.onApiRequest(request)
    },
    requestClientCertificate: true,
    refuseInHandshake: () => settings.refuseInHandshake,
    notFound: request => noMatchingResource(gateway, request),
  })
  const origin = `https://localhost:${port}`
  const server: AuthorizationServer = {
    issuer: `${origin}/token`,
    settings,
    store: installation.store,
    clock: context.clock,
    keys: installation.keys,
    acceptsJson: false,
    defaultScope: 'default',
  }
  routes.push({
    kind: 'token',
    method: 'POST',
    matches: path => path === '/token',
    handle: request => answerTokenRequest(server, request),
  })
  const { client } = installation.store
  const system: Wso2ApiManager = createSystem(state, {
    name: 'wso2ApiManager' as const,
    origin,
    tokenEndpoint: `${origin}/token`,
    apiOrigin: origin,
    apiUrl: `${origin}/open-banking/v3.1/aisp/accounts`,
    consentsUrl: `${origin}/open-banking/v3.1/aisp/account-access-consents`,
    registrationEndpoint: `${origin}${registering.path}`,
    softwareId: registering.softwareId,
    softwareStatement: registering.softwareStatement,
    connectTo: { host: context.host, port },
    clientId: client.id,
    redirectUri: client.redirectUris[0] as string,
    redirectUris: client.redirectUris,
    settings,
    signingKey: installation.signingKey,
    kid: installation.kid,
    certificate: installation.certificate,
    clientKeys: client.keys,
    approve: (approval: Parameters<typeof approve>[1]) => approve(server, approval),
    get clientSecret() {
      return client.secret
    },
    set clientSecret(secret) {
      client.secret = secret
    },
  })
  return Object.assign(started, { system, state, close })
}
