/** A login at the sandbox's OpenID Provider by the public API alone, and what may be known of it after a refusal. */
import type { IncomingHttpHeaders } from 'node:http'
import { type RequestOptions, request as send } from 'node:https'
import { inspect } from 'node:util'
import {
  type Misbehaviour,
  type MisbehaviourOptions,
  type Openid,
  type OpenidSettings,
  type Sandbox,
  startSandbox,
} from '@grantkit/sandbox'
import { expect } from 'vitest'
import {
  type AuthorizationAnswer,
  type AuthorizationRequestOptions,
  type AuthorizationTransaction,
  type Client,
  type ClientOptions,
  clientCertificate,
  createAuthorizationRequest,
  createClient,
  createUserTokenSources,
  defineProvider,
  discoverMetadata,
  type Grant,
  LoginRequiredError,
  none,
  privateKeyJwt,
  readAuthorizationResponse,
  signer,
  type TokenSet,
  tlsClientAuth,
  ValidationError,
} from '../../src/index.js'
import { attach, parseOrigins } from '../../src/kit.js'

/** What a client is made for. */
type ServerOf = Pick<Scene, 'sandbox' | 'openid'>

/** A kind of login: how the client is registered, and what it asks for. */
export interface Flow {
  readonly settings?: Partial<OpenidSettings>
  readonly request?: Partial<AuthorizationRequestOptions>
  /** Signs the request with the client's registered key. */
  readonly signed?: boolean
  readonly client?: (server: ServerOf) => Partial<ClientOptions>
}

/** A server, and a client that found it by discovery; both end with it. */
export interface Scene extends AsyncDisposable {
  readonly sandbox: Sandbox
  readonly openid: Openid
  readonly flow: Flow
  readonly client: Client
  readonly users: ReturnType<typeof createUserTokenSources>
}

/** Starts a server as the flow wants it; `misbehaviours` begin at once, and last. */
export async function begin(flow: Flow = {}, misbehaviours: readonly Misbehaviour[] = []): Promise<Scene> {
  const sandbox = await startSandbox()
  const { openid } = sandbox
  Object.assign(openid.settings, flow.settings)
  for (const name of misbehaviours) openid.misbehave(name, always)
  try {
    const client = await clientOf(flow, { sandbox, openid })
    const end = async () => {
      await client.close()
      await sandbox.stop()
    }
    return { sandbox, openid, flow, client, users: createUserTokenSources({ client }), [Symbol.asyncDispose]: end }
  } catch (error) {
    await sandbox.stop()
    throw error
  }
}

/** The same with a server that begins to misbehave once the client has found it, and does not stop unless it is said. */
export async function misbehaving(
  flow: Flow,
  misbehaviour: Misbehaviour,
  options: MisbehaviourOptions = always,
): Promise<Scene> {
  const scene = await begin(flow)
  scene.openid.misbehave(misbehaviour, options)
  return scene
}

/** Until it is cancelled. */
export const always = { times: Number.POSITIVE_INFINITY }

/** As a program sets it up: discovery, then what is registered. */
async function clientOf(flow: Flow, server: ServerOf): Promise<Client> {
  const { sandbox, openid } = server
  const { settings } = openid
  const needsCertificate = settings.authMethod === 'tls_client_auth' || settings.senderConstrained === 'certificate'
  const tls = { ca: sandbox.ca, ...(needsCertificate && { certificate: clientCertificate(openid.certificate) }) }
  const metadata = await discoverMetadata({ issuer: openid.issuer, tls })
  return createClient({
    provider: defineProvider({ name: 'openid', metadata }),
    clientId: openid.clientId,
    ...credentials(openid),
    tls,
    clock: sandbox,
    metadata: {
      id_token_signed_response_alg: settings.idTokenSignedResponseAlg,
      authorization_signed_response_alg: settings.authorizationSignedResponseAlg,
      ...(settings.userinfoSignedResponseAlg && { userinfo_signed_response_alg: settings.userinfoSignedResponseAlg }),
    },
    ...flow.client?.(server),
  })
}

function credentials({ settings, clientSecret, signingKey, kid }: Openid): Partial<ClientOptions> {
  if (settings.authMethod === 'private_key_jwt') return { auth: privateKeyJwt({ key: signingKey, alg: 'PS256', kid }) }
  if (settings.authMethod === 'tls_client_auth') return { auth: tlsClientAuth() }
  return settings.authMethod === 'none' ? { auth: none() } : { clientSecret }
}

/** A server whose discovery document has to be refused, with nothing asked of it after that. */
export async function expectRefusedDiscovery(
  misbehaviour: Misbehaviour,
  check: string | RegExp,
): Promise<ValidationError> {
  await using sandbox = await startSandbox()
  const { openid, ca } = sandbox
  openid.misbehave(misbehaviour, always)
  const error = await refusalOf(() => discoverMetadata({ issuer: openid.issuer, tls: { ca } }))
  expectValidationError(error, check)
  expect(sentTo(openid)).toEqual(['discovery'])
  return error
}

/** The way out, and what the browser brought back. */
export async function goOut({ client, openid, sandbox, flow }: Scene): Promise<{
  transaction: AuthorizationTransaction
  answer: AuthorizationAnswer
}> {
  const { signingKey: key, kid } = openid
  const { url, transaction } = await createAuthorizationRequest(client, {
    redirectUri: openid.redirectUri,
    scope: 'openid accounts',
    ...(flow.signed && { requestObject: { signer: await signer({ key, alg: 'PS256', kid }) } }),
    ...flow.request,
  })
  return { transaction, answer: await browse(url, sandbox) }
}

