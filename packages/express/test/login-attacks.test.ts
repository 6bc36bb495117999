/** What others may try with a login, and what a user's own browser does to it without meaning to. */
import { memoryStore } from '@grantkit/core'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type App, type AppOptions, clientOf, key, origin, redirectUri, startAppOf } from './app.js'
import type { Browser, KeptCookie } from './browser.js'

let sandbox: Sandbox
let apps: App[] = []
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterEach(async () => {
  for (const app of apps) await app[Symbol.asyncDispose]()
  apps = []
})
afterAll(() => sandbox.stop())

async function start(options: Partial<AppOptions> = {}): Promise<App> {
  const app = await startAppOf(sandbox, options)
  apps.push(app)
  return app
}

/** As far as the user's answer: where the server sends the browser. */
async function answerFor(browser: Browser, path = '/login?returnTo=/me'): Promise<string> {
  const { url } = await browser.open(origin + path, { until: redirectUri })
  expect(url).toContain(`${redirectUri}?code=`)
  return url
}

const transactions = (browser: Browser) => browser.cookies().filter(({ name }) => name.includes('grantkit-login-'))
const who = async (browser: Browser) => JSON.parse((await browser.open(`${origin}/me`)).text).sub
const codesRedeemed = () => sandbox.openid.requests.filter(({ path }) => path === '/token').length

/** That an answer fails by a check, begins no session, leads nowhere, and shows nothing of it. */
async function expectRefused(app: App, browser: Browser, url: string, check: string): Promise<void> {
  app.errors.length = 0
  const page = await browser.open(url)
  expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_VALIDATION', check })])
  expect(page.status).toBe(500)
  expect(page.headers.get('location')).toBeNull()
  expect(await who(browser)).toBeNull()
  const shown = JSON.stringify([app.errors, app.errors.map(({ message, stack }) => [message, stack])])
  const { searchParams } = new URL(url)
  for (const secret of ['code', 'state']) expect(shown).not.toContain(searchParams.get(secret))
}

