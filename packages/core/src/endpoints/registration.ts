/** The registration endpoint: a program becomes a client (RFC 7591), and looks after its registration (RFC 7592). */
import { type AnswerShape, json, nothing } from '../answer-shape.js'
import { endpointFor } from '../client.js'
import type { ClientAuth } from '../client-auth/client-auth.js'
import { readSecret } from '../client-auth/secret-auth.js'
import { type ClientRegistration, type RegisteredClient, readClientInformation } from '../client-registration.js'
import {
  type ConnectionOptions,
  certificateAt,
  checkConnection,
  connect,
  connectionOptionNames,
} from '../connection.js'
import { type Sender, sendToEndpoint } from '../endpoint.js'
import type { EndpointRequest } from '../endpoint-request.js'
import { OriginError } from '../errors.js'
import { checkCredential, checkObject, checkOptions, optionError, parseUrl } from '../options.js'
import {
  checkRegistrationRequest,
  type RegistrationRequestOptions,
  registrationBody,
  registrationRequestOptionNames,
} from '../registration-request.js'
import type { Secret } from '../secret.js'

/** What is to be registered where, and what allows it. */
export interface RegisterClientOptions extends ConnectionOptions, RegistrationRequestOptions {
  /** Where registration is not open to everybody: a token that the server's operator has issued. @see RFC 7591 §3 */
  readonly initialAccessToken?: Secret | undefined
}

/** Which registration it is about, and what opens it. */
export interface RegistrationOptions extends ConnectionOptions {
  /** What `registerClient()` has returned, or what was kept of it. */
  readonly registration: RegisteredClient
  /**
   * Instead of the `registrationAccessToken`: at WSO2 Open Banking the client's own token, of the `client_credentials`
   * grant.
   */
  readonly accessToken?: Secret | undefined
}

/** What a registration is to be from now on. */
export interface UpdateRegistrationOptions extends RegistrationOptions, RegistrationRequestOptions {}

/**
 * Registers a client. Sent once more only where the first request has surely not left, since a second one would register a
 * second client.
 *
 * @throws AuthorizationServerError with `error` `invalid_redirect_uri`, `invalid_client_metadata`,
 *   `invalid_software_statement` or `unapproved_software_statement`, or of the token; ValidationError naming the member of
 *   the answer that cannot be used; TransportError; TokenResponseError when the answer is none; GrantKitError with code
 *   `ERR_REQUEST_OBJECT` when it could not be signed; TypeError naming an option, or the endpoint that the metadata lacks
 * @see RFC 7591 §3
 */
export async function registerClient(options: RegisterClientOptions): Promise<ClientRegistration> {
  const names = [...connectionOptionNames, ...registrationRequestOptionNames, 'initialAccessToken']
  checkOptions('registerClient', options, names)
  checkConnection('registerClient', options)
  checkRegistrationRequest(options, options.provider)
  const { initialAccessToken, provider } = options
  if (initialAccessToken !== undefined) checkSecret('initialAccessToken', initialAccessToken)
  const { contentType = 'application/jwt' } = provider.conform.registration ?? {}
  return send(options, '', sender => ({
    method: 'POST',
    auth: bearer(initialAccessToken),
    accepts: [information()],
    ...registrationBody(sender, options, { contentType }),
  }))
}

/**
 * Reads a registration as it is now. What the answer leaves out stays as it was given; the `registrationAccessToken` of
 * what is returned is the one to keep, since a server may replace it each time.
 *
 * @throws OriginError when the registration is at another origin than the endpoint; what `registerClient` throws; 401
 *   where the client or the token is not known any more
 * @see RFC 7592 §2.1
 */
export async function readRegistration(options: RegistrationOptions): Promise<ClientRegistration> {
  checkRegistration('readRegistration', options, [])
  return manage(options, () => ({ method: 'GET', accepts: [information(options.registration)] }))
}

/**
 * Replaces what is registered by the `metadata` given: what stands in the registration and not there is gone. Begin with
 * that of `readRegistration()`.
 *
 * @throws what `readRegistration` throws
 * @see RFC 7592 §2.2
 */
