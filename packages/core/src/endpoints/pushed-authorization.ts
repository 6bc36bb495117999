/** The pushed authorization request endpoint: the parameters go there, a name for them comes back (RFC 9126). */
import { json } from '../answer-shape.js'
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import { ValidationError } from '../errors.js'
import { expiresIn } from '../lifetime.js'
import type { Parameters } from '../provider.js'

/** What a browser takes to the authorization endpoint instead of the parameters. */
export interface PushedRequest {
  /** As the server made it; its form is the server's own. */
  readonly requestUri: string
  /** Until when it can be used, in epoch milliseconds; `undefined` where the server did not say. */
  readonly expiresAt: number | undefined
}

/**
 * Pushes a request, authenticated as at the token endpoint. It changes nothing at the server but that one more name is
 * known there, so it goes out again where no answer came: with what `parameters` gives then, since a request object is
 * good for one use.
 *
 * @throws what `sendToEndpoint` throws; ValidationError `request_uri` where none came
 * @see RFC 9126 §2.1, §2.2
 */
export function pushAuthorizationRequest(
  client: Client,
  parameters: () => Parameters | Promise<Parameters>,
): Promise<PushedRequest> {
  const pushedAt = client.clock.now()
  return sendToEndpoint(client, {
    endpoint: 'pushed_authorization_request_endpoint',
    parameters,
    // the server may bind the code to the key by this, and has a nonce for the token request to tell (RFC 9449 §10.1)
    proves: {},
    resend: 'always',
    accepts: [json(async ({ body }) => readPushed(body, client, pushedAt))],
  })
}

/** Longer ones would not get through to the authorization endpoint. */
const mostCharacters = 2_048

function readPushed(body: unknown, { provider }: Client, pushedAt: number): PushedRequest {
  const { request_uri: requestUri, expires_in: lifetime } = isObject(body) ? body : {}
  const wrong = (problem: string) => new ValidationError('request_uri', problem, { provider: provider.name })
  if (typeof requestUri !== 'string' || requestUri === '') throw wrong(`is ${kindOf(requestUri)}; expected a URI`)
  if (requestUri.length > mostCharacters || !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(requestUri))
    throw wrong('is a text that can be no URI (RFC 9126 §2.2)')
  return { requestUri, expiresAt: expiresIn(lifetime, pushedAt) }
}
