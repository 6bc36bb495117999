/** What stands before an app: a reverse proxy that gives requests to its instances in turn, and may end TLS. */
import { request as ask, createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A running one. */
export interface Balancer extends AsyncDisposable {
  readonly origin: string
  /** Where requests go, in turn; may be changed at any time. */
  instances: readonly string[]
}

/** @param tls certificate and key, where the browser is to speak TLS with it */
export async function startBalancer(tls?: { readonly cert: string; readonly key: string }): Promise<Balancer> {
  let turn = 0
  const balancer = { instances: [] as readonly string[] }
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    const { instances } = balancer
    passOn(String(instances[turn++ % instances.length]), tls !== undefined, request, response)
  }
  const server = tls === undefined ? createPlainServer(forward) : createTlsServer(tls, forward)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(balancer, {
    origin: `${tls === undefined ? 'http://localhost' : 'https://app.test'}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  })
}

/** As nginx does by default: the instance sees its own address in Host, and the rest in headers that anybody may send. */
function passOn(instance: string, isSecure: boolean, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '/', headers } = request
  const { host, port } = new URL(instance)
  const forwarded = {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': isSecure ? 'https' : 'http',
    'x-forwarded-host': headers.host,
  }
  const upstream = ask({ host: '127.0.0.1', port, method, path: url, headers: { ...headers, ...forwarded, host } })
  upstream.on('response', answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => upstream.destroy())
  request.pipe(upstream)
}
