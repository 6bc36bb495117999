/** Guards, step-ups and errors of an app with a real login, at the sandbox's OpenID Provider. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LoginRequiredError, requestTokenSet, tokenExchange } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import { fetchWithTokens } from '@grantkit/undici'
import type express5 from 'express'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { requireLogin, requireScope, tokenErrors } from '../src/index.js'
import { type AppOptions, clientOf, origin, startApp, versions } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
beforeEach(() => sandbox.openid.clearRequests())
afterAll(() => sandbox.stop())

const strong = 'urn:bank:sca'
const xhr = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

/** What the server was asked for, of each login. */
function logins() {
  return sandbox.openid.requests
    .filter(({ kind }) => kind === 'authorization')
    .map(({ query }) => Object.fromEntries(new URLSearchParams(query)))
}

describe.each(versions)('%s', (_, express) => {
  /** An app with guards, of a user who has logged in. */
  async function start(options: Partial<AppOptions> = {}) {
    const app = await startApp(express, {
      client: await clientOf(sandbox),
      mount(app, middleware) {
        app.use(middleware)
        mountPages(app)
      },
      last: tokenErrors(),
      ...options,
    })
    onTestFinished(() => app[Symbol.asyncDispose]())
    const browser = app.browser()
    await browser.open(`${origin}/login?returnTo=/me`)
    sandbox.openid.clearRequests()
    return { app, browser }
  }

  test('a page that takes a further scope asks for it, beside what there was, and is shown', async () => {
    const { browser } = await start()

    const page = await browser.open(`${origin}/payments?of=2026`)

    expect(page).toMatchObject({ status: 200, url: `${origin}/payments?of=2026`, text: '"openid accounts payments"' })
    expect(logins()).toEqual([expect.objectContaining({ scope: 'openid accounts payments' })])
    expect((await browser.open(`${origin}/payments`)).status).toBe(200)
    expect(logins()).toHaveLength(1)
  })

  test('what a step-up was granted is asked for again by every login of the session', async () => {
    const { browser } = await start()
    await browser.open(`${origin}/payments`)

    await browser.open(`${origin}/login`)

    expect(logins().map(({ scope }) => scope)).toEqual(['openid accounts payments', 'openid accounts payments'])
  })

  test('a page that takes a stronger login asks for that', async () => {
    const { browser } = await start()

    const page = await browser.open(`${origin}/transfer`)

    expect(page).toMatchObject({ status: 200, text: JSON.stringify(strong) })
    expect(JSON.parse(String(logins()[0]?.claims))).toMatchObject({
      id_token: { acr: { value: strong, essential: true } },
    })
  })

  test('a page that takes a recent login asks for one', async () => {
    const { browser } = await start()
    expect((await browser.open(`${origin}/recent`)).status).toBe(200)
    expect(logins()).toEqual([])

    sandbox.advance(301_000)

    expect((await browser.open(`${origin}/recent`)).status).toBe(200)
    expect(logins()).toEqual([expect.objectContaining({ max_age: '300' })])
  })

  test('who is not logged in is asked once for all of it', async () => {
    const { app } = await start()

    const page = await app.browser().open(`${origin}/payments`)

    expect(page).toMatchObject({ status: 200, url: `${origin}/payments` })
    expect(logins()).toHaveLength(1)
  })

  test('a scope that is not granted is told on a page, and not asked for in circles', async () => {
    const { browser } = await start()
    sandbox.openid.misbehave('token-response: other scope')

    const page = await browser.open(`${origin}/payments`)

    expect(page.status).toBe(403)
    expect(logins()).toHaveLength(1)
    const again = /<a href="([^"]+)">/.exec(page.text)?.[1]?.replaceAll('&#38;', '&')
    expect(await browser.open(String(again))).toMatchObject({ status: 200, url: `${origin}/payments` })
  })

  test('a login that turns out weaker is told on a page, and not asked for in circles', async () => {
    const { browser } = await start({
      client: await clientOf(sandbox, {}, { metadata: { claims_parameter_supported: false } }),
    })
    sandbox.openid.misbehave('id-token: wrong acr')

    expect((await browser.open(`${origin}/transfer`)).status).toBe(403)
    expect(logins()).toEqual([expect.objectContaining({ acr_values: strong })])
  })

  test('a script is told where to log in, and its user comes back to the page that it ran on', async () => {
    const { browser } = await start()
    const headers = { ...xhr, referer: `${origin}/app?tab=2` }

    const refused = await browser.send(`${origin}/payments`, { headers })
    const { loginUrl, ...rest } = JSON.parse(refused.text)

    expect({ status: refused.status, ...rest }).toEqual({
      status: 403,
      error: 'ERR_LOGIN_REQUIRED',
      reason: 'insufficient_scope',
      missingScope: ['payments'],
    })
    expect(logins()).toEqual([])
    expect((await browser.open(loginUrl)).url).toBe(`${origin}/app?tab=2`)
    expect(logins()).toEqual([expect.objectContaining({ scope: 'openid accounts payments' })])
    expect((await browser.send(`${origin}/payments`, { headers })).status).toBe(200)
  })

  test('a script of another site’s page gets nobody sent there', async () => {
    const { app } = await start()
    const headers = { ...xhr, referer: 'https://evil.example/app' }

    const { text } = await app.browser().send(`${origin}/payments`, { headers })

    expect(new URL(JSON.parse(text).loginUrl).searchParams.get('returnTo')).toBe('/')
  })

  test('nobody can make a user ask for something else', async () => {
    const { browser } = await start()
    const { text } = await browser.send(`${origin}/payments`, { headers: xhr })
    const link = new URL(JSON.parse(text).loginUrl)
    const asks = String(link.searchParams.get('asks'))

    // the first letter of the tag: the last ones hold bits that belong to nothing
    const changed = asks.replace(/\.(.)(?=[^.]*$)/, (_, letter) => (letter === 'A' ? '.B' : '.A'))
    for (const wrong of ['eyJzY29wZSI6ImV2ZXJ5dGhpbmcifQ', changed, asks.replace(/\.[^.]+$/, '.')]) {
      link.searchParams.set('asks', wrong)
      const page = await browser.open(link.href)

      expect(page).toMatchObject({ status: 400, text: expect.stringContaining('This login cannot go on') })
    }
    await browser.open(`${origin}/login?scope=everything&acrValues=x&max_age=1&prompt=none`)
    expect(logins()).toEqual([expect.objectContaining({ scope: 'openid accounts' })])
    expect(logins()[0]).not.toHaveProperty('prompt')
  })

  test.each([
    ['a stranger’s code', '?code=a&state=b'],
    ['two codes', '?code=a&code=b&state=c'],
    ['an error', '?error=server_error&state=a'],
    ['something that is no signed response', '?response=junk'],
    ['a response that nobody has signed', '?response=eyJhbGciOiJSUzI1NiJ9.e30.AA'],
  ])('%s, made up, is its sender’s fault', async (_what, query) => {
    const { browser } = await start()

    const page = await browser.send(`${origin}/callback${query}`)
    const told = await browser.send(`${origin}/callback${query}`, { headers: xhr })

    expect({ page: page.status, told: told.status }).toEqual({ page: 400, told: 400 })
    expect(page.text).toContain(`<a href="${origin}/login?returnTo=%2F">`)
    expect(told.text).toBe('{"error":"ERR_VALIDATION"}')
    expect((await browser.open(`${origin}/token`)).status).toBe(200)
  })

  test('an answer that does not hold is the server’s, and the page brings the user where they wanted to go', async () => {
    const { app } = await start()
    sandbox.openid.misbehave('id-token: wrong nonce')

    const page = await app.browser().open(`${origin}/payments`)

    expect(page.status).toBe(502)
    expect(page.text).toContain(`<a href="${origin}/login?returnTo=%2Fpayments">`)
  })

  test('a server that is away is told with a time to come again', async () => {
    const { app } = await start()
    sandbox.openid.fail({ kind: 'status', status: 500 })

    const page = await app.browser().open(`${origin}/payments`)

    expect(page).toMatchObject({ status: 503 })
    expect(page.headers.get('retry-after')).toMatch(/^\d+$/)
  })

  test('a page that is fetched ahead begins no login', async () => {
    const { app } = await start()
    const browser = app.browser()

    for (const visit of [{ method: 'HEAD' }, { headers: { 'sec-purpose': 'prefetch' } }] as const) {
      const answer = await browser.send(`${origin}/payments`, visit)

      expect({ status: answer.status, to: answer.headers.get('location') }).toEqual({
        status: 303,
        to: expect.stringMatching(/^https:\/\/app\.example\/login\?returnTo=%2F/),
      })
    }
    expect(browser.cookies()).toEqual([])
  })

  test('a dead session is logged in anew, and the page shown', async () => {
    const { browser } = await start()
    sandbox.advance(3_600_000)
    sandbox.openid.revokeAllTokens()

    const told = await browser.send(`${origin}/token`, { headers: xhr })
    const page = await browser.open(`${origin}/token`)

    expect({ status: told.status, ...JSON.parse(told.text) }).toMatchObject({ status: 401, reason: 'invalid_grant' })
    expect(page).toMatchObject({ status: 200, url: `${origin}/token`, text: '"openid accounts"' })
    expect(logins()).toHaveLength(1)
  })

  test('an API’s challenge for a stronger login leads to one, through an HTTP client', async () => {
    const { browser } = await start()

    const page = await browser.open(`${origin}/api`)

    expect(page).toMatchObject({ status: 200, text: JSON.stringify(strong) })
    expect(logins()).toHaveLength(1)
  })

  test('a dead session is logged in anew where its token was to be exchanged for another', async () => {
    const { browser } = await start()
    sandbox.advance(3_600_000)
    sandbox.openid.revokeAllTokens()

    const page = await browser.open(`${origin}/exchanged`)

    expect(page).toMatchObject({ status: 200, url: `${origin}/exchanged` })
    expect(logins()).toHaveLength(1)
  })

  test('nothing of a login that fails is on its page', async () => {
    const { app } = await start()
    const browser = app.browser()
    const { headers } = await browser.send(`${origin}/payments`)
    const state = new URL(String(headers.get('location'))).searchParams.get('state') ?? ''
    const answer = new URLSearchParams({ code: 'a-code-of-a-login', state, iss: sandbox.openid.issuer })

    const page = await browser.send(`${origin}/callback?${answer}`)

    expect(page.status).toBe(502)
    for (const secret of [state, 'a-code-of-a-login'])
      expect(JSON.stringify([page.text, page.headers.getSetCookie(), page.headers.get('location')])).not.toContain(
        secret,
      )
  })

  test('an app that keeps claims of its own loses nothing of how the user has authenticated', async () => {
    const { browser } = await start({ onLogin: () => ({ role: 'teller' }) })

    expect((await browser.open(`${origin}/transfer`)).status).toBe(200)
    expect((await browser.open(`${origin}/recent`)).status).toBe(200)
    expect(logins()).toHaveLength(1)
  })

  test('without a store, the end of the access token, and an API’s challenge, lead to a login as well', async () => {
    const { browser } = await start({ session: { tokensIn: 'cookie' } })
    sandbox.advance(3_600_000)

    expect(await browser.open(`${origin}/token`)).toMatchObject({ status: 200, text: '"openid accounts"' })
    expect(await browser.open(`${origin}/api`)).toMatchObject({ status: 200, text: JSON.stringify(strong) })
    expect(logins()).toHaveLength(2)
  })

  test('an API that is never content is told on a page', async () => {
    const { browser } = await start()

    expect((await browser.open(`${origin}/never`)).status).toBe(403)
    expect(logins()).toHaveLength(1)
  })

  test('a handler may send the browser off by itself', async () => {
    const { browser } = await start()

    const page = await browser.open(`${origin}/by-itself`)

    expect(page).toMatchObject({ status: 200, url: `${origin}/me` })
    expect(logins()).toEqual([
      expect.objectContaining({ scope: 'openid accounts cards', prompt: 'consent', login_hint: 'ann', max_age: '60' }),
    ])
  })

  /** An API that wants to have seen a strong login (RFC 9470 §3). */
  async function apiThatWants(isContent: () => boolean): Promise<string> {
    const api = createServer((_request, response) => {
      if (isContent()) return response.end('fine')
      response.setHeader('WWW-Authenticate', `Bearer error="insufficient_user_authentication", acr_values="${strong}"`)
      response.writeHead(401).end()
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => api.once('listening', resolve))
    return `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  }

  function mountPages(app: express5.Express): void {
    app.get('/payments', requireScope('payments'), ({ grantkit }, response) => {
      response.json(grantkit.user?.scope)
    })
    app.get('/transfer', requireLogin({ acrValues: strong }), ({ grantkit }, response) => {
      response.json(grantkit.user?.claims.acr)
    })
    app.get('/recent', requireLogin({ maxAgeSeconds: 300 }), (_request, response) => {
      response.json('fine')
    })
    app.get('/app', (_request, response) => {
      response.json('the front end')
    })
    app.get('/token', requireLogin(), ({ grantkit }, response, next) => {
      grantkit.user?.tokenSource.getTokenSet().then(({ scope }) => response.json(scope), next)
    })
    app.get('/exchanged', requireLogin(), async ({ grantkit: { user } }, response, next) => {
      if (user === undefined) return next()
      const client = await clientOf(sandbox)
      const grant = tokenExchange({ subjectToken: user.tokenSource })
      requestTokenSet(client, grant).then(({ scope }) => response.json(scope ?? ''), next)
    })
    app.get('/api', requireLogin(), async ({ grantkit: { user } }, response, next) => {
      const url = await apiThatWants(() => user?.claims.acr === strong)
      if (user === undefined) return next()
      const api = fetchWithTokens(fetch, user.tokenSource, { origins: [url] })
      api(url).then(() => response.json(user.claims.acr), next)
    })
    app.get('/never', requireLogin(), async ({ grantkit: { user } }, _response, next) => {
      next(new LoginRequiredError('more', { subject: user?.tokenSource.subject, acrValues: [strong] }))
    })
    app.get('/by-itself', ({ grantkit }, _response, next) => {
      const wanted = { scope: 'cards', prompt: 'consent', loginHint: 'ann', maxAgeSeconds: 60 }
      grantkit.login({ ...wanted, returnTo: '/me' }).catch(next)
    })
  }
})
