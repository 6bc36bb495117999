/** Open banking, from a consent to account data: the customer approves in a browser, the tokens are renewed, the consent ends. */
const { TOKEN_ENDPOINT = '', CONSENTS_URL = '', ACCOUNTS_URL = '', CLIENT_ID = '', KID = '' } = process.env
const { SIGNING_KEY_FILE = '', CERTIFICATE_FILE = '', CERTIFICATE_KEY_FILE = '', REDIRECT_URI = '' } = process.env

import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { attachTokenSource } from '@grantkit/axios'
import {
  clientCertificate,
  clientCredentials,
  createAuthorizationRequest,
  createClient,
  createTokenSource,
  createUserTokenSources,
  isGrantKitError,
  privateKeyJwt,
  readAuthorizationResponse,
  signer,
} from '@grantkit/core'
import { fapiHeaders, wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import axios from 'axios'

const signing = { key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID } as const
const certificate = clientCertificate({
  cert: await readFile(CERTIFICATE_FILE),
  key: await readFile(CERTIFICATE_KEY_FILE),
})
const client = createClient({
  provider: wso2OpenBanking({ tokenEndpoint: TOKEN_ENDPOINT }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt(signing),
  tls: { certificate },
})
const origins = [new URL(CONSENTS_URL).origin]

// the application asks for a consent, with its own token
const application = axios.create()
const applicationTokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
attachTokenSource(application, applicationTokens, { origins, tls: client.tls })
const wanted = { Permissions: ['ReadAccountsBasic', 'ReadBalances'], ExpirationDateTime: '2030-01-31T00:00:00Z' }
const consent = await application.post(CONSENTS_URL, { Data: wanted, Risk: {} }, { headers: fapiHeaders() })
const consentId: string = consent.data.Data.ConsentId

// the customer decides about it at the bank
const { url, transaction } = await createAuthorizationRequest(client, {
  redirectUri: REDIRECT_URI,
  responseType: 'code id_token',
  scope: 'openid accounts',
  openbankingIntentId: consentId,
  requestObject: { signer: signer(signing) },
})
console.log(`Open in a browser: ${url}`)
const terminal = createInterface({ input: process.stdin, output: process.stdout })
const returned = await terminal.question('Where did it come back to? ')
terminal.close()

// what came back is checked, and its code redeemed
const users = createUserTokenSources({ client })
const alice = users.for('alice')
await alice.redeem(await readAuthorizationResponse(client, transaction, returned))

const bank = axios.create()
attachTokenSource(bank, alice, { origins, tls: client.tls })
const showAccounts = async () => {
  const { data } = await bank.get(ACCOUNTS_URL, { headers: fapiHeaders({ customerIpAddress: '192.0.2.7' }) })
  console.log(`Accounts: ${data.Data.Account.map(({ AccountId }: { AccountId: string }) => AccountId).join(', ')}`)
}
await showAccounts()

await alice.getTokenSet({ force: true }) // happens by itself when the token expires
await showAccounts()

await application.delete(`${CONSENTS_URL}/${consentId}`, { headers: fapiHeaders() })
try {
  await showAccounts()
} catch (error) {
  if (!isGrantKitError(error) || error.code !== 'ERR_LOGIN_REQUIRED') throw error
  console.log('The consent has ended: alice has to approve another one')
}
