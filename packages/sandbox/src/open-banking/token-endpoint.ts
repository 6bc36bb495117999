/** The token endpoint of WSO2 Open Banking: authenticate, then one of three grants. */
import { setTimeout as delay } from 'node:timers/promises'
import type { IssuedRefreshToken } from '../access-tokens.js'
import { type Answer, json } from '../answer.js'
import { challengeMatches } from '../pkce.js'
import type { ReceivedRequest } from '../record.js'
import { issueAccessToken, reuseOrIssueApplicationToken } from './access-token.js'
import { type AuthorizationCode, type AuthorizationServer, type IssuingServer, refuse } from './authorization-server.js'
import { authenticateClient, type Parameters, readParameters } from './client-authentication.js'
import { encodeTokenResponse, issueIdToken } from './token-response.js'

/** Long enough that two refreshes sent together meet, on any machine. */
const parallelRefreshWindowMs = 50

/** Answers one token request. */
export async function answerTokenRequest(server: AuthorizationServer, request: ReceivedRequest): Promise<Answer> {
  const issuing = { ...server, signingKeys: await server.keys() }
  const parameters = readParameters(server, request)
  const { thumbprint } = authenticateClient(server, request, parameters)
  const grantType = parameters.grant_type
  if (!grantType) refuse(400, 'invalid_request', 'Missing grant_type parameter value')
  const grant = Object.hasOwn(grants, grantType) ? grants[grantType] : undefined
  if (!grant) return refuse(400, 'unsupported_grant_type', 'Unsupported grant_type value')
  if (!server.settings.grantTypes.includes(grantType)) {
    refuse(
      400,
      'unauthorized_client',
      'The authenticated client is not authorized to use this authorization grant type',
    )
  }
  return grant(issuing, { parameters, thumbprint, at: request.at })
}

/** An authenticated request: its parameters, the certificate a token is bound to, and when it came. */
interface TokenRequest {
  readonly parameters: Parameters
  readonly thumbprint: string
  readonly at: number
}

/** Without an `await` in what changes tokens, so that two requests never see the same one alive. */
type Grant = (server: IssuingServer, request: TokenRequest) => Answer | Promise<Answer>

const grants: Readonly<Record<string, Grant>> = {
  client_credentials: applicationToken,
  authorization_code: userToken,
  refresh_token: refreshedToken,
}

function applicationToken(server: IssuingServer, { parameters, thumbprint, at }: TokenRequest): Answer {
  const requested = splitScope(parameters.scope)
  const granted = grantedScope(server, requested)
  const scope = server.settings.applicationIdTokens ? granted : granted.filter(value => value !== 'openid')
  const token = reuseOrIssueApplicationToken(server, scope, thumbprint)
  const idToken = scope.includes('openid') ? issueIdToken(server, { token }) : undefined
  return json(200, encodeTokenResponse(server, { token, scope, at, idToken }), noStore)
}

function userToken(server: IssuingServer, { parameters, thumbprint, at }: TokenRequest): Answer {
  const code = requireCode(server, parameters)
  const scope = grantedScope(server, code.scope)
  const { subject, consentId } = code
  code.used = true
  const token = issueAccessToken(server, { scope, thumbprint, subject, consentId })
  const { token: refreshToken } = server.store.tokens.addRefresh({
    token: crypto.randomUUID(),
    clientId: code.clientId,
    subject,
    scope: scope.join(' '),
    expiresAt: server.clock.now() + server.settings.refreshTokenLifetimeSeconds * 1000,
    consentId,
    accessToken: token,
    revoked: false,
  })
  const id = { token, code: parameters.code, nonce: code.nonce }
  const idToken = scope.includes('openid') ? issueIdToken(server, id) : undefined
  return json(200, encodeTokenResponse(server, { token, scope, at, idToken, refreshToken }), noStore)
}

