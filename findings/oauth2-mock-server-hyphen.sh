#!/usr/bin/env bash
# oauth2-mock-server 9.3.0 and openid-client 6.9.0: with Basic, no login of a client whose id has a hyphen.
#
# Expected: a client id travels form-encoded in Basic and is decoded by the server (RFC 6749 §2.3.1); the ID token's `aud`
#   is the client id (OpenID Connect Core §2), here `my-app`.
# Seen: openid-client encodes the hyphen too (`my%2Dapp`, as also `_`, `.` and `~`), which the encoding allows. The server
#   takes whatever comes, does not decode it, and makes it the audience: `aud` is `my%2Dapp`, and the client refuses the
#   ID token: OAUTH_JWT_CLAIM_COMPARISON_FAILED. So tests pass with the client `app` and fail with `my-app`. With the
#   id in the form body both log in. arctic 3.7.0 does not encode at all, and its login with `my-app` does well here.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund oauth2-mock-server@9.3.0 openid-client@6.9.0 arctic@3.7.0

cat >run.js <<'JS'
import { OAuth2Client } from 'arctic'
import { OAuth2Server } from 'oauth2-mock-server'
import * as openid from 'openid-client'

const redirectUri = 'https://app.example/callback'
const server = new OAuth2Server()
await server.issuer.keys.generate('RS256')
await server.start(0, '127.0.0.1')
for (const id of ['app', 'my-app']) {
  await login(id, 'client_secret_basic', openid.ClientSecretBasic('secret'))
  await login(id, 'client_secret_post ', openid.ClientSecretPost('secret'))
}
const arctic = new OAuth2Client('my-app', 'secret', redirectUri)
const { searchParams } = await authorized(arctic.createAuthorizationURL(`${server.issuer.url}/authorize`, 'state', ['openid']))
const tokens = await arctic.validateAuthorizationCode(`${server.issuer.url}/token`, searchParams.get('code'), null)
console.log('my-app, arctic:', JSON.parse(Buffer.from(tokens.idToken().split('.')[1], 'base64url')).aud)
await server.stop()

async function login(id, method, clientAuth) {
  const execute = [openid.allowInsecureRequests]
  const client = await openid.discovery(new URL(server.issuer.url), id, {}, clientAuth, { execute })
  const answer = await authorized(openid.buildAuthorizationUrl(client, { redirect_uri: redirectUri, scope: 'openid' }))
  const told = await openid.authorizationCodeGrant(client, answer).then(
    tokens => tokens.claims().aud,
    error => `${error.code}, aud: ${error.cause.cause.claims.aud}`,
  )
  console.log(`${id}, ${method}: ${told}`)
}

async function authorized(url) {
  const response = await fetch(url, { redirect: 'manual' })
  return new URL(response.headers.get('location'))
}
JS

expected='app, client_secret_basic: app
app, client_secret_post : app
my-app, client_secret_basic: OAUTH_JWT_CLAIM_COMPARISON_FAILED, aud: my%2Dapp
my-app, client_secret_post : my-app
my-app, arctic: my-app'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
