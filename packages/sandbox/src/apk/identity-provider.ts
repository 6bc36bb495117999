/** The 1.x identity provider of APK, written in Ballerina there (`idp-domain-service`): its grants and its errors. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import type { AccessTokens, IssuedToken } from '../access-tokens.js'
import { type Answer, json, RawJson, Refusal } from '../answer.js'
import { epochSeconds, type SandboxClock } from '../clock.js'
import { signJwt } from '../jwt.js'
import type { BoundedMap, ReceivedRequest } from '../record.js'
import type { SigningKeys } from '../signing-keys.js'

/** A test may change any of it at any time. */
export interface ApkSettings {
  /** `1.x` (default) as documented; `2.x` is the mock: no client authentication, text errors, another token path. */
  version: '1.x' | '2.x'
  /** Body of the gateway's 401: `1.0` (default), the `1.3` enforcer's, or Envoy's `local-reply` in place of either. */
  gatewayVersion: '1.0' | '1.3' | 'local-reply'
  /** Default 3600. */
  accessTokenLifetimeSeconds: number
  /** JSON text to write as `expires_in` instead of the truth, such as `3600.0`; empty omits it. */
  expiresIn: string | undefined
  /** Default 86400. */
  refreshTokenLifetimeSeconds: number
  /** Grants of the application. */
  grantTypes: string[]
}

/** A code and what it was given for; a JWT there, so it may be used again until it expires. */
interface ApkCode {
  readonly redirectUri: string
  readonly scope: string
  readonly expiresAt: number
}

/** The identity provider with its one application. */
export interface ApkServer {
  readonly settings: ApkSettings
  readonly clock: SandboxClock
  readonly tokens: AccessTokens
  readonly client: { readonly id: string; secret: string; readonly redirectUri: string }
  readonly codes: BoundedMap<ApkCode>
  readonly keys: () => Promise<SigningKeys>
}

/** What the user approves. */
export interface ApkApproval {
  /** The application that is approved. */
  readonly clientId: string
  /** Space-separated; default `default`. */
  readonly scope?: string
  /** Default: the application's. */
  readonly redirectUri?: string
}

const codeLifetimeMs = 600_000

/** @throws TypeError when the client is not known */
export function approveApk({ client, codes, clock }: ApkServer, approval: ApkApproval): string {
  if (approval?.clientId !== client.id) throw new TypeError('approve(approval): clientId is not a registered client')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const expiresAt = clock.now() + codeLifetimeMs
  const claims = { sub: client.id, typ: 'code', jti: randomUUID(), exp: epochSeconds(expiresAt) }
  const code = signJwt({ alg: 'ES256', typ: 'JWT' }, claims, privateKey)
  codes.set(code, {
    redirectUri: approval.redirectUri ?? client.redirectUri,
    scope: approval.scope ?? 'default',
    expiresAt,
  })
  return code
}

/** Answers a token request of version 1.x. */
export async function answerApkTokenRequest(server: ApkServer, request: ReceivedRequest): Promise<Answer> {
  authenticate(server, request.headers.authorization)
  const isForm = /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '')
  const parameters = isForm ? request.parameters : {}
  const grantType = parameters.grant_type
  if (grantType === undefined) return refuseServerError()
  if (!server.settings.grantTypes.includes(grantType))
    return refuse(400, 'unsupported_grant_type', 'Grant type not supported')
  if (grantType === 'authorization_code') return exchangeCode(server, parameters)
  if (grantType === 'refresh_token') return refresh(server, parameters)
  if (grantType !== 'client_credentials') return refuse(400, 'unsupported_grant_type', 'Grant type not supported')
  const scope = parameters.scope || 'default'
  return respond(server, await issue(server, scope, false))
}

/** `Basic ` to the letter, two parts around one `:`, nothing percent-decoded, the body's credentials ignored. */
function authenticate({ client }: ApkServer, header = ''): void {
  if (!header.startsWith('Basic ')) refuse(401, 'access_denied', 'Unauthorized')
  const encoded = header.slice('Basic '.length)
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.length % 4 !== 0) refuseServerError()
  const parts = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  if (parts.length !== 2) refuse(401, 'access_denied', 'Unauthorized')
  if (parts[0] !== client.id) refuse(401, 'access_denied', 'Invalide Client Id/Secret')
  if (parts[1] !== client.secret) refuse(401, 'unauthorized_client', 'Invalide Client Id/Secret')
}

