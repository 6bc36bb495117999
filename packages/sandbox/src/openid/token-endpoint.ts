/** `/token`: codes with PKCE, refresh tokens (RFC 6749 §4.1.3, §6; RFC 7636 §4.6), and the grants beside. */
import { randomBytes } from 'node:crypto'
import type { Answer } from '../answer.js'
import { epochSeconds } from '../clock.js'
import { challengeMatches } from '../pkce.js'
import type { ReceivedRequest } from '../record.js'
import { authenticateClient } from './client-authentication.js'
import { documentDraft, writeDocument } from './documents.js'
import { proofThumbprint } from './dpop-proof.js'
import { jwtDraft, writeJwt } from './drafts.js'
import { createIdToken } from './id-token.js'
import { type Authorization, type Occasion, type OpenidProvider, refuse } from './openid-provider.js'
import { otherGrants } from './other-grants.js'

/** Issues tokens, or refuses with an OAuth error. */
export function answerTokenRequest(provider: OpenidProvider, request: ReceivedRequest): Answer {
  authenticateClient(provider, request)
  const isRefresh = request.parameters.grant_type === 'refresh_token'
  const occasion = isRefresh ? 'refresh' : 'token'
  const thumbprint = proofThumbprint(provider, request, occasion)
  const authorization = isRefresh ? refreshed(provider, request) : redeemed(provider, request)
  if (authorization.keyThumbprint !== undefined && authorization.keyThumbprint !== thumbprint)
    refuse(400, 'invalid_dpop_proof', 'the grant is bound to another key')
  authorization.keyThumbprint = thumbprint
  return issued(provider, request, authorization, occasion)
}

function redeemed(provider: OpenidProvider, request: ReceivedRequest): Authorization {
  const { parameters } = request
  const other = otherGrants[parameters.grant_type ?? '']
  if (other !== undefined) return other(provider, request)
  if (parameters.grant_type !== 'authorization_code') refuse(400, 'unsupported_grant_type', 'not one of ours')
  const code = parameters.code ?? ''
  const found = provider.codes.get(code)
  provider.codes.delete(code)
  if (!found || found.expiresAt <= provider.clock.now()) return refuse(400, 'invalid_grant', 'the code is dead')
  const { code_challenge, code_challenge_method = 'plain', redirect_uri } = found.parameters
  const expected = { codeChallenge: code_challenge, codeChallengeMethod: code_challenge_method }
  if (redirect_uri !== parameters.redirect_uri) refuse(400, 'invalid_grant', 'the redirect_uri is another one')
  if (!challengeMatches(expected, parameters.code_verifier))
    refuse(400, 'invalid_grant', 'the code_verifier does not fit')
  return { ...found }
}

function refreshed(provider: OpenidProvider, { parameters }: ReceivedRequest): Authorization {
  const token = provider.tokens.findRefresh(parameters.refresh_token ?? '')
  const authorization = provider.authorizations.get(parameters.refresh_token ?? '')
  if (!token || token.revoked || !authorization) return refuse(400, 'invalid_grant', 'the refresh token is dead')
  if (provider.settings.rotateRefreshTokens) token.revoked = true
  return authorization
}

function issued(
  provider: OpenidProvider,
  request: ReceivedRequest,
  authorization: Authorization,
  occasion: Occasion,
): Answer {
  const { settings, misbehaviours } = provider
  const accessToken = createAccessToken(provider, request, authorization, occasion)
  const hasIdToken =
    authorization.scope.split(' ').includes('openid') && (occasion === 'token' || settings.idTokenOnRefresh)
  const body = {
    access_token: accessToken,
    token_type: authorization.keyThumbprint === undefined ? 'Bearer' : 'DPoP',
    expires_in: settings.accessTokenLifetimeSeconds,
    scope: authorization.scope,
    ...authorization.members,
    refresh_token: refreshTokenFor(provider, request, authorization, accessToken),
    ...(hasIdToken ? { id_token: createIdToken(provider, authorization, { occasion, accessToken }) } : {}),
  }
  const draft = documentDraft(body)
  draft.headers['cache-control'] = 'no-store'
  return writeDocument(misbehaviours.apply('token-response', occasion, draft, provider))
}

function createAccessToken(
  provider: OpenidProvider,
  { clientCertificateThumbprint }: ReceivedRequest,
  authorization: Authorization,
  occasion: Occasion,
): string {
  const { clientId, clock, settings, tokens } = provider
  const { subject, scope, keyThumbprint } = authorization
  const certificate = settings.senderConstrained === 'certificate' ? clientCertificateThumbprint : undefined
  if (settings.senderConstrained === 'certificate' && certificate === undefined)
    refuse(400, 'invalid_request', 'a client certificate is due')
  const cnf = keyThumbprint === undefined ? { 'x5t#S256': certificate } : { jkt: keyThumbprint }
  const token = settings.accessTokenFormat === 'jwt' ? jwtToken(provider, authorization, cnf, occasion) : random()
  provider.authorizations.set(token, authorization)
  const { token: added } = tokens.add({
    token,
    clientId,
    subject,
    scope,
    issuedAt: clock.now(),
    expiresAt: clock.now() + settings.accessTokenLifetimeSeconds * 1000,
    isUserToken: true,
    certificateThumbprint: certificate,
    consentId: undefined,
    revoked: false,
  })
  return added
}

/** RFC 9068 §2.2. */
function jwtToken(provider: OpenidProvider, authorization: Authorization, cnf: object, occasion: Occasion): string {
  const { clientId, clock, issuer, keys, misbehaviours, settings } = provider
  const { kid, privateKey } = keys.for('PS256')
  const now = epochSeconds(clock.now())
  const claims = {
    iss: issuer,
    aud: issuer,
    sub: authorization.subject,
    client_id: clientId,
    scope: authorization.scope,
    iat: now,
    exp: now + settings.accessTokenLifetimeSeconds,
    jti: random(),
    ...(Object.values(cnf).some(value => value !== undefined) ? { cnf } : {}),
  }
  const draft = jwtDraft({ alg: 'PS256', kid, typ: 'at+jwt' }, claims, privateKey)
  return writeJwt(misbehaviours.apply('access-token', occasion, draft, provider))
}

function refreshTokenFor(
  provider: OpenidProvider,
  { parameters }: ReceivedRequest,
  authorization: Authorization,
  accessToken: string,
): string | undefined {
  const { authorizations, clientId, clock, settings, tokens } = provider
  if (parameters.grant_type === 'refresh_token' && !settings.rotateRefreshTokens) return undefined
  const active = tokens.findActive(accessToken, clock.now())
  if (!active || authorization.isRenewable === false) return undefined
  const token = random()
  const { subject, scope } = authorization
  const lasting = { expiresAt: Number.POSITIVE_INFINITY, consentId: undefined, accessToken: active, revoked: false }
  tokens.addRefresh({ token, clientId, subject, scope, ...lasting })
  authorizations.set(token, authorization)
  return token
}

function random(): string {
  return randomBytes(24).toString('base64url')
}
