/** Fiserv CIAM: id and secret in a JSON or form body, never a Basic header; three shapes for one error. */
import { randomUUID } from 'node:crypto'
import type { AccessTokens } from '../access-tokens.js'
import { type Answer, json, RawJson } from '../answer.js'
import { epochSeconds, type SandboxClock } from '../clock.js'
import { signJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import { type Route, startServer } from '../server.js'
import { signingKeysFor } from '../signing-keys.js'
import { createSystem, createSystemState, type StartedSystem, type System, type SystemContext } from '../system.js'

/** A test may change any of it at any time. */
export interface FiservCiamSettings {
  /** Body formats the token endpoint reads. Default both. */
  bodyFormats: ('json' | 'form')[]
  /** Spellings of `grant_type` it takes. Default both that are documented. */
  grantTypes: string[]
  /** Default 7199. */
  accessTokenLifetimeSeconds: number
  /** JSON text to write as `expires_in` instead of the truth; empty omits it. */
  expiresIn: string | undefined
  /** Provisioning: `scope` is required, and only `application.client`, `domain.manage`, `iam.root` exist. Default false. */
  scopeRequired: boolean
  /** Members of an error: as the `schema`, the `examples` or the page's `sample` has them, or Provisioning's `scim`. */
  errorShape: 'schema' | 'examples' | 'sample' | 'scim'
  /** Refuses every API call, good token or not; for 401s that a new token cannot help. */
  apiRefusal: { readonly status: number; readonly code: number; readonly message: string } | undefined
}

/** Seed 004. */
export interface FiservCiam extends System<FiservCiamSettings> {
  /** Its name in the sandbox. */
  readonly name: 'fiservCiam'
  /** Has characters every encoding treats differently. Assign to rotate it. */
  clientSecret: string
}

interface Ciam {
  readonly settings: FiservCiamSettings
  readonly clock: SandboxClock
  readonly tokens: AccessTokens
  readonly clientId: string
  clientSecret: string
  lastExpiry: number
}

const provisioningScopes = ['application.client', 'domain.manage', 'iam.root']

/** Starts it on TLS without client certificates. */
export async function startFiservCiam(context: SystemContext): Promise<StartedSystem<FiservCiam>> {
  const state = createSystemState(context.requestLimit)
  const ciam: Ciam = {
    settings: {
      bodyFormats: ['json', 'form'],
      grantTypes: ['client_credentials', 'client_credential'],
      accessTokenLifetimeSeconds: 7199,
      expiresIn: undefined,
      scopeRequired: false,
      errorShape: 'schema',
      apiRefusal: undefined,
    },
    clock: context.clock,
    tokens: state.tokens,
    clientId: 'Sfq5hn4nf',
    clientSecret: 'S^7j|)v,Zd',
    lastExpiry: 0,
  }
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    faults: state.faults,
    routes: ciamRoutes(ciam),
    record: request => state.record.add(request),
    requestClientCertificate: false,
  })
  const origin = `https://localhost:${port}`
  const system: FiservCiam = createSystem(state, {
    name: 'fiservCiam' as const,
    origin,
    tokenEndpoint: `${origin}/ciam-mfa/v2/get/token`,
    apiOrigin: origin,
    apiUrl: `${origin}/ciam-mfa/v2/users/me`,
    connectTo: { host: context.host, port },
    clientId: ciam.clientId,
    settings: ciam.settings,
    get clientSecret() {
      return ciam.clientSecret
    },
    set clientSecret(secret) {
      ciam.clientSecret = secret
    },
  })
  return { system, close }
}

function ciamRoutes(ciam: Ciam): Route[] {
  return [
    {
      kind: 'token',
      method: 'POST',
      matches: path => path === '/ciam-mfa/v2/get/token',
      handle: request => answerTokenRequest(ciam, request),
    },
    {
      kind: 'api',
      method: '*',
      matches: path => path === '/ciam-mfa/v2/users/me',
      handle: request => answerApiRequest(ciam, request),
    },
  ]
}

