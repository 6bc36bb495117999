/** ID tokens (OpenID Connect Core §2), from both endpoints and on refresh. */
import { epochSeconds } from '../clock.js'
import { leftHash } from '../jwt.js'
import { jwtDraft, writeJwt } from './drafts.js'
import { encryptJwt } from './jwe.js'
import type { Authorization, AuthorizationParameters, Occasion, OpenidProvider } from './openid-provider.js'

/** What the ID token goes along with. */
export interface IdTokenCompany {
  readonly occasion: Occasion
  readonly code?: string | undefined
  readonly state?: string | undefined
  readonly accessToken?: string
}

/** Signs, and where the client is registered so encrypts, an ID token. */
export function createIdToken(provider: OpenidProvider, authorization: Authorization, company: IdTokenCompany): string {
  const alg = provider.settings.idTokenSignedResponseAlg
  const { kid, privateKey } = provider.keys.for(alg)
  const draft = jwtDraft({ alg, kid }, claimsOf(provider, authorization, company), privateKey)
  draft.finish = jwt => encrypted(provider, jwt)
  return writeJwt(provider.misbehaviours.apply('id-token', company.occasion, draft, provider))
}

function claimsOf(provider: OpenidProvider, authorization: Authorization, company: IdTokenCompany) {
  const { parameters, subject, authenticatedAt } = authorization
  const { code, state, accessToken, occasion } = company
  const now = epochSeconds(provider.clock.now())
  return defined({
    iss: provider.issuer,
    sub: subject,
    aud: provider.clientId,
    iat: now,
    exp: now + 300,
    auth_time: epochSeconds(authenticatedAt),
    nonce: occasion === 'refresh' ? undefined : parameters.nonce,
    ...requestedClaims(parameters),
    c_hash: code && leftHash(code),
    s_hash: state && leftHash(state),
    at_hash: accessToken && leftHash(accessToken),
  })
}

/** `acr` and whatever is asked for with a value in `claims.id_token` (OpenID Connect Core §5.5, §5.5.1). */
function requestedClaims({ acr_values, claims }: AuthorizationParameters): Record<string, unknown> {
  const asked = (JSON.parse(claims ?? '{}').id_token ?? {}) as Record<
    string,
    { value?: unknown; values?: unknown[] } | null
  >
  const valued = Object.entries(asked).map(([name, wish]) => [name, wish?.value ?? wish?.values?.[0]])
  const named = Object.fromEntries(valued.filter(([, value]) => value !== undefined))
  return { acr: acr_values?.split(' ')[0], ...named }
}

function encrypted({ settings, clientKeys }: OpenidProvider, jwt: string): string {
  const { idTokenEncryption } = settings
  if (!idTokenEncryption) return jwt
  return encryptJwt(jwt, { ...idTokenEncryption, cty: 'JWT' }, clientKeys.publicKey)
}

function defined(claims: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}
