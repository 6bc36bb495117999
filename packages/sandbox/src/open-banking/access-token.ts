/** Access tokens of WSO2 Open Banking: the same opaque one again, or a new JWT that kills the one before. */
import { randomUUID } from 'node:crypto'
import type { IssuedToken } from '../access-tokens.js'
import { epochSeconds } from '../clock.js'
import { signJwt } from '../jwt.js'
import type { AuthorizationServer, IssuingServer } from './authorization-server.js'

/** What a token is issued for. */
export interface Grounds {
  readonly scope: readonly string[]
  /** `x5t#S256` of the certificate it is bound to. */
  readonly thumbprint: string
  /** Absent for an application token. */
  readonly subject?: string
  readonly consentId?: string | undefined
}

/** In opaque mode the active token with the same scope and certificate, while a second of it is left. */
export function reuseOrIssueApplicationToken(
  server: IssuingServer,
  scope: readonly string[],
  thumbprint: string,
): IssuedToken {
  const active = server.settings.accessTokenFormat === 'opaque' && findSame(server, { scope, thumbprint })
  if (active && active.expiresAt - server.clock.now() >= 1000) return active
  return issueAccessToken(server, { scope, thumbprint })
}

/** A new token; in JWT mode the previous one for the same client, user, scope and certificate is dead at once. */
export function issueAccessToken(server: IssuingServer, grounds: Grounds): IssuedToken {
  const { settings, store, clock } = server
  const previous = findSame(server, grounds)
  if (previous && settings.accessTokenFormat === 'jwt' && !settings.renewWithoutRevoking) previous.revoked = true
  const issuedAt = clock.now()
  const unsigned: Omit<IssuedToken, 'token'> = {
    clientId: store.client.id,
    subject: grounds.subject ?? store.client.id,
    scope: grounds.scope.join(' '),
    issuedAt,
    expiresAt: issuedAt + settings.accessTokenLifetimeSeconds * 1000,
    isUserToken: grounds.subject !== undefined,
    certificateThumbprint: grounds.thumbprint,
    consentId: grounds.consentId,
    revoked: false,
  }
  const token = settings.accessTokenFormat === 'opaque' ? randomUUID() : signAccessToken(server, unsigned)
  const issued = store.tokens.add({ ...unsigned, token })
  store.latest.set(lineage(grounds), issued)
  return issued
}

function findSame({ store, clock }: AuthorizationServer, grounds: Grounds): IssuedToken | undefined {
  const token = store.latest.get(lineage(grounds))
  return token && !token.revoked && token.expiresAt > clock.now() ? token : undefined
}

/** Tokens of the same lineage replace each other; another order of the same scopes is the same lineage. */
function lineage({ subject = '', consentId = '', thumbprint, scope }: Grounds): string {
  return [subject, consentId, thumbprint, ...[...scope].sort()].join(' ')
}

function signAccessToken(server: IssuingServer, token: Omit<IssuedToken, 'token'>): string {
  const { privateKey, certificateHash } = server.signingKeys
  const header = { typ: 'at+jwt', kid: `${certificateHash}_RS256`, alg: 'RS256' }
  const claims = {
    sub: token.subject,
    aut: token.isUserToken ? 'APPLICATION_USER' : 'APPLICATION',
    binding_type: 'certificate',
    iss: server.issuer,
    client_id: token.clientId,
    aud: token.clientId,
    nbf: epochSeconds(token.issuedAt),
    azp: token.clientId,
    org_id: '10084a8d-113f-4211-a0d5-efe36b082211',
    scope: token.scope,
    cnf: { 'x5t#S256': token.certificateThumbprint },
    exp: epochSeconds(token.expiresAt),
    org_name: 'Super',
    iat: epochSeconds(token.issuedAt),
    binding_ref: token.certificateThumbprint,
    jti: randomUUID(),
    ...(token.consentId === undefined ? {} : { consent_id: token.consentId }),
  }
  return signJwt(header, claims, privateKey)
}
