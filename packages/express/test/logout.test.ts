/** Logouts: what is over then and where, and who may ask for one. */
import { createTransport, memoryStore, type Provider, type Transport, type TransportResponse } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { grantkit } from '../src/index.js'
import {
  type App,
  type AppOptions,
  alice,
  clientOf,
  key,
  logIn,
  nobody,
  origin,
  redirectUri,
  startApp as start,
  startAppOf,
  versions,
} from './app.js'
import type { Browser } from './browser.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'same-origin' }

const startApp = (options?: Partial<AppOptions>) => startAppOf(sandbox, options)
const cookiesOf = (browser: Browser) => browser.cookies().map(({ name, value }) => `${name}=${value}`)
const meWith = async (app: App, cookies: readonly string[]) =>
  (await app.browser().send(`${origin}/me`, { headers: { cookie: cookies.join('; ') } })).text

/** A client whose server has a revocation endpoint, which answers as it is told. */
async function revokingClient(answer: Transport, conform: Provider['conform'] = {}) {
  const revoked: string[] = []
  const real = createTransport({ ca: sandbox.ca })
  const transport: Transport = async request => {
    if (!request.url.endsWith('/revoke')) return real(request)
    revoked.push(new URLSearchParams(String(request.body)).get('token_type_hint') ?? 'none')
    return answer(request)
  }
  const metadata = { revocation_endpoint: `${sandbox.openid.issuer}/revoke` }
  return { client: await clientOf(sandbox, { transport }, { metadata, conform }), revoked }
}
const done: Transport = async () => ({ status: 200, headers: new Headers(), body: Buffer.alloc(0) })

