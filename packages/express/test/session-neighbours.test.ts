/** Sessions in apps as they are: beside other sessions, security headers, compression, other middleware's cookies. */
import { randomBytes } from 'node:crypto'
import { memoryStore, type TokenStore } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import compression from 'compression'
import cookieSession from 'cookie-session'
import type { RequestHandler } from 'express'
import expressSession from 'express-session'
import helmet from 'helmet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, type AppOptions, alice, clientOf, origin, startApp as start, versions } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

const secret = randomBytes(32).toString('base64')
/** Counts visits in the other session. */
const counting: RequestHandler = (request, _response, next) => {
  const session = (request as unknown as { session: { visits?: number } }).session
  session.visits = (session.visits ?? 0) + 1
  next()
}
const showing: RequestHandler = (request, response) => {
  const { session } = request as unknown as { session: { visits: number } }
  response.json({ sub: request.grantkit.user?.claims.sub, visits: session.visits })
}
const neighbours: readonly [string, () => RequestHandler[]][] = [
  ['express-session', () => [expressSession({ secret, resave: false, saveUninitialized: true })]],
  ['cookie-session', () => [cookieSession({ name: 'theirs', keys: [secret] }) as RequestHandler]],
  ['helmet and compression', () => [helmet(), compression({ threshold: 0 })]],
  [
    'all of them',
    () => [helmet(), compression({ threshold: 0 }), expressSession({ secret, resave: false, saveUninitialized: true })],
  ],
]

describe.each(versions)('%s', (_, express) => {
  describe.each(neighbours)('with %s', (neighbour, made) => {
    const hasSession = neighbour !== 'helmet and compression'
    test.each(['before', 'behind'])('%s it, a session works and theirs does too', async place => {
      const mount: AppOptions['mount'] = (app, middleware) => {
        const theirs = made()
        app.use(...(place === 'before' ? [...theirs, middleware] : [middleware, ...theirs]))
        if (hasSession) app.use('/both', counting, showing)
      }
      await using app = await start(express, { client: await clientOf(sandbox), mount })
      const browser = app.browser()
      expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe(alice)
      if (hasSession) {
        const visits = []
        for (let count = 0; count < 3; count++) visits.push((await browser.open(`${origin}/both`)).text)
        expect(visits).toEqual([1, 2, 3].map(visits => JSON.stringify({ sub: 'alice', visits })))
      }
      sandbox.advance(10_000_000)
      const page = await browser.open(`${origin}/me`)
      expect(page.text).toBe(alice)
      expect(page.headers.getSetCookie().filter(cookie => cookie.includes('grantkit-session'))).toHaveLength(1)
      expect((await browser.open(`${origin}/logout`)).text).toBe('{"sub":null}')
      expect(app.errors).toEqual([])
    })
  })

  test('a handler that sets cookies of its own, in every way, keeps them and ours', async () => {
    const ways: Record<string, RequestHandler> = {
      cookie: (_request, response) => void response.cookie('theirs', '1').end(),
      append: (_request, response) => void response.append('Set-Cookie', 'theirs=1').end(),
      setHeader: (_request, response) => void response.setHeader('Set-Cookie', 'theirs=1').end(),
      writeHead: (_request, response) => void response.writeHead(200, { 'Set-Cookie': 'theirs=1' }).end(),
      array: (_request, response) => void response.writeHead(200, ['Set-Cookie', 'theirs=1']).end(),
      flushed(_request, response) {
        response.cookie('theirs', '1')
        response.flushHeaders()
        response.end()
      },
    }
    const mount: AppOptions['mount'] = (app, middleware) => {
      app.use(middleware)
      for (const [name, handler] of Object.entries(ways)) app.get(`/${name}`, handler)
    }
    await using app = await start(express, { client: await clientOf(sandbox), mount })
    const browser = app.browser()
    await browser.open(`${origin}/login?returnTo=/me`)
    for (const way of Object.keys(ways)) {
      sandbox.advance(10_000_000)
      const set = (await browser.open(`${origin}/${way}`)).headers.getSetCookie().map(cookie => cookie.split('=')[0])
      expect([way, set]).toEqual([way, ['theirs', expect.stringContaining('grantkit-session')]])
    }
  })
})

describe('two processes on one store', () => {
  /** What two processes have of one Redis: the same records, by objects of their own. */
  const shared = (inner: TokenStore): TokenStore => ({ ...inner, secrecy: 'elsewhere' })
  const tokenOf: AppOptions['mount'] = (app, middleware) => {
    app.use(middleware)
    app.get('/token', async ({ grantkit }, response) => {
      const tokenSet = await grantkit.user?.tokenSource.getTokenSet()
      response.json(tokenSet?.accessToken)
    })
  }
  const ask = async (app: App, cookie: string) =>
    (await app.browser().send(`${origin}/token`, { headers: { cookie } })).text

  test('renew once for all that one session asks at the same time, and a logout at one is known to the other', async () => {
    const inner = memoryStore()
    const [, [, express]] = versions
    const options = { mount: tokenOf, authorization: { scope: 'openid accounts' } }
    await using one = await start(express, { ...options, client: await clientOf(sandbox), store: shared(inner) })
    await using two = await start(express, { ...options, client: await clientOf(sandbox), store: shared(inner) })
    const browser = one.browser()
    expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe(alice)
    const cookie = browser
      .cookies()
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    const first = await ask(two, cookie)
    sandbox.advance(301_000)
    sandbox.openid.clearRequests()

    const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index % 2 === 0 ? one : two, cookie)))

    expect(new Set(tokens).size).toBe(1)
    expect(tokens).not.toContain(first)
    expect(sandbox.openid.requests.filter(({ kind }) => kind === 'token')).toHaveLength(1)
    await browser.open(`${origin}/logout`)
    expect((await two.browser().send(`${origin}/me`, { headers: { cookie } })).text).toBe('{"sub":null}')
    expect([one.errors, two.errors]).toEqual([[], []])
  })
})
