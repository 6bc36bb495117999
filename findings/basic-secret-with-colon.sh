#!/usr/bin/env bash
# @jmondi/oauth2-server 4.3.7 and passport-http 0.3.0: a secret with a colon has no spelling that Basic gets through.
#
# Expected: a password may hold colons, the id ends at the first one (RFC 7617 §2); or id and secret are form-encoded
#   before they are joined, so that the colon travels as %3A and is decoded (RFC 6749 §2.3.1). One of the two has to work.
# Seen: both split at every colon and keep the second part, and neither decodes. The secret `one:two` arrives as `one`, or
#   as `one%3Atwo`. The same secret in the form body is taken whole.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund @jmondi/oauth2-server@4.3.7 express@5.2.1 passport@0.7.0 passport-http@0.3.0

cat >run.js <<'JS'
import { AuthorizationServer, DateInterval } from '@jmondi/oauth2-server'
import { handleExpressError, handleExpressResponse, requestFromExpress } from '@jmondi/oauth2-server/express'
import express from 'express'
import passport from 'passport'
import { BasicStrategy } from 'passport-http'

const secret = 'one:two'
let arrived

const client = { id: 'app', name: 'app', secret, redirectUris: [], allowedGrants: ['client_credentials'], scopes: [] }
const oauth = new AuthorizationServer(
  {
    getByIdentifier: async () => client,
    isClientValid: async (_grant, _client, given) => {
      arrived = given
      return given === secret
    },
  },
  {
    issueToken: async () => ({ accessToken: 'token', accessTokenExpiresAt: new DateInterval('1h').getEndDate(), client, scopes: [] }),
    persist: async () => {},
  },
  { getAllByIdentifiers: async () => [], finalize: async () => [] },
  'a key for its JWTs of at least 32 bytes',
)
oauth.enableGrantType('client_credentials')
passport.use(
  new BasicStrategy((id, given, done) => {
    arrived = given
    done(null, given === secret && { id })
  }),
)

const app = express()
app.use(express.urlencoded({ extended: false }))
app.post('/jmondi', async (request, response) => {
  try {
    handleExpressResponse(response, await oauth.respondToAccessTokenRequest(requestFromExpress(request)))
  } catch (error) {
    handleExpressError(error, response)
  }
})
app.post('/passport-http', passport.authenticate('basic', { session: false }), (_, response) => response.send('ok'))

const server = app.listen(0, '127.0.0.1', async () => {
  const basic = text => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })
  await post('jmondi', 'as it stands', basic(`app:${secret}`))
  await post('jmondi', 'form-encoded', basic(`app:${encodeURIComponent(secret)}`))
  await post('jmondi', 'in the body ', {}, { client_id: 'app', client_secret: secret })
  await post('passport-http', 'as it stands', basic(`app:${secret}`))
  await post('passport-http', 'form-encoded', basic(`app:${encodeURIComponent(secret)}`))
  server.close()

  async function post(path, how, init, credentials = {}) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...credentials })
    const response = await fetch(`http://127.0.0.1:${server.address().port}/${path}`, { method: 'POST', ...init, body })
    await response.text()
    console.log(`${path}, ${how}: ${response.status}, arrived as ${arrived}`)
  }
})
JS

expected='jmondi, as it stands: 401, arrived as one
jmondi, form-encoded: 401, arrived as one%3Atwo
jmondi, in the body : 200, arrived as one:two
passport-http, as it stands: 401, arrived as one
passport-http, form-encoded: 401, arrived as one%3Atwo'

seen=$(node run.js 2>/dev/null)
echo "$seen"
[ "$seen" = "$expected" ]
