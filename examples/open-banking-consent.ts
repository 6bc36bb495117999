/** Open banking: an application token by an assertion over mutual TLS, and with it a consent for the customer to approve. */
const { TOKEN_ENDPOINT = '', CONSENTS_URL = '', CLIENT_ID = '', KID = '' } = process.env
const { SIGNING_KEY_FILE = '', CERTIFICATE_FILE = '', CERTIFICATE_KEY_FILE = '' } = process.env

import { readFile } from 'node:fs/promises'
import { attachTokenSource } from '@grantkit/axios'
import { clientCertificate, clientCredentials, createClient, createTokenSource, privateKeyJwt } from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import axios from 'axios'

const certificate = clientCertificate({
  cert: await readFile(CERTIFICATE_FILE),
  key: await readFile(CERTIFICATE_KEY_FILE),
})
const client = createClient({
  provider: wso2OpenBanking({ tokenEndpoint: TOKEN_ENDPOINT }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt({ key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID }),
  tls: { certificate },
})
const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })

const bank = axios.create()
attachTokenSource(bank, tokens, { origins: [new URL(CONSENTS_URL).origin], tls: client.tls })

const { status } = await bank.post(CONSENTS_URL, {
  Data: { Permissions: ['ReadAccountsBasic', 'ReadBalances'], ExpirationDateTime: '2030-01-31T00:00:00Z' },
  Risk: {},
})
console.log(`The consent was answered with ${status}`)
