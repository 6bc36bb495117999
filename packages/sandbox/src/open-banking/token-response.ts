/** The body of a token response, in the members' order the providers show, and its ID token. */
import { createPublicKey, randomUUID } from 'node:crypto'
import type { IssuedToken } from '../access-tokens.js'
import { RawJson } from '../answer.js'
import { epochSeconds } from '../clock.js'
import { leftHash, signJwt } from '../jwt.js'
import { encryptJwt } from '../openid/jwe.js'
import type { AuthorizationServer, IssuingServer } from './authorization-server.js'

interface TokenResponse {
  readonly token: IssuedToken
  readonly scope: readonly string[]
  /** When the request came, epoch milliseconds. */
  readonly at: number
  readonly idToken?: string | undefined
  readonly refreshToken?: string
}

/** `expires_in` is what is left, or the text the settings want instead. */
export function encodeTokenResponse(server: AuthorizationServer, response: TokenResponse): RawJson {
  const { settings } = server
  const { token, at } = response
  const left = epochSeconds(Math.min(token.expiresAt - at, token.expiresAt - token.issuedAt))
  return RawJson.object({
    access_token: token.token,
    refresh_token: response.refreshToken,
    scope: response.scope.length > 0 ? joinScope(response.scope, settings.blankRuns) : server.defaultScope,
    id_token: response.idToken,
    token_type: 'Bearer',
    expires_in: settings.expiresIn === undefined ? left : rawOrAbsent(settings.expiresIn),
  })
}

/** Application tokens get the 2.0-era ID token (RS256, about the application's owner), users the PS256 one. */
export function issueIdToken(
  server: IssuingServer,
  about: { readonly token: IssuedToken; readonly code?: string | undefined; readonly nonce?: string | undefined },
): string {
  const { token } = about
  const common = { at_hash: leftHash(token.token), ...lifeOf(server, token.clientId) }
  if (!token.isUserToken) return signIdToken(server, 'RS256', applicationClaims(common, token))
  return encrypted(server, signIdToken(server, 'PS256', userClaims(common, { ...about, ...token })))
}

/** The one that comes with the code (OpenID Connect Core §3.3.2.11, FAPI 1.0 Advanced §5.2.2.1): `s_hash`, no `at_hash`. */
export function issueFrontChannelIdToken(
  server: IssuingServer,
  about: UserLogin & { readonly code: string; readonly state: string | undefined },
): string {
  const clientId = server.store.client.id
  const { nbf: _, ...common } = lifeOf(server, clientId)
  const hash = about.state === undefined ? {} : { s_hash: leftHash(about.state) }
  return encrypted(server, signIdToken(server, 'PS256', { ...userClaims(common, { ...about, clientId }), ...hash }))
}

/** To the client's key, where it has registered one. */
function encrypted({ settings: { idTokenEncryptionKey: key } }: AuthorizationServer, idToken: string): string {
  const header = { alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT' }
  return key === undefined ? idToken : encryptJwt(idToken, header, createPublicKey(key))
}

function signIdToken({ signingKeys }: IssuingServer, alg: string, claims: Record<string, unknown>): string {
  const { privateKey, certificateHash } = signingKeys
  return signJwt({ x5t: certificateHash, kid: `${certificateHash}_${alg}`, alg }, claims, privateKey)
}

function lifeOf({ issuer, clock }: AuthorizationServer, clientId: string) {
  const now = epochSeconds(clock.now())
  return { azp: clientId, iss: issuer, exp: now + 3600, nbf: now, iat: now }
}

/** What an ID token says of a login. */
interface UserLogin {
  readonly subject: string
  readonly code?: string | undefined
  readonly nonce?: string | undefined
}

function applicationClaims(common: object, token: IssuedToken): Record<string, unknown> {
  return {
    ...common,
    aud: [token.clientId, 'http://org.wso2.apimgt/gateway'],
    sub: 'admin@wso2.com@carbon.super',
    amr: ['client_credentials'],
    scope: ['am_application_scope', 'openid'],
  }
}

/** `acr` is never the one that was asked for. */
function userClaims(common: object, about: UserLogin & { readonly clientId: string }): Record<string, unknown> {
  return {
    ...common,
    isk: randomUUID().replaceAll('-', ''),
    sub: about.subject,
    aud: [about.clientId],
    acr: 'urn:mace:incommon:iap:silver',
    amr: ['BasicAuthenticator'],
    sid: randomUUID(),
    jti: randomUUID(),
    ...(about.code === undefined ? {} : { c_hash: leftHash(about.code) }),
    ...(about.nonce === undefined ? {} : { nonce: about.nonce }),
  }
}

/** `accounts payments  openid`: a run of blanks, as the published sample has it. */
function joinScope(scope: readonly string[], blankRuns: boolean): string {
  if (!blankRuns || scope.length < 2) return scope.join(' ')
  return `${scope.slice(0, -1).join(' ')}  ${scope.at(-1)}`
}

function rawOrAbsent(text: string): RawJson | undefined {
  return text === '' ? undefined : new RawJson(text)
}
