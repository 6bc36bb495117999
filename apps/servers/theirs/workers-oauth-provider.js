/** @cloudflare/workers-oauth-provider outside of Cloudflare, with a map for its KV namespace and the API as its README has it. */
import { register } from 'node:module'
import { browser } from './browser.js'
import { listening } from './listening.js'

// what `cloudflare:workers` exports there, as far as it is used
const workers =
  'data:text/javascript,export class WorkerEntrypoint { constructor(ctx, env) { this.ctx = ctx; this.env = env } }'
const hook = `export const resolve = (name, context, next) =>
  name === 'cloudflare:workers' ? { url: ${JSON.stringify(workers)}, shortCircuit: true } : next(name, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
const { OAuthProvider } = await import('@cloudflare/workers-oauth-provider')

const redirectUri = 'http://127.0.0.1/callback'

export const name = '@cloudflare/workers-oauth-provider'

/** @type {import('../src/server.js').ServerFile['start']} */
export async function start() {
  const server = await listening('/oauth/token')
  const env = { OAUTH_KV: keyValues() }
  const provider = new OAuthProvider({
    apiRoute: `${server.url}/api`,
    apiHandler: { fetch: (_request, _env, { props }) => Response.json(props) },
    defaultHandler: { fetch: authorize },
    authorizeEndpoint: `${server.url}/authorize`,
    tokenEndpoint: `${server.url}/oauth/token`,
    scopesSupported: ['read'],
    // left out, it writes each refusal to the console
    onError() {},
    resourceMetadata: { resource: `${server.url}/api`, authorization_servers: [server.url] },
  })
  const context = { waitUntil() {}, passThroughOnException() {} }
  server.handle(throughFetch(request => provider.fetch(request, env, { ...context }), server.url))
  // its helpers come with a request alone
  await fetch(`${server.url}/`)
  const { clientId, clientSecret } = await env.OAUTH_PROVIDER.createClient({
    redirectUris: [redirectUri],
    clientName: 'app',
    tokenEndpointAuthMethod: 'client_secret_basic',
  })
  const endAll = prefix => async () => {
    for (const key of env.OAUTH_KV.keys()) if (key.startsWith(prefix)) env.OAUTH_KV.remove(key)
  }
  return {
    clientId,
    clientSecret,
    redirectUri,
    issuer: server.url,
    wellKnown: 'oauth-authorization-server',
    tokenEndpoint: `${server.url}/oauth/token`,
    scope: 'read',
    apiUrl: `${server.url}/api`,
    logIn: (subject, parameters) => {
      const query = new URLSearchParams({ ...parameters, user: subject })
      return browser().logIn(`${server.url}/authorize?${query}`, redirectUri)
    },
    endAccessToken: token => endAll(`token:${token.split(':').slice(0, 2).join(':')}`)(),
    endRefreshToken: token => endAll(`grant:${token.split(':').slice(0, 2).join(':')}`)(),
    tokenRequests: server.tokenRequests,
    stop: server.stop,
  }
}

/** The page its user writes: whoever comes is logged in as the subject in the URL. */
async function authorize(request, env) {
  const url = new URL(request.url)
  if (url.pathname !== '/authorize') return new Response(null, { status: 404 })
  const authRequest = await env.OAUTH_PROVIDER.parseAuthRequest(request)
  const userId = url.searchParams.get('user')
  const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
    request: authRequest,
    userId,
    metadata: {},
    scope: authRequest.scope,
    props: { sub: userId },
  })
  return Response.redirect(redirectTo, 302)
}

/** A handler of Node's http server out of one of fetch. */
function throughFetch(handle, base) {
  return async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = chunks.length === 0 ? undefined : Buffer.concat(chunks)
    const { method, headers, url } = request
    const answer = await handle(new Request(new URL(url, base), { method, headers, body }))
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
  }
}

/** Cloudflare's KV, as far as it is used; the real one is only eventually consistent. */
function keyValues() {
  const values = new Map()
  return {
    keys: () => [...values.keys()],
    remove: key => values.delete(key),
    get: async (key, options) => {
      const value = values.get(key) ?? null
      return value !== null && (options?.type ?? options) === 'json' ? JSON.parse(value) : value
    },
    put: async (key, value) => void values.set(key, value),
    delete: async key => void values.delete(key),
    list: async ({ prefix = '' } = {}) => {
      const keys = [...values.keys()].filter(key => key.startsWith(prefix)).map(name => ({ name }))
      return { keys, list_complete: true }
    },
  }
}
