/** The API through `fetch`: undici's own, since no other takes a client certificate. */
import { fetchWithTokens } from '@grantkit/undici'
import { fetch } from 'undici'
import type { Attach } from './http-client.js'

export const attachFetch: Attach = ({ server, client, tokens }) => {
  const api = fetchWithTokens(fetch, tokens, { origins: [server.apiOrigin], tls: client.tls })
  return {
    name: 'fetch',
    async call(url) {
      const { status, body } = await api(url)
      await body?.cancel()
      return { status }
    },
    close: async () => {},
  }
}
