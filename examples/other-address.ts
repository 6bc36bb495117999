/** A server that is reached at another address than its name says, with a CA of its own: WSO2 APK behind its gateway. */
const { CLIENT_ID = '', CLIENT_SECRET = '', CA_FILE = '', GATEWAY_PORT = '9095', API_URL = '' } = process.env

import { readFile } from 'node:fs/promises'
import { attachTokenSource } from '@grantkit/axios'
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { wso2Apk } from '@grantkit/provider-wso2-apk'
import axios from 'axios'

// URL, SNI and Host stay idp.am.wso2.com, and so does the name the certificate is checked for
const client = createClient({
  provider: wso2Apk(),
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  tls: { connectTo: { host: '127.0.0.1', port: Number(GATEWAY_PORT) }, ca: await readFile(CA_FILE) },
})
const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'apk:api_create' }) })

const api = axios.create()
attachTokenSource(api, tokens, { origins: [new URL(API_URL).origin], tls: client.tls })

const { status } = await api.get(API_URL)
console.log(`The API answered ${status}`)
