/** @jmondi/oauth2-server with its Express adapter; repositories in memory, as its examples have them. */

import { randomUUID } from 'node:crypto'
import { AuthorizationServer, DateInterval } from '@jmondi/oauth2-server'
import { handleExpressError, handleExpressResponse, requestFromExpress } from '@jmondi/oauth2-server/express'
import express from 'express'
import { browser } from './browser.js'
import { listening } from './listening.js'

const scopes = [{ name: 'read' }]
const client = {
  id: 'app',
  name: 'app',
  secret: '100 % of a secret',
  redirectUris: ['http://127.0.0.1/callback'],
  allowedGrants: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes,
}

export const name = '@jmondi/oauth2-server'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/token')
  const { repositories, tokens } = inMemory()
  const authorizationServer = new AuthorizationServer(
    repositories.clients,
    repositories.tokens,
    repositories.scopes,
    'a key for its JWTs of at least 32 bytes',
    { issuer: server.url },
  )
  const hour = new DateInterval('1h')
  const code = {
    grant: 'authorization_code',
    authCodeRepository: repositories.codes,
    userRepository: repositories.users,
  }
  authorizationServer.enableGrantTypes([code, hour], ['refresh_token', hour], ['client_credentials', hour])
  server.handle(application(authorizationServer, tokens))
  const held = part => [...tokens.values()].find(part)
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
    endAccessToken: async jwt => {
      const { jti } = claimsOf(jwt)
      held(({ accessToken }) => accessToken === jti).accessTokenExpiresAt = new Date(0)
    },
    endRefreshToken: async jwt => {
      const { refresh_token_id: id } = claimsOf(jwt)
      held(({ refreshToken }) => refreshToken === id).refreshTokenExpiresAt = new Date(0)
    },
    tokenRequests: server.tokenRequests,
    stop: server.stop,
    // a dead refresh token or code is 400 invalid_request there, the status of a request that lacks something
    deadRefreshToken: { status: 400, error: 'invalid_request' },
    madeUpCode: { status: 400, error: 'invalid_request' },
  }
}

function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString())
}

/** The endpoints its user writes. */
function application(authorizationServer, tokens) {
  const app = express()
  app.use(express.urlencoded({ extended: false }))
  const answer = respond => async (request, response) => {
    try {
      handleExpressResponse(response, await respond(requestFromExpress(request), request))
    } catch (error) {
      handleExpressError(error, response)
    }
  }
  app.get(
    '/authorize',
    answer(async (oauthRequest, request) => {
      const authorization = await authorizationServer.validateAuthorizationRequest(oauthRequest)
      authorization.user = { id: request.query.user }
      authorization.isAuthorizationApproved = true
      return authorizationServer.completeAuthorizationRequest(authorization)
    }),
  )
  app.post(
    '/token',
    answer(request => authorizationServer.respondToAccessTokenRequest(request)),
  )
  app.get('/api', async (request, response) => {
    const jwt = request.headers.authorization?.slice(7)
    const { jti } = await authorizationServer.jwt.verify(jwt).catch(() => ({}))
    const token = [...tokens.values()].find(({ accessToken }) => accessToken === jti)
    if (token !== undefined && token.accessTokenExpiresAt > new Date()) return response.json({ sub: token.user?.id })
    response.set('www-authenticate', 'Bearer realm="api", error="invalid_token"').status(401).end()
  })
  return app
}

function inMemory() {
  const tokens = new Map()
  const codes = new Map()
  return {
    tokens,
    repositories: {
      clients: { getByIdentifier: async () => client, isClientValid: async (_, { secret }, given) => given === secret },
      scopes: {
        getAllByIdentifiers: async names => scopes.filter(({ name }) => names.includes(name)),
        finalize: async asked => asked,
      },
      users: { getUserByCredentials: async id => ({ id }) },
      tokens: {
        issueToken: async (client, scopes, user) => ({
          accessToken: randomUUID(),
          accessTokenExpiresAt: new DateInterval('1h').getEndDate(),
          client,
          scopes,
          user,
        }),
        issueRefreshToken: async token =>
          Object.assign(token, {
            refreshToken: randomUUID(),
            refreshTokenExpiresAt: new DateInterval('2h').getEndDate(),
          }),
        persist: async token => void tokens.set(token.accessToken, token),
        revoke: async token =>
          void Object.assign(token, { accessTokenExpiresAt: new Date(0), refreshTokenExpiresAt: new Date(0) }),
        isRefreshTokenRevoked: async ({ refreshTokenExpiresAt }) => Date.now() > refreshTokenExpiresAt.getTime(),
        getByRefreshToken: async id => [...tokens.values()].find(({ refreshToken }) => refreshToken === id),
      },
      codes: {
        getByIdentifier: async code => codes.get(code),
        issueAuthCode: (client, user, scopes) => ({
          code: randomUUID(),
          expiresAt: new DateInterval('5m').getEndDate(),
          client,
          user,
          scopes,
        }),
        persist: async code => void codes.set(code.code, code),
        isRevoked: async code => Date.now() > codes.get(code).expiresAt.getTime(),
        revoke: async code => void Object.assign(codes.get(code), { expiresAt: new Date(0) }),
      },
    },
  }
}
