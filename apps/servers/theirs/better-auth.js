/** better-auth with its OAuth provider plugin, e-mail passwords and the memory adapter; its userinfo endpoint as the API. */
import { createHash } from 'node:crypto'
import { oauthProvider } from '@better-auth/oauth-provider'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { browser } from './browser.js'
import { listening } from './listening.js'

const redirectUri = 'https://app.example/callback'

export const name = '@better-auth/oauth-provider'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/api/auth/oauth2/token')
  const tables = {
    user: [],
    session: [],
    account: [],
    verification: [],
    jwks: [],
    oauthClient: [],
    oauthRefreshToken: [],
    oauthAccessToken: [],
    oauthConsent: [],
  }
  const auth = betterAuth({
    baseURL: server.url,
    secret: 'cookies are signed with this, at least 32 bytes',
    database: memoryAdapter(tables),
    emailAndPassword: { enabled: true },
    logger: { disabled: true },
    telemetry: { enabled: false },
    plugins: [
      jwt(),
      oauthProvider({
        loginPage: '/login',
        consentPage: '/consent',
        scopes: ['openid', 'offline_access', 'read'],
        clientCredentialsDefaultScopes: ['read'],
        clientPrivileges: () => true,
        silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
      }),
    ],
  })
  server.handle(toNodeHandler(auth))
  const administrator = await signIn(server.url, 'administrator')
  const registered = await auth.api.adminCreateOAuthClient({
    body: {
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      skip_consent: true,
      client_credentials_scopes: ['read'],
    },
    headers: new Headers({ cookie: administrator.cookie() }),
  })
  const expire = (table, token) => {
    const hash = createHash('sha256').update(token).digest('base64url')
    tables[table].find(row => row.token === hash).expiresAt = new Date(0)
  }
  return {
    clientId: registered.client_id,
    clientSecret: registered.client_secret,
    redirectUri,
    issuer: `${server.url}/api/auth`,
    tokenEndpoint: `${server.url}/api/auth/oauth2/token`,
    scope: 'openid offline_access',
    applicationScope: 'read',
    apiUrl: `${server.url}/api/auth/oauth2/userinfo`,
    logIn: async (subject, parameters) => {
      const visitor = await signIn(server.url, subject)
      return visitor.logIn(`${server.url}/api/auth/oauth2/authorize?${new URLSearchParams(parameters)}`, redirectUri)
    },
    endAccessToken: async token => expire('oauthAccessToken', token),
    endRefreshToken: async token => expire('oauthRefreshToken', token),
    tokenRequests: server.tokenRequests,
    stop: server.stop,
  }
}

async function signIn(url, subject) {
  const visitor = browser()
  const body = JSON.stringify({ email: `${subject}@app.example`, password: 'a password', name: subject })
  const init = { method: 'POST', headers: { 'content-type': 'application/json', origin: url }, body }
  const signUp = await visitor.visit(`${url}/api/auth/sign-up/email`, init)
  if (!signUp.ok) await visitor.visit(`${url}/api/auth/sign-in/email`, init)
  return visitor
}