describe('an answer', () => {
  test('in a browser that did not begin the login is refused (login CSRF)', async () => {
    const app = await start()
    const [attacker, victim] = [app.browser(), app.browser()]
    const own = await answerFor(victim)

    await expectRefused(app, victim, await answerFor(attacker), 'transaction')
    expect(app.errors[0]?.message).toContain(`has not begun this login at ${origin}, or`)

    expect(await victim.open(own)).toMatchObject({ url: `${origin}/me`, text: '{"sub":"alice"}' })
  })

  test('is taken once by a browser', async () => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)
    await browser.open(answer)
    expect(await who(browser)).toBe('alice')

    await browser.open(answer)

    expect(app.errors).toEqual([expect.objectContaining({ check: 'transaction' })])
    expect(await who(browser)).toBe('alice')
  })

  test('is taken once by all processes of an app, whoever has the cookie too', async () => {
    const store = memoryStore()
    const [one, other] = [await start({ store }), await start({ store })]
    const browser = one.browser()
    const answer = await answerFor(browser)
    const thief = browser.copy(other.net)
    await browser.open(answer)
    const redeemed = codesRedeemed()

    await expectRefused(other, thief, answer, 'used_answer')

    expect(codesRedeemed()).toBe(redeemed)
    expect(transactions(thief)).toEqual([])
  })

  test('is taken once where two processes get it at the same time', async () => {
    const store = memoryStore()
    const [one, other] = [await start({ store }), await start({ store })]
    const browser = one.browser()
    const answer = await answerFor(browser)
    const [redeemed, thief] = [codesRedeemed(), browser.copy(other.net)]

    await Promise.all([browser.open(answer), thief.open(answer)])

    expect([...one.errors, ...other.errors]).toEqual([expect.objectContaining({ check: 'used_answer' })])
    expect(codesRedeemed()).toBe(redeemed + 1)
  })

  test('that comes after an hour is refused', async () => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)
    sandbox.advance(3_600_000)

    await expectRefused(app, browser, answer, 'transaction_expired')

    expect(transactions(browser)).toEqual([])
  })

  test('is taken with an older key, and not with another', async () => {
    const client = await clientOf(sandbox)
    const newer = { id: 'two', key: Buffer.alloc(32, 200) }
    const [before, after, other] = [
      await start({ client }),
      await start({ client, keys: [newer, key] }),
      await start({ client, keys: [newer] }),
    ]
    const browser = before.browser()
    const [first, second] = [await answerFor(browser), await answerFor(browser)]

    expect(await browser.copy(after.net).open(first)).toMatchObject({ text: '{"sub":"alice"}' })
    await expectRefused(other, browser.copy(other.net), second, 'transaction')
    expect(other.errors[0]?.message).toContain('another process has other keys')
  })

  const tampered: Record<string, (value: string) => string> = {
    'with one letter changed': value => `${value.slice(0, -8)}${value.at(-8) === 'A' ? 'B' : 'A'}${value.slice(-7)}`,
    'cut off': value => value.slice(0, -1),
    'without its header': value => value.slice(value.indexOf('.')),
    'that is none': () => 'x',
    'that is empty': () => '',
  }
  test.each(Object.entries(tampered))('with a cookie %s is refused', async (_, change) => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)
    const [{ name, value }] = transactions(browser) as [KeptCookie]
    browser.keep('app.example', `${name}=${change(value)}; Secure; Path=/`)

    await expectRefused(app, browser, answer, 'transaction')
    expect(transactions(browser)).toEqual([])
  })

  test('with the cookie of another login is refused', async () => {
    const app = await start()
    const browser = app.browser()
    await answerFor(browser)
    const [{ value }] = transactions(browser) as [KeptCookie]
    const answer = await answerFor(browser)
    const { name } = transactions(browser)[1] as { name: string }
    browser.keep('app.example', `${name}=${value}; Secure; Path=/`)

    await expectRefused(app, browser, answer, 'transaction')
  })

  test.each([
    ['', 'state'],
    ['?code=1', 'state'],
    ['?error=access_denied', 'state'],
    ['?code=1&state=made-up', 'transaction'],
    ['?error=access_denied&state=made-up', 'transaction'],
    [`?code=1&state=${'x'.repeat(7_000)}`, 'transaction'],
    ['?code=1&state=%0d%0aSet-Cookie:%20a=b', 'transaction'],
    ['?code=1&state=__proto__', 'transaction'],
    ['?code=1&state=1&state=2', 'state'],
    ['?code=1&state[]=1', 'state'],
    ['?response=a.b.c', 'jwt'],
    ['#code=1&state=made-up', 'transaction'],
  ])('that is made up stops nobody’s login: %.60s', async (made, check) => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)

    const page = await browser.open(redirectUri + made, { from: 'https://other.example/' })

    expect(app.errors.map(({ check }) => check)).toEqual([check])
    expect(page.headers.getSetCookie()).toEqual([])
    expect(page.status).toBe(500)
    expect(await browser.open(answer)).toMatchObject({ text: '{"sub":"alice"}' })
  })

  test('that cannot be read ends its login', async () => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)

    await expectRefused(app, browser, `${answer}&code=another-one`, 'code')

    expect(transactions(browser)).toEqual([])
    await expectRefused(app, browser, answer, 'transaction')
  })

  test('that says no is handed to the error handlers, and leads nowhere', async () => {
    const app = await start()
    const browser = app.browser()
    const state = new URL(await answerFor(browser)).searchParams.get('state')
    const iss = encodeURIComponent(sandbox.openid.issuer)

    const page = await browser.open(`${redirectUri}?error=access_denied&state=${state}&iss=${iss}`)

    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_AUTHORIZATION_REFUSED', kind: 'denied' })])
    expect([page.status, page.headers.get('location')]).toEqual([500, null])
    expect(transactions(browser)).toEqual([])
  })

  test.each([
    ['id-token: wrong nonce', 'nonce'],
    ['id-token: wrong iss', 'iss'],
    ['id-token: bad signature', 'signature'],
  ] as const)('with an %s begins no session, and its login is over', async (misbehaviour, check) => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser)
    sandbox.openid.misbehave(misbehaviour)

    await expectRefused(app, browser, answer, check)

    expect(transactions(browser)).toEqual([])
  })

  test('that is posted where a query was asked for is refused', async () => {
    const app = await start()
    const browser = app.browser()
    const body = new URL(await answerFor(browser)).search.slice(1)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }

    await browser.open(redirectUri, { method: 'POST', body, headers })

    expect(app.errors).toEqual([expect.objectContaining({ check: 'response_mode' })])
    expect(await who(browser)).toBeNull()
  })

  test('whose mark the store cannot take is not redeemed', async () => {
    const compareAndSet = () => Promise.reject(new Error('away'))
    const failing = { ...memoryStore(), secrecy: 'elsewhere', compareAndSet } as const
    const app = await start({ store: failing })
    const browser = app.browser()
    const [answer, redeemed] = [await answerFor(browser), codesRedeemed()]

    await browser.open(answer)

    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_TOKEN_STORE', retryable: true })])
    expect(codesRedeemed()).toBe(redeemed)
    expect(transactions(browser)).toEqual([])
  })
})

