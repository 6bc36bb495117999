/** The API through got. */
import { tokenHooks } from '@grantkit/got'
import got from 'got'
import type { Attach } from './http-client.js'

export const attachGot: Attach = ({ server, client, tokens }) => {
  const api = got.extend(
    { throwHttpErrors: false, retry: { limit: 0 } },
    tokenHooks(tokens, { origins: [server.apiOrigin], tls: client.tls }),
  )
  return {
    name: 'got',
    call: async url => ({ status: (await api.get(url)).statusCode }),
    close: async () => {},
  }
}
