/** A whole authorization server and API in one screen: all that a provider contract needs of a server. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Clock } from '@grantkit/core'
import type { RequestReceived, SpoiltAnswer, SystemUnderTest } from '../src/index.js'

export interface TinyServer extends SystemUnderTest, AsyncDisposable {
  readonly tokenEndpoint: string
  /** A code, as if a user had logged in. */
  approve(): string
}

/** `id` and `good-secret` get tokens of an hour, by Basic header or body, where the secret may be called `appSecret`; a code gets a refresh token too. */
export async function startTinyServer(clock: Clock): Promise<TinyServer> {
  const requests: RequestReceived[] = []
  const faults: SpoiltAnswer[] = []
  const endOf = new Map<string, number>()
  const issue = () => {
    const token = randomUUID()
    endOf.set(token, clock.now() + 3_600_000)
    return token
  }
  const server = createServer(async (message, response) => {
    const { pathname, search } = new URL(message.url ?? '/', 'http://localhost')
    const headers = message.headers as Record<string, string>
    const parameters = Object.fromEntries(new URLSearchParams(await text(message)))
    const kind = pathname === '/token' ? 'token' : 'api'
    requests.push({ kind, headers, parameters, query: search.slice(1) })
    if (kind === 'api') return answer(response, isAlive(headers.authorization?.slice('Bearer '.length)) ? 200 : 401, {})
    const fault = faults.shift()
    if (fault) return response.writeHead(fault.status, fault.headers).end(fault.body)
    if (!isClient(headers.authorization, parameters)) return answer(response, 401, { error: 'invalid_client' })
    const spent = parameters.refresh_token ?? parameters.code
    if (spent !== undefined && !isAlive(spent)) return answer(response, 400, { error: 'invalid_grant' })
    const refresh = spent === undefined ? {} : { refresh_token: refreshToken() }
    answer(response, 200, { access_token: issue(), token_type: 'Bearer', expires_in: 3600, ...refresh })
  })
  const isAlive = (token = '') => (endOf.get(token) ?? 0) > clock.now()
  const refreshToken = () => {
    const token = issue()
    endOf.set(token, clock.now() + 86_400_000)
    return token
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    tokenEndpoint: `${origin}/token`,
    apiUrl: `${origin}/api`,
    requests,
    approve: issue,
    fail: fault => faults.push(fault),
    revoke: token => endOf.delete(token),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function isClient(authorization = '', parameters: Record<string, string>): boolean {
  const basic = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString()
  const { client_secret: secret = parameters.appSecret } = parameters
  return basic === 'id:good-secret' || secret === 'good-secret'
}

function answer(response: ServerResponse, status: number, body: object): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer error="invalid_token"' } : {}
  response.writeHead(status, { 'content-type': 'application/json', ...challenge }).end(JSON.stringify(body))
}
