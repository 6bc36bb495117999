/** Headers for what no integration exists: WebSocket, gRPC, another HTTP client. Here node:https. */
const { TOKEN_ENDPOINT = '', CLIENT_ID = '', CLIENT_SECRET = '', API_URL = '' } = process.env

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { fiservCiam } from '@grantkit/provider-fiserv-ciam'

const client = createClient({
  provider: fiservCiam({ tokenEndpoint: TOKEN_ENDPOINT, format: 'form' }),
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
})
const tokens = createTokenSource({ client, grant: clientCredentials(), origins: [new URL(API_URL).origin] })

const sent = request(API_URL, { headers: await tokens.headersFor('GET', API_URL) }).end()
const [response] = (await once(sent, 'response')) as [IncomingMessage]
response.resume()
console.log(`The API answered ${response.statusCode}`)
