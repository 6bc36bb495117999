/** Row 5: a core banking API that speaks JSON in camelCase. */
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { coreBanking as coreBankingProvider } from '@grantkit/provider-core-banking'
import type { Row } from '../row.js'

export const coreBanking: Row = {
  row: 5,
  system: 'Core banking',
  grant: 'its own',
  authentication: 'clientId, clientSecret as JSON',
  async prepare({ sandbox, ...context }) {
    const server = sandbox.coreBanking
    const client = createClient({
      provider: coreBankingProvider({ baseUrl: server.origin }),
      clientId: server.clientId,
      clientSecret: server.clientSecret,
      tls: { ca: sandbox.ca },
      ...context,
    })
    return { server, client, tokens: createTokenSource({ client, grant: clientCredentials() }) }
  },
}
