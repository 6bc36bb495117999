/** Where a login may be mounted, what may stand before it, and beside it. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import express5 from 'express'
import { type Dispatcher, Pool } from 'undici'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { grantkit } from '../src/index.js'
import { clientOf, key, origin, redirectUri, startApp, versions } from './app.js'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox()
  sandbox.openid.redirectUris.push(`${origin}/shop/callback`, `${origin}/callback?tenant=1`)
})
afterAll(() => sandbox.stop())

const posted = { scope: 'openid', responseMode: 'form_post' } as const
const form = { 'content-type': 'application/x-www-form-urlencoded' }

describe.each(versions)('a form post in %s', (_, express) => {
  test.each([
    ['nobody', []],
    ['express.json(), which leaves it alone', [express.json()]],
    ['express.urlencoded()', [express.urlencoded({ extended: false })]],
    ['express.urlencoded({ extended: true })', [express.urlencoded({ extended: true })]],
    ['express.text()', [express.text({ type: '*/*' })]],
    ['express.raw()', [express.raw({ type: '*/*' })]],
  ])('is understood where it was read by %s', async (_name, parsers) => {
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      authorization: posted,
      mount: (app, middleware) => app.use(...parsers, middleware),
    })

    const page = await app.browser().open(`${origin}/login?returnTo=/me`)

    expect(app.errors).toEqual([])
    expect(page).toMatchObject({ url: `${origin}/me`, text: '{"sub":"alice"}' })
  })

  test.each([
    ['is too long', { headers: form, body: `state=${'x'.repeat(140_000)}` }, 'response'],
    ['is no form', { headers: { 'content-type': 'application/json' }, body: '{"state":"x"}' }, 'response'],
    ['has no type', { headers: {}, body: 'state=x' }, 'response'],
    ['is empty', { headers: form, body: '' }, 'state'],
    ['names a parameter twice', { headers: form, body: 'state=x&state=y' }, 'state'],
    ['nests one', { headers: form, body: 'state[__proto__][x]=y' }, 'state'],
  ])('that %s is refused with an answer', async (_name, visit, check) => {
    for (const parsers of [[], [express.urlencoded({ extended: true, limit: '1mb' })]]) {
      await using app = await startApp(express, {
        client: await clientOf(sandbox),
        authorization: posted,
        mount: (app, middleware) => app.use(...parsers, middleware),
      })
      const page = await app.browser().open(redirectUri, { method: 'POST', ...visit })
      expect(page.status).toBe(500)
      const expected = check === 'response' && parsers.length > 0 && visit.headers === form ? 'state' : check
      expect(app.errors).toEqual([expect.objectContaining({ check: expected })])
    }
  })

  test('that is too long leaves the connection to the next request, whoever sends it', async () => {
    await using app = await startApp(express, { client: await clientOf(sandbox) })
    const connection = new Pool(app.address, { connections: 1 })
    onTestFinished(() => connection.destroy())
    const ask = async (path: string, options: Partial<Dispatcher.RequestOptions> = {}) => {
      const { statusCode, body } = await connection.request({ path, method: 'POST', ...options })
      await body.dump()
      return statusCode
    }
    for (let times = 0; times < 3; times++) {
      expect(await ask('/callback', { headers: form, body: `state=${'x'.repeat(1_000_000)}` })).toBe(500)
      expect(await ask('/me', { method: 'GET' })).toBe(200)
      expect(await ask('/elsewhere')).toBe(404)
    }
  })

  test('that somebody has read and thrown away is refused, and says so', async () => {
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      mount: (app, middleware) =>
        app.use((request, _response, next) => {
          request.resume().on('end', () => next())
        }, middleware),
    })
    await app.browser().open(redirectUri, { method: 'POST', headers: form, body: 'code=1&state=2' })
    expect(app.errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining('read before grantkit()') }),
    ])
  })
})