async function exchangeCode(server: ApkServer, parameters: Readonly<Record<string, string>>): Promise<Answer> {
  const { code: presented, redirect_uri: redirectUri } = parameters
  if (!presented || !redirectUri) return refuse(400, 'invalid_request', 'code or redirect_uri is missing')
  if (server.tokens.findRefresh(presented)) return refuse(400, 'invalid_request', 'Invalid code')
  const code = server.codes.get(presented)
  if (!code || code.expiresAt <= server.clock.now()) return refuseServerError()
  if (redirectUri !== code.redirectUri) {
    return refuse(400, 'unauthorized_client', 'redirectUrl not matched with application')
  }
  const token = await issue(server, code.scope, true)
  return respond(server, token, await issueRefreshToken(server, token))
}

/** A new refresh token each time; the old one lives on until it expires, since nothing is stored there. */
async function refresh(server: ApkServer, parameters: Readonly<Record<string, string>>): Promise<Answer> {
  const presented = parameters.refresh_token
  if (!presented) return refuse(400, 'invalid_request', 'refresh_token is missing')
  if (server.codes.has(presented) || server.tokens.find(presented)) {
    return refuse(400, 'invalid_request', 'Invalid refresh_token')
  }
  const held = server.tokens.findRefresh(presented)
  if (!held || held.revoked || held.expiresAt <= server.clock.now()) return refuseServerError()
  const token = await issue(server, parameters.scope || held.scope, true)
  return respond(server, token, await issueRefreshToken(server, token))
}

async function issue(server: ApkServer, scope: string, isUserToken: boolean): Promise<IssuedToken> {
  const { client, clock, settings, tokens } = server
  const issuedAt = clock.now()
  const expiresAt = issuedAt + settings.accessTokenLifetimeSeconds * 1000
  const { privateKey } = await server.keys()
  const claims = {
    iss: 'https://idp.am.wso2.com/token',
    sub: client.id,
    exp: epochSeconds(expiresAt),
    nbf: epochSeconds(issuedAt),
    iat: epochSeconds(issuedAt),
    jti: randomUUID(),
    clientId: client.id,
    scope,
    organization: 'apk-system',
  }
  const token = signJwt({ alg: 'RS256', typ: 'JWT', kid: 'gateway_certificate_alias' }, claims, privateKey)
  return tokens.add({
    token,
    clientId: client.id,
    subject: client.id,
    scope,
    issuedAt,
    expiresAt,
    isUserToken,
    certificateThumbprint: undefined,
    consentId: undefined,
    revoked: false,
  })
}

async function issueRefreshToken(server: ApkServer, accessToken: IssuedToken): Promise<string> {
  const { clock, settings, tokens } = server
  const expiresAt = clock.now() + settings.refreshTokenLifetimeSeconds * 1000
  const { privateKey } = await server.keys()
  const claims = { sub: accessToken.clientId, tokenType: 'refresh', jti: randomUUID(), exp: epochSeconds(expiresAt) }
  const token = signJwt({ alg: 'RS256', typ: 'JWT', kid: 'gateway_certificate_alias' }, claims, privateKey)
  const { clientId, subject, scope } = accessToken
  tokens.addRefresh({ token, clientId, subject, scope, expiresAt, consentId: undefined, accessToken, revoked: false })
  return token
}

function respond({ settings }: ApkServer, token: IssuedToken, refreshToken?: string): Answer {
  const { expiresIn, accessTokenLifetimeSeconds } = settings
  const body = RawJson.object({
    access_token: token.token,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in:
      expiresIn === undefined ? accessTokenLifetimeSeconds : expiresIn === '' ? undefined : new RawJson(expiresIn),
    scope: token.scope,
  })
  return json(200, body)
}

function refuse(status: number, error: string, description: string): never {
  throw new Refusal(json(status, { error, error_description: description }))
}

/** Also what an expired or invalid code or refresh token gets: the check fails before `invalid_grant` is reached. */
function refuseServerError(): never {
  return refuse(400, 'server_error', 'Server Error occured on generating token')
}
