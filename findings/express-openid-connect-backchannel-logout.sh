#!/usr/bin/env bash
# express-openid-connect 3.4.0 at oidc-provider 9.13.3: a logout on the phone logs the laptop out too.
#
# Expected: a logout token with a `sid` is about that session; without one it is about all sessions of the `sub` (OpenID
#   Connect Back-Channel Logout §2.4). The client is registered with backchannel_logout_session_required, so the server
#   names the session each time, and the two browsers have sessions of their own at the server.
# Seen: the default handlers note a logout under the `sid` and under the `sub`, and take a session for logged out when
#   either is found (its typings name the two entries, not what they end). A token that names both, as this server's do,
#   ends every session that the user has in the app, on every device.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund express-openid-connect@3.4.0 oidc-provider@9.13.3 express@5.2.1 express-session@1.19.0

cat >run.js <<'JS'
import http from 'node:http'
import express from 'express'
import openid from 'express-openid-connect'
import session from 'express-session'
import Provider from 'oidc-provider'

const [server, issuer] = await listen((request, response) => answer(request, response))
const app = express()
const [appServer, baseURL] = await listen(app)

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'app',
      client_secret: 'secret',
      redirect_uris: [`${baseURL}/callback`],
      backchannel_logout_uri: `${baseURL}/backchannel-logout`,
      backchannel_logout_session_required: true,
    },
  ],
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: false },
    rpInitiatedLogout: { logoutSource: (context, form) => (context.body = form) },
  },
  interactions: { url: () => '/interaction' },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }), // its own refuses loopback
})
const callback = provider.callback()

const phone = { cookies: new Map() }
const laptop = { cookies: new Map() }
app.post('/backchannel-logout', express.urlencoded({ extended: false }), (request, _, next) => {
  const { sid, sub } = JSON.parse(Buffer.from(request.body.logout_token.split('.')[1], 'base64url'))
  console.log('logout token, sid of the phone:', sid === phone.sid, 'of the laptop:', sid === laptop.sid, 'sub:', sub)
  next()
})
app.use(
  openid.auth({
    issuerBaseURL: issuer,
    baseURL,
    clientID: 'app',
    clientSecret: 'secret',
    secret: 'cookies are sealed with this, at least 32 signs',
    authorizationParams: { response_type: 'code' },
    authRequired: false,
    backchannelLogout: { store: new session.MemoryStore() },
  }),
)
app.get('/', ({ oidc }, response) => response.json({ isLoggedIn: oidc.isAuthenticated(), sid: oidc.idTokenClaims?.sid }))

for (const device of [phone, laptop]) device.sid = JSON.parse(await browse(device, `${baseURL}/login`)).sid
const form = await browse(phone, `${issuer}/session/end`)
const xsrf = /name="xsrf" value="([^"]+)"/.exec(form)[1]
await browse(phone, `${issuer}/session/end/confirm`, { method: 'POST', body: new URLSearchParams({ xsrf, logout: 'yes' }) })
for (const [name, device] of Object.entries({ phone, laptop })) {
  const { isLoggedIn } = JSON.parse(await browse(device, `${baseURL}/`))
  console.log(`${name}: ${isLoggedIn ? 'logged in' : 'logged out'}`)
}
for (const each of [server, appServer]) {
  each.close()
  each.closeAllConnections()
}

// a user who logs in and agrees without being asked
async function answer(request, response) {
  if (!request.url.startsWith('/interaction')) return callback(request, response)
  const grant = new provider.Grant({ accountId: 'user', clientId: 'app' })
  grant.addOIDCScope('openid profile email')
  const result = { login: { accountId: 'user' }, consent: { grantId: await grant.save() } }
  return provider.interactionFinished(request, response, result)
}

async function browse(device, url, init) {
  const cookie = [...device.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await fetch(url, { ...init, headers: { accept: 'text/html', cookie }, redirect: 'manual' })
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
    if (value === '') device.cookies.delete(name)
    else device.cookies.set(name, value)
  }
  const body = await response.text()
  const location = response.headers.get('location')
  return location === null ? body : browse(device, new URL(location, url))
}

async function listen(handler) {
  const server = http.createServer(handler)
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return [server, `http://127.0.0.1:${server.address().port}`]
}
JS

expected='logout token, sid of the phone: true of the laptop: false sub: user
phone: logged out
laptop: logged out'

seen=$(node run.js 2>/dev/null | grep -v '^oidc-provider')
echo "$seen"
[ "$seen" = "$expected" ]
