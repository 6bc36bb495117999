/** One request to an endpoint of the server. The only file that knows the order of the steps. */
import { explain } from './circumstances.js'
import { type Client, endpointFor } from './client.js'
import type { Authenticated } from './client-auth/client-auth.js'
import { prove } from './endpoint-proof.js'
import type { BeforeSending, EndpointRequest } from './endpoint-request.js'
import { AuthorizationServerError, GrantKitError, isGrantKitError, type RefusalKind, TransportError } from './errors.js'
import { hintedList } from './metadata.js'
import type { Parameters, Refusal, RequestFacts } from './provider.js'
import { keepReceived, takeReceived } from './received.js'
import { refusalKind } from './refusal-kind.js'
import { encodeForm } from './request-encoding.js'
import { rescuedFrom } from './rescue.js'
import { mapResponse, parseServerResponse, retryAfterMs } from './server-response.js'
import { theirError, theirWords } from './their-words.js'
import type { TransportRequest, TransportResponse } from './transport.js'

/** Who sends: a client, or who is about to become one. */
export type Sender = Omit<Client, 'metadata' | 'decryptionKeys' | 'connection' | 'timeoutMs' | 'onEvent' | 'close'>

/**
 * Sends a request: authenticate, encode, prove, send, parse, in that order. What is repeated is authenticated and proved
 * anew: once where that is safe, and each of the two once more where the server has wanted its nonce in the proof.
 *
 * @throws AuthorizationServerError, TransportError, TokenResponseError; TypeError naming an endpoint that the metadata
 *   lacks; what `parameters`, `beforeSending` and `accepts` throw
 */
export async function sendToEndpoint<T>(client: Sender, request: EndpointRequest<T>): Promise<T> {
  const located = { ...request, url: request.url ?? endpointFor(client, request.endpoint, request.grantType) }
  let outcome = await attemptWithNonce(client, located)
  if ('error' in outcome && mayRepeat(outcome.error, request))
    outcome = await attemptWithNonce(client, located, outcome)
  if ('error' in outcome) throw outcome.error
  return outcome.answer
}

/** What never left may be repeated; so may what can be asked twice and got no answer, or had a stale assertion. */
function mayRepeat<T>(error: unknown, { resend }: EndpointRequest<T>): boolean {
  if (resend === 'never' || !isGrantKitError(error) || rescuedFrom(error) !== undefined) return false
  const { code, retryable, neverSent } = error
  if (code === 'ERR_SERVER_REFUSED') return (error as AuthorizationServerError).kind === 'stale_assertion'
  return code === 'ERR_TRANSPORT' && retryable && (neverSent || resend === 'always')
}

/**
 * A server that wants its nonce in the proof has done nothing with the request: whatever it carries goes out again, a code
 * and a refresh token too.
 *
 * @see RFC 9449 §8
 */
async function attemptWithNonce<T>(client: Sender, request: Located<T>, before?: Failed): Promise<Outcome<T>> {
  const outcome = await attempt(client, request, before)
  return 'error' in outcome && outcome.lacksNonce ? attempt(client, request, outcome) : outcome
}

interface Located<T> extends EndpointRequest<T> {
  readonly url: string
}

interface Failed {
  readonly error: unknown
  readonly answered: TransportResponse['headers'] | undefined
  /** Whether the proof lacked the nonce that the server wants in it. */
  readonly lacksNonce: boolean
}

type Outcome<T> = { readonly answer: T } | Failed

async function attempt<T>(client: Sender, request: Located<T>, before?: Failed): Promise<Outcome<T>> {
  const authenticated = await authenticate(client, request)
  const encoded = encode(client, request, authenticated)
  const given = request.beforeSending && (await holdBack(request.beforeSending, encoded, before))
  const proof = prove(client, request, encoded)
  const added = { ...given, ...proof?.headers }
  const sent = { ...authenticated, secrets: [...(authenticated.secrets ?? []), ...Object.values(added)] }
  const requestedAt = client.clock.now()
  let response: TransportResponse | undefined
  try {
    response = await exchange(client, { ...encoded, headers: { ...encoded.headers, ...added } }, sent)
    proof?.rememberNonce(response)
    return { answer: await readAnswer(client, request, sent, response) }
  } catch (error) {
    const received = takeReceived(error) ?? (response && { ...response, isWhole: true })
    if (received !== undefined) await request.salvage?.(error, received, sent.parameters)
    const circumstances = { ...aboutRequest(client, request, sent), requestedAt, response }
    const lacksNonce = proof?.lacksNonce(error) ?? false
    return { error: explain(error, circumstances), answered: response?.headers, lacksNonce }
  }
}

