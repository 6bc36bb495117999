/** What the tokens are for: `/userinfo` (OpenID Connect Core §5.3) and `/accounts`. */
import { type Answer, json } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import { documentDraft, writeDocument } from './documents.js'
import { checkProof } from './dpop-proof.js'
import { jwtDraft, writeJwt } from './drafts.js'
import type { Authorization, Occasion, OpenidProvider } from './openid-provider.js'

/** Claims of the user, as JSON or signed. */
export function answerUserinfo(provider: OpenidProvider, request: ReceivedRequest): Answer {
  const authorization = authorizationOf(provider, request, 'userinfo')
  if ('status' in authorization) return authorization
  const { clientId, issuer, keys, misbehaviours, settings } = provider
  const claims = { sub: authorization.subject, name: 'Alice Example' }
  const alg = settings.userinfoSignedResponseAlg
  const { kid, privateKey } = keys.for(alg ?? 'RS256')
  const jwt = alg && jwtDraft({ alg, kid }, { ...claims, iss: issuer, aud: clientId }, privateKey)
  const draft = misbehaviours.apply('userinfo', 'userinfo', { ...documentDraft({ ...claims }), jwt }, provider)
  if (!draft.jwt) return writeDocument(draft)
  return { status: draft.status, headers: { 'content-type': 'application/jwt' }, body: writeJwt(draft.jwt) }
}

/** Accounts, whoever's. */
export function answerAccounts(provider: OpenidProvider, request: ReceivedRequest): Answer {
  const authorization = authorizationOf(provider, request, 'api')
  return 'status' in authorization ? authorization : json(200, { accounts: [], for: authorization.subject })
}

/** RFC 6750 §3, RFC 9449 §7, RFC 8705 §3. */
function authorizationOf(
  provider: OpenidProvider,
  request: ReceivedRequest,
  occasion: Occasion,
): Authorization | Answer {
  const [, scheme = '', token = ''] = /^(\S+) (\S+)$/.exec(request.headers.authorization ?? '') ?? []
  const isProven = scheme.toLowerCase() === 'dpop'
  const issued = provider.tokens.findActive(token, provider.clock.now())
  const authorization = provider.authorizations.get(token)
  if (!issued || !authorization) return challenge(isProven ? 'DPoP' : 'Bearer', 'invalid_token')
  const { certificateThumbprint } = issued
  if (certificateThumbprint !== undefined && certificateThumbprint !== request.clientCertificateThumbprint)
    return challenge('Bearer', 'invalid_token')
  if ((authorization.keyThumbprint !== undefined) !== isProven) return challenge('DPoP', 'invalid_token')
  if (!isProven) return authorization
  const proof = checkProof(provider, request, occasion, token)
  if (typeof proof === 'object') return challenge(proof.scheme, proof.error, proof.nonce)
  return proof === authorization.keyThumbprint ? authorization : challenge('DPoP', 'invalid_token')
}

function challenge(scheme: string, error: string, nonce?: string): Answer {
  const headers = {
    'www-authenticate': `${scheme} error="${error}"`,
    ...(nonce === undefined ? {} : { 'dpop-nonce': nonce }),
  }
  return json(401, { error }, headers)
}
