/** An app as its users write it, for browsers: beside oidc-provider at 127.0.0.1, which is another site. */
import { createServer as createPlainServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createClient, defineProvider, discoverMetadata } from '@grantkit/core'
import express, { type Express } from 'express'
import { certificates } from '../../testing/src/servers/certificates.js'
import { type GrantKitOptions, grantkit, requireLogin, requireScope, tokenErrors } from '../src/index.js'
import { clientId, clientSecret, type LoginServer, type LoginServerOptions, startLoginServer } from './login-server.js'

/** What differs from an app of few words. */
export interface WebAppOptions {
  /** Whether it speaks https. Default: http, as while one writes it. */
  readonly isSecure?: boolean
  readonly options?: (origin: string) => Partial<GrantKitOptions>
  readonly server?: Partial<LoginServerOptions>
  /** Routes of its own. */
  readonly mount?: (app: Express) => unknown
}

/** A running app, and its server. */
export interface WebApp extends AsyncDisposable {
  readonly origin: string
  readonly server: LoginServer
  /** Moves the app's time on, by milliseconds. */
  advance(ms: number): void
}

/** `/` says who is there; `/accounts` wants a login, `/payments` a scope beside. */
export async function startWebApp({ isSecure = false, options, server, mount }: WebAppOptions = {}): Promise<WebApp> {
  const listener = isSecure ? createTlsServer(certificates().server) : createPlainServer()
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  // a web app's hybrid flow is not for localhost (OpenID Connect Registration §2)
  const site = isSecure ? 'https://app.test' : 'http://localhost'
  const origin = `${site}:${(listener.address() as AddressInfo).port}`
  const redirectUri = `${origin}/callback`
  const loginServer = await startLoginServer({
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [`${origin}/logged-out`],
    ...server,
  })
  let aheadMs = 0
  const client = createClient({
    provider: defineProvider({ name: 'op', metadata: await discoverMetadata({ issuer: loginServer.issuer }) }),
    clientId,
    clientSecret,
    metadata: { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' },
    clock: { now: () => Date.now() + aheadMs },
  })
  const middleware = grantkit({
    client,
    redirectUri,
    keys: [{ id: 'of-this-test', key: Buffer.alloc(32, 'key\0') }],
    authorization: { scope: 'openid accounts' },
    ...options?.(origin),
  })
  const app = express()
  app.use(middleware)
  mount?.(app)
  addPages(app)
  app.use(tokenErrors())
  listener.on('request', app)
  return {
    origin,
    server: loginServer,
    advance(ms) {
      aheadMs += ms
    },
    async [Symbol.asyncDispose]() {
      listener.closeAllConnections()
      await new Promise(resolve => listener.close(resolve))
      await middleware.close()
      await client.close()
      await loginServer[Symbol.asyncDispose]()
    },
  }
}

function addPages(app: Express): void {
  const page = (title: string, name: unknown) =>
    `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1><p id="who">${name ?? 'nobody'}</p>
<a href="/login">Log in</a><form method="post" action="/logout"><button>Log out</button></form>`
  app.get(['/', '/logged-out'], ({ grantkit }, response) => {
    response.send(page('Home', grantkit.user?.claims.sub))
  })
  app.get('/accounts', requireLogin(), ({ grantkit, query }, response) => {
    response.send(page(`Accounts ${query.of ?? ''}`, grantkit.user?.claims.sub))
  })
  app.get('/payments', requireLogin(), requireScope('payments'), ({ grantkit }, response) => {
    response.send(page('Payments', grantkit.user?.claims.sub))
  })
}
