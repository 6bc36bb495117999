#!/usr/bin/env bash
# @modelcontextprotocol/sdk 1.32.2: a client registered with the defaults cannot authenticate by the default method.
#
# Expected: a registration that names no token_endpoint_auth_method means client_secret_basic (RFC 7591 §2), and a server
#   that issues a secret takes it by Basic (RFC 6749 §2.3.1); or the response says which method was registered instead
#   (RFC 7591 §3.2.1: all registered metadata, the defaults among them).
# Seen: the SDK's router answers 201 with a client_secret and without a token_endpoint_auth_method. At its token endpoint
#   the same secret is 400 invalid_request by Basic (the header is not looked at; the description is a validator's JSON
#   with line breaks, about a missing client_id), and is taken in the body.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund @modelcontextprotocol/sdk@1.32.2 express@5.2.1

cat >run.js <<'JS'
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js'
import { InvalidGrantError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js'
import express from 'express'

// the example's provider, which has no refresh, with one that knows no refresh token: enough to get past authentication
class Provider extends DemoInMemoryAuthProvider {
  async exchangeRefreshToken() {
    throw new InvalidGrantError('Invalid refresh token')
  }
}

const app = express()
const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  app.use(mcpAuthRouter({ provider: new Provider(), issuerUrl: new URL(url) }))
  const registration = await fetch(`${url}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'example', redirect_uris: ['http://127.0.0.1/callback'] }),
  })
  const client = await registration.json()
  console.log('register:', registration.status, 'secret:', typeof client.client_secret, 'method:', client.token_endpoint_auth_method)

  const grant = { grant_type: 'refresh_token', refresh_token: 'made-up' }
  const authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`
  await token('Basic:', { headers: { authorization }, body: new URLSearchParams(grant) })
  const { client_id, client_secret } = client
  await token('body: ', { body: new URLSearchParams({ ...grant, client_id, client_secret }) })
  server.close()

  async function token(method, init) {
    const response = await fetch(`${url}/token`, { method: 'POST', ...init })
    const { error, error_description } = await response.json()
    console.log(method, response.status, error, error_description.includes('\n') ? '(several lines)' : `(${error_description})`)
  }
})
JS

expected='register: 201 secret: string method: undefined
Basic: 400 invalid_request (several lines)
body:  400 invalid_grant (Invalid refresh token)'

seen=$(node run.js)
echo "$seen"
[ "$seen" = "$expected" ]
