/** Sessions: how long they last, which cookies are none, and what of them is where. */
import { randomBytes } from 'node:crypto'
import { createServer, ServerResponse } from 'node:http'
import { memoryStore, type TokenStore } from '@grantkit/core'
import { createSeal } from '@grantkit/core/kit'
import { startSandbox } from '@grantkit/sandbox'
import type { ErrorRequestHandler } from 'express'
import { upgrade } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, type AppOptions, alice, clientOf, key, logIn, nobody, origin, startAppOf } from './app.js'
import type { Browser, Page } from './browser.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

const minute = 60_000
const hour = 60 * minute

const startApp = (options?: Partial<AppOptions>) => startAppOf(sandbox, options)
const me = (browser: Browser): Promise<Page> => browser.open(`${origin}/me`)
const cookieOf = (browser: Browser) => {
  const [cookie] = browser.cookies().filter(({ name }) => name.includes('session'))
  if (cookie === undefined) throw new Error('the browser has no session')
  return cookie
}
const setBy = ({ headers }: Page) => headers.getSetCookie().filter(cookie => cookie.includes('session'))

/** `/me` with the cookies that a browser got elsewhere. */
const meWith = (app: App, ...cookies: readonly string[]): Promise<Page> =>
  app.browser().send(`${origin}/me`, { headers: { cookie: cookies.join('; ') } })
const pairOf = (browser: Browser) => `${cookieOf(browser).name}=${cookieOf(browser).value}`

/** A store that notes what is asked of it. */
function counting(inner = memoryStore()) {
  const asked: string[] = []
  const noting = <Operation extends 'get' | 'compareAndSet' | 'delete' | 'lease'>(operation: Operation) =>
    ((...given: Parameters<TokenStore[Operation]>) => {
      asked.push(operation)
      return (inner[operation] as (...given: unknown[]) => unknown)(...given)
    }) as TokenStore[Operation]
  const own = {
    get: noting('get'),
    compareAndSet: noting('compareAndSet'),
    delete: noting('delete'),
    lease: noting('lease'),
  }
  return { store: { ...inner, ...own } satisfies TokenStore, asked }
}