describe.each(versions)('%s', (_, express) => {
  test('takes it on a router', async () => {
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      redirectUri: `${origin}/shop/callback`,
      mount: (app, middleware) => {
        const router = express.Router()
        router.use(middleware)
        router.get('/me', ({ grantkit }, response) => void response.json(grantkit.user?.claims.sub ?? null))
        app.use('/shop', router)
        app.get('/', (_request, response) => void response.json('outside'))
      },
    })
    const browser = app.browser()
    expect((await browser.open(`${origin}/shop/login?returnTo=/shop/me`)).text).toBe('"alice"')
    expect((await browser.open(`${origin}/`)).text).toBe('"outside"')
    expect((await browser.open(`${origin}/login`)).status).toBe(404)
  })

  test('takes it behind a proxy that takes part of the path away', async () => {
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      redirectUri: `${origin}/shop/callback`,
      basePath: '/shop',
      mount: (app, middleware) => app.use(withoutShop, middleware),
    })
    const page = await app.browser().open(`${origin}/shop/login`)
    expect(app.errors).toEqual([])
    expect(page).toMatchObject({ url: `${origin}/shop/`, text: '{"sub":"alice"}' })
  })
})

/** As a proxy does it, before Express looks at the URL. */
const withoutShop: express5.RequestHandler = (request, _response, next) => {
  request.url = request.url.replace(/^\/shop/, '')
  request.originalUrl = request.url
  next()
}

test('an app has several, each on its router, with cookies of its own', async () => {
  const other = await startSandbox()
  other.openid.settings.subject = 'bob'
  other.openid.redirectUris.push(`${origin}/shop/callback`)
  const second = grantkit({
    client: await clientOf(other),
    redirectUri: `${origin}/shop/callback`,
    keys: [key],
    authorization: { scope: 'openid' },
  })
  await using app = await startApp(express5, {
    client: await clientOf(sandbox),
    mount: (app, first) => {
      app.use('/shop', second)
      app.get('/shop/me', ({ grantkit }, response) => void response.json(grantkit.user?.claims.sub ?? null))
      app.use(first)
    },
  })
  const browser = app.browser()

  expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe('{"sub":"alice"}')
  expect((await browser.open(`${origin}/shop/me`)).text).toBe('null')
  expect((await browser.open(`${origin}/shop/login?returnTo=/shop/me`)).text).toBe('"bob"')
  expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":"alice"}')
  expect(new Set(browser.cookies().map(({ name }) => name)).size).toBe(2)

  // an answer of one server at the redirect URI of the other: a mix-up (RFC 9700 §4.4)
  const { url } = await browser.open(`${origin}/shop/login`, { until: `${origin}/shop/callback` })
  const moved = await browser.open(url.replace('/shop/callback', '/callback'))
  expect(moved.status).toBe(500)
  expect(app.errors).toEqual([expect.objectContaining({ check: 'transaction' })])
  const asked = other.openid.requests.filter(({ path }) => path === '/token').length
  expect(asked).toBe(1)

  await second.close()
  await other.stop()
})

test('a redirect URI may have a query of its own, without which it is not meant', async () => {
  await using app = await startApp(express5, {
    client: await clientOf(sandbox),
    redirectUri: `${origin}/callback?tenant=1`,
    authorization: { scope: 'openid', responseType: 'code id_token' },
  })
  const browser = app.browser()

  expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe('{"sub":"alice"}')
  expect((await browser.open(redirectUri)).status).toBe(404)
})

test.each(['127.0.0.1', '[::1]'])('a login at http://%s has cookies without Secure, and works', async host => {
  const [place, net] = await listening(host.replace(/[[\]]/g, ''))
  sandbox.openid.redirectUris.push(`${place}/callback`)
  await using app = await startApp(express5, {
    client: await clientOf(sandbox),
    redirectUri: `${place}/callback`,
    server: net,
  })
  const browser = app.browser()

  const begun = await browser.open(`${place}/login`, { until: `${place}/callback` })
  expect(browser.cookies()[0]).toMatchObject({ name: expect.stringMatching(/^grantkit-login-/), secure: false })
  expect(await browser.open(begun.url)).toMatchObject({ url: `${place}/`, text: '{"sub":"alice"}' })
})

/** A server that waits for its app, so that its port is known before. */
async function listening(host: string): Promise<[place: string, server: Server]> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { address, port, family } = server.address() as AddressInfo
  return [`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, server]
}

test('a login is where its redirect URI says, whatever Host and X-Forwarded headers say', async () => {
  await using app = await startApp(express5, { client: await clientOf(sandbox) })
  const headers = { host: 'other.example', 'x-forwarded-host': 'other.example', 'x-forwarded-proto': 'http' }
  const page = await app.browser().send(`${origin}/login`, { headers })
  expect(new URL(page.headers.get('location') ?? '').searchParams.get('redirect_uri')).toBe(redirectUri)
  expect(page.headers.getSetCookie()[0]).toMatch(/^__Host-.*; Secure/)
})
