/** A login on a device without a browser: the user types a code elsewhere, the program waits (RFC 8628). */
const { ISSUER = '', CLIENT_ID = '', KID = '', SIGNING_KEY_FILE = '', API_URL = '' } = process.env

import { readFile } from 'node:fs/promises'
import {
  createClient,
  createUserTokenSources,
  defineProvider,
  deviceCode,
  discoverMetadata,
  isGrantKitError,
  privateKeyJwt,
  requestDeviceAuthorization,
} from '@grantkit/core'

const client = createClient({
  provider: defineProvider({ name: 'login', metadata: await discoverMetadata({ issuer: ISSUER }) }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt({ key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID }),
})
await using users = createUserTokenSources({ client, origins: [new URL(API_URL).origin] })
const user = users.for('whoever holds this device')

const authorization = await requestDeviceAuthorization(client, { scope: 'openid accounts' })
console.log(`Go to ${authorization.verificationUri} and type ${authorization.userCode}`)

try {
  await user.redeem(deviceCode(authorization, { signal: AbortSignal.timeout(300_000) }))
} catch (error) {
  if (!isGrantKitError(error) || error.code !== 'ERR_LOGIN_REQUIRED') throw error
  console.log('Nobody came in time; start again')
  process.exit(1)
}

const { status } = await fetch(API_URL, { headers: await user.headersFor('GET', API_URL) })
console.log(`The API answered ${status}`)