async function answerTokenRequest(ciam: Ciam, request: ReceivedRequest): Promise<Answer> {
  const { settings } = ciam
  if (request.headers.authorization !== undefined) return failure(ciam, 400, 10029, 'Basic authorization not allowed')
  const parameters = settings.bodyFormats.includes(bodyFormat(request) as 'json') ? request.parameters : {}
  if (!settings.grantTypes.includes(parameters.grant_type ?? '')) {
    return failure(ciam, 400, 10028, expectation(settings))
  }
  if (!parameters.client_id) return failure(ciam, 400, 10030, 'client_id is missing')
  if (!parameters.client_secret) return failure(ciam, 400, 10031, 'client_secret is missing')
  if (parameters.client_id !== ciam.clientId || parameters.client_secret !== ciam.clientSecret) {
    return failure(ciam, 401, 10002, 'Invalid token or client not registered')
  }
  const scope = (parameters.scope ?? '').split(' ').filter(value => value !== '')
  if (settings.scopeRequired && (scope.length === 0 || !scope.every(value => provisioningScopes.includes(value)))) {
    return failure(ciam, 400, 10015, 'scope is missing or not allowed')
  }
  return issueToken(ciam, scope.length > 0 ? scope.join(' ') : 'application.client')
}

function bodyFormat({ headers }: ReceivedRequest): 'json' | 'form' | undefined {
  const type = headers['content-type'] ?? ''
  if (/^application\/json\b/i.test(type)) return 'json'
  return /^application\/x-www-form-urlencoded\b/i.test(type) ? 'form' : undefined
}

/** The product's own list speaks of a form, its pages of JSON. */
function expectation({ bodyFormats }: FiservCiamSettings): string {
  const expected = bodyFormats.includes('form') ? 'an x-www-form-urlencoded' : 'a JSON'
  return `grant_type, client_id, client_secret expected in ${expected} body`
}

async function issueToken(ciam: Ciam, scope: string): Promise<Answer> {
  const { settings, clock, tokens, clientId } = ciam
  const issuedAt = clock.now()
  const expiresAt = issuedAt + settings.accessTokenLifetimeSeconds * 1000
  // Without iat and jti two tokens of one second would be the same string, and a revoked one would live again.
  ciam.lastExpiry = Math.max(epochSeconds(expiresAt), ciam.lastExpiry + 1)
  const { privateKey, certificateHash } = await signingKeysFor('server')
  const header = { alg: 'RS256', kid: certificateHash.slice(0, 27), 'pi.atm': 'rzru' }
  const iss = 'https://fdc-fedsso-dev.1dc.com'
  const claims = { scope, authorization_details: [], client_id: clientId, iss, aud: clientId, exp: ciam.lastExpiry }
  const token = signJwt(header, claims, privateKey)
  tokens.add({
    token,
    clientId,
    subject: clientId,
    scope,
    issuedAt,
    expiresAt,
    isUserToken: false,
    certificateThumbprint: undefined,
    consentId: undefined,
    revoked: false,
  })
  const { expiresIn } = settings
  const truth = settings.accessTokenLifetimeSeconds
  return json(
    200,
    RawJson.object({
      access_token: token,
      token_type: 'Bearer',
      expires_in: expiresIn === undefined ? truth : expiresIn === '' ? undefined : new RawJson(expiresIn),
    }),
  )
}

function answerApiRequest(ciam: Ciam, request: ReceivedRequest): Answer {
  const { settings, tokens, clock } = ciam
  if (settings.apiRefusal) {
    return failure(ciam, settings.apiRefusal.status, settings.apiRefusal.code, settings.apiRefusal.message)
  }
  const [, bearer = ''] = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '') ?? []
  const token = tokens.find(bearer)
  if (!token || token.revoked) return failure(ciam, 401, 10002, 'Invalid token or client not registered')
  if (token.expiresAt <= clock.now()) return failure(ciam, 401, 10001, 'Access token has expired')
  return json(200, { userId: 'sandbox-user', status: 'ACTIVE' })
}

function failure({ settings, clock }: Ciam, status: number, code: number, message: string): Answer {
  const iso = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
  const trace = randomUUID()
  const shapes = {
    schema: () => ({ error: code, message, traceid: trace, timestamp: iso }),
    examples: () => ({
      code: String(code),
      message,
      traceId: trace,
      timestamp: iso.replace('T', '-').replaceAll(':', '.').replace('Z', ''),
    }),
    sample: () => ({ error: code, message, traceID: trace, timestamp: pageTimestamp(clock.now()), details: [] }),
    scim: () => ({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(status),
      subject: 'oauth',
      scimType: String(code),
      detail: message,
      additionalDetails: [],
    }),
  }
  const type = settings.errorShape === 'scim' ? { 'content-type': 'application/scim+json' } : {}
  return json(status, shapes[settings.errorShape](), type)
}

/** `Jan-01-2030 00:00:00.000 +0000` */
function pageTimestamp(at: number): string {
  const date = new Date(at)
  const month = date.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' })
  const [day, time] = date.toISOString().split('T') as [string, string]
  return `${month}-${day.slice(8)}-${day.slice(0, 4)} ${time.replace('Z', '')} +0000`
}