function requireCode({ store, clock }: AuthorizationServer, parameters: Parameters): AuthorizationCode {
  if (!parameters.code) refuse(400, 'invalid_request', 'Missing parameters: code')
  const code = store.codes.get(parameters.code)
  if (code?.used) store.tokens.revokeConsent(code.consentId)
  if (!code || code.used || code.expiresAt <= clock.now()) {
    const description = 'Invalid/Inactive/Expired or Revoked authorization code received from token request'
    return refuse(400, 'invalid_grant', description)
  }
  if (parameters.redirect_uri !== code.redirectUri) refuse(400, 'invalid_grant', 'Callback url mismatch')
  if (!challengeMatches(code, parameters.code_verifier)) refuse(400, 'invalid_grant', 'PKCE validation failed')
  return code
}

async function refreshedToken(server: IssuingServer, request: TokenRequest): Promise<Answer> {
  const { refresh_token: presented } = request.parameters
  if (!presented) return refuse(400, 'invalid_request', 'Missing parameters: refresh_token')
  const { refreshing } = server.store
  const { parallelRefreshFails } = server.settings
  if (parallelRefreshFails && refreshing.has(presented)) refuse(500, 'server_error', 'Internal Server Error.')
  refreshing.add(presented)
  try {
    const answer = exchangeRefreshToken(server, requireRefreshToken(server, presented), request)
    if (parallelRefreshFails) await delay(parallelRefreshWindowMs)
    return answer
  } finally {
    refreshing.delete(presented)
  }
}

function requireRefreshToken({ store, clock }: AuthorizationServer, presented: string): IssuedRefreshToken {
  const token = store.tokens.findRefresh(presented)
  if (!token || token.revoked) return refuse(400, 'invalid_grant', 'Persisted access token data not found')
  // Less than a second left counts as expired.
  if (token.expiresAt - clock.now() < 1000) refuse(400, 'invalid_grant', 'Refresh token is expired.')
  return token
}

function exchangeRefreshToken(
  server: IssuingServer,
  held: IssuedRefreshToken,
  { parameters, thumbprint, at }: TokenRequest,
): Answer {
  const original = splitScope(held.scope)
  const scope = parameters.scope === undefined ? original : splitScope(parameters.scope)
  if (scope.some(value => !original.includes(value))) {
    refuse(400, 'invalid_scope', 'Provided scope is wider than the scope of the refresh token')
  }
  const previous = held.accessToken
  previous.revoked = true
  const { subject, consentId } = held
  const token = issueAccessToken(server, { scope, thumbprint, subject, consentId })
  const refreshToken = rotated(server, held, token)
  const idToken = scope.includes('openid') ? issueIdToken(server, { token }) : undefined
  const deactivated = server.settings.deactivatedAccessTokenHeader ? { DeactivatedAccessToken: previous.token } : {}
  const response = encodeTokenResponse(server, { token, scope, at, idToken, refreshToken: refreshToken.token })
  return json(200, response, { ...noStore, ...deactivated })
}

function rotated(
  { settings, store, clock }: AuthorizationServer,
  held: IssuedRefreshToken,
  accessToken: IssuedRefreshToken['accessToken'],
): IssuedRefreshToken {
  held.accessToken = accessToken
  if (!settings.rotateRefreshTokens) return held
  held.revoked = true
  const renewed = clock.now() + settings.refreshTokenLifetimeSeconds * 1000
  const expiresAt = settings.extendRotatedRefreshTokens ? renewed : held.expiresAt
  return store.tokens.addRefresh({ ...held, token: crypto.randomUUID(), expiresAt, accessToken, revoked: false })
}

function grantedScope({ settings }: AuthorizationServer, requested: readonly string[]): string[] {
  const registered = requested.filter(value => settings.registeredScopes.includes(value))
  if (settings.unregisteredScopes === 'refuse' && registered.length < requested.length) {
    refuse(400, 'invalid_scope', 'Invalid or unauthorized scope requested.')
  }
  return [...new Set([...registered, ...settings.addedScopes])]
}

function splitScope(scope: string | undefined): string[] {
  return (scope ?? '').split(/\s+/).filter(value => value !== '')
}

const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' }