describe('the cookie of a session', () => {
  test('is sealed, of this host alone, out of reach for scripts, and lasts as long as the session may be idle', async () => {
    await using app = await startApp()
    const page = await app.browser().open(`${origin}/login?returnTo=/me`, { until: `${origin}/me` })
    const [set = '', ...others] = setBy(page)
    expect(others).toEqual([])
    expect(set).toMatch(
      /^__Host-grantkit-session-[\w-]{16}=[\w.-]+; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    expect(
      set
        .split('.')
        .map(part => Buffer.from(part, 'base64url').toString('latin1'))
        .join(),
    ).not.toContain('alice')
  })

  test('has the name and the limits that it is given', async () => {
    const session = { cookieName: 'sid', sameSite: 'none', idleMs: 10 * minute, absoluteMs: hour } as const
    await using app = await startApp({ session })
    const page = await app.browser().open(`${origin}/login?returnTo=/me`, { until: `${origin}/me` })
    const cookies = page.headers.getSetCookie().filter(cookie => cookie.includes('sid='))
    expect(cookies).toEqual([expect.stringMatching(/^__Host-sid=[^;]+; Max-Age=600; .*; Secure; SameSite=None$/)])
  })
})

describe('a session ends', () => {
  test('when nothing was asked for in a while, and not before', async () => {
    await using app = await startApp({ session: { idleMs: hour } })
    const browser = await logIn(app)
    for (let count = 0; count < 5; count++) {
      sandbox.advance(50 * minute)
      expect((await me(browser)).text).toBe(alice)
    }
    sandbox.advance(60 * minute)
    expect((await me(browser)).text).toBe(nobody)
  })

  test('at its absolute end, however much it is used', async () => {
    await using app = await startApp({ session: { idleMs: hour, absoluteMs: 2 * hour } })
    const browser = await logIn(app)
    for (let count = 0; count < 3; count++) {
      sandbox.advance(39 * minute)
      expect((await me(browser)).text).toBe(alice)
    }
    sandbox.advance(4 * minute)
    expect((await me(browser)).text).toBe(nobody)
  })

  test('when the server says that it does, where that is sooner', async () => {
    const session_expiry = { value: Math.floor(sandbox.now() / 1000) + 600 }
    const authorization = { scope: 'openid', claims: { id_token: { session_expiry } } } as never
    await using app = await startApp({ authorization })
    const page = await app.browser().open(`${origin}/login?returnTo=/me`, { until: `${origin}/me` })
    expect(setBy(page)).toEqual([expect.stringMatching(/; Max-Age=(600|5\d\d);/)])
    const browser = await logIn(app)
    sandbox.advance(9 * minute)
    expect((await me(browser)).text).toBe(alice)
    sandbox.advance(2 * minute)
    expect((await me(browser)).text).toBe(nobody)
  })

  test.each([
    ['is over already', 1_000],
    ['is no number', 'tomorrow'],
  ])('before it begins where the end that the server says %s: an error, and no circle', async (_, value) => {
    const claims = { id_token: { session_expiry: { value } } }
    await using app = await startApp({ authorization: { scope: 'openid', claims } as never })
    const browser = app.browser()
    expect((await browser.open(`${origin}/login`)).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_VALIDATION', check: 'session_expiry' })])
    expect(browser.cookies()).toEqual([])
  })
})

describe('the cookie is issued anew', () => {
  test('once in a tenth of the idle time, and no request between writes to the store', async () => {
    const { store, asked } = counting()
    await using app = await startApp({ session: { idleMs: 100 * minute }, store })
    const browser = await logIn(app)
    asked.length = 0
    for (let count = 0; count < 5; count++) expect(setBy(await me(browser))).toEqual([])
    expect(asked).toEqual(['get', 'get', 'get', 'get', 'get'])
    sandbox.advance(11 * minute)
    expect(setBy(await me(browser))).toEqual([expect.stringContaining('Max-Age=6000')])
    expect(setBy(await me(browser))).toEqual([])
    expect(new Set(asked)).toEqual(new Set(['get']))
  })

  test.each([
    ['public', 'public, max-age=60'],
    ['s-maxage', 's-maxage=60'],
    ['CDN-Cache-Control', 'private', { 'CDN-Cache-Control': 'max-age=60' }],
    ['Surrogate-Control', 'no-store', { 'Surrogate-Control': 'max-age=60' }],
  ])('never on an answer that others are given too: %s', async (_, cacheControl, more: Record<string, string> = {}) => {
    await using app = await startApp({
      mount(app, middleware) {
        app.use(middleware)
        app.get('/shared', (_request, response) =>
          response.set({ ...more, 'Cache-Control': cacheControl }).end('for all'),
        )
        app.get('/head', (_request, response) =>
          response.writeHead(200, { ...more, 'Cache-Control': cacheControl }).end('too'),
        )
      },
    })
    const browser = await logIn(app)
    sandbox.advance(3 * hour)
    expect(setBy(await browser.open(`${origin}/shared`))).toEqual([])
    expect(setBy(await browser.open(`${origin}/head`))).toEqual([])
    const page = await me(browser)
    expect([setBy(page).length, page.headers.get('cache-control')]).toEqual([1, 'private'])
  })

  test.each([
    ['max-age=60', 'max-age=60, private'],
    ['no-cache', 'no-cache, private'],
    ['private="x-theirs", max-age=60', 'private="x-theirs", max-age=60, private'],
    ['private, max-age=60', 'private, max-age=60'],
    ['no-store', 'no-store'],
  ])('on an answer that says %j, which is private then', async (said, sent) => {
    await using app = await startApp({
      mount(app, middleware) {
        app.use(middleware)
        app.get('/kept', (_request, response) => response.set('Cache-Control', said).end('kept'))
      },
    })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/kept`)).headers.get('cache-control')).toBe(said)
    sandbox.advance(3 * hour)
    const page = await browser.open(`${origin}/kept`)
    expect([setBy(page).length, page.headers.get('cache-control')]).toEqual([1, sent])
  })

  test('on an answer that is streamed', async () => {
    await using app = await startApp({
      mount(app, middleware) {
        app.use(middleware)
        app.get('/stream', (_request, response) => {
          response.write('one, ')
          setImmediate(() => response.end('two'))
        })
      },
    })
    const browser = await logIn(app)
    sandbox.advance(3 * hour)
    const page = await browser.open(`${origin}/stream`)
    expect([page.text, setBy(page).length]).toEqual(['one, two', 1])
  })

  test('too late is an error, and not silence', async () => {
    await using app = await startApp({
      mount(app, middleware) {
        app.get('/late', (_request, response, next) => {
          response.write('begun')
          next()
        })
        app.use(middleware)
        app.use(((error, request, response, next) => {
          if (request.path !== '/late') return next(error)
          response.end(`, and ${error.code} ${error.reason}`)
        }) as ErrorRequestHandler)
      },
    })
    const browser = await logIn(app)
    expect((await browser.open(`${origin}/late`)).text).toBe('begun, and ERR_SESSION headers_sent')
  })

  test('with the first of several keys, where another one sealed it', async () => {
    const next = { id: 'two', key: randomBytes(32) }
    const store = memoryStore()
    await using before = await startApp({ store })
    const browser = await logIn(before)
    await using both = await startApp({ store, keys: [next, key] })
    const page = await meWith(both, pairOf(browser))
    expect([page.text, setBy(page).length]).toEqual([alice, 1])
    await using after = await startApp({ store, keys: [next] })
    expect((await meWith(after, setBy(page)[0]?.split(';')[0] ?? '')).text).toBe(alice)
    expect((await meWith(after, pairOf(browser))).text).toBe(nobody)
    expect(after.errors).toEqual([])
  })
})

test('a cookie that a new key would make too large stays as it is', async () => {
  const store = memoryStore()
  await using before = await startApp({ store, onLogin: () => ({ sub: 'alice', about: 'x'.repeat(2_630) }) })
  const browser = await logIn(before)
  expect(pairOf(browser).length).toBeGreaterThan(4_000)
  await using after = await startApp({ store, keys: [{ id: 'k'.repeat(100), key: randomBytes(32) }, key] })
  const page = await meWith(after, pairOf(browser))
  expect([page.text, setBy(page), after.errors]).toEqual([alice, [], []])
})

describe('what is no session, and no error either', () => {
  test('a cookie that was changed, cut, made up, or sealed for something else', async () => {
    await using app = await startApp()
    const browser = await logIn(app)
    const { name, value } = cookieOf(browser)
    const seal = createSeal([key])
    const session = {
      id: 'x',
      claims: { sub: 'mallory' },
      askedFor: {},
      loggedInAt: 0,
      seenAt: sandbox.now(),
      endsAt: sandbox.now() + hour,
    }
    const header = { use: 'session', app: name.slice(-16) }
    const at = value.length - 30
    const made: Record<string, string> = {
      'none at all': '',
      changed: `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`,
      cut: value.slice(0, -4),
      'in the clear': Buffer.from(JSON.stringify(session)).toString('base64url'),
      'no JSON': '....',
      'of a login': await seal.seal(session, { ...header, use: 'login' }),
      'of another app': await seal.seal(session, { ...header, app: 'another-app-0000' }),
      'with another key': await createSeal([{ ...key, key: randomBytes(32) }]).seal(session, header),
      'of something else': await seal.seal('text', header),
      'with a list': await seal.seal([1, 2], header),
      'with nothing': await seal.seal(null, header),
      'that never began': await seal.seal(session, header),
      'for ever': await seal.seal({ ...session, endsAt: 'never' }, header),
    }
    for (const [what, value] of Object.entries(made))
      expect([what, (await meWith(app, `${name}=${value}`)).text]).toEqual([what, nobody])
    expect(app.errors).toEqual([])
    expect((await meWith(app, pairOf(browser))).text).toBe(alice)
  })

  test('a cookie header as large as Node takes', async () => {
    await using app = await startApp()
    const browser = await logIn(app)
    const { name } = cookieOf(browser)
    const many = Array.from({ length: 200 }, (_, index) => `${name}=${index}`).join('; ')
    const large = `${'c'.repeat(7_000)}=1; ${many.slice(0, 6_000)}`
    expect((await meWith(app, large)).text).toBe(nobody)
    expect((await meWith(app, pairOf(browser), large)).text).toBe(alice)
    expect(app.errors).toEqual([])
  })

  test('an older cookie of the same name beside the one that lives', async () => {
    await using app = await startApp()
    const before = pairOf(await logIn(app))
    const browser = await logIn(app)
    await using other = await startApp({ session: { cookieName: 'one' } })
    expect((await meWith(app, 'unlike=1', before, pairOf(browser))).text).toBe(alice)
    expect((await meWith(app, `${cookieOf(browser).name}=junk`, pairOf(browser))).text).toBe(alice)
    expect((await meWith(other, pairOf(browser).replace(cookieOf(browser).name, '__Host-one'))).text).toBe(nobody)
  })

  test('the session of another app on the same domain', async () => {
    const client = await clientOf(sandbox)
    const store = memoryStore()
    await using one = await startApp({ client, store })
    await using two = await startApp({ client, store, redirectUri: `${origin}/two/callback` })
    const browser = await logIn(one)
    const name = cookieOf(browser).name
    const [begun = ''] = (
      await two.browser().open(`${origin}/two/login`, { until: sandbox.openid.issuer })
    ).headers.getSetCookie()
    expect(begun).toMatch(/^__Host-grantkit-login-/)
    expect(begun.slice(22, 38)).not.toBe(name.slice(-16))
    expect((await meWith(two, pairOf(browser))).text).toBe(nobody)
    const named = pairOf(browser).replace(name, `__Host-grantkit-session-${begun.slice(22, 38)}`)
    expect((await meWith(two, named)).text).toBe(nobody)
    expect(two.errors).toEqual([])
  })
})

describe('a login', () => {
  test('gives the session another id, and forgets what the one before held', async () => {
    const store = memoryStore()
    await using app = await startApp({ store })
    const browser = await logIn(app)
    const before = pairOf(browser)
    await logIn(app, browser)
    expect(pairOf(browser)).not.toBe(before)
    expect((await meWith(app, before)).text).toBe(nobody)
    expect((await me(browser)).text).toBe(alice)
  })

  test.each(['query', 'form_post'] as const)(
    'that comes back by %s ends the session that was there in the store too, and forgets its tokens',
    async responseMode => {
      const keys = new Set<string>()
      const inner = memoryStore()
      const compareAndSet: TokenStore['compareAndSet'] = (key, ...given) => {
        keys.add(key)
        return inner.compareAndSet(key, ...given)
      }
      const authorization = { scope: 'openid accounts', responseMode }
      await using app = await startApp({ store: { ...inner, compareAndSet }, authorization })
      const browser = await logIn(app)
      const [before, used] = [pairOf(browser), [...keys]]

      await logIn(app, browser)

      expect((await meWith(app, before)).text).toBe(nobody)
      expect((await me(browser)).text).toBe(alice)
      const left = await Promise.all(used.map(key => inner.get(key)))
      expect(left.map(record => record?.value).join()).toContain('"ended":"forgotten"')
      expect(left.map(record => record?.value).join()).not.toContain('refreshToken')
    },
  )

  test('that onLogin refuses begins nothing, and leaves the session before as it was', async () => {
    const isRefused = { value: false }
    const onLogin = () => {
      if (isRefused.value) throw Object.assign(new Error('not a customer'), { code: 'ERR_NOT_A_CUSTOMER' })
      return undefined
    }
    await using app = await startApp({ onLogin })
    const browser = await logIn(app)
    isRefused.value = true
    const before = pairOf(browser)
    expect((await browser.open(`${origin}/login`)).text).toContain('ERR_NOT_A_CUSTOMER')
    expect(pairOf(browser)).toBe(before)
    expect((await me(browser)).text).toBe(alice)
  })

  test('keeps the claims that onLogin returns, or those of the ID token without what is of the protocol', async () => {
    const seen: unknown[] = []
    const mount: AppOptions['mount'] = (app, middleware) => {
      app.use(middleware)
      app.get('/claims', ({ grantkit }, response) => response.json(grantkit.user?.claims))
    }
    await using plain = await startApp({ mount })
    const claims = JSON.parse((await (await logIn(plain)).open(`${origin}/claims`)).text)
    expect(Object.keys(claims).sort()).toEqual(['aud', 'auth_time', 'exp', 'iat', 'iss', 'sub'])

    const onLogin: AppOptions['onLogin'] = async ({ claims, tokenSet }) => {
      seen.push(claims?.sub, tokenSet.scope)
      return { sub: 'alice', roles: ['admin'] } as never
    }
    await using own = await startApp({ mount, onLogin })
    expect((await (await logIn(own)).open(`${origin}/claims`)).text).toBe('{"sub":"alice","roles":["admin"]}')
    expect(seen).toEqual(['alice', 'openid accounts'])
  })

  test('with more claims than a cookie takes is an error that says what to do', async () => {
    const onLogin = () => ({ sub: 'alice', roles: 'mkr'.repeat(1_200) })
    await using app = await startApp({ onLogin })
    await app.browser().open(`${origin}/login`)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'cookie_too_large' })])
    expect(String(app.errors[0])).toMatch(/onLogin/)
    expect(String(app.errors[0])).not.toContain('mkr')
  })

  test('that is granted thirty scopes has a cookie that browsers take', async () => {
    const many = Array.from({ length: 30 }, (_, index) => `https://api.example.com/calendars.readwrite.${index}`)
    await using app = await startApp({ authorization: { scope: ['openid', ...many] } })
    await logIn(app)
  })

  test('whose cookie is too large begins nothing, and leaves the session before as it was', async () => {
    let roles = ''
    const store = memoryStore()
    const begun: string[] = []
    const noting: TokenStore = {
      ...store,
      compareAndSet(key, expected, record) {
        if (record.value === '{}') begun.push(key)
        return store.compareAndSet(key, expected, record)
      },
    }
    await using app = await startApp({ store: noting, onLogin: () => ({ sub: 'alice', roles }) })
    const browser = await logIn(app)
    expect(begun).toHaveLength(1)
    roles = 'mkr'.repeat(1_200)
    await browser.open(`${origin}/login`)
    expect(app.errors).toEqual([expect.objectContaining({ reason: 'cookie_too_large' })])
    expect(begun).toHaveLength(1)
    expect((await me(browser)).text).toBe(alice)
  })

  test('that asks for more than a cookie takes is an error that says so, and blames no claims', async () => {
    const scope = Array.from({ length: 90 }, (_, index) => `https://api.example/scope-${index}`)
    await using app = await startApp({ authorization: { scope } })
    expect((await app.browser().open(`${origin}/login`)).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'cookie_too_large' })])
    expect(String(app.errors[0])).toMatch(/ask for less.*authorization/)
    expect(String(app.errors[0])).not.toMatch(/onLogin|claims/)
  })
})

