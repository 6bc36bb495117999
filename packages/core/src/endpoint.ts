/** One request to an endpoint of the server. The only file that knows the order of the steps. */

import { explain } from './circumstances.js'
import type { Client } from './client.js'
import type { Authenticated } from './client-auth/client-auth.js'
import { AuthorizationServerError, GrantKitError, isGrantKitError, TransportError } from './errors.js'
import { hintedList } from './metadata.js'
import { encodeForm, type Parameters, type Refusal } from './provider.js'
import { keepReceived, type Received, takeReceived } from './received.js'
import { refusalKind } from './refusal-kind.js'
import { rescuedFrom } from './rescue.js'
import { parseServerResponse, retryAfterMs } from './server-response.js'
import { theirError, theirWords } from './their-words.js'
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
    const cause = theirError(error, sent)
    const options = { provider: provider.name, neverSent: false, cause }
    const failure = new TransportError('ERR_TRANSPORT', `The transport failed: ${cause.message}`, options)
    const received = takeReceived(error)
    throw received === undefined ? failure : keepReceived(failure, received)
  }
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
  return new AuthorizationServerError({
    provider: provider.name,
    serverStatus: refusal.status,
    error: refusal.error && theirWords(refusal.error, 80, sent),
    errorDescription: refusal.errorDescription && theirWords(refusal.errorDescription, 300, sent),
    kind: refusalKind(refusal, provider),
    retryAfterMs: retryAfterMs(retryAfter, clock.now()),
  })
}
