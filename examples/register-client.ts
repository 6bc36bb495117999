/** A third-party provider registers at a bank with its directory's software statement, then uses what it has become. */
const {
  TOKEN_ENDPOINT = '',
  REGISTRATION_ENDPOINT = '',
  REDIRECT_URI = '',
  KID = '',
  SIGNING_KEY_FILE = '',
} = process.env
const { SOFTWARE_ID = '', SOFTWARE_STATEMENT = '', CERTIFICATE_FILE = '', CERTIFICATE_KEY_FILE = '' } = process.env

import { readFile } from 'node:fs/promises'
import {
  clientCertificate,
  clientCredentials,
  createClient,
  createTokenSource,
  privateKeyJwt,
  readRegistration,
  registerClient,
  signer,
} from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'

const signing = { key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID } as const
const certificate = clientCertificate({
  cert: await readFile(CERTIFICATE_FILE),
  key: await readFile(CERTIFICATE_KEY_FILE),
})
const provider = wso2OpenBanking({ tokenEndpoint: TOKEN_ENDPOINT, registrationEndpoint: REGISTRATION_ENDPOINT })
const connection = { provider, tls: { certificate } }

const registration = await registerClient({
  ...connection,
  softwareStatement: SOFTWARE_STATEMENT,
  signed: { signer: signer(signing), issuer: SOFTWARE_ID },
  metadata: {
    redirect_uris: [REDIRECT_URI],
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    response_types: ['code id_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'PS256',
    id_token_signed_response_alg: 'PS256',
    request_object_signing_alg: 'PS256',
    scope: 'openid accounts',
  },
})
console.log('Registered, as', registration) // shows no secret

const { clientId, metadata } = registration // keep these
const client = createClient({ ...connection, clientId, auth: privateKeyJwt(signing), metadata })
await using tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })

// a bank with a registration access token needs no accessToken here
const accessToken = async () => (await tokens.getTokenSet()).accessToken
const read = await readRegistration({ ...connection, registration, accessToken })
console.log('The bank knows the redirect URIs', read.metadata.redirect_uris)
