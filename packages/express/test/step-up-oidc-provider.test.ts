/** Step-ups of an app at an authorization server we did not write: oidc-provider, on loopback. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createClient, defineProvider, discoverMetadata } from '@grantkit/core'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startOidcServer } from '../../core/test/oidc-server.js'
import { requireLogin, requireScope, tokenErrors } from '../src/index.js'
import { origin, redirectUri, startApp, versions } from './app.js'

const strong = 'urn:bank:sca'
const clientSecret = 'a secret of 32 bytes or more, at least'

/** What the user is ready for. */
const user = { grants: 'openid offline_access accounts payments', canAuthenticateBy: [strong] }
let interactions = 0
beforeEach(() => {
  Object.assign(user, { grants: 'openid offline_access accounts payments', canAuthenticateBy: [strong] })
  interactions = 0
})

const { oidc, issuer, stop } = await startOidcServer(
  {
    clients: [{ client_id: 'app', client_secret: clientSecret, redirect_uris: [redirectUri] }],
    scopes: ['openid', 'offline_access', 'accounts', 'payments'],
    claims: { openid: ['sub'], acr: null, auth_time: null },
    acrValues: [strong, 'urn:bank:password'],
    features: { claimsParameter: { enabled: true } },
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
    interactions: { url: () => '/interaction' },
    pkce: { required: () => true },
  },
  server => server.use(({ path, req, res }, next) => (path.startsWith('/interaction') ? decide(req, res) : next())),
)
afterAll(stop)

/** Authenticates as strongly as is asked for, and agrees to what it is ready for. */
async function decide(request: IncomingMessage, response: ServerResponse): Promise<void> {
  interactions++
  const { params } = await oidc.interactionDetails(request, response)
  const acr = JSON.parse(String(params.claims ?? '{}')).id_token?.acr?.value
  const once = { mergeWithLastSubmission: false }
  if (acr !== undefined && !user.canAuthenticateBy.includes(acr)) {
    const error = 'unmet_authentication_requirements'
    return oidc.interactionFinished(request, response, { error, error_description: 'no such device' }, once)
  }
  const grant = new oidc.Grant({ clientId: 'app', accountId: 'ann' })
  const asked = String(params.scope).split(' ')
  const granted = asked.filter(one => user.grants.split(' ').includes(one))
  grant.addOIDCScope(granted.join(' '))
  grant.rejectOIDCScope(asked.filter(one => !granted.includes(one)).join(' '))
  const login = { accountId: 'ann', ...(acr && { acr }), ts: Math.floor(Date.now() / 1000) }
  return oidc.interactionFinished(request, response, { login, consent: { grantId: await grant.save() } }, once)
}

describe.each(versions)('%s', (_, express) => {
  /** An app of a user who has logged in, as everybody does. */
  async function start() {
    const provider = defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })
    const metadata = { id_token_signed_response_alg: 'ES256' }
    const app = await startApp(express, {
      client: createClient({ provider, clientId: 'app', clientSecret, metadata }),
      last: tokenErrors(),
      mount(app, middleware) {
        app.use(middleware)
        app.get('/payments', requireScope('payments'), ({ grantkit }, response) => {
          response.json(grantkit.user?.scope?.split(' ').sort())
        })
        app.get('/transfer', requireLogin({ acrValues: strong }), ({ grantkit }, response) => {
          response.json(grantkit.user?.claims.acr)
        })
        app.get('/both', requireLogin({ acrValues: strong }), requireScope('payments'), (_request, response) => {
          response.json('both')
        })
      },
    })
    onTestFinished(() => app[Symbol.asyncDispose]())
    const browser = app.browser()
    expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe('{"sub":"ann"}')
    interactions = 0
    return browser
  }

  test('a further scope is consented to', async () => {
    const browser = await start()

    expect(await browser.open(`${origin}/payments`)).toMatchObject({
      status: 200,
      url: `${origin}/payments`,
      text: '["accounts","openid","payments"]',
    })
  })

  test('a scope that the user does not grant is told on a page', async () => {
    const browser = await start()
    user.grants = 'openid accounts'

    expect((await browser.open(`${origin}/payments`)).status).toBe(403)
    expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":"ann"}')
  })

  test('a stronger login is asked for, and brings its level', async () => {
    const browser = await start()

    expect(await browser.open(`${origin}/transfer`)).toMatchObject({ status: 200, text: JSON.stringify(strong) })
    expect(interactions).toBe(1)
  })

  test('a scope and a level together end in both', async () => {
    const browser = await start()

    expect(await browser.open(`${origin}/both`)).toMatchObject({ status: 200, url: `${origin}/both` })
  })

  test('a user who cannot authenticate so is told on a page, and stays logged in', async () => {
    const browser = await start()
    user.canAuthenticateBy = []

    const page = await browser.open(`${origin}/transfer`)

    expect(page.status).toBe(403)
    expect(page.text).toContain('The server says: no such device')
    expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":"ann"}')
  })
})
