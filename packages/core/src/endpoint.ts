/** One request to an endpoint of the server. The only file that knows the order of the steps. */

import type { Client } from './client.js'
import type { Authenticated } from './client-auth/client-auth.js'
import { AuthorizationServerError, type RefusalKind, TransportError } from './errors.js'
import { encodeForm, type Parameters, type Refusal } from './provider.js'
import { parseServerResponse, retryAfterMs } from './server-response.js'

/** What is sent, where, and whether it may be sent again. */
export interface EndpointRequest {
  readonly endpoint: string
  readonly parameters: Parameters
  readonly grantType: string
  readonly repeatable: boolean
}

/**
 * Sends a request: authenticate, encode, send, parse, in that order; once more, authenticated anew, when that is safe.
 *
 * @returns the answer's JSON body
 * @throws AuthorizationServerError, TransportError, TokenResponseError
 */
export async function sendToEndpoint(client: Client, request: EndpointRequest): Promise<unknown> {
  try {
    return await send(client, request)
  } catch (error) {
    if (!mayRepeat(error, request)) throw error
    return send(client, request)
  }
}

async function send(client: Client, request: EndpointRequest): Promise<unknown> {
  const { provider, clock } = client
  const context = { clientId: client.id, provider, endpoint: request.endpoint, clock }
  const authenticated = await client.auth.authenticate(request.parameters, context)
  const { contentType, body } = (provider.conform.encodeRequest ?? encodeForm)(authenticated.parameters)
  const response = await client.transport({
    method: 'POST',
    url: request.endpoint,
    headers: { accept: 'application/json', 'content-type': contentType, ...authenticated.headers },
    body,
  })
  const answer = parseServerResponse(response, provider.name)
  if ('body' in answer) return answer.body
  throw refused(
    client,
    { ...answer.refusal, grantType: request.grantType },
    authenticated,
    response.headers.get('retry-after'),
  )
}

/** What never left may be repeated; so may what can be asked twice and got no answer, or had a stale assertion. */
function mayRepeat(error: unknown, { grantType, repeatable }: EndpointRequest): boolean {
  if (grantType === 'authorization_code') return false
  if (error instanceof AuthorizationServerError) return error.kind === 'stale_assertion'
  return (
    error instanceof TransportError &&
    error.code === 'ERR_TRANSPORT' &&
    error.retryable &&
    (error.neverSent || repeatable)
  )
}

function refused(
  client: Client,
  refusal: Refusal,
  sent: Authenticated,
  retryAfter: string | null,
): AuthorizationServerError {
  const { provider, clock } = client
  const standard = standardKind(refusal)
  const clean = (text: string | undefined, length: number) => text && printable(withoutSecrets(text, sent), length)
  return new AuthorizationServerError({
    provider: provider.name,
    status: refusal.status,
    error: clean(refusal.error, 80),
    errorDescription: clean(refusal.errorDescription, 300),
    kind: provider.conform.classifyError?.(refusal, standard) ?? standard,
    retryAfterMs: retryAfterMs(retryAfter, clock.now()),
  })
}

/** The reading of RFC 6749 §5.2: the status first, then the code. */
function standardKind({ status, error }: Refusal): RefusalKind {
  if (status >= 500 || status === 429 || status === 408) return 'transient'
  if (error === 'invalid_grant') return 'invalid_grant'
  return error === 'temporarily_unavailable' || (status < 400 && error === 'server_error') ? 'transient' : 'terminal'
}

const harmlessParameters = new Set([
  'grant_type',
  'client_id',
  'scope',
  'resource',
  'redirect_uri',
  'client_assertion_type',
])

/** Takes out of a server's words whatever secret of ours it echoes, and every JWT. */
function withoutSecrets(text: string, { parameters, headers }: Authenticated): string {
  const secrets = Object.entries(parameters).flatMap(([name, value]) =>
    harmlessParameters.has(name) ? [] : [value ?? []].flat(),
  )
  const basic = headers['authorization']?.replace(/^Basic /, '')
  const variants = [...secrets, basic ?? ''].flatMap(secret => [secret, encodeURIComponent(secret)])
  const masked = variants
    .filter(secret => secret.length > 2)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
  return masked.replace(/eyJ[\w-]+(\.[\w-]*){1,4}/g, '[redacted]')
}

function printable(text: string, length: number): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, ' ').trim()
  return plain.length > length ? `${plain.slice(0, length - 3)}...` : plain
}
