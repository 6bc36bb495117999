/** A signing key that never leaves its KMS or HSM: an async function signs. Here the "KMS" is a few lines of Node. */
const { TOKEN_ENDPOINT = '', CLIENT_ID = '', KID = '' } = process.env
const { SIGNING_KEY_FILE = '', CERTIFICATE_FILE = '', CERTIFICATE_KEY_FILE = '' } = process.env

import { constants, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { clientCertificate, clientCredentials, createClient, createTokenSource, privateKeyJwt } from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'

const privateKey = await readFile(SIGNING_KEY_FILE)
const kms = {
  async sign(data: Uint8Array): Promise<Uint8Array> {
    return sign('sha256', data, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
  },
}

const client = createClient({
  provider: wso2OpenBanking({ tokenEndpoint: TOKEN_ENDPOINT }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt({ key: data => kms.sign(data), alg: 'PS256', kid: KID }),
  tls: {
    certificate: clientCertificate({
      cert: await readFile(CERTIFICATE_FILE),
      key: await readFile(CERTIFICATE_KEY_FILE),
    }),
  },
})
const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })

const { expiresAt, scope } = await tokens.getTokenSet()
console.log(`A token for ${scope}, good until ${new Date(expiresAt ?? 0).toISOString()}`)
