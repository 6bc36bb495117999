/** A service without a secret: it shows the token that its platform keeps fresh in a file, such as a Kubernetes pod's. */
const { ISSUER = '', CLIENT_ID = '', WORKLOAD_TOKEN_FILE = '', API_URL = '' } = process.env

import {
  clientAssertion,
  clientCredentials,
  createClient,
  createTokenSource,
  defineProvider,
  discoverMetadata,
} from '@grantkit/core'

const client = createClient({
  provider: defineProvider({ name: 'login', metadata: await discoverMetadata({ issuer: ISSUER }) }),
  clientId: CLIENT_ID,
  auth: clientAssertion({ file: WORKLOAD_TOKEN_FILE }),
})
await using tokens = createTokenSource({
  client,
  grant: clientCredentials({ scope: 'accounts' }),
  origins: [new URL(API_URL).origin],
})

const { status } = await fetch(API_URL, { headers: await tokens.headersFor('GET', API_URL) })
console.log(`The API answered ${status}`)
