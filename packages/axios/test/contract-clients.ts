/** axios as the HTTP client contract sees it, by either adapter. */
import { Readable } from 'node:stream'
import type { ClientBody, ClientRequest, ClientResponse, HttpClientOptions, HttpClientSetup } from '@grantkit/testing'
import newest, {
  type AxiosError,
  type AxiosInstance,
  type AxiosProxyConfig,
  type AxiosRequestConfig,
  type AxiosResponse,
  type AxiosStatic,
} from 'axios'
import { setupCache } from 'axios-cache-interceptor'
import lowest from 'axios-lowest'
import axiosRetry from 'axios-retry'
import { attachTokenSource } from '../src/index.js'

type CacheableInstance = Parameters<typeof setupCache>[0]

const noCertificate = 'fetch takes neither a client certificate nor a CA'

const cannot = {
  'takes nothing of ours from https to http on the same host': noCertificate,
  'takes nothing of ours to another origin through a proxy, nor to the proxy itself': 'fetch takes no proxy',
  'calls the API with the client certificate and the CA of `tls`': noCertificate,
  'presents a certificate that was replaced from the next request on': noCertificate,
  "presents the client certificate beside a caller's own Authorization": noCertificate,
  'presents the client certificate again where a request is sent once more': noCertificate,
  'presents no client certificate to another https server by a redirect': noCertificate,
  'presents no client certificate to another https server by passing a request through': noCertificate,
}

export const contractClients: Readonly<Record<string, HttpClientSetup>> = {
  'axios, http adapter': { create: createBy(newest, 'http') },
  'axios, fetch adapter': { create: createBy(newest, 'fetch'), cannot },
  'axios 1.7.0, http adapter': { create: createBy(lowest as unknown as AxiosStatic, 'http') },
  'axios 1.7.0, fetch adapter': { create: createBy(lowest as unknown as AxiosStatic, 'fetch'), cannot },
}

function createBy(axios: AxiosStatic, adapter: 'http' | 'fetch'): HttpClientSetup['create'] {
  return (attachments, options) => {
    const instance = axios.create({ adapter, ...configOf(options) })
    const { retries = 0, cache } = options
    // requests pass interceptors in reverse order
    if (cache === 'beneath') setupCache(instance as unknown as CacheableInstance)
    axiosRetry(instance, { retries, retryDelay: () => 0, retryCondition: ({ response }) => response?.status === 503 })
    for (const { source, ...rest } of attachments)
      attachTokenSource<AxiosRequestConfig>(
        instance,
        typeof source === 'function' ? ({ headers }) => source({ header: name => read(headers, name) }) : source,
        rest,
      )
    if (cache === 'above') setupCache(instance as unknown as CacheableInstance)
    return { send: request => send(instance, request) }
  }
}

function configOf({ baseUrl, followRedirects = true, proxy }: HttpClientOptions): AxiosRequestConfig {
  return {
    ...(baseUrl && { baseURL: baseUrl }),
    ...(!followRedirects && { maxRedirects: 0 }),
    proxy: proxy === undefined ? false : proxyConfig(new URL(proxy)),
  }
}

function proxyConfig({ hostname, port }: URL): AxiosProxyConfig {
  return { protocol: 'http', host: hostname, port: Number(port) }
}

function read(headers: AxiosRequestConfig['headers'], name: string): string | undefined {
  const value = (headers as { get(name: string): unknown }).get(name)
  return value === undefined || value === null ? undefined : String(value)
}

/** Otherwise axios sends a FormData by fetch with the type of another form, or without its boundary. */
const leftToFetch = { 'Content-Type': false }

async function send(instance: AxiosInstance, request: ClientRequest): Promise<ClientResponse> {
  const { method = 'GET', url, headers = {}, body, signal, timeoutMs } = request
  const sent = instance.request<string>({
    method,
    url,
    headers: { ...headers, ...(body instanceof FormData && instance.defaults.adapter === 'fetch' && leftToFetch) },
    data: dataOf(body),
    responseType: 'text',
    transitional: { silentJSONParsing: true, forcedJSONParsing: false },
    ...(signal && { signal }),
    ...(timeoutMs && { timeout: timeoutMs }),
  })
  const response = await sent.catch(answerIn)
  const names = Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)])
  return { status: response.status, headers: Object.fromEntries(names), body: response.data }
}

/** To axios a status may be an error; here an answer is one, unless it was cut off. */
function answerIn(error: AxiosError<string>): AxiosResponse<string> {
  if (error.response === undefined || !error.message.startsWith('Request failed with status code')) throw error
  return error.response
}

function dataOf(body: ClientBody | undefined): unknown {
  if (typeof body !== 'object') return body
  if ('json' in body) return body.json
  return 'stream' in body && !(body instanceof Uint8Array) ? Readable.from(body.stream) : body
}
