/** oidc-provider, as shipped: its login and consent pages for development, its userinfo endpoint as the API. */
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'
import { browser } from './browser.js'
import { listening } from './listening.js'

const client = { clientId: 'app', clientSecret: '100 % of a secret', redirectUri: 'http://127.0.0.1/callback' }

export const name = 'oidc-provider'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/token')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const oidc = new Provider(server.url, {
    clients: [
      {
        client_id: client.clientId,
        client_secret: client.clientSecret,
        redirect_uris: [client.redirectUri],
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      },
    ],
    scopes: ['openid', 'offline_access', 'read'],
    features: { clientCredentials: { enabled: true }, revocation: { enabled: true } },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'key', alg: 'ES256', use: 'sig' }] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    // its own values; left out, it says on the console that they were
    ttl: {
      AccessToken: 3600,
      ClientCredentials: 600,
      Grant: 1_209_600,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 1_209_600,
      Session: 1_209_600,
    },
    cookies: { keys: ['cookies'] },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  })
  server.handle(oidc.callback())
  return {
    ...client,
    issuer: server.url,
    tokenEndpoint: `${server.url}/token`,
    // without offline_access there is no refresh token, and prompt=consent is what that scope needs (OpenID Connect Core §11)
    scope: 'openid offline_access',
    applicationScope: 'read',
    apiUrl: `${server.url}/me`,
    logIn: (subject, parameters) =>
      browser().logIn(
        `${server.url}/auth?${new URLSearchParams({ ...parameters, prompt: 'consent' })}`,
        client.redirectUri,
        { login: subject, password: 'any' },
      ),
    endAccessToken: async token => (await oidc.AccessToken.find(token)).destroy(),
    endRefreshToken: async token => (await oidc.RefreshToken.find(token)).destroy(),
    tokenRequests: server.tokenRequests,
    stop: server.stop,
  }
}
