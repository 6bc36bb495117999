/** How the client proves who it is at the token and the PAR endpoint (RFC 6749 §2.3, RFC 7523 §3, RFC 8705 §2.1). */
import { timingSafeEqual } from 'node:crypto'
import { parseJwt, verifyJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import { type OpenidProvider, refuse } from './openid-provider.js'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** @throws Refusal: 401 `invalid_client`, 400 `invalid_request` for a parameter that comes twice */
export function authenticateClient(provider: OpenidProvider, request: ReceivedRequest): void {
  const names = request.parameterList.map(([name]) => name)
  if (new Set(names).size < names.length) refuse(400, 'invalid_request', 'a parameter is repeated')
  const { authMethod } = provider.settings
  if (!checks[authMethod](provider, request)) refuse(401, 'invalid_client', `the client is to use ${authMethod}`)
}

type Check = (provider: OpenidProvider, request: ReceivedRequest) => boolean

const checks: Readonly<Record<OpenidProvider['settings']['authMethod'], Check>> = {
  none: (provider, { parameters }) => parameters.client_id === provider.clientId,
  client_secret_post: (provider, { parameters }) =>
    parameters.client_id === provider.clientId && same(provider.clientSecret, parameters.client_secret),
  client_secret_basic: (provider, { headers }) => {
    const [, encoded = ''] = /^Basic (\S+)$/i.exec(headers.authorization ?? '') ?? []
    const [id, secret] = Buffer.from(encoded, 'base64').toString().split(':').map(formDecoded)
    return id === provider.clientId && same(provider.clientSecret, secret)
  },
  tls_client_auth: (provider, { parameters, clientCertificateThumbprint }) =>
    parameters.client_id === provider.clientId && clientCertificateThumbprint === provider.certificateThumbprint,
  private_key_jwt: (provider, { parameters }) =>
    parameters.client_assertion_type === assertionType && holds(provider, parameters.client_assertion ?? ''),
}

function same(expected: string, actual = ''): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(actual)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function formDecoded(text: string): string | undefined {
  return new URLSearchParams(`value=${text}`).get('value') ?? undefined
}

/** RFC 7523 §3; `aud` is the issuer, or the endpoint as older clients have it. */
function holds(provider: OpenidProvider, text: string): boolean {
  const { clientId, clientKeys, clock, issuer, settings, usedJtis } = provider
  const assertion = parseJwt(text)
  if (!assertion || !settings.clientAlgorithms.includes(String(assertion.header.alg))) return false
  const { iss, sub, aud, exp, jti } = assertion.claims
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud]
  const isForUs = audiences.some(audience => [issuer, `${issuer}/token`, `${issuer}/par`].includes(audience as string))
  if (iss !== clientId || sub !== clientId || !isForUs || Number(exp) * 1000 <= clock.now()) return false
  if (!verifyJwt(assertion, clientKeys.publicKey) || usedJtis.has(String(jti))) return false
  usedJtis.set(String(jti), true)
  return true
}
