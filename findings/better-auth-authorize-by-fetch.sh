#!/usr/bin/env bash
# @better-auth/oauth-provider 1.7.5 and Node's fetch: the authorization endpoint does not redirect who asks it by fetch.
#
# Expected: an authorization endpoint answers a GET with a redirect, to the login page or back to the client (RFC 6749
#   §4.1.2, §4.1.2.1), whoever asks. A test, a crawler or a command-line login that walks through the redirects with
#   `fetch(url, { redirect: 'manual' })` reads `Location`.
# Seen: 302 to node:http; to fetch 200 with the JSON {"redirect":true,"url":…}, since every fetch of Node carries
#   `Sec-Fetch-Mode: cors`, also when the caller sets that header to `navigate`: fetch replaces it without a word.
# Output: see `expected` below. Exits with 1 when that changes.
#
# The peers are named because @better-auth/oauth-provider 1.7.5 wants them at exact versions.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund better-auth@1.7.5 @better-auth/oauth-provider@1.7.5 @better-auth/core@1.7.5 \
  @better-auth/utils@0.4.2 better-call@1.4.0 @better-fetch/fetch@1.3.2

cat >run.js <<'JS'
import http from 'node:http'
import { oauthProvider } from '@better-auth/oauth-provider'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'

const redirectUri = 'https://app.example/callback'
let handler
const server = http.createServer((request, response) => {
  if (request.url.startsWith('/api/auth/oauth2/authorize')) console.log('  sec-fetch-mode:', request.headers['sec-fetch-mode'])
  return handler(request, response)
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}`
const tables = 'user session account verification jwks oauthClient oauthRefreshToken oauthAccessToken oauthConsent'
const auth = betterAuth({
  baseURL: url,
  secret: 'cookies are signed with this, at least 32 bytes',
  database: memoryAdapter(Object.fromEntries(tables.split(' ').map(name => [name, []]))),
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
  telemetry: { enabled: false },
  plugins: [
    jwt(),
    oauthProvider({
      loginPage: '/login',
      consentPage: '/consent',
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
})
handler = toNodeHandler(auth)

const signUp = await fetch(`${url}/api/auth/sign-up/email`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', origin: url },
  body: JSON.stringify({ email: 'user@app.example', password: 'a password', name: 'user' }),
})
const cookie = signUp.headers.getSetCookie().map(line => line.split(';')[0]).join('; ')
const { client_id } = await auth.api.createOAuthClient({
  body: { redirect_uris: [redirectUri] },
  headers: new Headers({ cookie }),
})
const query = new URLSearchParams({
  response_type: 'code',
  client_id,
  redirect_uri: redirectUri,
  scope: 'openid',
  state: 'a state of some length',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
})
const authorize = `${url}/api/auth/oauth2/authorize?${query}`

console.log('node:http')
await new Promise(resolve =>
  http.get(authorize, response => {
    console.log(' ', response.statusCode, response.headers.location.split('?')[0])
    response.resume().on('end', resolve)
  }),
)
for (const headers of [{}, { 'sec-fetch-mode': 'navigate' }]) {
  console.log('fetch', JSON.stringify(headers))
  const response = await fetch(authorize, { redirect: 'manual', headers })
  const body = await response.json()
  console.log(' ', response.status, response.headers.get('location'), body.redirect, body.url.split('?')[0])
}
server.close()
server.closeAllConnections()
JS

expected='node:http
  sec-fetch-mode: undefined
  302 /login
fetch {}
  sec-fetch-mode: cors
  200 null true /login
fetch {"sec-fetch-mode":"navigate"}
  sec-fetch-mode: cors
  200 null true /login'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
