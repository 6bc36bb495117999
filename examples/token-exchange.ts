/** A token for the next service: the one this service was called with, or holds, is exchanged for another (RFC 8693). */
const { ISSUER = '', CLIENT_ID = '', KID = '', SIGNING_KEY_FILE = '', API_URL = '' } = process.env

import { readFile } from 'node:fs/promises'
import {
  clientCredentials,
  createClient,
  createTokenSource,
  defineProvider,
  discoverMetadata,
  privateKeyJwt,
  tokenExchange,
} from '@grantkit/core'

const client = createClient({
  provider: defineProvider({ name: 'login', metadata: await discoverMetadata({ issuer: ISSUER }) }),
  clientId: CLIENT_ID,
  auth: privateKeyJwt({ key: await readFile(SIGNING_KEY_FILE), alg: 'PS256', kid: KID }),
})

// a user's token would do as well: users.for('alice')
await using held = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts payments' }) })
await using exchanged = createTokenSource({
  client,
  grant: tokenExchange({ subjectToken: held, requestedTokenType: 'access_token', scope: 'accounts' }),
  origins: [new URL(API_URL).origin],
})

const { scope, additional } = await exchanged.getTokenSet()
console.log(`Exchanged for ${additional.issued_token_type}, good for ${scope}`)

const { status } = await fetch(API_URL, { headers: await exchanged.headersFor('GET', API_URL) })
console.log(`The API answered ${status}`)
