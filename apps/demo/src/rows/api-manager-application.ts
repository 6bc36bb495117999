/** Row 1: the application's own token from WSO2 Open Banking, API Manager. */
import { clientCertificate, clientCredentials, createClient, createTokenSource, privateKeyJwt } from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import type { Row } from '../row.js'

export const apiManagerApplication: Row = {
  row: 1,
  system: 'WSO2 Open Banking, API Manager',
  grant: 'client_credentials',
  authentication: 'private_key_jwt PS256, mTLS',
  async prepare({ sandbox, ...context }) {
    const bank = sandbox.wso2ApiManager
    const client = createClient({
      provider: wso2OpenBanking({ tokenEndpoint: bank.tokenEndpoint }),
      clientId: bank.clientId,
      auth: privateKeyJwt({ key: bank.signingKey, alg: 'PS256', kid: bank.kid }),
      tls: { certificate: clientCertificate(bank.certificate), ca: sandbox.ca },
      ...context,
    })
    const grant = clientCredentials({ scope: 'accounts openid', redirectUri: bank.redirectUri })
    return { server: bank, client, tokens: createTokenSource({ client, grant }) }
  },
}
