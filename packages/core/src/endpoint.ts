/** One request to an endpoint of the server. The only file that knows the order of the steps. */

import { explain } from './circumstances.js'
import type { Client } from './client.js'
import type { Authenticated } from './client-auth/client-auth.js'
import { AuthorizationServerError, GrantKitError, isGrantKitError, type RefusalKind, TransportError } from './errors.js'
import { hintedList } from './metadata.js'
import { encodeForm, type Parameters, type Refusal } from './provider.js'
import { keepReceived, type Received, takeReceived } from './received.js'
import { redact } from './redaction/redact.js'
import { rescuedFrom } from './rescue.js'
import { parseServerResponse, retryAfterMs } from './server-response.js'
import type { TransportResponse } from './transport.js'

/** What is sent, where, whether it may be sent again, and what is made of the answer. */
export interface EndpointRequest<T> {
  readonly endpoint: string
  readonly parameters: Parameters
  readonly grantType: string
  readonly repeatable: boolean
  /**
   * Called right before each attempt is handed to the transport. What it throws comes out as it is; before a second attempt,
   * the error of the first does.
   */
  readonly beforeSending?: (() => Promise<void>) | undefined
  /** Gives the members of an answer the RFC's names. */
  readonly map: (body: unknown) => unknown
  /** Makes what is wanted of an answer that is no refusal: by the RFC's names, and as it came. */
  readonly read: (body: unknown, original: unknown) => Promise<T>
  /** Told of whatever came with an error, whole or in part, before the error is thrown. */
  readonly salvage: (error: unknown, received: Received) => Promise<void>
}

/**
 * Sends a request: authenticate, encode, send, parse, in that order; once more, authenticated anew, when that is safe.
 *
 * @throws AuthorizationServerError, TransportError, TokenResponseError; what `beforeSending` throws
 */
export async function sendToEndpoint<T>(client: Client, request: EndpointRequest<T>): Promise<T> {
  try {
    return await send(client, request, error => error)
  } catch (error) {
    if (!mayRepeat(error, request)) throw error
    return send(client, request, () => error)
  }
}

/** @param heldBack what is thrown where `beforeSending` throws */
async function send<T>(
  client: Client,
  request: EndpointRequest<T>,
  heldBack: (reason: unknown) => unknown,
): Promise<T> {
  const authenticated = await authenticate(client, request)
  try {
    await request.beforeSending?.()
  } catch (reason) {
    throw heldBack(markUnsent(reason))
  }
  const requestedAt = client.clock.now()
  let response: TransportResponse | undefined
  try {
    response = await exchange(client, request, authenticated)
    return await readAnswer(client, request, authenticated, response)
  } catch (error) {
    const received = takeReceived(error) ?? (response && { ...response, isWhole: true })
    if (received !== undefined) await request.salvage(error, received)
    throw explain(error, { ...aboutClient(client, authenticated), url: request.endpoint, requestedAt, response })
  }
}

/** What an error may say of the client. */
function aboutClient({ auth, provider, tls, clock }: Client, { parameters }: Authenticated) {
  const { client_assertion: assertion } = parameters
  const listed = hintedList(provider.metadata, 'token_endpoint_auth_methods_supported')
  const isListed = listed === undefined || listed.includes(auth.method)
  return {
    method: 'POST',
    now: clock.now(),
    assertion: typeof assertion === 'string' ? assertion : undefined,
    certificate: tls.certificate,
    hint: isListed ? undefined : `its metadata lists ${listed.join(', ').slice(0, 200)}, not ${auth.method}`,
  }
}

async function readAnswer<T>(
  client: Client,
  { map, read, grantType, parameters: { scope } }: EndpointRequest<T>,
  sent: Authenticated,
  response: TransportResponse,
): Promise<T> {
  const { name, conform } = client.provider
  const answer = parseServerResponse(response, name, { encoding: conform.responseEncoding, map })
  if ('body' in answer) return read(answer.body, answer.original)
  const asked = { grantType, scope: typeof scope === 'string' ? scope : undefined }
  throw refused(client, { ...answer.refusal, ...asked }, sent, response.headers.get('retry-after'))
}

/** Adds the credentials. What a secret function or a signer throws is told as such, whatever kind of error it is. */
async function authenticate<T>(client: Client, { parameters, endpoint }: EndpointRequest<T>): Promise<Authenticated> {
  const { auth, provider, clock } = client
  try {
    const authenticated = await auth.authenticate(parameters, { clientId: client.id, provider, endpoint, clock })
    const { headers, secrets } = await client.readHeaders()
    return {
      ...authenticated,
      headers: { ...headers, ...authenticated.headers },
      secrets: [...secrets, ...(authenticated.secrets ?? [])],
    }
  } catch (cause) {
    if (Object(cause).code === 'ERR_OPTION') throw markUnsent(cause)
    if (isGrantKitError(cause) && cause.code === 'ERR_CLIENT_AUTHENTICATION')
      throw Object.assign(markUnsent(cause), { provider: provider.name })
    const message = `${auth.method}: the secret, or what signs, could not be had`
    const options = { provider: provider.name, retryable: true, neverSent: true, cause }
    throw new GrantKitError('ERR_CLIENT_AUTHENTICATION', message, options)
  }
}

/** Notes on an error of ours that it kept a request from being sent; returns the error. */
function markUnsent<E>(error: E): E {
  const isOurs = isGrantKitError(error) || Object(error).code === 'ERR_OPTION'
  return isOurs ? Object.assign(error as E & object, { neverSent: true }) : error
}

/**
 * Encodes and sends; what is good for one use over a connection of its own. Of an error that is not ours little is kept:
 * those of HTTP clients hold the request.
 */
