/** An app with a login, on a real port, behind a reverse proxy that ends TLS; and the sandbox's OpenID Provider. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type AuthorizationServerMetadata,
  type Client,
  type ClientOptions,
  createClient,
  defineProvider,
  discoverMetadata,
  type Provider,
} from '@grantkit/core'
import type { Openid, Sandbox } from '@grantkit/sandbox'
import express5 from 'express'
import express4 from 'express-4'
import { Agent } from 'undici'
import { expect } from 'vitest'
import {
  type ErrorMiddleware,
  type GrantKitMiddleware,
  type GrantKitOptions,
  grantkit,
  requireLogin,
} from '../src/index.js'
import { Browser, type Net } from './browser.js'

export const versions = [
  ['Express 4', express4 as unknown as typeof express5],
  ['Express 5', express5],
] as const

/** Where browsers find the app. */
export const origin = 'https://app.example'
export const redirectUri = `${origin}/callback`
export const key = { id: 'one', key: randomBytes(32) }

/** What the sandbox's OpenID Provider does not say of itself. */
export interface ServerFacts {
  readonly metadata?: Partial<AuthorizationServerMetadata>
  readonly conform?: Provider['conform']
}

/** A client of the sandbox's OpenID Provider, by discovery. */
export async function clientOf(
  sandbox: Sandbox,
  options: Partial<ClientOptions> = {},
  { metadata, conform = {} }: ServerFacts = {},
): Promise<Client> {
  const { openid } = sandbox
  const { ca, ...tls } = { ca: sandbox.ca, ...options.tls }
  const discovered = await discoverMetadata({ issuer: openid.issuer, tls: { ca } })
  return createClient({
    provider: defineProvider({ name: 'openid', metadata: { ...discovered, ...metadata }, conform }),
    clientId: openid.clientId,
    ...(options.auth === undefined && { clientSecret: openid.clientSecret }),
    clock: sandbox,
    metadata: metadataOf(openid),
    ...options,
    tls: { ca, ...tls },
  })
}

function metadataOf({ settings }: Openid): ClientOptions['metadata'] {
  return {
    id_token_signed_response_alg: settings.idTokenSignedResponseAlg,
    authorization_signed_response_alg: settings.authorizationSignedResponseAlg,
  }
}

/** A running app. */
export interface App extends AsyncDisposable {
  /** Where it listens, behind the proxy. */
  readonly address: string
  /** What was handed to the error handlers. */
  readonly errors: (Error & { readonly code?: string; readonly check?: string; readonly kind?: string })[]
  readonly middleware: GrantKitMiddleware
  /** How browsers get there. */
  readonly net: Net
  /** A new browser. */
  browser(): Browser
}

/** What differs from an app with one `grantkit()`. */
export interface AppOptions extends Partial<Omit<GrantKitOptions, 'client'>> {
  readonly client: Client
  /** Has its say before `grantkit()`, or mounts it elsewhere. */
  readonly mount?: (app: express5.Express, middleware: GrantKitMiddleware) => unknown
  /** Answers errors. Default: by their codes alone. */
  readonly last?: ErrorMiddleware
  /** Listens already. Default: a new one. */
  readonly server?: Server
}

/** Starts one: `/me` shows who is logged in, errors are answered by their codes. */
export async function startApp(
  express: typeof express5,
  { mount = (app, middleware) => app.use(middleware), last, server = createServer(), ...options }: AppOptions,
): Promise<App> {
  const errors: App['errors'] = []
  const middleware = grantkit({ redirectUri, keys: [key], authorization: { scope: 'openid accounts' }, ...options })
  const app = express()
  mount(app, middleware)
  app.get(['/', '/me', '/accounts'], ({ grantkit }, response) => {
    response.json({ sub: grantkit.user?.claims.sub ?? null })
  })
  app.get('/secret', requireLogin(), (_request, response) => response.json('secret'))
  if (last !== undefined) app.use(last)
  app.use(((error, _request, response, _next) => {
    errors.push(error)
    response.status(500).json({ error: error.code, check: error.check })
  }) as express5.ErrorRequestHandler)
  server.on('request', app)
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  const net = { dispatcher, behind: { [origin]: address } }
  return {
    address,
    errors,
    middleware,
    net,
    browser: () => new Browser(net),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await middleware.close()
      await dispatcher.destroy()
    },
  }
}

/** One of Express 5, with a client of the sandbox's server. */
export async function startAppOf(sandbox: Sandbox, options: Partial<AppOptions> = {}): Promise<App> {
  return startApp(express5, { client: await clientOf(sandbox), ...options })
}

/** What `/me` shows of the sandbox's user, and of nobody. */
export const alice = '{"sub":"alice"}'
export const nobody = '{"sub":null}'

/** Logs the sandbox's user in. */
export async function logIn(app: App, browser = app.browser()): Promise<Browser> {
  const page = await browser.open(`${origin}/login?returnTo=/me`)
  expect([page.text, app.errors]).toEqual([alice, []])
  return browser
}
