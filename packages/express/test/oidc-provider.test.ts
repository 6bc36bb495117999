/** Logins of an app at an authorization server we did not write: oidc-provider, on loopback. */
import { generateKeyPairSync } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createClient, defineProvider, discoverMetadata, dpopKey, privateKeyJwt, signer } from '@grantkit/core'
import { afterAll, describe, expect, test } from 'vitest'
import { startOidcServer } from '../../core/test/oidc-server.js'
import { type AuthorizationOptions, tokenErrors } from '../src/index.js'
import { type AppOptions, origin, redirectUri, startApp, versions } from './app.js'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ours = { key: privateKey, alg: 'PS256', kid: 'rsa-1' } as const
const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'rsa-1', use: 'sig', alg: 'PS256' }] }

const { oidc, issuer, stop } = await startOidcServer(
  {
    clients: [
      {
        client_id: 'app',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token', 'implicit'],
        response_types: ['code', 'code id_token'],
        token_endpoint_auth_method: 'private_key_jwt',
        id_token_signed_response_alg: 'ES256',
        authorization_signed_response_alg: 'ES256',
        jwks: jwks as never,
      },
    ],
    scopes: ['openid', 'offline_access', 'accounts'],
    responseTypes: ['code', 'code id_token'],
    features: {
      claimsParameter: { enabled: true },
      dPoP: { enabled: true },
      jwtResponseModes: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
    },
    enabledJWA: { requestObjectSigningAlgValues: ['PS256'] },
    interactions: { url: () => '/interaction' },
    pkce: { required: () => true },
  },
  server => server.use(({ path, req, res }, next) => (path.startsWith('/interaction') ? decide(req, res) : next())),
)
afterAll(stop)

/** The user logs in as `ann` and agrees; with `login_hint=nobody` no is said. */
async function decide(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await oidc.interactionDetails(request, response)
  const once = { mergeWithLastSubmission: false }
  if (params.login_hint === 'nobody')
    return oidc.interactionFinished(request, response, { error: 'access_denied' }, once)
  const grant = new oidc.Grant({ clientId: String(params.client_id), accountId: 'ann' })
  grant.addOIDCScope('openid offline_access accounts')
  const result = { login: { accountId: 'ann' }, consent: { grantId: await grant.save() } }
  return oidc.interactionFinished(request, response, result, once)
}

async function clientOf(options: { dpop?: ReturnType<typeof dpopKey> } = {}) {
  const provider = defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })
  const metadata = { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' }
  return createClient({ provider, clientId: 'app', auth: privateKeyJwt(ours), metadata, ...options })
}

const hybrid = { responseType: 'code id_token' } as const
const requestObject = { signer: signer(ours) }

const ways: Record<string, AuthorizationOptions> = {
  'a code': {},
  'a code that is posted': { responseMode: 'form_post' },
  'a code in a fragment': { responseMode: 'fragment' },
  'a pushed request': { pushed: true },
  'a signed request': { requestObject },
  'a signed request that is pushed': { requestObject, pushed: true },
  'the hybrid flow': hybrid,
  'the hybrid flow, posted': { ...hybrid, responseMode: 'form_post' },
  'a signed answer': { responseMode: 'jwt' },
  'a signed answer in a fragment': { responseMode: 'fragment.jwt' },
  'a signed answer that is posted': { responseMode: 'form_post.jwt' },
  'everything signed and pushed': { ...hybrid, responseMode: 'jwt', requestObject, pushed: true },
}

async function start(express: (typeof versions)[number][1], options: Omit<Partial<AppOptions>, 'client'> = {}) {
  return startApp(express, { client: await clientOf(), last: tokenErrors(), ...options })
}

describe.each(versions)('%s', (_, express) => {
  test.each(Object.entries(ways))('logs a user in by %s', async (_name, authorization) => {
    await using app = await start(express, { authorization: { scope: 'openid accounts', ...authorization } })
    const browser = app.browser()

    const page = await browser.open(`${origin}/login?returnTo=/me`)

    expect(app.errors).toEqual([])
    expect(page).toMatchObject({ status: 200, url: `${origin}/me`, text: '{"sub":"ann"}' })
    expect(browser.cookies('app.example')).toHaveLength(1)
  })

  test('logs a user in with a DPoP key', async () => {
    const client = await clientOf({ dpop: dpopKey() })
    await using app = await startApp(express, { client })
    expect((await app.browser().open(`${origin}/login?returnTo=/me`)).text).toBe('{"sub":"ann"}')
  })

  test.each([{}, { responseMode: 'form_post' }, hybrid, { responseMode: 'jwt' }] as const)(
    'shows a page to a user who has said no: %j',
    async authorization => {
      const asked = { scope: 'openid', loginHint: 'nobody', ...authorization }
      await using app = await start(express, { authorization: asked })
      const browser = app.browser()

      const page = await browser.open(`${origin}/login?returnTo=/me`)

      expect(page.status).toBe(403)
      expect(page.url).toContain(redirectUri)
      expect(page.headers.get('content-type')).toMatch(/^text\/html/)
      expect(browser.cookies('app.example')).toEqual([])
      expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":null}')
    },
  )
})
