/** The checks of `JWTValidator` on a client assertion, in its order (identity-oauth-addons v2.5.24). */
import { epochSeconds } from '../clock.js'
import { type ParsedJwt, verifyJwt } from '../jwt.js'
import { type AuthorizationServer, refuse, refuseClient } from './authorization-server.js'

const mandatoryClaims = ['iss', 'sub', 'aud', 'exp', 'jti']

/** @throws Refusal: 400 `invalid_request` for claims, 401 `invalid_client` for key and signature */
export function checkClientAssertion(server: AuthorizationServer, clientId: string, assertion: ParsedJwt): void {
  const { settings } = server
  if (settings.recordJtiOn === 'arrival') checkReplay(server, assertion)
  checkMandatoryClaims(assertion)
  checkIssuerAndSubject(clientId, assertion)
  checkAudience(server, assertion)
  checkTimes(server, assertion)
  checkSignature(server, assertion)
  if (settings.recordJtiOn === 'success') checkReplay(server, assertion)
}

function checkMandatoryClaims({ claims }: ParsedJwt): void {
  for (const claim of mandatoryClaims) {
    if (claims[claim] === undefined || claims[claim] === null) {
      refuse(400, 'invalid_request', `Mandatory field :${claim} is missing in the JWT assertion.`)
    }
  }
}

function checkIssuerAndSubject(clientId: string, { claims: { iss, sub } }: ParsedJwt): void {
  if (iss !== clientId) refuse(400, 'invalid_request', `Invalid issuer '${String(iss)}' is found in the JWT. `)
  if (sub !== clientId) refuse(400, 'invalid_request', `Invalid Subject: ${String(sub)} is found in the JWT`)
}

function checkAudience({ settings }: AuthorizationServer, { claims: { aud } }: ParsedJwt): void {
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.some(audience => settings.audiences.includes(audience as string))) {
    refuse(400, 'invalid_request', 'Failed to match audience values.')
  }
}

function checkTimes({ settings, clock }: AuthorizationServer, { claims }: ParsedJwt): void {
  const now = clock.now() / 1000
  const skewed = now + settings.assertionSkewSeconds
  const { exp, nbf, iat } = claims as Record<string, number | undefined>
  if (typeof exp !== 'number' || skewed > exp) {
    refuse(400, 'invalid_request', `JWT Token is expired. Expired Time: ${new Date(Number(exp) * 1000)}`)
  }
  if (nbf !== undefined && epochSeconds(skewed * 1000) - nbf <= 0) {
    refuse(400, 'invalid_request', 'The token is used before the nbf claim value.')
  }
  if (iat !== undefined && now - iat > settings.rejectBeforeMinutes * 60) {
    refuse(400, 'invalid_request', 'The jwt is too old to use.')
  }
}

function checkSignature(server: AuthorizationServer, assertion: ParsedJwt): void {
  const { keys } = server.store.client
  const { kid } = assertion.header
  const candidates = server.settings.keyLookup === 'kid' ? keys.filter(key => key.kid === kid) : keys.slice(0, 1)
  if (!candidates.some(({ publicKey }) => verifyJwt(assertion, publicKey))) {
    refuseClient(server, 'Client credentials are invalid.')
  }
}

function checkReplay({ settings, store }: AuthorizationServer, { claims }: ParsedJwt): void {
  if (claims.jti === undefined) return
  const jti = String(claims.jti)
  if (settings.preventTokenReuse && store.usedJtis.has(jti)) {
    refuse(400, 'invalid_request', `JWT Token with ${settings.replayWord}: ${jti} has been replayed`)
  }
  store.usedJtis.set(jti, true)
}