async function exchange<T>(
  client: Client,
  { endpoint: url, repeatable }: EndpointRequest<T>,
  sent: Authenticated,
): Promise<TransportResponse> {
  const { provider, transport } = client
  const { contentType, body } = (provider.conform.encodeRequest ?? encodeForm)(sent.parameters)
  const headers = { accept: 'application/json', ...sent.headers, 'content-type': contentType }
  try {
    return await transport({ method: 'POST', url, headers, body, fresh: !repeatable })
  } catch (error) {
    if (isGrantKitError(error)) throw Object.assign(error, { provider: provider.name })
    const cause = reduced(error, sent)
    const options = { provider: provider.name, neverSent: false, cause }
    const failure = new TransportError('ERR_TRANSPORT', `The transport failed: ${cause.message}`, options)
    const received = takeReceived(error)
    throw received === undefined ? failure : keepReceived(failure, received)
  }
}

function reduced(error: unknown, sent: Authenticated): Error {
  const { name = 'Error', code, message = error } = Object(error)
  const [cleanName, cleanCode, cleanMessage] = [name, code ?? '', message].map(text => clean(String(text), 300, sent))
  return Object.assign(new Error(cleanMessage), { name: cleanName, ...(cleanCode && { code: cleanCode }) })
}

/** What never left may be repeated; so may what can be asked twice and got no answer, or had a stale assertion. */
function mayRepeat<T>(error: unknown, { grantType, repeatable }: EndpointRequest<T>): boolean {
  if (grantType === 'authorization_code' || !isGrantKitError(error) || rescuedFrom(error) !== undefined) return false
  const { code, kind, neverSent } = error as Partial<AuthorizationServerError & TransportError>
  if (code === 'ERR_SERVER_REFUSED') return kind === 'stale_assertion'
  return code === 'ERR_TRANSPORT' && error.retryable && (neverSent === true || repeatable)
}

function refused(
  client: Client,
  refusal: Refusal,
  sent: Authenticated,
  retryAfter: string | null,
): AuthorizationServerError {
  const { provider, clock } = client
  const standard = standardKind(refusal)
  return new AuthorizationServerError({
    provider: provider.name,
    serverStatus: refusal.status,
    error: refusal.error && clean(refusal.error, 80, sent),
    errorDescription: refusal.errorDescription && clean(refusal.errorDescription, 300, sent),
    kind: classify(refusal, standard, provider) ?? standard,
    retryAfterMs: retryAfterMs(retryAfter, clock.now()),
  })
}

const refusalKinds: ReadonlySet<RefusalKind> = new Set<RefusalKind>([
  'transient',
  'terminal',
  'invalid_scope',
  'invalid_client',
  'invalid_grant',
  'interaction_required',
  'denied',
  'pending',
  'stale_assertion',
])

/** A hook that fails on an answer nobody foresaw, or says what is no kind, must not hide the refusal. */
function classify(refusal: Refusal, standard: RefusalKind, { conform }: Client['provider']): RefusalKind | undefined {
  try {
    const kind = conform.classifyError?.(refusal, standard)
    return kind !== undefined && refusalKinds.has(kind) ? kind : undefined
  } catch {
    return undefined
  }
}

/**
 * The reading of RFC 6749 §5.2: the status first, then the code. A 401 that names no other reason is about the client:
 * some say 401 of a dead refresh token too, but then with its code.
 */
function standardKind({ status, error = '' }: Refusal): RefusalKind {
  // oauth2orize 1.12; what is not implemented now will not be in a minute
  if (status === 501 && error === 'unsupported_grant_type') return 'terminal'
  if (status >= 500 || status === 429 || status === 408) return 'transient'
  if (pendingCodes.has(error)) return 'pending'
  if (status < 400 && error === 'server_error') return 'transient'
  const named = kindsByCode[error]
  if (status === 401 && (named === undefined ? !namesAnother.test(error) : named === 'denied')) return 'invalid_client'
  return named ?? 'terminal'
}

/** Codes that mean nothing but: not yet. */
const pendingCodes = new Set(['authorization_pending', 'slow_down'])

const kindsByCode: Readonly<Record<string, RefusalKind>> = {
  __proto__: null as never,
  invalid_grant: 'invalid_grant',
  invalid_scope: 'invalid_scope',
  invalid_target: 'invalid_scope',
  invalid_client: 'invalid_client',
  unauthorized_client: 'invalid_client',
  temporarily_unavailable: 'transient',
  access_denied: 'denied',
  interaction_required: 'interaction_required',
  login_required: 'interaction_required',
  consent_required: 'interaction_required',
  account_selection_required: 'interaction_required',
  unmet_authentication_requirements: 'interaction_required',
}

/** What a code beyond the RFCs is about when it is not the client: one code, token, scope, resource or request. */
const namesAnother = /^[\w.-]*(grant|code|token|scope|target|resource|request|user|session|consent)[\w.-]*$/i

/** Parameters that name things. */
const openParameters = new Set([
  'grant_type',
  'client_id',
  'scope',
  'resource',
  'audience',
  'redirect_uri',
  'client_assertion_type',
  'requested_token_type',
  'subject_token_type',
  'actor_token_type',
])

/** Somebody else's words as they may be shown. */
function clean(text: string, length: number, { parameters, headers, secrets = [] }: Authenticated): string {
  const sent = Object.entries(parameters).map(([name, value]) => ({ name, values: [value ?? []].flat() }))
  const open = sent.filter(({ name }) => openParameters.has(name)).flatMap(({ values }) => values)
  const hidden = sent.filter(({ name }) => !openParameters.has(name)).flatMap(({ values }) => values)
  const basic = headers.authorization?.replace(/^Basic /, '') ?? []
  return redact(text, length, { secrets: [...hidden, ...secrets, basic].flat(), open })
}
