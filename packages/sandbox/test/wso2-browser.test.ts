/** Identity Server for a browser: without TLS, with a cookie, and logged out in the end. */
import { createPrivateKey } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2IdentityServer } from '../src/index.js'
import { signJwt } from '../src/jwt.js'
import { call, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2IdentityServer
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2IdentityServer
})
afterEach(() => sandbox.stop())

describe('without TLS', () => {
  test('a browser that trusts no CA of ours logs in, approves, and goes back with a code', async () => {
    const redirectUri = 'http://127.0.0.1:3000/callback'
    system.redirectUris.push(redirectUri)
    const browser = browserOf()

    const consentPage = await browser.logIn(await authorizationUrl({ redirect_uri: redirectUri }))
    const back = await browser.approve(consentPage)

    const [where, answer] = back.split('#')
    expect(where).toBe(redirectUri)
    const code = new URLSearchParams(answer).get('code') ?? ''
    const redeemed = await requestToken(sandbox, system, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
    })
    expect(redeemed.status).toBe(200)
  })

  test('there are the pages alone: no tokens, no pushed requests, no keys', async () => {
    const { origin } = new URL(system.plainHttp.authorizationEndpoint)

    for (const path of ['/oauth2/token', '/oauth2/par', '/oauth2/jwks', '/oauth2/userinfo', '/oauth2/revoke'])
      expect((await fetch(origin + path, { method: 'POST' })).status, path).toBe(404)
  })

  test('is on loopback, and under another site than 127.0.0.1', () => {
    for (const url of Object.values(system.plainHttp)) expect(url).toMatch(/^http:\/\/localhost:\d+\//)
  })

  test('visits by a test come by TLS all the same', async () => {
    const { url } = await system.visit(await authorizationUrl())

    expect(new URLSearchParams(new URL(url).hash.slice(1)).has('code')).toBe(true)
  })

  test('is recorded and can be made to fail like the rest', async () => {
    system.fail({ kind: 'status', status: 503 }, { on: 'authorization' })

    expect((await fetch(system.plainHttp.authorizationEndpoint)).status).toBe(503)
    expect(system.requests.at(-1)).toMatchObject({ kind: 'authorization', status: 503, fault: 'status' })
  })
})

describe('a browser that has logged in', () => {
  test('is asked for a password again, unless single sign-on is on', async () => {
    const browser = browserOf()
    await browser.logIn(await authorizationUrl())

    expect(await browser.titleAt(await authorizationUrl())).toBe('Log in')
  })

  test('is not asked again with single sign-on, where the request does not say so', async () => {
    system.settings.singleSignOn = true
    const browser = browserOf()
    await browser.logIn(await authorizationUrl())

    expect(await browser.titleAt(await authorizationUrl())).toBe('Share your account information?')
    expect(await browser.titleAt(await authorizationUrl({ prompt: 'login' }))).toBe('Log in')
    expect(await browserOf().titleAt(await authorizationUrl())).toBe('Log in')
  })
})

