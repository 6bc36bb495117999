/** One token, held by GrantKit, by hand and by other libraries: none sends a request while it is measured. */
import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'
import { clientCredentials, createClient, createTokenSource, defineProvider, type Transport } from '@grantkit/core'
import { OAuth2Client as GoogleClient } from 'google-auth-library'
import { accessToken } from './access-token.js'
import { singleFlight } from './single-flight.js'

const lifetimeMs = 3_600_000

/** A token source as `createTokenSource` makes it, with the machine's clock and a token server inside this process. */
export function grantKitSource() {
  const provider = defineProvider({
    name: 'bench',
    metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
  })
  const client = createClient({ provider, clientId: 'bench', clientSecret: 'secret', transport: answerWithToken })
  return createTokenSource({ client, grant: clientCredentials() })
}

const answerWithToken: Transport = async () => ({
  status: 200,
  headers: { get: () => null },
  body: Buffer.from(JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: lifetimeMs / 1000 })),
})

/** The header as a careful user holds it. */
export function handWritten() {
  const fresh = () => ({ authorization: `Bearer ${accessToken}`, expiresAt: Date.now() + lifetimeMs })
  return singleFlight(fresh(), async () => fresh())
}

/** @badgateway/oauth2-client's object that holds a token and renews it. */
export function badgatewayFetch() {
  return new OAuth2Fetch({
    client: new OAuth2Client({ server: 'https://as.example/', clientId: 'bench' }),
    getNewToken: () => ({ accessToken, refreshToken: null, expiresAt: Date.now() + lifetimeMs }),
    scheduleRefresh: false,
  })
}

/** google-auth-library's client, and what it says the header is. */
export function google() {
  const client = new GoogleClient({ clientId: 'bench', clientSecret: 'secret' })
  client.setCredentials({ access_token: accessToken, refresh_token: 'refresh', expiry_date: Date.now() + lifetimeMs })
  return async () => (await client.getRequestHeaders()).get('authorization') ?? ''
}
