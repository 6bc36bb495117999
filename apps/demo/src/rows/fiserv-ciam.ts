/** Row 6: Fiserv CIAM. */
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { fiservCiam as fiservCiamProvider } from '@grantkit/provider-fiserv-ciam'
import type { Row } from '../row.js'

export const fiservCiam: Row = {
  row: 6,
  system: 'Fiserv CIAM',
  grant: 'client_credentials',
  authentication: 'client_secret_post as JSON',
  async prepare({ sandbox, ...context }) {
    const server = sandbox.fiservCiam
    const client = createClient({
      provider: fiservCiamProvider({ tokenEndpoint: server.tokenEndpoint }),
      clientId: server.clientId,
      clientSecret: server.clientSecret,
      tls: { ca: sandbox.ca },
      ...context,
    })
    return { server, client, tokens: createTokenSource({ client, grant: clientCredentials() }) }
  },
}
