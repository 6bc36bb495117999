/** got as the HTTP client contract sees it, every version. */
import { Readable } from 'node:stream'
import type { ClientBody, ClientRequest, ClientResponse, HttpClientOptions, HttpClientSetup } from '@grantkit/testing'
import type { ExtendOptions, Got, OptionsInit, Response } from 'got'
import { HttpProxyAgent, HttpsProxyAgent } from 'hpagent'
import { tokenHooks } from '../src/index.js'
import { clients, type TestedClient } from './clients.js'

export const contractClients: Readonly<Record<string, HttpClientSetup>> = Object.fromEntries(
  clients.map(client => [client.name, { create: createBy(client) }]),
)

function createBy({ got, joinsAbsolute }: TestedClient): HttpClientSetup['create'] {
  return (attachments, options) => {
    const hooks = attachments.map(({ source, ...rest }) =>
      tokenHooks(
        typeof source === 'function' ? ({ headers }) => source({ header: name => headers[name]?.toString() }) : source,
        rest,
      ),
    )
    const instance = got.extend(configOf(options), ...hooks) as Got
    return {
      send: request =>
        send(joinsAbsolute && URL.canParse(request.url) ? instance.extend({ prefixUrl: '' }) : instance, request),
    }
  }
}

function configOf({ baseUrl, retries = 0, followRedirects = true, proxy, cache }: HttpClientOptions): ExtendOptions {
  return {
    ...(baseUrl && { prefixUrl: baseUrl }),
    // it stands between got and the request, wherever one would like it
    ...(cache && { cache: new Map() }),
    ...(proxy && { agent: { http: new HttpProxyAgent({ proxy }), https: new HttpsProxyAgent({ proxy }) } }),
    followRedirect: followRedirects,
    throwHttpErrors: false,
    retry: {
      limit: retries,
      methods: ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'],
      statusCodes: [503],
      errorCodes: [],
      calculateDelay: ({ computedValue }) => Math.sign(computedValue),
    },
  }
}

async function send(instance: Got, request: ClientRequest): Promise<ClientResponse> {
  const { method = 'GET', url, headers, body, signal, timeoutMs } = request
  const response = (await instance(relative(url), {
    method: method as 'GET',
    ...(headers && { headers: { ...headers } }),
    ...bodyOf(body),
    ...(signal && { signal }),
    ...(timeoutMs && { timeout: { request: timeoutMs } }),
  } as OptionsInit)) as Response<string>
  const names = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
  return { status: response.statusCode, headers: Object.fromEntries(names), body: response.body }
}

/** got takes no slash between `prefixUrl` and what is joined to it. */
function relative(url: string): string {
  return url.replace(/^\/(?!\/)/, '')
}

function bodyOf(body: ClientBody | undefined): OptionsInit {
  if (body === undefined) return {}
  if (body instanceof URLSearchParams) return { form: Object.fromEntries(body) }
  if (body instanceof Uint8Array) return { body: Buffer.from(body) }
  if (typeof body === 'string' || body instanceof FormData) return { body }
  return 'json' in body ? { json: body.json } : { body: Readable.from(body.stream) }
}
