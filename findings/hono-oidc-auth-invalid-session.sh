#!/usr/bin/env bash
# @hono/oidc-auth 1.8.1: one 503 of the token endpoint ends the user's session.
#
# Expected: a session ends when its refresh token is refused (`invalid_grant`, RFC 6749 §5.2). A 503 says nothing of it:
#   the same refresh token is good a moment later, and so should be the session. And metadata need not say which scopes
#   there are: `scopes_supported` is RECOMMENDED (OpenID Connect Discovery §3, RFC 8414 §2).
# Seen: whatever goes wrong while a session is looked at, the answer is 500 "Invalid session", and the session's cookie is
#   deleted with it, the only place that has the refresh token. So an authorization server that is away for a second
#   logs out everybody who is due just then; that is every 15 minutes by default, however long the access token lives.
#   And where the metadata have no `scopes_supported`, nobody gets as far as the login: the same 500, without a session.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund @hono/oidc-auth@1.8.1 hono@4.13.19

cat >run.js <<'JS'
import http from 'node:http'
import { getAuth, initOidcAuthMiddleware, oidcAuthMiddleware } from '@hono/oidc-auth'
import { Hono } from 'hono'

const second = 1000
let tokenStatus = 200
let metadata
let nonce
const server = http.createServer((request, response) => {
  const isMetadata = request.url.startsWith('/.well-known/')
  if (!isMetadata) response.statusCode = tokenStatus
  const tokens = { access_token: 'access', token_type: 'Bearer', expires_in: 3600, refresh_token: 'refresh', id_token: idToken() }
  response.setHeader('content-type', 'application/json').end(JSON.stringify(isMetadata ? metadata : tokens))
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
const endpoints = { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` }
metadata = { issuer, ...endpoints, response_types_supported: ['code'], scopes_supported: ['openid'] }

const app = new Hono()
app.use(
  initOidcAuthMiddleware({
    OIDC_AUTH_SECRET: 'sessions are signed with this, at least 32 signs',
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: 'app',
    OIDC_CLIENT_SECRET: 'secret',
  }),
)
app.use(oidcAuthMiddleware())
app.get('/', async c => c.text(`hello ${(await getAuth(c)).sub}`))

const jar = new Map()
const { location } = await get('login', '/')
nonce = new URL(location).searchParams.get('nonce')
await get('callback', `/callback?code=code&state=${new URL(location).searchParams.get('state')}`)
await get('page', '/')
const now = Date.now
Date.now = () => now() + 16 * 60 * second
tokenStatus = 503
await get('16 minutes later, 503', '/')
tokenStatus = 200
await get('a moment later', '/')
delete metadata.scopes_supported
await get('without scopes_supported', '/')
server.close()
server.closeAllConnections()

async function get(what, path) {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await app.request(`https://app.example${path}`, { headers: { cookie } })
  for (const line of response.headers.getSetCookie()) {
    const [name, value] = line.split(';')[0].split('=')
    if (value === '') jar.delete(name)
    else jar.set(name, value)
  }
  const location = response.headers.get('location')
  const body = await response.text()
  console.log(`${what}: ${response.status} ${location ? `to ${new URL(location, issuer).pathname}` : body}, session: ${jar.has('oidc-auth')}`)
  return { location }
}

// straight from the token endpoint it needs no signature that is checked (OpenID Connect Core §3.1.3.7)
function idToken() {
  const iat = Math.floor(Date.now() / second)
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  return [{ alg: 'RS256' }, { iss: issuer, sub: 'user', aud: 'app', iat, exp: iat + 3600, nonce }, 'signature'].map(part).join('.')
}
JS

expected='login: 302 to /authorize, session: false
callback: 302 to /, session: true
page: 200 hello user, session: true
16 minutes later, 503: 500 Invalid session, session: false
a moment later: 302 to /authorize, session: false
without scopes_supported: 500 Invalid session, session: false'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