describe.each(versions)('%s', (_, express) => {
  test.each(['GET', 'POST'] as const)('logs out by %s, here and for every copy of the cookie', async method => {
    await using app = await start(express, { client: await clientOf(sandbox) })
    const browser = await logIn(app)
    const copy = cookiesOf(browser)

    const page = await browser.open(`${origin}/logout`, { method, headers: navigation, from: origin })

    expect([page.url, page.status, page.text]).toEqual([`${origin}/`, 200, nobody])
    expect(browser.cookies()).toEqual([])
    expect(await meWith(app, copy)).toBe(nobody)
    expect(app.errors).toEqual([])
  })

  test('a handler logs out, and says where to', async () => {
    await using app = await start(express, {
      client: await clientOf(sandbox),
      mount(app, middleware) {
        app.use(middleware)
        app.post('/bye', ({ grantkit }, _response, next) => {
          grantkit.logout({ returnTo: '/accounts?bye' }).catch(next)
        })
        app.post('/wrong', ({ grantkit }, _response, next) => {
          grantkit.logout({ returnTo: 'https://evil.example/' }).catch(next)
        })
      },
    })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/wrong`, { method: 'POST' })).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_OPTION', option: 'returnTo' })])
    expect((await browser.open(`${origin}/me`)).text).toBe(alice)
    const page = await browser.open(`${origin}/bye`, { method: 'POST' })
    expect([page.url, page.text]).toEqual([`${origin}/accounts?bye`, nobody])
  })
})

describe('a logout', () => {
  test.each([
    ['a link of another site', 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a neighbouring host', 'GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' }],
    ['a form of another site, in an older browser', 'POST', { origin: 'https://evil.example' }],
    ['a form without an origin', 'POST', { origin: 'null' }],
  ] as const)('that %s asks for is refused, and nothing ends', async (_, method, headers) => {
    await using app = await startApp()
    const browser = await logIn(app)
    expect((await browser.send(`${origin}/logout`, { method, headers, from: origin })).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_VALIDATION', check: 'csrf' })])
    expect((await browser.open(`${origin}/me`)).text).toBe(alice)
  })

  test.each([
    ['GET', { 'sec-purpose': 'prefetch', 'sec-fetch-site': 'same-origin' }],
    ['GET', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['GET', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['HEAD', {}],
  ] as const)('that nobody has clicked on ends nothing: %s', async (method, headers) => {
    await using app = await startApp()
    const browser = await logIn(app)
    await browser.send(`${origin}/logout`, { method, headers })
    expect((await browser.open(`${origin}/me`)).text).toBe(alice)
  })

  test('of nobody, and a second one, lead to the same page', async () => {
    await using app = await startApp({ logout: { redirectTo: '/accounts' } })
    const browser = app.browser()
    for (let count = 0; count < 2; count++)
      expect((await browser.open(`${origin}/logout`)).url).toBe(`${origin}/accounts`)
    expect((await browser.open(`${origin}/logout?returnTo=/me`)).url).toBe(`${origin}/me`)
    expect((await browser.open(`${origin}/logout?returnTo=https://evil.example/`)).url).toBe(`${origin}/accounts`)
    expect(app.errors).toEqual([])
  })

  test('by a script is told where to send the page, and is sent nowhere itself', async () => {
    await using app = await startApp({ logout: { redirectTo: '/accounts' } })
    const browser = await logIn(app)
    const headers = { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }
    const page = await browser.send(`${origin}/logout`, { method: 'POST', headers })
    expect([page.status, page.text]).toEqual([200, `{"redirectTo":"${origin}/accounts"}`])
    expect((await browser.open(`${origin}/me`)).text).toBe(nobody)
  })

  test('also takes the tokens of a session that was idle for too long', async () => {
    const { client, revoked } = await revokingClient(done)
    await using app = await startApp({ client, session: { idleMs: 60_000 } })
    const browser = await logIn(app)
    sandbox.advance(120_000)
    expect((await browser.open(`${origin}/logout`)).text).toBe(nobody)
    expect(revoked).toEqual(['refresh_token'])
  })

  test('clears the cookie though the store is away, and says that the session may live on', async () => {
    const inner = memoryStore()
    const state = { isDown: false }
    const get: typeof inner.get = async key => {
      if (state.isDown) throw new Error('connection lost')
      return inner.get(key)
    }
    await using app = await startApp({ store: { ...inner, secrecy: 'elsewhere', get } })
    const browser = await logIn(app)
    state.isDown = true
    expect((await browser.open(`${origin}/logout`)).text).toContain('ERR_TOKEN_STORE')
    expect(browser.cookies()).toEqual([])
  })

  test('ends each of several sessions that a browser has brought, though the store fails for one of them', async () => {
    const inner = memoryStore()
    let failsOnce = false
    const compareAndSet: typeof inner.compareAndSet = async (...given) => {
      if (!failsOnce) return inner.compareAndSet(...given)
      failsOnce = false
      throw new Error('connection lost')
    }
    await using app = await startApp({ store: { ...inner, secrecy: 'elsewhere', compareAndSet } })
    const [first, second] = [cookiesOf(await logIn(app)), cookiesOf(await logIn(app))]
    failsOnce = true

    const headers = { ...navigation, cookie: [...first, ...second].join('; ') }
    await app.browser().send(`${origin}/logout`, { headers })

    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_TOKEN_STORE' })])
    expect(await meWith(app, second)).toBe(nobody)
  })

  test('is not undone by the answer to a request from before it', async () => {
    let answer = () => {}
    let asked = () => {}
    const isAsked = new Promise<void>(resolve => {
      asked = resolve
    })
    await using app = await startApp({
      mount(app, middleware) {
        app.use(middleware)
        app.get('/slow', (_request, response) => {
          answer = () => response.end('done')
          asked()
        })
      },
    })
    const browser = await logIn(app)
    sandbox.advance(10_000_000)
    const slow = browser.copy().send(`${origin}/slow`)
    await isAsked
    await browser.open(`${origin}/logout`)
    answer()
    expect((await slow).headers.getSetCookie()).toEqual([])
  })
})

