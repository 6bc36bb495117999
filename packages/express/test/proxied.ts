/** An API, and an app with a proxy to it: real servers, and one browser's request at a time. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request as requestOver,
  type Server,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { clientCredentials, createClient, createTokenSource, defineProvider, type TokenSource } from '@grantkit/core'
import compression from 'compression'
import express5 from 'express'
import helmet from 'helmet'
import { type ApiProxyOptions, apiProxy, tokenErrors } from '../src/index.js'

/** A token source of a server in a function: `token-1`, `token-2` … by `refuse()` no more of them. */
export function tokensInTurn(headers: Readonly<Record<string, string>> = {}): TokenSource & { asked(): number } {
  let asked = 0
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const client = createClient({
    provider: defineProvider({ name: 'as', metadata, conform: { resourceHeaders: headers } }),
    clientId: 'app',
    clientSecret: 'not-to-be-shown',
    transport: async () => {
      const body = { access_token: `token-${++asked}`, token_type: 'Bearer', expires_in: 600 }
      return { status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify(body)) }
    },
  })
  return Object.assign(createTokenSource({ client, grant: clientCredentials() }), { asked: () => asked })
}

/** What the API has received. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** How the app is put together. */
export interface ProxiedOptions extends Partial<ApiProxyOptions> {
  readonly express?: typeof express5
  /** Below the API's own origin. Default: nothing. */
  readonly path?: string
  /** The user's, or `undefined` for nobody. */
  readonly user?: TokenSource | undefined
  /** What the app has before the proxy. */
  readonly before?: (app: express5.Express) => unknown
  /** Where the proxy is. Default `/api`. */
  readonly mount?: string
  /** Answers as the API; what it received is noted once its body is there. Default: 200 with JSON. */
  readonly api?: RequestListener
}

/** One request of a browser's. */
export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

/** What came of it. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly trailers: IncomingMessage['trailers']
  readonly body: Buffer
  readonly text: string
}

/** Both servers. */
export class Proxied implements AsyncDisposable {
  readonly received: Received[] = []
  readonly errors: (Error & { code?: string; status?: number })[] = []
  readonly #servers: Server[] = []
  readonly user = tokensInTurn()
  api = ''
  port = 0

  static async start(options: ProxiedOptions = {}): Promise<Proxied> {
    const proxied = new Proxied()
    await proxied.#start(options)
    return proxied
  }

  async #start(given: ProxiedOptions): Promise<void> {
    const { express = express5, path = '', before, mount = '/api', api = ok, ...more } = given
    const { user = this.user, ...options } = more
    const upstream = createServer((request, response) => {
      this.#note(request)
      api(request, response)
    })
    this.api = `http://127.0.0.1:${await this.#listen(upstream)}`
    const app = express()
    app.use(helmet(), compression())
    if (!('user' in given) || user !== undefined)
      app.use((request, _response, next) => {
        Object.assign(request, {
          grantkit: { user: 'user' in given && !given.user ? undefined : { tokenSource: user } },
        })
        next()
      })
    before?.(app)
    app.use(mount, apiProxy({ target: this.api + path, ...options }))
    app.use(((error, _request, _response, next) => {
      this.errors.push(error)
      next(error)
    }) as express5.ErrorRequestHandler)
    app.use(tokenErrors())
    this.port = await this.#listen(createServer(app))
  }

  #note(request: IncomingMessage): void {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request
      this.received.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() })
    })
    request.on('error', () => {})
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** The last thing that the API received. */
  get last(): Received {
    return this.received.at(-1) as Received
  }

  /** As a browser asks, with the header that a call which changes something has to have. */
  async call(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Answer> {
    const { port } = this
    const request = requestOver({ port, path, method, headers: { 'x-csrf': '1', ...headers } as never, agent: false })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = await response.toArray()
    const whole = Buffer.concat(chunks)
    const { statusCode = 0, trailers } = response
    return { status: statusCode, headers: response.headers, trailers, body: whole, text: whole.toString() }
  }

  /** Writes bytes as they are, and reads until the other side has nothing more to say. */
  async raw(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.write(Buffer.from(text, 'latin1'))
    const chunks: Buffer[] = []
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('error', () => {})
    await once(socket, 'close')
    return Buffer.concat(chunks).toString('latin1')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

const ok: RequestListener = (_request, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end('{"fine":true}')
}
