#!/usr/bin/env bash
# @node-oauth/express-oauth-server 4.2.0 over @node-oauth/oauth2-server 5.3.0: the challenge gets lost between the two.
#
# Expected: a protected resource that refuses an access token says so in WWW-Authenticate (RFC 6750 §3, a MUST), so that
#   a client knows that a new token helps. The library beneath does set `Bearer realm="Service",error="invalid_token"`.
# Seen: the Express wrapper hands `null` on instead of the response the header was set on, so its 401 has no challenge at
#   all: not for an unknown token, not for an expired one, and not when there was none. The reason is in the body alone.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund @node-oauth/express-oauth-server@4.2.0 @node-oauth/oauth2-server@5.3.0 express@5.2.1

cat >run.js <<'JS'
import ExpressOAuthServer from '@node-oauth/express-oauth-server'
import OAuth2Server from '@node-oauth/oauth2-server'
import express from 'express'

const expired = { accessToken: 'expired', accessTokenExpiresAt: new Date(0), user: {}, client: {} }
const model = { getAccessToken: async token => (token === 'expired' ? expired : undefined) }
const requests = { 'unknown token': 'Bearer unknown', 'expired token': 'Bearer expired', 'no token': undefined }

const beneath = new OAuth2Server({ model })
for (const [name, authorization] of Object.entries(requests)) {
  const headers = authorization === undefined ? {} : { authorization }
  const response = new OAuth2Server.Response({ headers: {} })
  const request = new OAuth2Server.Request({ method: 'GET', query: {}, headers })
  const error = await beneath.authenticate(request, response).catch(error => error)
  console.log(`oauth2-server, ${name}:`, error.code, response.headers['www-authenticate'])
}

const app = express()
app.use(new ExpressOAuthServer({ model }).authenticate())
const server = app.listen(0, '127.0.0.1', async () => {
  for (const [name, authorization] of Object.entries(requests)) {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers })
    console.log(`express-oauth-server, ${name}:`, response.status, response.headers.get('www-authenticate'))
    await response.text()
  }
  server.close()
})
JS

expected='oauth2-server, unknown token: 401 Bearer realm="Service",error="invalid_token"
oauth2-server, expired token: 401 Bearer realm="Service",error="invalid_token"
oauth2-server, no token: 401 Bearer realm="Service"
express-oauth-server, unknown token: 401 null
express-oauth-server, expired token: 401 null
express-oauth-server, no token: 401 null'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
