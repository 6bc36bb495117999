/** WSO2 APK's non-production identity provider behind its gateway: host names decide, Basic is raw. */
import { type Answer, json, text } from '../answer.js'
import { answerEmployees } from '../apk/gateway.js'
import {
  type ApkApproval,
  type ApkServer,
  type ApkSettings,
  answerApkTokenRequest,
  approveApk,
} from '../apk/identity-provider.js'
import { answerMockTokenRequest } from '../apk/mock-identity-provider.js'
import { BoundedMap, type ReceivedRequest } from '../record.js'
import { type Route, startServer } from '../server.js'
import { signingKeysFor } from '../signing-keys.js'
import { createSystem, createSystemState, type StartedSystem, type System, type SystemContext } from '../system.js'

/** Seed 002. The two names are not in any DNS: connect to `connectTo` while URL, SNI and `Host` keep the name. */
export interface Wso2Apk extends System<ApkSettings> {
  /** Its name in the sandbox. */
  readonly name: 'wso2Apk'
  /** Assign to rotate it. */
  clientSecret: string
  /** The one the application has registered. */
  readonly redirectUri: string
  /** Version 1.x: a code that lives 600 s, as if the user had logged in. */
  approve(approval: ApkApproval): string
}

const identityProvider = 'idp.am.wso2.com'
const apiGateway = 'default.gw.wso2.com'

/** Starts it under its two names, whatever the port. */
export async function startWso2Apk(context: SystemContext): Promise<StartedSystem<Wso2Apk>> {
  const state = createSystemState(context.requestLimit)
  const server: ApkServer = {
    settings: {
      version: '1.x',
      gatewayVersion: '1.0',
      accessTokenLifetimeSeconds: 3600,
      expiresIn: undefined,
      refreshTokenLifetimeSeconds: 86_400,
      grantTypes: ['client_credentials', 'authorization_code', 'refresh_token'],
    },
    clock: context.clock,
    tokens: state.tokens,
    client: {
      id: '45f1c5c8-a92e-11ed-afa1-0242ac120002',
      secret: '4fbd62ec-a92e-11ed-afa1-0242ac120002',
      redirectUri: 'https://app.example.com/callback',
    },
    codes: new BoundedMap(10_000),
    keys: () => signingKeysFor('server'),
  }
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer([identityProvider, apiGateway]),
    faults: state.faults,
    routes: apkRoutes(server),
    record: request => state.record.add(request),
    requestClientCertificate: false,
    precheck: refuseWrongName,
    notFound: () => notRouted,
  })
  const origin = `https://${identityProvider}:9095`
  const system: Wso2Apk = createSystem(state, {
    name: 'wso2Apk' as const,
    origin,
    get tokenEndpoint() {
      return origin + tokenPath(server)
    },
    apiOrigin: `https://${apiGateway}:9095`,
    apiUrl: `https://${apiGateway}:9095/test/3.14/employee`,
    connectTo: { host: context.host, port },
    clientId: server.client.id,
    redirectUri: server.client.redirectUri,
    settings: server.settings,
    approve: (approval: ApkApproval) => approveApk(server, approval),
    get clientSecret() {
      return server.client.secret
    },
    set clientSecret(secret) {
      server.client.secret = secret
    },
  })
  return { system, close }
}

function tokenPath({ settings }: ApkServer): string {
  return settings.version === '1.x' ? '/oauth2/token' : '/oauth2/1.0.0/token'
}

function apkRoutes(server: ApkServer): Route[] {
  const { settings } = server
  return [
    {
      kind: 'token',
      method: '*',
      matches: path => path === tokenPath(server),
      handle: request =>
        settings.version === '2.x' ? answerMockTokenRequest(server, request) : answerTokenMethod(server, request),
    },
    {
      kind: 'jwks',
      method: 'GET',
      matches: path => path === '/oauth2/keys' && settings.version === '1.x',
      handle: () => json(200, {}),
    },
    {
      kind: 'jwks',
      method: 'GET',
      matches: path => path === '/oauth2/jwks' && settings.version === '2.x',
      handle: async () => {
        const { publicKey } = await server.keys()
        return json(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] })
      },
    },
    {
      kind: 'api',
      method: '*',
      matches: path => path === '/test/3.14/employee',
      handle: request => answerEmployees(server, request),
    },
  ]
}

function answerTokenMethod(server: ApkServer, request: ReceivedRequest): Answer | Promise<Answer> {
  return request.method === 'POST' ? answerApkTokenRequest(server, request) : text(405, '')
}

/** Envoy knows a virtual host by SNI and `Host`, and answers an empty 404 for any other. */
function refuseWrongName(request: ReceivedRequest): Answer | undefined {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  const expected = request.path.startsWith('/oauth2/') ? identityProvider : apiGateway
  return host === expected && request.tlsServername === expected ? undefined : notRouted
}

const notRouted: Answer = { status: 404 }
