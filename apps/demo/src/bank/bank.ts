/** The login at the bank, as an app has it: `grantkit()`, guarded routes, one HTTP client. */
import { randomBytes } from 'node:crypto'
import type { GrantKitEvent } from '@grantkit/core'
import { grantkit, requireLogin, type User } from '@grantkit/express'
import { fapiHeaders } from '@grantkit/provider-wso2-open-banking'
import type { Sandbox } from '@grantkit/sandbox'
import { fetchWithTokens } from '@grantkit/undici'
import { type Request, type RequestHandler, Router } from 'express'
import { fetch } from 'undici'
import { bankClient, requestSigner } from './bank-client.js'
import { createConsents } from './consents.js'

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

/** Registers the redirect URI of this app, which has a port of its own, and the page that a logout comes back to. */
export function createBank(sandbox: Sandbox, { origin, lifetimeMs, onEvent, tell }: BankOptions): Bank {
  const client = bankClient(sandbox, onEvent)
  const consents = createConsents(client, sandbox.wso2ApiManager.consentsUrl)
  const requestObject = { signer: requestSigner(sandbox) }
  const { wso2IdentityServer: server } = sandbox
  const [redirectUri, page] = [`${origin}/bank/callback`, `${origin}/bank`]
  server.redirectUris.push(redirectUri, page)
  server.settings.singleSignOn = true

  const login = grantkit({
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

  const api = (user: User) => fetchWithTokens(fetch, user.tokenSource, { origins: [server.apiOrigin], tls: client.tls })

  /** By the clock of this machine: how long the token that is held is good for. */
  async function leftMsOf({ tokenSource }: User): Promise<number> {
    const { expiresAt = sandbox.now() } = await tokenSource.getTokenSet()
    return Math.max(0, expiresAt - sandbox.now())
  }

  const routes = Router()
  routes.get('/session', ({ grantkit: { user } }, response) => {
    response.json({ user: user === undefined ? null : { subject: user.claims.sub, consentId: consentOf(user) } })
  })
  routes.use(requireLogin())
  routes.get('/accounts', async (request, response) => {
    const user = userOf(request)
    const answer = await api(user)(server.apiUrl, { headers: fapiHeaders({ authenticatedAt: user.loggedInAt }) })
    if (!answer.ok) return void response.status(502).json({ error: `the bank answered ${answer.status}` })
    const { Data } = (await answer.json()) as { Data: { Account: readonly object[] } }
    response.json({ accounts: Data.Account, leftMs: await leftMsOf(user), lifetimeMs })
  })
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
  return {
    login,
    routes,
    async close() {
      await login.close()
      await consents.close()
      await client.close()
    },
  }
}

/** Behind `requireLogin()` there is one. */
function userOf({ grantkit: { user } }: Request): User {
  return user as User
}

function consentOf({ claims }: User): string {
  return String(claims.consentId)
}
