/** The API through undici. */
import { tokenInterceptor } from '@grantkit/undici'
import { Agent, request } from 'undici'
import type { Attach } from './http-client.js'

export const attachUndici: Attach = ({ server, client, tokens }) => {
  const agent = new Agent()
  const dispatcher = agent.compose(tokenInterceptor(tokens, { origins: [server.apiOrigin], tls: client.tls }))
  return {
    name: 'undici',
    async call(url) {
      const { statusCode, body } = await request(url, { dispatcher })
      await body.dump()
      return { status: statusCode }
    },
    close: () => agent.close(),
  }
}
