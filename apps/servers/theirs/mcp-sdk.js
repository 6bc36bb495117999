/**
 * The router of the MCP SDK with the provider of its examples. That one has no refresh, so refresh is added, with tokens
 * replaced at each use and the SDK's own InvalidGrantError; and its rate limit is off (50 token requests in 15 minutes).
 */
import { randomUUID } from 'node:crypto'
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js'
import { InvalidGrantError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js'
import express from 'express'
import { browser } from './browser.js'
import { listening } from './listening.js'

const redirectUri = 'http://127.0.0.1/callback'

export const name = '@modelcontextprotocol/sdk'

class RefreshingProvider extends DemoInMemoryAuthProvider {
  refreshTokens = new Map()

  async exchangeAuthorizationCode(client, code, verifier) {
    const { params } = this.codes.get(code) ?? {}
    return this.withRefreshToken(client, params, await super.exchangeAuthorizationCode(client, code, verifier))
  }

  async exchangeRefreshToken(client, refreshToken) {
    const params = this.refreshTokens.get(refreshToken)
    if (params === undefined) throw new InvalidGrantError('Invalid refresh token')
    this.refreshTokens.delete(refreshToken)
    const code = randomUUID()
    this.codes.set(code, { client, params })
    return this.exchangeAuthorizationCode(client, code)
  }

  withRefreshToken(_client, params, tokens) {
    const refreshToken = randomUUID()
    this.refreshTokens.set(refreshToken, params)
    return { ...tokens, refresh_token: refreshToken }
  }
}

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/token')
  const provider = new RefreshingProvider()
  const off = { rateLimit: false }
  const app = express()
  app.use(
    mcpAuthRouter({
      provider,
      issuerUrl: new URL(server.url),
      scopesSupported: ['read'],
      tokenOptions: off,
      authorizationOptions: off,
      clientRegistrationOptions: off,
    }),
  )
  app.get('/api', requireBearerAuth({ verifier: provider }), (request, response) => response.json(request.auth))
  server.handle(app)
  const { client_id: clientId, client_secret: clientSecret } = await register(server.url)
  return {
    clientId,
    clientSecret,
    redirectUri,
    issuer: `${server.url}/`,
    wellKnown: 'oauth-authorization-server',
    tokenEndpoint: `${server.url}/token`,
    // Basic is not read (400 invalid_request for want of a client_id); its metadata say so, and a plain secret goes in the body
    scope: 'read',
    apiUrl: `${server.url}/api`,
    logIn: (_subject, parameters) =>
      browser().logIn(`${server.url}/authorize?${new URLSearchParams(parameters)}`, redirectUri),
    endAccessToken: async token => void provider.tokens.delete(token),
    endRefreshToken: async token => void provider.refreshTokens.delete(token),
    tokenRequests: server.tokenRequests,
    stop: server.stop,
    // the example's provider throws a plain Error, which is told as 500
    deadAccessToken: 500,
    madeUpCode: { status: 500, error: 'server_error' },
  }
}

/** Dynamic registration (RFC 7591), the only way in. */
async function register(url) {
  const metadata = {
    client_name: 'app',
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['authorization_code', 'refresh_token'],
  }
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/register`, { method: 'POST', headers, body: JSON.stringify(metadata) })
  return response.json()
}
