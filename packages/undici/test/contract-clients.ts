/** undici and fetch as the HTTP client contract sees them. */
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import {
  type ClientBody,
  type ClientRequest,
  type ClientResponse,
  type HttpClientAttachment,
  type HttpClientOptions,
  type HttpClientSetup,
  httpClientContract,
} from '@grantkit/testing'
import type { Dispatcher } from 'undici'
import { fetchWithTokens, withTokens } from '../src/index.js'
import { type Copy, copies, lowest, newest } from './copies.js'

type Undici = Copy['undici']

const noRetries = 'fetch does not retry'
const noCertificate = "Node's own fetch takes neither a client certificate nor a CA"

const cannotRetry = {
  'proves each attempt of the library’s own retries anew': noRetries,
  'gives each attempt of the library’s own retries the token of its time': noRetries,
  'asks for no new token when the library retries with one that is still good': noRetries,
  'sends each attempt of the library’s own retries once more when its token is rejected': noRetries,
  'retries the answer to a request sent once more, as the library does': noRetries,
}

const cannotConnect = {
  'sends no token to a server whose certificate is not trusted': noCertificate,
  'takes nothing of ours from https to http on the same host': noCertificate,
  'takes nothing of ours to another origin through a proxy, nor to the proxy itself': "Node's own fetch takes no proxy",
  'calls the API with the client certificate and the CA of `tls`': noCertificate,
  'presents a certificate that was replaced from the next request on': noCertificate,
  "presents the client certificate beside a caller's own Authorization": noCertificate,
  'presents the client certificate again where a request is sent once more': noCertificate,
  'presents no client certificate to another https server by a redirect': noCertificate,
  'presents no client certificate to another https server by passing a request through': noCertificate,
}

/** By name, as everything a client cannot do. */
function cannotKeep({ interceptors }: Undici): Readonly<Record<string, string>> {
  if (interceptors.cache !== undefined) return {}
  const names = httpClientContract({ create: () => Promise.reject() }).filter(({ about }) => about === 'Caches')
  return Object.fromEntries(names.map(({ name }) => [name, 'undici 6 has no cache']))
}

export const contractClients: Readonly<Record<string, HttpClientSetup>> = {
  ...Object.fromEntries(
    copies.map(({ name, undici }) => [`${name}, request`, { create: requesting(undici), cannot: cannotKeep(undici) }]),
  ),
  // with tls it has to be the fetch of the installed undici
  [`${newest.name}, fetch`]: { create: fetching(newest.undici), cannot: cannotRetry },
  'the global fetch': { create: fetching(undefined), cannot: { ...cannotRetry, ...cannotConnect } },
}

function attachmentsFor<Request>(
  attachments: readonly HttpClientAttachment[],
  read: (request: Request, name: string) => string | undefined,
) {
  return attachments.map(({ source, ...rest }) => ({
    ...rest,
    source:
      typeof source === 'function' ? (request: Request) => source({ header: name => read(request, name) }) : source,
  }))
}

function requesting(undici: Undici): HttpClientSetup['create'] {
  const { Agent, ProxyAgent, interceptors } = undici
  return (attachments, { baseUrl, retries = 0, followRedirects = true, proxy, cache }) => {
    const read = ({ headers }: { headers?: object | null | undefined }, name: string) =>
      Object.entries(headers ?? {}).find(([each]) => each.toLowerCase() === name)?.[1]
    // undici 6.9 counts each failed attempt twice
    const maxRetries = undici === lowest.undici ? 2 * retries : retries
    const methods: Dispatcher.HttpMethod[] = ['GET', 'POST', 'PUT']
    const agent = proxy === undefined ? new Agent() : new ProxyAgent(proxy)
    const withinCache = withTokens<Dispatcher>(agent, attachmentsFor(attachments, read), {
      ...(cache === 'beneath' && { cache: interceptors.cache({ type: 'private' }) }),
      ...(followRedirects && { redirect: interceptors.redirect({ maxRedirections: 20 }) }),
      ...(retries > 0 && {
        retry: interceptors.retry({ maxRetries, minTimeout: 0, statusCodes: [503], methods }),
      }),
    })
    const dispatcher = cache === 'above' ? withinCache.compose(interceptors.cache()) : withinCache
    return { send: request => sendBy(undici, dispatcher, baseUrl, request), close: () => agent.destroy() }
  }
}

