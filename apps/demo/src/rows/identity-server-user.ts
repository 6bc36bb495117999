/** Row 3: a user's token from WSO2 Open Banking, Identity Server, with PKCE; it is refreshed at API Manager. */
import {
  authorizationCode,
  clientCertificate,
  createClient,
  createPkce,
  createUserTokenSources,
  privateKeyJwt,
} from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import type { Row } from '../row.js'

export const identityServerUser: Row = {
  row: 3,
  system: 'WSO2 Open Banking, Identity Server',
  grant: 'authorization_code, refresh_token',
  authentication: 'private_key_jwt PS256, mTLS',
  async prepare({ sandbox, ...context }) {
    const bank = sandbox.wso2IdentityServer
    const client = createClient({
      provider: wso2OpenBanking({
        tokenEndpoint: bank.tokenEndpoint,
        refreshEndpoint: sandbox.wso2ApiManager.tokenEndpoint,
      }),
      clientId: bank.clientId,
      auth: privateKeyJwt({ key: bank.signingKey, alg: 'PS256', kid: bank.kid }),
      tls: { certificate: clientCertificate(bank.certificate), ca: sandbox.ca },
      ...context,
    })
    const { codeVerifier, codeChallenge } = createPkce()
    const code = bank.approve({ clientId: bank.clientId, scope: 'openid accounts', codeChallenge })
    const tokens = createUserTokenSources({ client }).for('customer-2')
    await tokens.redeem(authorizationCode({ code, codeVerifier, redirectUri: bank.redirectUri }))
    return { server: bank, client, tokens }
  },
}
