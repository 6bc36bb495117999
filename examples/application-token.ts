/** An application's token on every request of an axios instance. */
const {
  BASE_URL = 'https://openapi.test.udara360.io',
  CLIENT_ID = '',
  CLIENT_SECRET = '',
  API_PATH = '/',
} = process.env

import { attachTokenSource } from '@grantkit/axios'
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { coreBanking } from '@grantkit/provider-core-banking'
import axios from 'axios'

const client = createClient({
  provider: coreBanking({ baseUrl: BASE_URL }),
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
})
const tokens = createTokenSource({ client, grant: clientCredentials() })

const api = axios.create({ baseURL: BASE_URL })
attachTokenSource(api, tokens)

const { status } = await api.get(API_PATH)
console.log(`The API answered ${status}`)
