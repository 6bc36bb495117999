/** The login at the bank, as an app has it: `grantkit()`, guarded routes, one HTTP client. */
import { randomBytes } from 'node:crypto'
import type { Client, GrantKitEvent } from '@grantkit/core'
import { type GrantKitMiddleware, grantkit, requireLogin, type User, userOf } from '@grantkit/express'
import { fapiHeaders } from '@grantkit/provider-wso2-open-banking'
import type { Sandbox } from '@grantkit/sandbox'
import { fetchWithTokens } from '@grantkit/undici'
import { type RequestHandler, type Response, Router } from 'express'
import { fetch } from 'undici'
import { bankClient, requestSigner } from './bank-client.js'
import { type Consents, createConsents } from './consents.js'

/** What the app mounts, in this order. */
export interface Bank {
  /** The login's own routes, and the user on every request. */
  readonly login: RequestHandler
  /** What the page asks for. */
  readonly routes: Router
  close(): Promise<void>
}

export interface BankOptions {
  /** Of the app, as browsers see it. */
  readonly origin: string
  /** How long access tokens live. */
  readonly lifetimeMs: number
  readonly onEvent: (event: GrantKitEvent) => void
  /** Tells of what the bank's customer, or the bank, has done without the app. */
  readonly tell: (text: string) => void
}

export function createBank(sandbox: Sandbox, { origin, onEvent, ...options }: BankOptions): Bank {
  const client = bankClient(sandbox, onEvent)
  const consents = createConsents(client, sandbox.wso2ApiManager.consentsUrl)
  const parts = { sandbox, client, consents, ...options }
  const login = createLogin(parts, origin)
  return {
    login,
    routes: createRoutes(parts),
    async close() {
      await login.close()
      await consents.close()
      await client.close()
    },
  }
}

interface Parts extends Pick<BankOptions, 'lifetimeMs' | 'tell'> {
  readonly sandbox: Sandbox
  readonly client: Client
  readonly consents: Consents
}

/** Registers the redirect URI of this app, which has a port of its own, and the page that a logout comes back to. */
function createLogin({ sandbox, client, consents }: Parts, origin: string): GrantKitMiddleware {
  const requestObject = { signer: requestSigner(sandbox) }
  const { redirectUris, settings } = sandbox.wso2IdentityServer
  const [redirectUri, page] = [`${origin}/bank/callback`, `${origin}/bank`]
  redirectUris.push(redirectUri, page)
  settings.singleSignOn = true
  return grantkit({
    client,
    redirectUri,
    keys: [{ id: 'demo', key: randomBytes(32) }],
    authorization: async () => ({
      scope: 'openid accounts',
      responseType: 'code id_token',
      requestObject,
      pushed: true,
      openbankingIntentId: await consents.ask(),
    }),
    onLogin: ({ claims, expectedClaims: { openbanking_intent_id: consentId = '' } }) => ({
      sub: claims?.sub ?? '',
      consentId,
    }),
    logout: { redirectTo: '/bank', atServer: true, postLogoutRedirectUri: page },
  })
}

function createRoutes(parts: Parts): Router {
  const { consents, tell } = parts
  const { wso2IdentityServer: server } = parts.sandbox
  const routes = Router()
  routes.get('/session', ({ grantkit: { user } }, response) => {
    response.json({ user: user === undefined ? null : { subject: user.claims.sub, consentId: consentOf(user) } })
  })
  routes.use(requireLogin())
  routes.get('/accounts', (request, response) => showAccounts(parts, userOf(request), response))
  routes.post('/expire', async (request, response) => {
    const { accessToken } = await userOf(request).tokenSource.getTokenSet()
    server.revoke(accessToken)
    tell('ended the customer’s access token; the client has not been told')
    response.json({ ended: true })
  })
  routes.post('/withdraw', (request, response) => {
    server.endConsent(consentOf(userOf(request)))
    tell('ended the consent, as its customer wished; the client has not been told')
    response.json({ ended: true })
  })
  routes.delete('/consent', async (request, response) => {
    await consents.remove(consentOf(userOf(request)))
    response.json({ ended: true })
  })
  return routes
}

/** With how long the token that was used is good for. */
async function showAccounts({ sandbox, client, lifetimeMs }: Parts, user: User, response: Response): Promise<void> {
  const { apiOrigin, apiUrl } = sandbox.wso2IdentityServer
  const api = fetchWithTokens(fetch, user.tokenSource, { origins: [apiOrigin], tls: client.tls })
  const answer = await api(apiUrl, { headers: fapiHeaders({ authenticatedAt: user.loggedInAt }) })
  if (!answer.ok) return void response.status(502).json({ error: `the bank answered ${answer.status}` })
  const { Data } = (await answer.json()) as { Data: { Account: readonly object[] } }
  const { expiresAt = sandbox.now() } = await user.tokenSource.getTokenSet()
  response.json({ accounts: Data.Account, leftMs: Math.max(0, expiresAt - sandbox.now()), lifetimeMs })
}

function consentOf({ claims }: User): string {
  return String(claims.consentId)
}
