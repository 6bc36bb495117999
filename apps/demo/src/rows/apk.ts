/** Row 4: WSO2 APK, reached under its own name at another address, with a private CA. */
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { wso2Apk } from '@grantkit/provider-wso2-apk'
import type { Row } from '../row.js'

export const apk: Row = {
  row: 4,
  system: 'WSO2 APK',
  grant: 'client_credentials',
  authentication: 'client_secret_basic, raw',
  async prepare({ sandbox, ...context }) {
    const server = sandbox.wso2Apk
    const client = createClient({
      provider: wso2Apk({ tokenEndpoint: server.tokenEndpoint }),
      clientId: server.clientId,
      clientSecret: server.clientSecret,
      tls: { connectTo: server.connectTo, ca: sandbox.ca },
      ...context,
    })
    const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'apk:api_create' }) })
    return { server, client, tokens }
  },
}
