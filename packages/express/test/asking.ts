/** One request to an app, with the very headers that are given: `fetch` of Node sets some of its own. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'

/** How an app is asked. */
export interface Asking {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Chromium opens a page. */
export const navigation: Asking = {
  headers: { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'sec-fetch-mode': 'navigate' },
}

/** A script on a page of the app fetches something. */
export const script: Asking = { headers: { accept: '*/*', 'sec-fetch-mode': 'cors' } }

/** What came. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export async function askWith(listener: RequestListener, { path = '/', method, headers }: Asking): Promise<Answer> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const response = await request(`http://127.0.0.1:${port}${path}`, {
      method: method ?? 'GET',
      headers: headers ?? {},
    })
    return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