describe('several logins of one browser', () => {
  test.each([[[0, 1, 2]], [[0, 2, 1]], [[1, 0, 2]], [[1, 2, 0]], [[2, 0, 1]], [[2, 1, 0]]])(
    'finish in the order %j, each where it began',
    async order => {
      const app = await start()
      const browser = app.browser()
      const answers: string[] = []
      for (const tab of [0, 1, 2]) answers.push(await answerFor(browser, `/login?returnTo=/me?tab=${tab}`))

      for (const tab of order)
        expect(await browser.open(answers[tab] as string)).toMatchObject({
          url: `${origin}/me?tab=${tab}`,
          text: '{"sub":"alice"}',
        })

      expect(app.errors).toEqual([])
      expect(transactions(browser)).toEqual([])
    },
  )

  test('are five at most: the oldest goes', async () => {
    const app = await start()
    const browser = app.browser()
    const answers: string[] = []
    for (let tab = 0; tab < 7; tab++) {
      answers.push(await answerFor(browser))
      // by their age, not by their names
      sandbox.advance(1_000)
    }

    expect(transactions(browser)).toHaveLength(5)
    await expectRefused(app, browser, answers[1] as string, 'transaction')
    for (const answer of answers.slice(2)) await browser.open(answer)
    expect(app.errors).toHaveLength(1)
  })

  test('begin in few headers, however many cookies somebody else has set', async () => {
    const app = await start()
    const browser = app.browser()
    await answerFor(browser)
    const prefix = transactions(browser)[0]?.name.slice(0, -16)
    const cookie = Array.from({ length: 200 }, (_, index) => `${prefix}${index}=made-up`).join('; ')

    const page = await app.browser().send(`${origin}/login`, { headers: { cookie } })

    expect([page.status, page.headers.getSetCookie().length]).toEqual([303, 6])
  })

  test('take no more room than servers give to headers', async () => {
    const app = await start()
    const browser = app.browser()
    for (let tab = 0; tab < 6; tab++) await answerFor(browser, `/login?returnTo=/${'a'.repeat(980)}`)

    const size = transactions(browser).reduce((sum, { name, value }) => sum + name.length + value.length, 0)

    expect(size).toBeLessThan(6_000)
    expect(transactions(browser).length).toBeGreaterThan(1)
  })

  test('that ask for a great deal lead home rather than nowhere', async () => {
    const scope = ['openid', ...Array.from({ length: 60 }, (_, index) => `https://api.example/scope-${index}`)]
    const app = await start({ authorization: { scope } })
    const browser = app.browser()
    const page = await browser.open(`${origin}/login?returnTo=/me?${'a'.repeat(980)}`)
    expect(app.errors).toEqual([])
    expect(page).toMatchObject({ url: `${origin}/`, text: '{"sub":"alice"}' })
  })

  test('begun by a double click are two, and either finishes', async () => {
    const app = await start()
    const browser = app.browser()
    const [one, other] = await Promise.all([answerFor(browser), answerFor(browser)])

    expect(await browser.open(other as string)).toMatchObject({ text: '{"sub":"alice"}' })
    expect(await browser.open(one as string)).toMatchObject({ text: '{"sub":"alice"}' })
  })
})