/** A whole login. */
export async function logIn(scene: Scene): Promise<TokenSet> {
  const { transaction, answer } = await goOut(scene)
  return redeem(scene, await readAuthorizationResponse(scene.client, transaction, answer))
}

/** The second half of it. */
export function redeem({ users }: Scene, grant: Grant): Promise<TokenSet> {
  return users.for('alice').redeem(grant)
}

/** What a browser does: it follows a redirect with its fragment, or posts the form. */
export async function browse(url: string, { ca }: Sandbox): Promise<string> {
  const { headers, body } = await fetchText(url, { ca })
  if (headers.location !== undefined) return headers.location
  const inputs = [...body.matchAll(/name="([^"]*)" value="([^"]*)"/g)]
  if (inputs.length === 0) throw new Error(`the authorization endpoint says ${body}`)
  const decoded = (text = '') => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
  return new URLSearchParams(
    inputs.map(([, name, value]) => [decoded(name), decoded(value)] as [string, string]),
  ).toString()
}

/** A call to the API with alice's token, as an integration makes it; the status of the last answer. */
export async function callApi({ openid, sandbox, users }: Scene): Promise<number> {
  const hop = { method: 'GET', url: openid.apiUrl }
  const attached = await attach(users.for('alice'), parseOrigins([openid.apiOrigin]), hop)
  let headers: Readonly<Record<string, string>> | undefined = attached.headers
  let status = 0
  while (headers !== undefined) {
    const answer = await fetchText(hop.url, { ...openid.certificate, ca: sandbox.ca, headers })
    status = answer.status
    const { 'www-authenticate': wwwAuthenticate, 'dpop-nonce': nonce } = answer.headers
    const dpopNonce = nonce as string | undefined
    const response = { status, wwwAuthenticate, dpopNonce, body: async () => answer.body }
    headers = attached.concerns(status, dpopNonce) ? await attached.replay(response, true) : undefined
  }
  return status
}

async function fetchText(url: string, options: RequestOptions) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const request = send(url, { ...options, agent: false, maxHeaderSize: 16_000_000 }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', chunk => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject).end()
  })
}

/** Where a refusal comes: before anything is sent with the code, or after the token request. */
export type Moment = 'in front' | 'at the token endpoint'

/**
 * A login that has to fail: by a `ValidationError` of this check, with nothing sent after it that had not to be sent to
 * find out, nothing kept, and no secret in the error.
 */
export async function expectRefusedLogin(
  scene: Scene,
  check: string | RegExp,
  moment: Moment,
): Promise<ValidationError> {
  const { openid, users } = scene
  const { transaction, answer } = await goOut(scene)
  openid.clearRequests()
  const error = await refusalOf(async () =>
    redeem(scene, await readAuthorizationResponse(scene.client, transaction, answer)),
  )
  expectValidationError(error, check)
  const beside = sentBesideKeys(openid)
  expect(beside, 'requests that went out').toEqual(moment === 'in front' ? [] : ['token'])
  await expect(users.for('alice').getTokenSet(), 'what is kept').rejects.toThrow(LoginRequiredError)
  expect(sentBesideKeys(openid)).toEqual(beside)
  expectNoSecret(error, [...secretsOf(scene, transaction), ...secretsIn(answer)])
  return error
}

/** What `act` is rejected with. */
export async function refusalOf(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act()
  } catch (error) {
    return error
  }
  throw new Error('was taken, and had to be refused')
}

/** The right class and check, from whom, and a text that says something. */
export function expectValidationError(error: unknown, check: string | RegExp): asserts error is ValidationError {
  if (!(error instanceof ValidationError)) throw error
  expect(error.check).toMatch(typeof check === 'string' ? new RegExp(`^${check}$`) : check)
  expect(error.message.length, 'length of the message').toBeLessThan(1_000)
}

/** The kinds of the requests that have come in. */
export function sentTo({ requests }: Openid): string[] {
  return requests.map(({ kind }) => kind)
}

/** Without the keys, which are asked for to find out; and without what was refused for the nonce in its DPoP proof. */
function sentBesideKeys({ requests }: Openid): string[] {
  return requests.filter(({ kind, status }) => kind !== 'jwks' && status !== 400).map(({ kind }) => kind)
}

/** Nothing of an error shows a secret, however it is printed. */
export function expectNoSecret(error: unknown, secrets: readonly string[]): void {
  const { message, stack } = error as Error
  const shown = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), message, stack].join('\n')
  for (const secret of secrets) if (secret.length > 3) expect(shown).not.toContain(secret)
}

/** What the client and the server know, and nobody else may. */
export function secretsOf({ openid }: Scene, transaction?: AuthorizationTransaction): string[] {
  const { clientSecret, issuedTokens, requests } = openid
  const { state, nonce, codeVerifier } = transaction ?? {}
  const sent = requests.flatMap(({ parameters }) => [
    parameters.code,
    parameters.refresh_token,
    parameters.client_assertion,
  ])
  return [clientSecret, state, nonce, codeVerifier, ...issuedTokens.map(({ token }) => token), ...sent].filter(
    secret => secret !== undefined,
  )
}

/** The code and the JWTs of an answer, and each part of them. */
function secretsIn(answer: AuthorizationAnswer): string[] {
  const text = String(answer)
  const parameters = [text.split('?')[1], text.split('#')[1], text].map(part => new URLSearchParams(part ?? ''))
  const values = ['code', 'id_token', 'response'].flatMap(name => parameters.flatMap(one => one.getAll(name)))
  return values.flatMap(value => [value, ...value.split('.').slice(1)]).filter(value => value.length > 8)
}
