/** Udara360 core banking: JSON credentials in, a token with its own member names out, `errors[]` when refused. */
import { randomUUID } from 'node:crypto'
import type { AccessTokens } from '../access-tokens.js'
import { type Answer, json, RawJson } from '../answer.js'
import { epochSeconds, type SandboxClock } from '../clock.js'
import { signJwt } from '../jwt.js'
import { BoundedMap, type ReceivedRequest } from '../record.js'
import { type Route, startServer } from '../server.js'
import { signingKeysFor } from '../signing-keys.js'
import { createSystem, createSystemState, type StartedSystem, type System, type SystemContext } from '../system.js'

/** A test may change any of it at any time. */
export interface CoreBankingSettings {
  /** Default `/api/auth/v1/authenticate`. */
  authenticatePath: string
  /** Default 3600. */
  accessTokenLifetimeSeconds: number
  /** How `expirationTime` is written: epoch `seconds` (default), `milliseconds`, or seconds in a `string`. */
  expirationTime: 'seconds' | 'milliseconds' | 'string' | 'absent'
  /** JSON text to write as `tokenValiditySec` instead of the truth; empty omits it. */
  tokenValiditySec: string | undefined
  /** `exact` (default) wants `clientId`; `any-case` also takes `clientID`, as .NET binding would. */
  memberNames: 'exact' | 'any-case'
  /** A client unused for 14 days: good credentials are refused with 400. Default false. */
  clientDeactivated: boolean
}

/** An operation the API carried out, once for each `Request-Reference`. */
export interface BankingOperation {
  /** `Request-Reference` of the request. */
  readonly reference: string
  /** The body of the first request that carried it, as text. */
  readonly body: string
  /** How many requests carried this reference. */
  requests: number
}

/** Seed 003. */
export interface CoreBanking extends System<CoreBankingSettings> {
  /** Its name in the sandbox. */
  readonly name: 'coreBanking'
  /** Assign to rotate it. */
  clientSecret: string
  /** POST with a `Request-Reference`; the same reference is carried out once. */
  readonly transfersUrl: string
  /** Oldest first; the last 10,000. */
  readonly operations: readonly BankingOperation[]
}

interface Bank {
  readonly settings: CoreBankingSettings
  readonly clock: SandboxClock
  readonly tokens: AccessTokens
  readonly clientId: string
  clientSecret: string
  readonly operations: BoundedMap<BankingOperation>
}

const maximumLength = 100

/** Starts it on TLS without client certificates. */
export async function startCoreBanking(context: SystemContext): Promise<StartedSystem<CoreBanking>> {
  const state = createSystemState(context.requestLimit)
  const bank: Bank = {
    settings: {
      authenticatePath: '/api/auth/v1/authenticate',
      accessTokenLifetimeSeconds: 3600,
      expirationTime: 'seconds',
      tokenValiditySec: undefined,
      memberNames: 'exact',
      clientDeactivated: false,
    },
    clock: context.clock,
    tokens: state.tokens,
    clientId: 'sandbox-bank-client',
    clientSecret: 'Zk4!sandbox-bank-secret',
    operations: new BoundedMap(10_000),
  }
  const { port, close } = await startServer({
    ...context,
    certificate: context.authority.issueServer(['localhost', '127.0.0.1']),
    faults: state.faults,
    routes: bankRoutes(bank),
    record: request => state.record.add(request),
    requestClientCertificate: false,
  })
  const origin = `https://localhost:${port}`
  const system: CoreBanking = createSystem(state, {
    name: 'coreBanking' as const,
    origin,
    get tokenEndpoint() {
      return origin + bank.settings.authenticatePath
    },
    apiOrigin: origin,
    apiUrl: `${origin}/api/v1/accounts`,
    transfersUrl: `${origin}/api/v1/transfers`,
    connectTo: { host: context.host, port },
    clientId: bank.clientId,
    settings: bank.settings,
    get clientSecret() {
      return bank.clientSecret
    },
    set clientSecret(secret) {
      bank.clientSecret = secret
    },
    get operations() {
      return [...bank.operations.values()]
    },
  })
  return { system, close }
}

