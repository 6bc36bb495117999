/** `/oauth2/revoke` (RFC 7009) and `/oauth2/introspect` (RFC 7662) of Identity Server. */
import { type Answer, json, Refusal, text } from '../answer.js'
import { epochSeconds } from '../clock.js'
import type { ReceivedRequest } from '../record.js'
import { type AuthorizationServer, refuse } from './authorization-server.js'
import { authenticateClient, readParameters } from './client-authentication.js'

/** 200 with an empty body under a JSON content type; a 401 calls its JSON `text/html`. */
export function answerRevocation(server: AuthorizationServer, request: ReceivedRequest): Answer {
  try {
    const parameters = readParameters(server, request)
    authenticateClient(server, request, parameters)
    if (!parameters.token) refuse(400, 'invalid_request', 'Invalid revocation request')
    revoke(server, parameters.token)
    return { status: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body: '' }
  } catch (error) {
    if (!(error instanceof Refusal) || error.answer.status !== 401) throw error
    return { ...error.answer, headers: { ...error.answer.headers, 'content-type': 'text/html' } }
  }
}

function revoke({ settings, store: { tokens, consents }, clock }: AuthorizationServer, token: string): void {
  const consentId = tokens.find(token)?.consentId ?? tokens.findRefresh(token)?.consentId
  tokens.revoke(token)
  if (settings.revocationEndsConsent && consentId !== undefined) consents.end(consentId, clock.now())
}

/** Wants an administrator, `admin:admin` as shipped, not the client's own authentication. */
export function answerIntrospection(server: AuthorizationServer, request: ReceivedRequest): Answer {
  const expected = `Basic ${Buffer.from('admin:admin').toString('base64')}`
  if (request.headers.authorization !== expected) return text(401, '', 'text/html')
  const parameters = readParameters(server, request)
  if (!parameters.token) return json(400, { error: 'Invalid input' })
  const token = server.store.tokens.findActive(parameters.token, server.clock.now())
  if (!token) return json(200, { active: false })
  return json(200, {
    active: true,
    nbf: epochSeconds(token.issuedAt),
    scope: token.scope,
    exp: epochSeconds(token.expiresAt),
    iat: epochSeconds(token.issuedAt),
    token_type: 'Bearer',
    client_id: token.clientId,
    sub: token.subject,
    aut: token.isUserToken ? 'APPLICATION_USER' : 'APPLICATION',
    aud: token.clientId,
    iss: server.issuer,
    binding_type: 'certificate',
    binding_ref: token.certificateThumbprint,
    cnf: { 'x5t#S256': token.certificateThumbprint },
  })
}
