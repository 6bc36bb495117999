/** oauth2orize with Passport's strategies, as its README and its example have them: no expires_in, no scope in the answer. */
import { randomUUID } from 'node:crypto'
import express from 'express'
import oauth2orize from 'oauth2orize'
import passport from 'passport'
import { BasicStrategy } from 'passport-http'
import { Strategy as BearerStrategy } from 'passport-http-bearer'
import { Strategy as ClientPasswordStrategy } from 'passport-oauth2-client-password'
import { browser } from './browser.js'
import { listening } from './listening.js'

const client = { id: 'app', secret: '100 % of a secret', redirectUri: 'http://127.0.0.1/callback' }

export const name = 'oauth2orize'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/oauth/token')
  const held = { codes: new Map(), accessTokens: new Map(), refreshTokens: new Map() }
  server.handle(application(grantsOf(held), strategiesOf(held)))
  return {
    clientId: client.id,
    clientSecret: client.secret,
    redirectUri: client.redirectUri,
    tokenEndpoint: `${server.url}/oauth/token`,
    // id and secret are taken as they stand in the header, not decoded (RFC 6749 §2.3.1)
    basicCredentials: 'raw',
    scope: 'read',
    applicationScope: 'read',
    apiUrl: `${server.url}/api`,
    logIn: (subject, parameters) => {
      const query = new URLSearchParams({ ...parameters, user: subject })
      return browser().logIn(`${server.url}/authorize?${query}`, client.redirectUri)
    },
    endAccessToken: async token => void held.accessTokens.delete(token),
    endRefreshToken: async token => void held.refreshTokens.delete(token),
    tokenRequests: server.tokenRequests,
    stop: server.stop,
  }
}

/** Codes and refresh tokens are good for one use. */
function grantsOf({ codes, accessTokens, refreshTokens }) {
  const server = oauth2orize.createServer()
  const issue = user => {
    const pair = [randomUUID(), randomUUID()]
    accessTokens.set(pair[0], user)
    refreshTokens.set(pair[1], user)
    return pair
  }
  const take = (map, key) => {
    const value = map.get(key)
    map.delete(key)
    return value
  }
  server.serializeClient((client, done) => done(null, client.id))
  server.deserializeClient((_, done) => done(null, client))
  server.grant(
    oauth2orize.grant.code((_client, _redirectUri, user, _response, done) => {
      const code = randomUUID()
      codes.set(code, user)
      done(null, code)
    }),
  )
  server.exchange(
    oauth2orize.exchange.code((_client, code, _redirectUri, done) => {
      const user = take(codes, code)
      user === undefined ? done(null, false) : done(null, ...issue(user))
    }),
  )
  server.exchange(
    oauth2orize.exchange.refreshToken((_client, refreshToken, _scope, done) => {
      const user = take(refreshTokens, refreshToken)
      user === undefined ? done(null, false) : done(null, ...issue(user))
    }),
  )
  server.exchange(
    oauth2orize.exchange.clientCredentials((client, _scope, done) => {
      const token = randomUUID()
      accessTokens.set(token, client)
      done(null, token)
    }),
  )
  return server
}

function strategiesOf({ accessTokens }) {
  const authenticator = new passport.Passport()
  const check = (id, secret, done) => done(null, id === client.id && secret === client.secret && client)
  authenticator.use(new BasicStrategy(check))
  authenticator.use(new ClientPasswordStrategy(check))
  authenticator.use(new BearerStrategy((token, done) => done(null, accessTokens.get(token) ?? false)))
  return authenticator
}

function application(oauth, authenticator) {
  const app = express()
  app.use(express.urlencoded({ extended: false }))
  app.use((request, _, next) => {
    request.session = {}
    next()
  })
  app.get(
    '/authorize',
    (request, _, next) => {
      request.user = { id: request.query.user }
      next()
    },
    oauth.authorization(
      (_id, redirectUri, done) => done(null, client, redirectUri),
      (_client, _user, done) => done(null, true),
    ),
  )
  const byClient = authenticator.authenticate(['basic', 'oauth2-client-password'], { session: false })
  app.post('/oauth/token', byClient, oauth.token(), oauth.errorHandler())
  app.get('/api', authenticator.authenticate('bearer', { session: false }), (request, response) =>
    response.json({ sub: request.user.id }),
  )
  return app
}