/** Adds the credentials. What a secret function or a signer throws is told as such, whatever kind of error it is. */
async function authenticate<T>(client: Sender, request: Located<T>): Promise<Authenticated> {
  const { endpoint: endpointName, url: endpoint, auth = client.auth } = request
  const { id: clientId, provider, clock } = client
  const parameters = await readParameters(request)
  try {
    const authenticated = await auth.authenticate(parameters, { clientId, provider, endpoint, endpointName, clock })
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

async function readParameters<T>({ parameters }: Located<T>): Promise<Parameters> {
  try {
    return (await parameters?.()) ?? {}
  } catch (error) {
    throw markUnsent(error)
  }
}

/** The request as the transport takes it; what is good for one use over a connection of its own. */
function encode<T>({ provider }: Sender, request: Located<T>, sent: Authenticated): TransportRequest {
  const { method = 'POST', url, resend, accepts, encode = provider.conform.encodeRequest ?? encodeForm } = request
  const accept = [...new Set(accepts.map(({ mediaType }) => mediaType))].join(', ')
  const fresh = resend !== 'always'
  if (method === 'GET' || method === 'DELETE') return { method, url, headers: { accept, ...sent.headers }, fresh }
  const { contentType, body } = encode(sent.parameters, factsOf(request))
  return { method, url, headers: { accept, ...sent.headers, 'content-type': contentType }, body, fresh }
}

/** What is done right before sending: it may hold the request back, or give headers for this very attempt. */
async function holdBack(
  beforeSending: BeforeSending,
  { method, url }: TransportRequest,
  before: Failed | undefined,
): Promise<Readonly<Record<string, string>>> {
  try {
    return (await beforeSending({ method, url, answered: before?.answered })) || {}
  } catch (reason) {
    throw before === undefined ? markUnsent(reason) : before.error
  }
}

/** Notes on an error of ours that it kept a request from being sent; returns the error. */
function markUnsent<E>(error: E): E {
  const isOurs = isGrantKitError(error) || Object(error).code === 'ERR_OPTION'
  return isOurs ? Object.assign(error as E & object, { neverSent: true }) : error
}

/** Sends. Of an error that is not ours little is kept: those of HTTP clients hold the request. */
async function exchange(
  { provider, transport }: Sender,
  request: TransportRequest,
  sent: Authenticated,
): Promise<TransportResponse> {
  try {
    return await transport(request)
  } catch (error) {
    if (isGrantKitError(error)) throw Object.assign(error, { provider: provider.name })
    const cause = theirError(error, sent)
    const options = { provider: provider.name, neverSent: false, cause }
    const failure = new TransportError('ERR_TRANSPORT', `The transport failed: ${cause.message}`, options)
    const received = takeReceived(error)
    throw received === undefined ? failure : keepReceived(failure, received)
  }
}

async function readAnswer<T>(
  client: Sender,
  request: Located<T>,
  sent: Authenticated,
  response: TransportResponse,
): Promise<T> {
  const { provider } = client
  const facts = factsOf(request)
  const { responseEncoding } = provider.conform
  const answer = parseServerResponse(response, {
    provider: provider.name,
    accepts: request.accepts,
    // what is asked for with a token is refused as an API refuses it
    isApi: request.auth !== undefined,
    encoding: typeof responseEncoding === 'function' ? responseEncoding(facts) : responseEncoding,
    map: request.map ?? (body => mapResponse(body, provider, facts)),
  })
  if ('content' in answer) return answer.shape.read(answer.content, sent.parameters)
  const { scope } = sent.parameters
  const refusal = { ...answer.refusal, ...facts, scope: typeof scope === 'string' ? scope : undefined }
  const kind = refusalKind(refusal, provider, request.auth === undefined)
  throw refused(client, { refusal, kind, retryAfter: response.headers.get('retry-after') }, sent)
}

function factsOf<T>({ endpoint, grantType }: EndpointRequest<T>): RequestFacts {
  return { endpoint, grantType }
}

interface Refused {
  readonly refusal: Refusal
  readonly kind: RefusalKind
  readonly retryAfter: string | null
}

function refused({ provider, clock }: Sender, { refusal, kind, retryAfter }: Refused, sent: Authenticated) {
  const { status, error, errorDescription } = refusal
  return new AuthorizationServerError({
    provider: provider.name,
    serverStatus: status,
    error: error && theirWords(error, 80, sent),
    errorDescription: errorDescription && theirWords(errorDescription, 300, sent),
    kind,
    retryAfterMs: retryAfterMs(retryAfter, clock.now()),
  })
}

/** What an error may say of a request. */
function aboutRequest<T>({ auth, provider, tls, clock }: Sender, request: Located<T>, { parameters }: Authenticated) {
  const { client_assertion: assertion } = parameters
  const listed = hintedList(provider.metadata, 'token_endpoint_auth_methods_supported')
  const isListed = request.auth !== undefined || listed === undefined || listed.includes(auth.method)
  return {
    method: request.method ?? 'POST',
    url: request.url,
    now: clock.now(),
    assertion: typeof assertion === 'string' ? assertion : undefined,
    certificate: tls.certificate,
    hint: isListed ? undefined : `its metadata lists ${listed.join(', ').slice(0, 200)}, not ${auth.method}`,
  }
}