async function sendBy(
  { request, FormData }: Undici,
  dispatcher: Dispatcher,
  baseUrl: string | undefined,
  { method = 'GET', url, headers, body, signal, timeoutMs }: ClientRequest,
): Promise<ClientResponse> {
  const { data, type } = serialized(body, FormData)
  const answer = await request(new URL(url, baseUrl), {
    dispatcher,
    method: method as Dispatcher.HttpMethod,
    headers: { ...(type && { 'content-type': type }), ...headers },
    body: data as string,
    ...(signal && { signal }),
    ...(timeoutMs && { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }),
  })
  const names = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  // request() leaves that to its callers
  const plain = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
  return { status: answer.statusCode, headers: Object.fromEntries(names), body: plain.toString() }
}

/** undici serialises forms alone. */
function serialized(body: ClientBody | undefined, Form: Undici['FormData']): { data: unknown; type?: string } {
  if (typeof body !== 'object' || body instanceof Uint8Array) return { data: body }
  if (body instanceof URLSearchParams) return { data: String(body), type: 'application/x-www-form-urlencoded' }
  if (body instanceof FormData) return { data: formOf(body, Form) }
  if ('json' in body) return { data: JSON.stringify(body.json), type: 'application/json' }
  return { data: Readable.from(body.stream) }
}

/** undici takes forms of its own copy. */
function formOf(body: FormData, Form: Undici['FormData'] = FormData as never): object {
  const form = new Form()
  body.forEach((value, name) => {
    form.append(name, value as string)
  })
  return form
}

/** Node's own fetch without an undici. */
function fetching(undici: Undici | undefined): HttpClientSetup['create'] {
  return (attachments, { baseUrl, followRedirects = true, proxy, cache }: HttpClientOptions) => {
    const dispatcher = proxy === undefined ? undefined : new (undici as Undici).ProxyAgent(proxy)
    const plain = (undici?.fetch ?? globalThis.fetch) as Fetch
    const withinCache = fetchWithTokens(
      cache === 'beneath' ? keeping(plain) : plain,
      attachmentsFor(attachments, ({ headers }: { headers: Headers }, name) => headers.get(name) ?? undefined),
    )
    const fetch = cache === 'above' ? keeping(withinCache) : withinCache
    const init = { redirect: followRedirects ? 'follow' : 'manual', ...(dispatcher && { dispatcher }) } as const
    return {
      send: ({ body, ...request }) =>
        sendByFetch((input, more) => fetch(input, { ...init, ...more } as RequestInit), baseUrl, {
          ...request,
          body: body instanceof FormData ? (formOf(body, undici?.FormData) as FormData) : body,
        }),
      ...(dispatcher && { close: () => dispatcher.destroy() }),
    }
  }
}

type Fetch = typeof globalThis.fetch

/** Goes by URL and `Cache-Control`, as wrappers do; knows nothing of tokens. */
function keeping(fetch: Fetch): Fetch {
  const kept = new Map<string, Response>()
  return async (input, init) => {
    const mayKeep = (init as { cache?: string } | undefined)?.cache !== 'no-store'
    const found = mayKeep ? kept.get(String(input)) : undefined
    if (found !== undefined) return found.clone()
    const response = await fetch(input, init)
    const says = response.headers.get('cache-control') ?? ''
    if (mayKeep && !/no-store|private/.test(says)) kept.set(String(input), response.clone())
    return response
  }
}

async function sendByFetch(
  fetch: typeof globalThis.fetch,
  baseUrl: string | undefined,
  { method = 'GET', url, headers = {}, body, signal, timeoutMs }: ClientRequest,
): Promise<ClientResponse> {
  const isJson = typeof body === 'object' && 'json' in body
  const isStream = typeof body === 'object' && 'stream' in body && !(body instanceof Uint8Array)
  const signals = [signal ?? [], timeoutMs === undefined ? [] : AbortSignal.timeout(timeoutMs)].flat()
  const response = await fetch(new URL(url, baseUrl), {
    method,
    headers: { ...(isJson && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && !isJson && !isStream && { body: body as string }),
    ...(isJson && { body: JSON.stringify(body.json) }),
    ...(isStream && { body: ReadableStream.from(body.stream), duplex: 'half' }),
    ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
  })
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}
