/** An http server on loopback whose handler comes later, since an issuer has to know its port; it counts token requests. */
import { createServer } from 'node:http'

/** @param {string} tokenPath */
export async function listening(tokenPath) {
  let handler = (_request, response) => response.writeHead(503).end()
  let tokenRequests = 0
  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url.split('?')[0] === tokenPath) tokenRequests++
    return handler(request, response)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    handle(listener) {
      handler = listener
    },
    tokenRequests: () => tokenRequests,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