describe('the tokens of a session that has ended', () => {
  test('are revoked where the server has an endpoint for it', async () => {
    const { client, revoked } = await revokingClient(done)
    await using app = await startApp({ client })
    await (await logIn(app)).open(`${origin}/logout`)
    expect(revoked).toEqual(['refresh_token'])
  })

  test('are revoked of a login that is refused, but not where a session of the same user goes on', async () => {
    const isRefused = { value: true }
    const onLogin = () => {
      if (isRefused.value) throw new Error('no customer')
      return undefined
    }
    const { client, revoked } = await revokingClient(done)
    await using app = await startApp({ client, onLogin })
    expect((await app.browser().open(`${origin}/login`)).status).toBe(500)
    expect(revoked).toEqual(['refresh_token'])

    isRefused.value = false
    const browser = app.browser()
    await browser.open(`${origin}/login`)
    isRefused.value = true
    expect((await browser.open(`${origin}/login`)).status).toBe(500)
    expect(revoked).toEqual(['refresh_token'])
  })

  test.each<[string, AppOptions['logout'], Provider['conform']]>([
    ['that would end the consent', undefined, { revocationEndsConsent: true }],
    ['the app does not want it', { revoke: false }, {}],
  ])('are not revoked where %s', async (_, logout, conform) => {
    const { client, revoked } = await revokingClient(done, conform)
    await using app = await startApp({ client, logout })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/logout`)).text).toBe(nobody)
    expect(revoked).toEqual([])
  })

  test.each<[string, () => Promise<TransportResponse>]>([
    [
      'refuses',
      async () => ({ status: 400, headers: new Headers(), body: Buffer.from('{"error":"invalid_request"}') }),
    ],
    ['is away', () => Promise.reject(new Error('connect ECONNREFUSED'))],
  ])('are forgotten though the server %s: nobody stays logged in', async (_, answer) => {
    const { client, revoked } = await revokingClient(answer)
    await using app = await startApp({ client })
    const browser = await logIn(app)
    const copy = cookiesOf(browser)
    expect((await browser.open(`${origin}/logout`)).text).toBe(nobody)
    expect(await meWith(app, copy)).toBe(nobody)
    expect(revoked.length).toBeGreaterThan(0)
    expect(app.errors).toEqual([])
  })

  test('are nothing that a logout waits for, where the server does not answer; closing does', async () => {
    let answer: (response: TransportResponse) => void = () => {}
    const { client, revoked } = await revokingClient(
      () =>
        new Promise(resolve => {
          answer = resolve
        }),
    )
    await using app = await startApp({ client })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/logout`)).text).toBe(nobody)
    let isClosed = false
    const closed = app.middleware.close().then(() => {
      isClosed = true
    })
    await new Promise(setImmediate)
    expect([revoked, isClosed]).toEqual([['refresh_token'], false])
    answer({ status: 200, headers: new Headers(), body: Buffer.alloc(0) })
    await closed
  })
})

