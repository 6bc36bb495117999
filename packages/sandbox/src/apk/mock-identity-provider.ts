/** The 2.x mock of APK, written in Go there (`cmd/main.go`): asks nobody who they are, complains in plain text. */
import { randomUUID } from 'node:crypto'
import { type Answer, json, RawJson, text } from '../answer.js'
import { epochSeconds } from '../clock.js'
import { signJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import type { ApkServer } from './identity-provider.js'

const grantsWithRefreshToken = ['authorization_code', 'password', 'refresh_token']

/** Answers a token request of version 2.x. */
export async function answerMockTokenRequest(server: ApkServer, request: ReceivedRequest): Promise<Answer> {
  if (request.method !== 'POST') return text(405, 'Method not allowed\n')
  const { grant_type: grantType, client_id: clientId } = request.parameters
  if (!clientId) return text(400, 'client_id is required\n')
  if (grantType !== 'client_credentials' && !grantsWithRefreshToken.includes(grantType ?? '')) {
    return text(400, 'unsupported grant_type\n')
  }
  const { settings, clock, tokens } = server
  const issuedAt = clock.now()
  const expiresAt = issuedAt + settings.accessTokenLifetimeSeconds * 1000
  const { privateKey } = await server.keys()
  const claims = {
    iss: 'https://your-idp-host',
    sub: 'service-account',
    client_id: clientId,
    jti: randomUUID(),
    iat: epochSeconds(issuedAt),
    exp: epochSeconds(expiresAt),
  }
  const token = signJwt({ alg: 'RS256', typ: 'JWT' }, claims, privateKey)
  tokens.add({
    token,
    clientId,
    subject: 'service-account',
    scope: request.parameters.scope ?? '',
    issuedAt,
    expiresAt,
    isUserToken: false,
    certificateThumbprint: undefined,
    consentId: undefined,
    revoked: false,
  })
  const { expiresIn } = settings
  return json(
    200,
    RawJson.object({
      access_token: token,
      token_type: 'Bearer',
      expires_in:
        expiresIn === undefined
          ? settings.accessTokenLifetimeSeconds
          : expiresIn === ''
            ? undefined
            : new RawJson(expiresIn),
      refresh_token: grantsWithRefreshToken.includes(grantType ?? '') ? 'dummy-refresh-token' : undefined,
    }),
  )
}