describe('a logout', () => {
  test('with an ID token ends the session and goes back to a registered redirect URI', async () => {
    system.settings.singleSignOn = true
    const browser = browserOf()
    const back = await browser.approve(await browser.logIn(await authorizationUrl()))
    const idToken = new URLSearchParams(new URL(back).hash.slice(1)).get('id_token') ?? ''

    const { status, location } = await browser.get(
      endSessionUrl({ id_token_hint: idToken, post_logout_redirect_uri: system.redirectUri, state: 's-2' }),
    )

    expect([status, location]).toEqual([302, `${system.redirectUri}?state=s-2`])
    expect(await browser.titleAt(await authorizationUrl())).toBe('Log in')
  })

  test.each([
    ['a redirect URI that is not registered', { post_logout_redirect_uri: 'https://evil.example/' }],
    ['an ID token of somebody else', { id_token_hint: 'e30.e30.c2ln' }],
  ])('with %s goes nowhere, and the session stays', async (_, changes) => {
    system.settings.singleSignOn = true
    const browser = browserOf()
    const back = await browser.approve(await browser.logIn(await authorizationUrl()))
    const id_token_hint = new URLSearchParams(new URL(back).hash.slice(1)).get('id_token') ?? ''

    const { status, location } = await browser.get(endSessionUrl({ id_token_hint, ...changes }))

    expect([status, location]).toEqual([400, null])
    expect(await browser.titleAt(await authorizationUrl())).toBe('Share your account information?')
  })

  test('without an ID token asks first', async () => {
    system.settings.singleSignOn = true
    const browser = browserOf()
    await browser.logIn(await authorizationUrl())

    expect(await browser.titleAt(endSessionUrl({}))).toBe('Log out?')
    expect(await browser.titleAt(await authorizationUrl())).toBe('Share your account information?')
    expect((await browser.post(endSessionUrl({}), { consent: 'approve' })).page).toContain('You are logged out')
    expect(await browser.titleAt(await authorizationUrl())).toBe('Log in')
  })

  test('is where the metadata says', async () => {
    const { json } = await call(sandbox, system, system.discoveryUrl)

    expect(json.end_session_endpoint).toBe(system.endSessionEndpoint)
  })
})

function endSessionUrl(parameters: Readonly<Record<string, string>>): string {
  return `${system.plainHttp.endSessionEndpoint}?${new URLSearchParams(parameters)}`
}

/** A request about a consent of its own. */
async function authorizationUrl(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const nbf = Math.floor(sandbox.now() / 1000)
  const intent = { openbanking_intent_id: { value: await askConsent() } }
  const asked = {
    client_id: system.clientId,
    response_type: 'code id_token',
    scope: 'openid accounts',
    redirect_uri: system.redirectUri,
    state: 's-1',
    nonce: 'n-1',
    ...changes,
  }
  const claims = {
    ...asked,
    iss: system.clientId,
    aud: system.issuer,
    nbf,
    exp: nbf + 900,
    claims: { id_token: intent },
  }
  const request = signJwt({ alg: 'PS256', kid: system.kid }, claims, createPrivateKey(system.signingKey))
  return `${system.plainHttp.authorizationEndpoint}?${new URLSearchParams({ ...asked, request })}`
}

async function askConsent(): Promise<string> {
  const { access_token: token } = (await requestToken(sandbox, system, { scope: 'accounts' })).json
  const created = await call(sandbox, system, sandbox.wso2ApiManager.consentsUrl, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ Data: { Permissions: ['ReadAccountsBasic'] }, Risk: {} }),
    certificate: system.certificate,
  })
  return created.json.Data.ConsentId
}

/** One that keeps its cookie, and knows no certificate. */
function browserOf() {
  let cookie = ''
  const send = async (url: string, form?: Readonly<Record<string, string>>) => {
    const body = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }
    const response = await fetch(url, { ...body, headers: { cookie }, redirect: 'manual' })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return { status: response.status, location: response.headers.get('location'), page: await response.text() }
  }
  const get = (url: string) => send(url)
  /** Where redirects of the bank's own lead. */
  const follow = async (url: string): Promise<string> => {
    const { location, page } = await get(url)
    return location === null ? page : follow(new URL(location, url).href)
  }
  const { origin } = new URL(system.plainHttp.authorizationEndpoint)
  const fieldOf = (page: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? ''
  return {
    get,
    post: send,
    titleAt: async (url: string) => /<title>([^<]*)/.exec(await follow(url))?.[1],
    async logIn(url: string) {
      const sessionDataKey = fieldOf(await follow(url), 'sessionDataKey')
      const form = { sessionDataKey, username: 'alice', password: 'alice-password' }
      const { location } = await send(`${origin}/commonauth`, form)
      return follow(origin + location)
    },
    async approve(page: string) {
      const accounts = fieldOf(page, 'accounts')
      const form = { sessionDataKeyConsent: fieldOf(page, 'sessionDataKeyConsent'), consent: 'approve', accounts }
      return (await send(`${origin}/oauth2/authorize`, form)).location ?? ''
    },
  }
}
