/** What the tests call the sandbox with: undici and node:crypto, nothing of the sandbox's own. */
import { constants, createPrivateKey, randomUUID, sign } from 'node:crypto'
import { Agent, request } from 'undici'
import type { CertificateAndKey, OpenBankingSystem, Sandbox, System } from '../src/index.js'

/** How a test departs from a rightful assertion. */
export interface AssertionChanges {
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
  readonly key?: string
}

/** A client assertion as the documentation has it; members set to undefined are left out. */
export function clientAssertion(sandbox: Sandbox, system: OpenBankingSystem, changes: AssertionChanges = {}): string {
  const now = Math.floor(sandbox.now() / 1000)
  const header = { alg: 'PS256', kid: system.kid, typ: 'JWT', ...changes.header }
  const claims = {
    iss: system.clientId,
    sub: system.clientId,
    aud: system.tokenEndpoint,
    jti: randomUUID(),
    iat: now,
    exp: now + 900,
    ...changes.claims,
  }
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  const key = createPrivateKey(changes.key ?? system.signingKey)
  const padding = header.alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}
  return `${input}.${sign('sha256', Buffer.from(input), { key, ...padding }).toString('base64url')}`
}

/** A connection to a system as a client makes it: its CA, its names, its certificate. */
export function agentFor(sandbox: Sandbox, system: System, certificate?: CertificateAndKey): Agent {
  const lookup = (_name: string, options: { all?: boolean }, callback: (...answer: unknown[]) => void) => {
    const { host } = system.connectTo
    if (options.all) callback(null, [{ address: host, family: 4 }])
    else callback(null, host, 4)
  }
  return new Agent({ connections: 1, connect: { ca: sandbox.ca, ...certificate, lookup: lookup as never } })
}

/** An answer, read. */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into it member by member
  readonly json: any
}

export interface CallOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly certificate?: CertificateAndKey | undefined
  readonly agent?: Agent
}

/** One request on a connection of its own, unless an agent is given. */
export async function call(
  sandbox: Sandbox,
  system: System,
  url: string,
  options: CallOptions = {},
): Promise<Received> {
  const { method = 'GET', headers = {}, body } = options
  const agent = options.agent ?? agentFor(sandbox, system, options.certificate)
  try {
    const target = new URL(url)
    const host = target.host
    if (!['localhost', '127.0.0.1'].includes(target.hostname)) target.port = String(system.connectTo.port)
    const response = await request(target, {
      method: method as 'GET',
      headers: { host, ...headers },
      body: body ?? null,
      dispatcher: agent,
    })
    const text = await response.body.text()
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      text,
      get json() {
        return JSON.parse(text)
      },
    }
  } finally {
    if (!options.agent) await agent.destroy()
  }
}

/** A form POST to the system's token endpoint. */
export function postForm(
  sandbox: Sandbox,
  system: System,
  parameters: Record<string, string> | string,
  options: CallOptions = {},
): Promise<Received> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...options.headers }
  const body = typeof parameters === 'string' ? parameters : new URLSearchParams(parameters).toString()
  return call(sandbox, system, system.tokenEndpoint, { ...options, method: 'POST', headers, body })
}

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** A token request with everything right, for one grant or with one thing changed. */
export function requestToken(
  sandbox: Sandbox,
  system: OpenBankingSystem,
  parameters: Record<string, string> = {},
  options: CallOptions & { readonly assertion?: string } = {},
): Promise<Received> {
  const { assertion = clientAssertion(sandbox, system), ...rest } = options
  const rightful = {
    grant_type: 'client_credentials',
    scope: 'accounts openid',
    client_assertion_type: assertionType,
    client_assertion: assertion,
    redirect_uri: system.redirectUri,
  }
  return postForm(sandbox, system, { ...rightful, ...parameters }, { certificate: system.certificate, ...rest })
}

/** A call to a protected resource with a bearer token. */
export function callApi(sandbox: Sandbox, system: System, token: string, options: CallOptions = {}): Promise<Received> {
  const headers = { authorization: `Bearer ${token}`, ...options.headers }
  const certificate = 'certificate' in system ? (system as OpenBankingSystem).certificate : undefined
  return call(sandbox, system, system.apiUrl, { certificate, ...options, headers })
}
