/** An Express app with a login: users' accounts by the users' own tokens, renewed by themselves. */
const { ISSUER = '', CLIENT_ID = '', KID = '', SIGNING_KEY_FILE = '', API_URL = '' } = process.env
const { REDIRECT_URI = '', COOKIE_KEY = '', PORT = '' } = process.env

import { readFile } from 'node:fs/promises'
import { createClient, defineProvider, discoverMetadata, privateKeyJwt } from '@grantkit/core'
import { grantkit, requireLogin, tokenErrors, userOf } from '@grantkit/express'
import express from 'express'

const client = createClient({
  provider: defineProvider({ name: 'login', metadata: await discoverMetadata({ issuer: ISSUER }) }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt({ key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID }),
})
const login = grantkit({
  client,
  redirectUri: REDIRECT_URI,
  keys: [{ id: '2026-11', key: COOKIE_KEY }],
  authorization: { scope: 'openid accounts' },
  origins: [new URL(API_URL).origin],
})

const app = express()
app.use(login)
app.get('/', ({ grantkit: { user } }, response) => {
  response.send(user ? `Hello ${user.claims.sub}: <a href="/accounts">accounts</a>` : '<a href="/login">Log in</a>')
})
app.get('/accounts', requireLogin(), async (request, response) => {
  const headers = await userOf(request).tokenSource.headersFor('GET', API_URL)
  response.json(await (await fetch(API_URL, { headers })).json())
})
app.use(tokenErrors({ onError: error => console.error(error) }))

const server = app.listen(Number(PORT), '127.0.0.1', () =>
  console.log(`Open in a browser: ${new URL('/', REDIRECT_URI)}`),
)
process.once('SIGTERM', () => server.close(() => login.close()).closeAllConnections())
