#!/usr/bin/env bash
# oauth2orize 1.12.0 and openid-client 6.8.9: a grant type that is not served comes out as a malformed answer.
#
# Expected: 400 with {"error":"unsupported_grant_type"} (RFC 6749 §5.2: "The authorization server responds with an HTTP
#   400 (Bad Request) status code"), and a client's error that names it, as a ResponseBodyError of openid-client does.
# Seen: oauth2orize answers 501 with that body. openid-client reads error bodies of 4xx alone: it rejects with
#   OAUTH_RESPONSE_IS_NOT_CONFORM, "unexpected HTTP response status code", and has no `error`. What repeats a 5xx
#   repeats this one. (Its invalid_grant is a 403, which openid-client does read.)
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund oauth2orize@1.12.0 passport@0.7.0 passport-http@0.3.0 express@5.2.1 openid-client@6.8.9

cat >run.js <<'JS'
import express from 'express'
import oauth2orize from 'oauth2orize'
import * as openid from 'openid-client'
import passport from 'passport'
import { BasicStrategy } from 'passport-http'

const oauth = oauth2orize.createServer()
oauth.exchange(oauth2orize.exchange.refreshToken((_client, _refreshToken, _scope, done) => done(null, false)))
passport.use(new BasicStrategy((id, secret, done) => done(null, secret === 'secret' && { id })))
const app = express()
app.use(express.urlencoded({ extended: false }))
app.post('/token', passport.authenticate('basic', { session: false }), oauth.token(), oauth.errorHandler())

const server = app.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const metadata = { issuer, token_endpoint: `${issuer}/token` }
  const client = new openid.Configuration(metadata, 'client', {}, openid.ClientSecretBasic('secret'))
  openid.allowInsecureRequests(client)

  const authorization = `Basic ${Buffer.from('client:secret').toString('base64')}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  const answer = await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body })
  const { error } = await answer.json()
  console.log('wire:', answer.status, error)
  await tell('client_credentials:', openid.clientCredentialsGrant(client))
  await tell('refresh_token:', openid.refreshTokenGrant(client, 'made-up'))
  server.close()
  server.closeAllConnections()
})

async function tell(grant, request) {
  const error = await request.catch(error => error)
  console.log(grant, error.constructor.name, error.code, error.error, '|', error.cause?.status ?? error.status)
}
JS

expected='wire: 501 unsupported_grant_type
client_credentials: ClientError OAUTH_RESPONSE_IS_NOT_CONFORM undefined | 501
refresh_token: ResponseBodyError OAUTH_RESPONSE_BODY_ERROR invalid_grant | 403'

seen=$(node run.js 2>/dev/null)
echo "$seen"
[ "$seen" = "$expected" ]
