/** @node-oauth/express-oauth-server; a model in memory as its documentation writes it. */
import ExpressOAuthServer from '@node-oauth/express-oauth-server'
import express from 'express'
import { browser } from './browser.js'
import { listening } from './listening.js'

const client = {
  id: 'app',
  secret: '100 % of a secret',
  redirectUris: ['http://127.0.0.1/callback'],
  grants: ['authorization_code', 'refresh_token', 'client_credentials'],
}

export const name = '@node-oauth/express-oauth-server'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/token')
  const { model, accessTokens, refreshTokens } = inMemory()
  const oauth = new ExpressOAuthServer({ model })
  const app = express()
  app.use(express.urlencoded({ extended: false }))
  const userOf = { handle: request => ({ id: request.query.user }) }
  app.get('/authorize', oauth.authorize({ authenticateHandler: userOf }))
  app.post('/token', oauth.token())
  app.get('/api', oauth.authenticate(), (_, response) => response.json({ sub: response.locals.oauth.token.user.id }))
  server.handle(app)
  return {
    clientId: client.id,
    clientSecret: client.secret,
    redirectUri: client.redirectUris[0],
    tokenEndpoint: `${server.url}/token`,
    // id and secret are taken as they stand in the header, not decoded (RFC 6749 §2.3.1)
    basicCredentials: 'raw',
    scope: 'read',
    applicationScope: 'read',
    apiUrl: `${server.url}/api`,
    logIn: (subject, parameters) => {
      const query = new URLSearchParams({ ...parameters, user: subject })
      return browser().logIn(`${server.url}/authorize?${query}`, client.redirectUris[0])
    },
    endAccessToken: async token => {
      accessTokens.get(token).accessTokenExpiresAt = new Date(0)
    },
    endRefreshToken: async token => {
      refreshTokens.get(token).refreshTokenExpiresAt = new Date(0)
    },
    tokenRequests: server.tokenRequests,
    stop: server.stop,
  }
}

/** What its documentation asks of a model. */
function inMemory() {
  const accessTokens = new Map()
  const refreshTokens = new Map()
  const codes = new Map()
  const model = {
    getClient: async (id, secret) => id === client.id && (secret === null || secret === client.secret) && client,
    getUserFromClient: async ({ id }) => ({ id }),
    validateScope: async (_user, _client, scope) => scope ?? [],
    verifyScope: async () => true,
    saveAuthorizationCode: async (code, client, user) => {
      codes.set(code.authorizationCode, { ...code, client, user })
      return codes.get(code.authorizationCode)
    },
    getAuthorizationCode: async code => codes.get(code),
    revokeAuthorizationCode: async ({ authorizationCode }) => codes.delete(authorizationCode),
    saveToken: async (token, client, user) => {
      const saved = { ...token, client, user }
      accessTokens.set(token.accessToken, saved)
      if (token.refreshToken !== undefined) refreshTokens.set(token.refreshToken, saved)
      return saved
    },
    getAccessToken: async token => accessTokens.get(token),
    getRefreshToken: async token => refreshTokens.get(token),
    revokeToken: async ({ refreshToken }) => refreshTokens.delete(refreshToken),
  }
  return { model, accessTokens, refreshTokens }
}
