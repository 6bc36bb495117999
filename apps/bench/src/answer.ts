/** What the local server's process runs: a token for every POST, a few bytes of JSON for all else, kept alive. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accessToken } from './access-token.js'

const answers = {
  token: JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: 3600 }),
  resource: JSON.stringify({ balance: 12.5 }),
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const body = request.method === 'POST' ? answers.token : answers.resource
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
})

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
