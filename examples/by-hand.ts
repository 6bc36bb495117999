/** What one writes without GrantKit: the calls of application-token.ts, their token kept by hand. For comparison only. */
const { BASE_URL = '', CLIENT_ID = '', CLIENT_SECRET = '', API_PATH = '/' } = process.env
const TOKEN_URL = `${BASE_URL}/api/auth/v1/authenticate`

import axios from 'axios'

let held: { token: string; endsAt: number } | undefined
let renewal: Promise<string> | undefined

async function renew() {
  const credentials = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }
  const { data } = await axios.post(TOKEN_URL, credentials)
  held = { token: data.accessToken, endsAt: Date.now() + data.tokenValiditySec * 1000 }
  return held.token
}

async function accessToken() {
  if (held && Date.now() < held.endsAt - 60_000) return held.token
  renewal ??= renew().finally(() => {
    renewal = undefined
  })
  return renewal
}

export const api = axios.create({ baseURL: BASE_URL })
api.interceptors.request.use(async config => {
  config.headers.set('Authorization', `Bearer ${await accessToken()}`)
  return config
})
api.interceptors.response.use(undefined, async error => {
  if (error.response?.status !== 401 || error.config.sentAgain) throw error
  held = undefined
  return api({ ...error.config, sentAgain: true })
})

const { status } = await api.get(API_PATH)
console.log(`The API answered ${status}`)
