/** Row 7: a customer's login at WSO2 Open Banking, Identity Server, from consent to account data. */
import { attachTokenSource } from '@grantkit/axios'
import {
  type Client,
  clientCertificate,
  clientCredentials,
  createAuthorizationRequest,
  createClient,
  createTokenSource,
  createUserTokenSources,
  privateKeyJwt,
  readAuthorizationResponse,
  signer,
} from '@grantkit/core'
import { fapiHeaders, wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import axios from 'axios'
import type { Row } from '../row.js'

export const bankLogin: Row = {
  row: 7,
  system: 'WSO2 Open Banking, Identity Server',
  grant: 'consent, code id_token, refresh_token',
  authentication: 'private_key_jwt PS256, mTLS',
  async prepare({ sandbox, ...context }) {
    const bank = sandbox.wso2IdentityServer
    const signing = { key: bank.signingKey, alg: 'PS256', kid: bank.kid } as const
    const registered = {
      provider: wso2OpenBanking({ tokenEndpoint: bank.tokenEndpoint }),
      clientId: bank.clientId,
      auth: privateKeyJwt(signing),
      tls: { certificate: clientCertificate(bank.certificate), ca: sandbox.ca },
      clock: context.clock,
    }
    const { consentsUrl } = sandbox.wso2ApiManager
    const application = asApplication(createClient(registered), consentsUrl)
    const wanted = { Permissions: ['ReadAccountsBasic'], ExpirationDateTime: inNinetyDays(sandbox.now()) }
    const consent = await application.post(consentsUrl, { Data: wanted, Risk: {} }, { headers: fapiHeaders() })

    const client = createClient({ ...registered, ...context })
    const { url, transaction } = await createAuthorizationRequest(client, {
      redirectUri: bank.redirectUri,
      responseType: 'code id_token',
      scope: 'openid accounts',
      openbankingIntentId: consent.data.Data.ConsentId,
      requestObject: { signer: signer(signing) },
    })
    const { url: returned } = await bank.visit(url) // the customer's browser, which the sandbox plays
    const tokens = createUserTokenSources({ client }).for('customer-3')
    await tokens.redeem(await readAuthorizationResponse(client, transaction, returned))
    const remove = async () => {
      await application.delete(`${consentsUrl}/${consent.data.Data.ConsentId}`, { headers: fapiHeaders() })
    }
    return { server: bank, client, tokens, end: { what: 'consent deleted', run: remove } }
  },
}

/** Calls with the application's own tokens. */
function asApplication(client: Client, consentsUrl: string) {
  const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
  const api = axios.create()
  attachTokenSource(api, tokens, { origins: [new URL(consentsUrl).origin], tls: client.tls })
  return api
}

function inNinetyDays(now: number): string {
  return new Date(now + 90 * 24 * 60 * 60 * 1000).toISOString()
}