test('who opens a WebSocket is known by the session', async () => {
  const server = createServer()
  await using app = await startApp({ server })
  const browser = await logIn(app)
  server.on('upgrade', (request, socket) => {
    app.middleware(request, new ServerResponse(request), error => {
      const { user } = (request as unknown as Express.Request).grantkit
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\nX-User: ${error ?? user?.claims.sub}\r\n\r\n`,
      )
    })
  })
  const openedBy = async (cookie: string) => {
    const { headers, socket } = await upgrade(`${app.address}/socket?of=1`, { protocol: 'test', headers: { cookie } })
    socket.destroy()
    return headers['x-user']
  }
  expect(await openedBy(pairOf(browser))).toBe('alice')
  expect(await openedBy('')).toBe('undefined')
})

describe('a store', () => {
  const down = async () => {
    throw new Error('connection lost')
  }

  test('that is away is an error, and nobody is taken for logged out', async () => {
    const inner = memoryStore()
    const state: { get: TokenStore['get'] } = { get: inner.get }
    const store: TokenStore = { ...inner, secrecy: 'elsewhere', get: key => state.get(key) }
    await using app = await startApp({ store })
    const browser = await logIn(app)
    state.get = down
    expect((await me(browser)).text).toContain('ERR_TOKEN_STORE')
    expect((await me(app.browser())).text).toBe(nobody)
    state.get = inner.get
    // it rests for half a second by the machine's clock
    await expect.poll(async () => (await me(browser)).text).toBe(alice)
  })

  test('whose records somebody else has written over is an error that shows none of them', async () => {
    const inner = memoryStore()
    const state = { isSpoilt: false }
    const get: TokenStore['get'] = async key => {
      const record = await inner.get(key)
      return record && state.isSpoilt ? { ...record, value: 'mkr' } : record
    }
    await using app = await startApp({ store: { ...inner, secrecy: 'elsewhere', get } })
    const browser = await logIn(app)
    state.isSpoilt = true
    expect((await me(browser)).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_TOKEN_STORE', retryable: false })])
    expect(String(app.errors[0])).not.toContain('mkr')
  })

  test('that is another one in the next process is an error that says so, instead of a login that goes in circles', async () => {
    await using one = await startApp()
    await using two = await startApp()
    const browser = await logIn(one)
    expect((await meWith(two, pairOf(browser))).status).toBe(500)
    expect(two.errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'not_in_store' })])
    expect(two.errors[0]?.message).toMatch(/several.*share/)
    sandbox.advance(minute)
    expect((await meWith(two, pairOf(browser))).text).toBe(nobody)
  })

  test('that lost a session is no error for as long as a clock was put back', async () => {
    let aheadMs = 0
    const client = await clientOf(sandbox, { clock: { now: () => sandbox.now() + aheadMs } })
    await using one = await startApp({ client })
    const browser = await logIn(one)
    aheadMs = -hour
    await using two = await startApp({ client })
    expect((await meWith(two, pairOf(browser))).text).toBe(nobody)
    expect(two.errors).toEqual([])
  })

  test('elsewhere that lost a session, a moment after its login, has its user log in again', async () => {
    let inner = memoryStore()
    const store: TokenStore = {
      secrecy: 'elsewhere',
      get: key => inner.get(key),
      compareAndSet: (...given) => inner.compareAndSet(...given),
      delete: (...given) => inner.delete(...given),
      lease: (...given) => inner.lease(...given),
      release: (...given) => inner.release(...given),
    }
    await using app = await startApp({ store })
    const browser = await logIn(app)
    inner = memoryStore()
    expect((await me(browser)).text).toBe(nobody)
    expect(await browser.open(`${origin}/secret`)).toMatchObject({ status: 200, text: '"secret"' })
    expect(app.errors).toEqual([])
  })

  test('that was emptied by a restart is a session that is over', async () => {
    await using before = await startApp()
    const browser = await logIn(before)
    sandbox.advance(1)
    await using after = await startApp()
    expect((await meWith(after, pairOf(browser))).text).toBe(nobody)
    expect(after.errors).toEqual([])
  })

  test('shows neither the id of a session nor a claim in its keys', async () => {
    const keys: string[] = []
    const inner = memoryStore()
    const compareAndSet: TokenStore['compareAndSet'] = (key, ...given) => {
      keys.push(key)
      return inner.compareAndSet(key, ...given)
    }
    await using app = await startApp({ store: { ...inner, compareAndSet } })
    const browser = await logIn(app)
    const header = { use: 'session', app: cookieOf(browser).name.slice(-16) }
    const { id } = (await createSeal([key]).open(cookieOf(browser).value, header)) as { id: string }
    expect(id).toMatch(/^[\w-]{32}$/)
    expect(keys.join()).not.toContain(id)
    expect(keys.every(key => /^[\w-]{1,100}$/.test(key))).toBe(true)
  })

  test('keeps nothing longer than a session lasts, and has nothing of visitors who never log in', async () => {
    const kept: (number | undefined)[] = []
    const inner = memoryStore()
    const compareAndSet: TokenStore['compareAndSet'] = (key, expected, record) => {
      kept.push(record.keepForMs)
      return inner.compareAndSet(key, expected, record)
    }
    await using app = await startApp({ store: { ...inner, compareAndSet }, session: { absoluteMs: 2 * 24 * hour } })
    for (let count = 0; count < 10; count++)
      await app.browser().open(`${origin}/login`, { until: sandbox.openid.issuer })
    for (let count = 0; count < 10; count++) await me(app.browser())
    expect(kept).toEqual([])
    await logIn(app)
    expect(kept.length).toBeGreaterThan(1)
    expect(kept.every(ms => ms !== undefined && ms <= 2 * 24 * hour)).toBe(true)
  })
})
