/** Who is calling a WSO2 Open Banking token endpoint: the accelerator's filter first, then the server's own checks. */
import { timingSafeEqual } from 'node:crypto'
import { json, Refusal } from '../answer.js'
import { type ParsedJwt, parseJwt } from '../jwt.js'
import type { PresentedCertificate, ReceivedRequest } from '../record.js'
import { type AuthorizationServer, refuse, refuseClient } from './authorization-server.js'
import { checkClientAssertion } from './client-assertion.js'

/** The parameters of a request, each present once. */
export type Parameters = Readonly<Record<string, string>>

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const sensitive = [
  'client_secret',
  'client_assertion',
  'refresh_token',
  'code',
  'code_verifier',
  'password',
  'assertion',
]

/**
 * The parameters of a form (or, at Identity Server, JSON) body.
 *
 * @throws Refusal for repeated parameters and for secrets in the URL
 */
export function readParameters(server: AuthorizationServer, request: ReceivedRequest): Parameters {
  const query = new URLSearchParams(request.query)
  if (sensitive.some(name => query.has(name))) {
    refuse(400, 'invalid_request', 'Invalid request with sensitive data in the URL.')
  }
  const names = request.parameterList.map(([name]) => name)
  if (new Set(names).size < names.length) {
    refuse(400, 'invalid_request', 'Invalid request with repeated parameters.')
  }
  const isForm = /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '')
  return isForm || server.acceptsJson ? request.parameters : {}
}

/**
 * Authenticates the one registered client, the way it is registered.
 *
 * @returns the certificate its token is to be bound to
 * @throws Refusal with the server's own status and text
 */
export function authenticateClient(
  server: AuthorizationServer,
  request: ReceivedRequest,
  parameters: Parameters,
): PresentedCertificate {
  const assertion = readAssertion(parameters)
  const basic = readBasic(request.headers.authorization)
  const clientId = requireClientId(server, parameters, assertion, basic)
  const certificate = requireCertificate(server, request.clientCertificate)
  if (assertion) requireRegisteredAlgorithm(server, assertion)
  requireRegisteredMethod(server, parameters, basic)
  requireOneMethod(parameters, basic)
  switch (server.settings.authMethod) {
    case 'private_key_jwt':
      checkClientAssertion(server, clientId, assertion as ParsedJwt)
      break
    case 'tls_client_auth':
      if (certificate.thumbprint !== server.store.client.certificateThumbprint) refuseCredentials(server)
      break
    case 'client_secret_basic':
      if (basic?.length !== 2 || !isSecret(server, basic[1])) refuseCredentials(server)
      break
    case 'client_secret_post':
      if (!isSecret(server, parameters.client_secret)) refuseCredentials(server)
      break
  }
  return certificate
}

function readAssertion(parameters: Parameters): ParsedJwt | undefined {
  const text = parameters.client_assertion
  if (text === undefined) return undefined
  const parsed = parseJwt(text)
  if (!parsed) filterRefuses(401, 'invalid_request', 'Error occurred while parsing the signed assertion')
  return parsed
}

/** Split at every `:` with nothing decoded; anything but two parts cannot be a client (`BasicAuthClientAuthenticator`). */
function readBasic(header: string | undefined): string[] | undefined {
  const [, encoded] = /^Basic +(\S*)\s*$/i.exec(header ?? '') ?? []
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8').split(':')
}

function requireClientId(
  server: AuthorizationServer,
  parameters: Parameters,
  assertion: ParsedJwt | undefined,
  basic: string[] | undefined,
): string {
  const fromAssertion = assertion?.claims.sub ?? assertion?.claims.iss
  const clientId = assertion ? fromAssertion : (parameters.client_id ?? basic?.[0])
  if (assertion && fromAssertion === undefined) {
    refuse(400, 'invalid_request', 'Mandatory field :sub is missing in the JWT assertion.')
  }
  if (typeof clientId !== 'string' || clientId === '') {
    filterRefuses(400, 'Could not retrieve Client ID', 'Client ID not found in the request.')
  }
  if (clientId !== server.store.client.id) {
    filterRefuses(401, 'invalid_client', `A valid OAuth client could not be found for client_id: ${clientId}`)
  }
  return clientId
}

function requireCertificate(
  server: AuthorizationServer,
  certificate: PresentedCertificate | undefined,
): PresentedCertificate {
  if (!certificate) {
    return filterRefuses(400, 'invalid_request', 'Transport certificate not found in the request')
  }
  if (!certificate.trusted) {
    const description = 'Transport certificate not passed through the request or the certificate is not valid'
    filterRefuses(400, 'invalid_request', description)
  }
  if (certificate.expiresAt <= server.clock.now()) {
    const description = `Certificate with the serial number ${certificate.serialNumber} issued by the CA ${certificate.issuer} is expired`
    filterRefuses(401, 'Invalid mutual TLS request. Client certificate is expired', description)
  }
  return certificate
}

function requireRegisteredAlgorithm({ settings }: AuthorizationServer, assertion: ParsedJwt): void {
  if (!settings.signingAlgorithms.includes(String(assertion.header.alg))) {
    filterRefuses(401, 'invalid_client', 'Registered algorithm does not match with the token signed algorithm')
  }
}

function requireRegisteredMethod(server: AuthorizationServer, parameters: Parameters, basic?: string[]): void {
  const { authMethod } = server.settings
  const present = {
    private_key_jwt: parameters.client_assertion !== undefined,
    tls_client_auth: parameters.client_id !== undefined && parameters.client_assertion === undefined,
    client_secret_basic: basic !== undefined,
    client_secret_post: parameters.client_secret !== undefined,
  }
  if (!present[authMethod]) {
    const description = `Request does not follow the registered token endpoint auth method ${authMethod}`
    filterRefuses(400, 'invalid_request', description)
  }
  const type = parameters.client_assertion_type
  if (present.private_key_jwt && type !== assertionType)
    refuseClient(server, 'Unsupported Client Authentication Method!')
}

function requireOneMethod(parameters: Parameters, basic: string[] | undefined): void {
  const methods = [basic, parameters.client_assertion, parameters.client_secret]
  if (methods.filter(method => method !== undefined).length > 1) {
    const description = 'The client MUST NOT use more than one authentication method in each request.'
    refuse(400, 'invalid_request', description)
  }
}

function isSecret(server: AuthorizationServer, presented: string | undefined): boolean {
  const [expected, actual] = [Buffer.from(server.store.client.secret), Buffer.from(presented ?? '')]
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function refuseCredentials(server: AuthorizationServer): never {
  return refuseClient(server, 'Client credentials are invalid.')
}

/** The accelerator's filter writes `error` first. */
function filterRefuses(status: number, error: string, description: string): never {
  throw new Refusal(json(status, { error, error_description: description }))
}
