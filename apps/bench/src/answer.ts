/**
 * What the local server's process runs: a token for every POST, a few bytes of JSON for all else, a 401 for tokens that
 * say they are rejected; kept alive.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accessToken, rejectedToken } from './access-token.js'

const answers = {
  token: JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: 3600 }),
  resource: JSON.stringify({ balance: 12.5 }),
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const body = request.method === 'POST' ? answers.token : answers.resource
  const isRejected = request.headers.authorization?.startsWith(`Bearer ${rejectedToken}`)
  request.resume().on('end', () => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    if (isRejected)
      response.writeHead(401, { ...headers, 'www-authenticate': 'Bearer error="invalid_token"' }).end(body)
    else response.writeHead(200, headers).end(body)
  })
})

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