function bankRoutes(bank: Bank): Route[] {
  return [
    {
      kind: 'token',
      method: 'POST',
      matches: path => path === bank.settings.authenticatePath,
      handle: request => authenticate(bank, request),
    },
    {
      kind: 'api',
      method: 'GET',
      matches: path => path === '/api/v1/accounts',
      handle: request => refuseToken(bank, request) ?? success([{ accountNumber: '1100000016', currency: 'NGN' }]),
    },
    {
      kind: 'api',
      method: 'POST',
      matches: path => path === '/api/v1/transfers',
      handle: request => refuseToken(bank, request) ?? transfer(bank, request),
    },
  ]
}

async function authenticate(bank: Bank, request: ReceivedRequest): Promise<Answer> {
  const { settings, clock, tokens } = bank
  const [clientId, clientSecret] = [member(bank, request, 'clientId'), member(bank, request, 'clientSecret')]
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '')
  if (!isJson || !clientId || !clientSecret) return failure(400, 'clientId and clientSecret are required')
  if (clientId.length > maximumLength || clientSecret.length > maximumLength) {
    return failure(400, `clientId and clientSecret must be at most ${maximumLength} characters`)
  }
  if (clientId !== bank.clientId || clientSecret !== bank.clientSecret || settings.clientDeactivated) {
    return failure(400, 'Invalid client credentials')
  }
  const issuedAt = clock.now()
  const expiresAt = issuedAt + settings.accessTokenLifetimeSeconds * 1000
  const token = await signBankToken(clientId, issuedAt, expiresAt)
  tokens.add({
    token,
    clientId,
    subject: clientId,
    scope: '',
    issuedAt,
    expiresAt,
    isUserToken: false,
    certificateThumbprint: undefined,
    consentId: undefined,
    revoked: false,
  })
  return json(200, encodeToken(settings, token, expiresAt))
}

function encodeToken(settings: CoreBankingSettings, token: string, expiresAt: number): RawJson {
  const seconds = epochSeconds(expiresAt)
  const expirationTime = { seconds, milliseconds: expiresAt, string: String(seconds), absent: undefined }
  const { tokenValiditySec: text } = settings
  return RawJson.object({
    accessToken: token,
    tokenType: 'Bearer',
    expirationTime: expirationTime[settings.expirationTime],
    tokenValiditySec:
      text === undefined ? settings.accessTokenLifetimeSeconds : text === '' ? undefined : new RawJson(text),
  })
}

async function signBankToken(clientId: string, issuedAt: number, expiresAt: number): Promise<string> {
  const { privateKey } = await signingKeysFor('server')
  const claims = {
    sub: clientId,
    actor_type: 'api_client',
    jti: randomUUID(),
    iat: epochSeconds(issuedAt),
    exp: epochSeconds(expiresAt),
  }
  return signJwt({ alg: 'RS256', typ: 'JWT' }, claims, privateKey)
}

function member({ settings }: Bank, request: ReceivedRequest, name: string): string | undefined {
  if (settings.memberNames === 'exact') return request.parameters[name]
  const found = Object.keys(request.parameters).find(key => key.toLowerCase() === name.toLowerCase())
  return found === undefined ? undefined : request.parameters[found]
}

function refuseToken({ tokens, clock }: Bank, request: ReceivedRequest): Answer | undefined {
  const [, bearer] = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '') ?? []
  if (bearer === undefined) return failure(401, 'Unauthorized')
  if (tokens.findActive(bearer, clock.now())) return undefined
  return failure(401, tokens.find(bearer)?.revoked === false ? 'Token expired' : 'Invalid token')
}

/** A reference is carried out once; the same one again gets the first one's answer. */
function transfer({ operations }: Bank, request: ReceivedRequest): Answer {
  const reference = request.headers['request-reference']
  if (!reference || reference.length > maximumLength) {
    return failure(400, `Request-Reference is required, at most ${maximumLength} characters`)
  }
  const operation = operations.get(reference) ?? { reference, body: request.body, requests: 0 }
  operation.requests += 1
  operations.set(reference, operation)
  return success({ requestReference: reference, responseCode: '00' })
}

function success(data: unknown): Answer {
  return json(200, { status: true, message: 'Successful', data })
}

function failure(statusCode: number, errorMessage: string): Answer {
  return json(statusCode, { errors: [{ statusCode, errorCode: `E${statusCode}`, errorMessage }] })
}
