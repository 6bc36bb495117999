/** The API through axios. */
import { attachTokenSource } from '@grantkit/axios'
import axios from 'axios'
import type { Attach } from './http-client.js'

export const attachAxios: Attach = ({ server, client, tokens }) => {
  const api = axios.create({ validateStatus: () => true })
  const detach = attachTokenSource(api, tokens, { origins: [server.apiOrigin], tls: client.tls })
  return { name: 'axios', call: url => api.get(url), close: async () => detach() }
}
