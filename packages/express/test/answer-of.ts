/** One request to a listener of Node's, on a server of its own. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export async function answerOf(listener: RequestListener, options: RequestInit = {}, path = '/'): Promise<Response> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...options })
    return new Response(await response.arrayBuffer(), response)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
