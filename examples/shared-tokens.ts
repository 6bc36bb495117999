/** Tokens that several processes share: whoever needs one first asks for it, the others find it in the store. */
const { TOKEN_ENDPOINT = '', API_URL = '', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env
const { TOKENS_DIRECTORY = '', SEALING_KEY = '' } = process.env

import { attachTokenSource } from '@grantkit/axios'
import { clientCredentials, createClient, createTokenSource, sealedStore } from '@grantkit/core'
import { fileStore } from '@grantkit/file-store'
import { fiservCiam } from '@grantkit/provider-fiserv-ciam'
import axios from 'axios'

// redisStore(client) or postgresStore(pool) for processes on several hosts; the key: openssl rand -base64 32
const files = fileStore({ directory: TOKENS_DIRECTORY })
const store = sealedStore(files, { keys: [{ id: '2026-11', key: SEALING_KEY }] })

let asked = 0
const client = createClient({
  provider: fiservCiam({ tokenEndpoint: TOKEN_ENDPOINT }),
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  onEvent: ({ type }) => {
    if (type === 'token_requested') asked++
  },
})
const tokens = createTokenSource({ client, grant: clientCredentials(), store })

const api = axios.create()
attachTokenSource(api, tokens, { origins: [new URL(API_URL).origin] })

const { status } = await api.get(API_URL)
console.log(`The API answered ${status}; this process asked for ${asked} token${asked === 1 ? '' : 's'}`)
await store.close?.()