export async function updateRegistration(options: UpdateRegistrationOptions): Promise<ClientRegistration> {
  checkRegistration('updateRegistration', options, registrationRequestOptionNames)
  checkRegistrationRequest(options, options.provider)
  const { registration } = options
  const own = { client_id: registration.clientId, contentType: 'application/jwt' }
  return manage(options, sender => ({
    method: 'PUT',
    accepts: [information(registration)],
    ...registrationBody(sender, options, own),
  }))
}

/**
 * Ends a registration: the client is unknown then, and so are its tokens at most servers.
 *
 * @throws what `readRegistration` throws
 * @see RFC 7592 §2.3
 */
export async function deleteRegistration(options: RegistrationOptions): Promise<void> {
  checkRegistration('deleteRegistration', options, [])
  return manage(options, () => ({ method: 'DELETE', accepts: [nothing()] }))
}

function checkRegistration(maker: string, options: RegistrationOptions, more: readonly string[]): void {
  checkOptions(maker, options, [...connectionOptionNames, 'registration', 'accessToken', ...more])
  checkConnection(maker, options)
  const { registration, accessToken } = options
  checkObject('registration', registration)
  checkCredential('registration.clientId', registration.clientId)
  const { registrationAccessToken } = registration
  if (accessToken === undefined && registrationAccessToken === undefined)
    throw optionError('registration.registrationAccessToken', 'is needed, or accessToken: something has to open it')
  if (accessToken !== undefined) checkSecret('accessToken', accessToken)
  else checkCredential('registration.registrationAccessToken', registrationAccessToken)
}

function checkSecret(option: string, secret: Secret): void {
  if (typeof secret !== 'function') checkCredential(option, secret)
}

type Request<T> = Omit<EndpointRequest<T>, 'endpoint' | 'resend'>

/** One request by a connection of its own: there is no client that would have one. */
async function send<T>(options: ConnectionOptions, id: string, request: (sender: Sender) => Request<T>): Promise<T> {
  const connection = connect(options, certificateAt(options.provider))
  const sender = { ...connection, id, auth: unauthenticated, dpop: undefined }
  try {
    return await sendToEndpoint(sender, { endpoint: 'registration_endpoint', resend: 'unsent', ...request(sender) })
  } finally {
    await connection.close()
  }
}

function manage<T>(
  options: RegistrationOptions,
  request: (sender: Sender) => Omit<Request<T>, 'auth' | 'url'>,
): Promise<T> {
  const { registration, accessToken = registration.registrationAccessToken } = options
  return send(options, registration.clientId, sender => ({
    url: whereItIs(sender, registration),
    auth: bearer(accessToken),
    ...request(sender),
  }))
}

/** The server's word, unless the provider knows better. No token goes to another origin than the endpoint's. */
function whereItIs(sender: Sender, { clientId, registrationClientUri: said }: RegisteredClient): string {
  const endpoint = endpointFor(sender, 'registration_endpoint')
  const { name, conform } = sender.provider
  const uri = conform.registration?.clientUri?.(endpoint, clientId) ?? said
  if (uri === undefined)
    throw optionError('registration.registrationClientUri', `is needed: ${name} did not say where the registration is`)
  const { origin, username } = parseUrl(uri) ?? {}
  if (origin !== new URL(endpoint).origin || username !== '')
    throw new OriginError('The registration is at another origin than the registration endpoint of its server', origin)
  return uri
}

const unauthenticated: ClientAuth = {
  method: 'none',
  identity: 'none',
  authenticate: async parameters => ({ parameters, headers: {} }),
}

function bearer(token: Secret | undefined): Pick<ClientAuth, 'method' | 'authenticate'> {
  if (token === undefined) return unauthenticated
  return {
    method: 'Bearer',
    async authenticate(parameters) {
      const accessToken = await readSecret(token, 'Bearer')
      return { parameters, headers: { authorization: `Bearer ${accessToken}` }, secrets: [accessToken] }
    },
  }
}

function information(known?: RegisteredClient): AnswerShape<ClientRegistration> {
  return json(async ({ body }) => readClientInformation(body, known))
}