describe('nobody who looks ahead', () => {
  test.each([
    ['HEAD', {}, 204],
    ['GET', { 'sec-purpose': 'prefetch' }, 503],
    ['GET', { 'sec-purpose': 'prefetch;prerender' }, 503],
    ['GET', { purpose: 'prefetch' }, 503],
    ['GET', { 'x-moz': 'prefetch' }, 503],
  ] as const)('begins a login or uses up an answer: %s %j', async (method, headers, status) => {
    const app = await start()
    const browser = app.browser()

    const begun = await browser.send(`${origin}/login`, { method, headers })
    expect(begun).toMatchObject({ status, text: '' })
    expect(begun.headers.get('cache-control')).toBe('no-store')
    expect(browser.cookies()).toEqual([])

    const answer = await answerFor(browser)
    expect(await browser.send(answer, { method, headers })).toMatchObject({ status })
    expect(await browser.open(answer)).toMatchObject({ text: '{"sub":"alice"}' })
  })

  test.each([
    ['no-cors', 'image'],
    ['no-cors', 'script'],
    ['no-cors', 'style'],
    ['cors', 'empty'],
    ['same-origin', 'empty'],
  ])('begins one from within a page, as by a %s request for %s', async (mode, destination) => {
    const app = await start()
    const browser = app.browser()

    await browser.open(`${origin}/login`, { headers: { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } })

    expect(app.errors).toEqual([expect.objectContaining({ check: 'csrf' })])
    expect(browser.cookies()).toEqual([])
  })

  test('is who comes by a service worker, which hands navigations on without their destination', async () => {
    const app = await start()
    const page = await app.browser().open(`${origin}/login`, { headers: { 'sec-fetch-dest': 'empty' } })
    expect(page.text).toBe('{"sub":"alice"}')
  })
})

describe('a login', () => {
  test.each([
    '//other.example',
    '/\\other.example',
    'https://other.example',
    '/\t/other.example',
    'javascript:alert(1)',
    '/login',
    '/callback',
  ])('that is to lead to %j leads home', async returnTo => {
    const app = await start()
    const page = await app.browser().open(`${origin}/login?returnTo=${encodeURIComponent(returnTo)}`)
    expect(page).toMatchObject({ status: 200, url: `${origin}/`, text: '{"sub":"alice"}' })
  })

  test('puts no line break of a link into a header', async () => {
    const app = await start()
    const browser = app.browser()
    const answer = await answerFor(browser, '/login?returnTo=/me%0d%0aSet-Cookie:%20a=b')
    const page = await browser.send(answer)
    expect(page.headers.get('location')).toBe(`${origin}/meSet-Cookie:%20a=b`)
    expect(page.headers.getSetCookie().join()).not.toContain('a=b;')
  })

  test('has a cookie that scripts and other sites do not have, and writes nothing into the store', async () => {
    const store = memoryStore()
    const written: string[] = []
    const compareAndSet: typeof store.compareAndSet = (key, ...record) => {
      written.push(key)
      return store.compareAndSet(key, ...record)
    }
    const app = await start({ store: { ...store, compareAndSet } })
    const page = await app.browser().send(`${origin}/login`)

    expect(page.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-grantkit-login-[\w-]{16}-[\w-]{16}=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(written).toEqual([])
  })

  test('whose answer is posted has a cookie that comes with it, and no other', async () => {
    const app = await start({ authorization: { scope: 'openid', responseMode: 'form_post' } })
    const page = await app.browser().send(`${origin}/login`)
    expect(page.headers.getSetCookie()).toEqual([expect.stringMatching(/; HttpOnly; Secure; SameSite=None$/)])
  })

  test('of an app in a frame of another site has cookies that go there', async () => {
    const app = await start({ session: { sameSite: 'none' } })
    const browser = app.browser()
    const set = (await browser.send(`${origin}/login`)).headers.getSetCookie()
    const cleared = (await browser.send(await answerFor(browser))).headers.getSetCookie()
    for (const cookies of [set, cleared]) {
      expect(cookies.length).toBeGreaterThan(0)
      for (const cookie of cookies) expect(cookie).toMatch(/; HttpOnly; Secure; SameSite=None$/)
    }
  })

  test('that cannot begin is handed to the error handlers', async () => {
    const app = await start({ authorization: () => Promise.reject(new Error('no consent')) })
    expect(await app.browser().open(`${origin}/login`)).toMatchObject({ status: 500 })
    expect(app.errors).toEqual([expect.objectContaining({ message: 'no consent' })])
  })
})
