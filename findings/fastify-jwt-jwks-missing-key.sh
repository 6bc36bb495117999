#!/usr/bin/env bash
# fastify-jwt-jwks 3.1.2: a key that is not published yet when its first token comes is missing for a week.
#
# Expected: a verifier that sees a `kid` it does not know reads the JWKS again (OpenID Connect Core §10.1.1), every so often.
#   So a key that is in the set a moment later, past a CDN's or a replica's old copy, is found by one of the next
#   requests. And a JWK may leave out `alg` (RFC 7517 §4.4), whatever its type.
# Seen: the miss is kept like a key, for `secretsTtl`, by default a week: six days after the key was published, each of its
#   tokens is still 401 "Missing Key", without a request to the JWKS. The README says of that option how long secrets
#   are cached. A client that renews on 401 gets another token under the same key, and another 401. An Ed25519 key
#   without `alg` is never found; an RSA key without it is.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund fastify@5.12.8 fastify-jwt-jwks@3.1.2 jose@6.2.18

cat >run.js <<'JS'
import http from 'node:http'
import fastify from 'fastify'
import jwtJwks from 'fastify-jwt-jwks'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const keys = {
  old: await key('old', 'RS256'),
  new: await key('new', 'RS256'),
  rsa: await key('rsa', 'RS256'),
  ed25519: await key('ed25519', 'EdDSA'),
}
let published = ['old']
let requests = 0
const server = http.createServer((_, response) => {
  requests += 1
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published.map(name => keys[name].jwk) }))
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}/`

const app = fastify()
await app.register(jwtJwks, { jwksUrl: `${issuer}jwks`, issuer, audience: 'api' })
app.get('/', { preValidation: app.authenticate }, async () => ({ message: 'in' }))

await call('old')
await call('new', 'before it is published')
published = ['old', 'new']
await call('new', 'after it was published')
const now = Date.now
Date.now = () => now() + 6 * 86_400_000
await call('new', 'six days later')
Date.now = () => now() + 8 * 86_400_000
await call('new', 'eight days later')

for (const name of ['rsa', 'ed25519']) {
  delete keys[name].jwk.alg
  published.push(name)
  await call(name, 'without alg')
}
await app.close()
server.close()
server.closeAllConnections()

async function call(kid, when = 'published') {
  const { alg, privateKey } = keys[kid]
  const jwt = new SignJWT({ iss: issuer, aud: 'api', exp: Math.floor(Date.now() / 1000) + 60 })
  const token = await jwt.setProtectedHeader({ alg, kid }).sign(privateKey)
  const response = await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  const { message } = response.json()
  console.log(`${kid}, ${when}: ${response.statusCode} ${message.split(':')[0]}, requests to the JWKS: ${requests}`)
}

async function key(kid, alg) {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}
JS

expected='old, published: 200 in, requests to the JWKS: 1
new, before it is published: 401 Missing Key, requests to the JWKS: 2
new, after it was published: 401 Missing Key, requests to the JWKS: 2
new, six days later: 401 Missing Key, requests to the JWKS: 2
new, eight days later: 200 in, requests to the JWKS: 3
rsa, without alg: 200 in, requests to the JWKS: 4
ed25519, without alg: 401 Missing Key, requests to the JWKS: 5'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
