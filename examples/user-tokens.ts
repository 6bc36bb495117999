/** Users' tokens: each login brings a code, each request the token of its user. */
const { TOKEN_ENDPOINT = '', API_URL = '', CLIENT_ID = '', KID = '', REDIRECT_URI = '', CODE = '' } = process.env
const { SIGNING_KEY_FILE = '', CERTIFICATE_FILE = '', CERTIFICATE_KEY_FILE = '' } = process.env

import { readFile } from 'node:fs/promises'
import { attachTokenSource } from '@grantkit/axios'
import {
  authorizationCode,
  clientCertificate,
  createClient,
  createUserTokenSources,
  isGrantKitError,
  privateKeyJwt,
} from '@grantkit/core'
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
const users = createUserTokenSources({ client })

// after the redirect back from the bank
await users.for('alice').redeem(authorizationCode({ code: CODE, redirectUri: REDIRECT_URI }))

// from then on: the header says whose request it is
const bank = axios.create()
attachTokenSource(bank, config => users.for(String(config.headers?.['x-user'])), {
  origins: [new URL(API_URL).origin],
  tls: client.tls,
})

const { status } = await bank.get(API_URL, { headers: { 'x-user': 'alice' } })
console.log(`The API answered ${status} for alice`)

try {
  await bank.get(API_URL, { headers: { 'x-user': 'bob' } })
} catch (error) {
  if (!isGrantKitError(error) || error.code !== 'ERR_LOGIN_REQUIRED') throw error
  console.log('bob has to log in first')
}
