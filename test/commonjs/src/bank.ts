/** A bank in this process: it issues one token and serves whoever brings it, or refuses the client. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient, defineProvider } from '@grantkit/core'

const clientSecret = 'not-to-be-shown'

export async function startBank(status = 200) {
  const server = createServer((request, response) => {
    const isGranted = request.headers.authorization === 'Bearer token-1'
    const [code, body] =
      request.method === 'GET'
        ? [isGranted ? 200 : 401, { accounts: isGranted ? 2 : 0 }]
        : [status, status === 200 ? granted : { error: 'invalid_client', error_description: `unlike ${clientSecret}` }]
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = defineProvider({ name: 'bank', metadata: { issuer: origin, token_endpoint: `${origin}/token` } })
  const client = createClient({ provider, clientId: 'app', clientSecret })
  const stop = () => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  }
  return { client, origin, stop }
}

const granted = { access_token: 'token-1', token_type: 'Bearer', expires_in: 600 }
