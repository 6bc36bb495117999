/** One token, held by GrantKit and by another library: neither sends a request while it is measured. */
import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'
import { clientCredentials, createClient, createTokenSource, defineProvider, type Transport } from '@grantkit/core'
import { accessToken } from './access-token.js'

const lifetimeSeconds = 3600

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
  body: Buffer.from(JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: lifetimeSeconds })),
})

/** The other library's object that holds a token and renews it. */
export function badgatewayFetch() {
  return new OAuth2Fetch({
    client: new OAuth2Client({ server: 'https://as.example/', clientId: 'bench' }),
    getNewToken: () => ({ accessToken, refreshToken: null, expiresAt: Date.now() + lifetimeSeconds * 1000 }),
    scheduleRefresh: false,
  })
}
