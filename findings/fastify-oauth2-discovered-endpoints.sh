#!/usr/bin/env bash
# @fastify/oauth2 8.3.0: of an endpoint that was discovered, little more than the path is used.
#
# Expected: the URLs of the metadata as they stand (RFC 8414 §2). The query of the authorization endpoint is kept when
#   parameters are added, and that of the token endpoint too (RFC 6749 §3.1, §3.2: both a MUST); some servers tell
#   tenants or policies apart by it. A token is revoked at the `revocation_endpoint`, wherever that is (RFC 7009 §2).
#   And revokeAllToken hands its parameters on to the requests, as revokeToken does.
# Seen: the queries of both endpoints are dropped, while the UserInfo endpoint keeps its own. The revocation goes to the
#   path of `revocation_endpoint` at the token endpoint's host, here another port, and any 200 there passes for done.
#   revokeAllToken puts the token set where its parameters belong, so that those get lost.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund @fastify/oauth2@8.3.0 simple-oauth2@5.1.0 fastify@5.12.8

cat >run.js <<'JS'
import http from 'node:http'
import oauth2 from '@fastify/oauth2'
import fastify from 'fastify'

const as = await listen('authorization server', url => url.startsWith('/.well-known/') ? metadata : { access_token: 'access', token_type: 'Bearer' })
const revocation = await listen('revocation server', () => ({}))
const metadata = {
  issuer: as.url,
  authorization_endpoint: `${as.url}/authorize?tenant=one`,
  token_endpoint: `${as.url}/token?tenant=one`,
  userinfo_endpoint: `${as.url}/userinfo?tenant=one`,
  revocation_endpoint: `${revocation.url}/revoke`,
  response_types_supported: ['code'],
}

const app = fastify()
await app.register(oauth2, {
  name: 'client',
  credentials: { client: { id: 'app', secret: 'secret' } },
  callbackUri: 'https://app.example/callback',
  startRedirectPath: '/login',
  discovery: { issuer: as.url },
})
const login = new URL((await app.inject('/login')).headers.location)
console.log('login:', login.pathname, 'tenant:', login.searchParams.get('tenant'))
const tokens = { access_token: 'access', refresh_token: 'refresh' }
const httpOptions = { headers: { 'x-trace': 'one' } }
await app.client.getNewAccessTokenUsingRefreshToken(tokens, {})
await app.client.userinfo('access')
await app.client.revokeToken(tokens, 'refresh_token', httpOptions)
await app.client.revokeAllToken(tokens, httpOptions)
for (const { server } of [as, revocation]) {
  server.close()
  server.closeAllConnections()
}
await app.close()

async function listen(name, answer) {
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request
    if (!url.startsWith('/.well-known/')) console.log(`${name}: ${method} ${url}, x-trace: ${headers['x-trace']}`)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(url)))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${server.address().port}` }
}
JS

expected='login: /authorize tenant: null
authorization server: POST /token, x-trace: undefined
authorization server: GET /userinfo?tenant=one, x-trace: undefined
authorization server: POST /revoke, x-trace: one
authorization server: POST /revoke, x-trace: undefined
authorization server: POST /revoke, x-trace: undefined'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
