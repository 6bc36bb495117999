/** Row 2: a user's token from WSO2 Open Banking, API Manager; the login is the sandbox's `approve()`. */
import {
  authorizationCode,
  clientCertificate,
  createClient,
  createUserTokenSources,
  privateKeyJwt,
} from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import type { Row } from '../row.js'

export const apiManagerUser: Row = {
  row: 2,
  system: 'WSO2 Open Banking, API Manager',
  grant: 'authorization_code, refresh_token',
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
    const tokens = createUserTokenSources({ client }).for('customer-1')
    const code = bank.approve({ clientId: bank.clientId, scope: 'openid accounts' })
    await tokens.redeem(authorizationCode({ code, scope: 'openid accounts', redirectUri: bank.redirectUri }))
    return { server: bank, client, tokens }
  },
}