describe('a logout at the server', () => {
  const postLogoutRedirectUri = `${origin}/logged-out`
  const atServer = { atServer: true, postLogoutRedirectUri, redirectTo: '/accounts' }

  test('sends the browser there with the ID token, and from there to the page of this app', async () => {
    await using app = await startApp({ logout: atServer })
    const browser = await logIn(app)
    const out = await browser.open(`${origin}/logout`, { until: sandbox.openid.issuer })
    const { searchParams, pathname } = new URL(out.url)
    expect([pathname, [...searchParams.keys()].sort()]).toEqual([
      '/logout',
      ['client_id', 'id_token_hint', 'post_logout_redirect_uri', 'state'],
    ])
    const [, claims = ''] = searchParams.get('id_token_hint')?.split('.') ?? []
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ sub: 'alice' })

    const page = await browser.open(out.url)

    expect([page.url, page.text]).toEqual([`${origin}/accounts`, nobody])
    expect(browser.cookies()).toEqual([])
    expect(app.errors).toEqual([])
  })

  test('comes back to the callback where a server takes no other address, and logins come there too', async () => {
    await using app = await startApp({ logout: { ...atServer, postLogoutRedirectUri: redirectUri } })
    const browser = await logIn(app)
    const out = await browser.open(`${origin}/logout`, { until: sandbox.openid.issuer })
    const { searchParams } = new URL(out.url)
    expect(searchParams.get('post_logout_redirect_uri')).toBe(redirectUri)

    // in another tab, before the server has answered
    await logIn(app, browser)
    const page = await browser.open(`${redirectUri}?state=${searchParams.get('state')}&sp=app`)

    expect([page.url, page.text]).toEqual([`${origin}/accounts`, '{"sub":"alice"}'])
    expect(app.errors).toEqual([])
    expect((await browser.open(`${redirectUri}?state=${searchParams.get('state')}`)).status).toBe(500)
    expect(app.errors).toMatchObject([{ check: 'transaction' }])
  })

  test('goes there with the ID token again when somebody clicks twice', async () => {
    await using app = await startApp({ logout: atServer })
    const browser = await logIn(app)
    const impatient = browser.copy()
    const hints = []
    for (const one of [browser, impatient]) {
      const { url } = await one.open(`${origin}/logout`, { until: sandbox.openid.issuer })
      hints.push(new URL(url).searchParams.get('id_token_hint'))
    }
    expect(hints[0]).toMatch(/^ey/)
    expect(hints[1]).toBe(hints[0])
  })

  test('is told from a visit that was not sent there, and from one with another state', async () => {
    await using app = await startApp({ logout: atServer })
    const browser = await logIn(app)
    expect((await browser.open(`${postLogoutRedirectUri}?state=made-up`)).status).toBe(404)
    await browser.open(`${origin}/logout`, { until: sandbox.openid.issuer })
    expect((await browser.open(postLogoutRedirectUri)).status).toBe(404)
    expect((await browser.open(`${postLogoutRedirectUri}?state=made-up`)).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_VALIDATION', check: 'state' })])
  })

  test('of a form goes on by a page: the policy of the form’s own page holds for redirects, and not for that', async () => {
    await using app = await startApp({ logout: atServer })
    const browser = await logIn(app)

    const page = await browser.send(`${origin}/logout`, { method: 'POST', headers: navigation, from: origin })

    expect([page.status, page.headers.get('location'), page.headers.get('cache-control')]).toEqual([
      200,
      null,
      'no-store',
    ])
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
    const again = await browser.open(`${origin}/logout`, { method: 'POST', headers: navigation, from: origin })
    expect([again.url, again.text]).toEqual([`${origin}/accounts`, nobody])
    expect(app.errors).toEqual([])
  })

  test('names nobody where the ID token would make an address that servers refuse', async () => {
    const parameters = { ui_hint: 'x'.repeat(3_500) }
    await using app = await startApp({ logout: { ...atServer, parameters } })
    const browser = await logIn(app)
    const { url } = await browser.open(`${origin}/logout`, { until: sandbox.openid.issuer })
    const asked = [...new URL(url).searchParams.keys()].sort()
    expect(asked).toEqual(['client_id', 'post_logout_redirect_uri', 'state', 'ui_hint'])
  })

  test('without a way back leaves the browser at the server', async () => {
    await using app = await startApp({ logout: { atServer: true } })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/logout`)).text).toBe('You are logged out.')
    expect(browser.cookies()).toEqual([])
  })
})

test.each<[string, AppOptions['logout'] | object, string]>([
  ['a misspelt option', { atserver: true }, 'logout.atserver'],
  ['a page elsewhere', { redirectTo: 'https://evil.example/' }, 'logout.redirectTo'],
  ['a page that is a route', { redirectTo: '/login' }, 'logout.redirectTo'],
  ['a way back from where nobody goes', { postLogoutRedirectUri: `${origin}/` }, 'logout.postLogoutRedirectUri'],
  ['a way back that is no URL', { atServer: true, postLogoutRedirectUri: '/' }, 'postLogoutRedirectUri'],
  ...['/login', '/logout?again'].map(
    path =>
      [
        `a way back to ${path}`,
        { atServer: true, postLogoutRedirectUri: origin + path },
        'logout.postLogoutRedirectUri',
      ] as [string, object, string],
  ),
  ['revoking at a server that cannot', { revoke: true }, 'logout.revoke'],
])('refuses %s', async (_, logout, option) => {
  const client = await clientOf(sandbox)
  expect(() => grantkit({ client, redirectUri, keys: [key], logout } as never)).toThrow(
    expect.objectContaining({ name: 'TypeError', option }),
  )
})
