#!/usr/bin/env bash
# google-auth-library 11.3.4 and oauth2orize 1.12.0: the chosen client authentication holds for the code, not for renewals.
#
# Expected: `clientAuthentication` says how the client authenticates at the token endpoint, and a refresh is a request to
#   that endpoint like any other (RFC 6749 §3.2.1, §6). A server has to take the secret by Basic, and may take it in the
#   form body (RFC 6749 §2.3.1), so who chooses Basic has a reason.
# Seen: with ClientAuthentication.ClientSecretBasic, getToken(code) sends Basic and gets tokens. refreshAccessToken() of
#   the same object puts the secret in the form body, whatever was chosen. At a server that takes Basic alone that is a
#   401: the login works, and what it started ends with its first access token, in request() too, which renews by itself.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund google-auth-library@11.3.4 oauth2orize@1.12.0 passport@0.7.0 passport-http@0.3.0 express@5.2.1

cat >run.js <<'JS'
import express from 'express'
import { ClientAuthentication, OAuth2Client } from 'google-auth-library'
import oauth2orize from 'oauth2orize'
import passport from 'passport'
import { BasicStrategy } from 'passport-http'

const oauth = oauth2orize.createServer()
oauth.exchange(oauth2orize.exchange.code((_client, _code, _redirectUri, done) => done(null, 'access', 'refresh', { expires_in: 3600 })))
oauth.exchange(oauth2orize.exchange.refreshToken((_client, _refreshToken, _scope, done) => done(null, 'access', 'refresh')))
passport.use(new BasicStrategy((id, secret, done) => done(null, secret === 'secret' && { id })))

const app = express()
app.use(express.urlencoded({ extended: false }))
app.post('/token', tell, passport.authenticate('basic', { session: false }), oauth.token(), oauth.errorHandler())
const server = app.listen(0, '127.0.0.1', async () => {
  const client = new OAuth2Client({
    clientId: 'app',
    clientSecret: 'secret',
    redirectUri: 'https://app.example/callback',
    clientAuthentication: ClientAuthentication.ClientSecretBasic,
    endpoints: { oauth2TokenUrl: `http://127.0.0.1:${server.address().port}/token` },
  })
  const { tokens } = await client.getToken('code')
  client.setCredentials(tokens)
  await client.refreshAccessToken().catch(told)
  client.setCredentials({ ...tokens, expiry_date: 1 })
  await client.request({ url: 'http://127.0.0.1:9/api' }).catch(told)
  server.close()
  server.closeAllConnections()
})

function told(error) {
  console.log(`  ${new URL(error.config.url).pathname}: ${error.status}`)
}

function tell(request, response, next) {
  const { grant_type, client_secret } = request.body
  const header = request.headers.authorization?.split(' ')[0] ?? 'no header'
  response.on('finish', () => {
    console.log(`${grant_type}: ${header}, secret in the body: ${client_secret !== undefined}, ${response.statusCode}`)
  })
  next()
}
JS

expected='authorization_code: Basic, secret in the body: false, 200
refresh_token: no header, secret in the body: true, 401
  /token: 401
refresh_token: no header, secret in the body: true, 401
  /token: 401'

seen=$(node run.js 2>/dev/null)
echo "$seen"
[ "$seen" = "$expected" ]
