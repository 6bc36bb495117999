/** A whole authorization server and API: all that a provider contract needs of a server. */
import type { Clock } from '@grantkit/core'
import { type RequestReceived, type ServerAnswer, startTokenServer, type TokenServer } from '../src/index.js'

export interface TinyServer extends TokenServer {
  /** A code, as if a user had logged in. */
  approve(): string
}

const hourMs = 3_600_000

const invalidToken = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: {} }

/** `id` and `good-secret` get tokens of an hour, by Basic header or body, where the secret may be called `appSecret` and the refresh token `renewBy`; a code gets a refresh token too. */
export async function startTinyServer(clock: Clock, rejection: ServerAnswer = invalidToken): Promise<TinyServer> {
  const server = await startTokenServer({
    clock,
    answer(request, tokens) {
      if (!isClient(request)) return { status: 401, body: { error: 'invalid_client' } }
      const { refresh_token, renewBy = refresh_token, code: spent = renewBy } = request.parameters
      if (spent !== undefined && !tokens.isGood(spent)) return { status: 400, body: { error: 'invalid_grant' } }
      const refresh = spent === undefined ? {} : { refresh_token: tokens.issue(24 * hourMs) }
      const body = { access_token: tokens.issue(hourMs), token_type: 'Bearer', expires_in: 3600, ...refresh }
      return { status: 200, body }
    },
    rejection,
  })
  return { ...server, approve: () => server.tokens.issue(hourMs) }
}

function isClient({ headers, parameters }: RequestReceived): boolean {
  const basic = Buffer.from(headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString()
  const { client_secret: secret = parameters.appSecret } = parameters
  return basic === 'id:good-secret' || secret === 'good-secret'
}
