/** Guards and `tokenErrors()` on a request as `grantkit()` leaves it; what they make of a real login is in `step-up-login.test.ts`. */

import { LoginRequiredError } from '@grantkit/core'
import type express5 from 'express'
import { describe, expect, test, vi } from 'vitest'
import {
  type LoginOptions,
  requireLogin,
  requireScope,
  tokenErrors,
  type User,
  type UserTokens,
  userOf as userOfRequest,
} from '../src/index.js'
import { equipRequest, type RequestState } from '../src/request.js'
import { versions } from './app.js'
import { type Asking, askWith, navigation, script } from './asking.js'

const now = 1_000_000_000

/** Somebody who logged in an hour ago. */
function userOf(user: Partial<User> = {}): User {
  const notAsked = () => Promise.reject(new Error('not asked'))
  const tokenSource: UserTokens = { subject: 'session-1', getTokenSet: notAsked, headersFor: notAsked }
  return { claims: { sub: 'alice' }, scope: 'openid accounts', loggedInAt: now - 3_600_000, tokenSource, ...user }
}

interface Setting extends Partial<Omit<RequestState, 'lastLogin'>> {
  readonly user?: User | undefined
  readonly askedFor?: NonNullable<RequestState['lastLogin']>['askedFor']
}

/** What `grantkit()` puts on a request; the server is a header. */
function equip({ user, askedFor, ...state }: Setting, logins: LoginOptions[] = []): express5.RequestHandler {
  return (request, response, next) => {
    const login = async (options: LoginOptions = {}) => {
      logins.push(JSON.parse(JSON.stringify(options)))
      response.redirect(303, 'https://as.example/authorize')
    }
    const loginUrl = async (options: LoginOptions = {}) =>
      `https://app.example/login?for=${encodeURIComponent(JSON.stringify(options))}`
    const { acr, auth_time: authTime } = user?.claims ?? {}
    const lastLogin = user && { askedFor, acr, authTime, loggedInAt: user.loggedInAt }
    equipRequest(
      request,
      { user, application: undefined, login, loginUrl, logout: async () => {} },
      {
        lastLogin,
        site: { id: 'app', origin: 'https://app.example', basePath: '' },
        hasLoginRoute: true,
        now: () => now,
        ...state,
      },
    )
    next()
  }
}

describe.each(versions)('%s', (_, express) => {
  /** An app with one page behind a guard. */
  function appOf(setting: Setting, guard: ReturnType<typeof requireLogin>) {
    const logins: LoginOptions[] = []
    const app = express()
    app.use(equip(setting, logins))
    app.all('/', guard, (_request, response) => {
      response.end('fine')
    })
    app.use(tokenErrors())
    return { ask: (asking: Asking) => askWith(app, asking), logins }
  }

  test('lets through who is logged in, and has what is needed', async () => {
    const user = userOf({ claims: { acr: 'urn:strong', auth_time: now / 1000 - 300 } })
    const needs = requireLogin({ acrValues: ['urn:stronger', 'urn:strong'], maxAgeSeconds: 300 })

    for (const guard of [requireLogin(), needs, requireScope('accounts'), requireScope('openid accounts')])
      expect(await appOf({ user }, guard).ask(script)).toMatchObject({ status: 200, body: 'fine' })
  })

  test('keeps what it lets through out of caches, where the app does not say otherwise', async () => {
    const guards = [requireLogin(), requireScope('accounts')]
    for (const guard of guards)
      expect((await appOf({ user: userOf() }, guard).ask(navigation)).headers['cache-control']).toBe('no-store')

    const app = express()
    app.use(equip({ user: userOf() }))
    app.get('/', requireLogin(), (_request, response) => void response.set('Cache-Control', 'max-age=60').end())
    app.get('/before', (_request, response, next) => {
      response.set('Cache-Control', 'private')
      next()
    })
    app.get('/before', requireLogin(), (_request, response) => void response.end())
    expect((await askWith(app, navigation)).headers['cache-control']).toBe('max-age=60')
    expect((await askWith(app, { ...navigation, path: '/before' })).headers['cache-control']).toBe('private')
  })

  test('gives a handler the user, and one without a guard a login', async () => {
    const user = userOf()
    const app = (setting: Setting, logins: LoginOptions[] = []) => {
      const app = express()
      app.use(equip(setting, logins))
      app.get('/', (request, response) => void response.end(userOfRequest(request).claims.sub))
      return app.use(tokenErrors())
    }

    expect(await askWith(app({ user }), navigation)).toMatchObject({ status: 200, body: 'alice' })
    expect(await askWith(app({}), script)).toMatchObject({
      status: 401,
      body: expect.stringContaining('ERR_LOGIN_REQUIRED'),
    })
    const logins: LoginOptions[] = []
    expect(await askWith(app({}, logins), navigation)).toMatchObject({ status: 303 })
    expect(logins).toHaveLength(1)
    expect(() => userOfRequest({})).toThrow(expect.objectContaining({ code: 'ERR_OPTION', option: 'userOf()' }))
  })

  test('tells no log of who is sent to the login', async () => {
    const told: unknown[] = []
    const app = express()
    app.use(equip({}))
    app.get('/', (_request, _response, next) => next(new LoginRequiredError('log in')))
    app.use(tokenErrors({ onError: error => void told.push(error.code) }))

    await askWith(app, navigation)
    expect(told).toEqual([])
    await askWith(app, script)
    expect(told).toEqual(['ERR_LOGIN_REQUIRED'])
  })

  test('sends a browser that opens a page to the login', async () => {
    const { ask, logins } = appOf({}, requireLogin({ acrValues: 'urn:strong', maxAgeSeconds: 60 }))

    for (const method of ['GET', 'HEAD'] as const)
      expect(await ask({ ...navigation, method })).toMatchObject({
        status: 303,
        headers: { location: 'https://as.example/authorize' },
      })
    expect(logins).toEqual(Array(2).fill({ acrValues: ['urn:strong'], maxAgeSeconds: 60 }))
  })

  test('tells a script what is missing, and where to log in', async () => {
    const { ask, logins } = appOf({}, requireLogin())

    const { status, headers, body } = await ask(script)

    expect({ status, body: JSON.parse(body) }).toEqual({
      status: 401,
      body: { error: 'ERR_LOGIN_REQUIRED', loginUrl: expect.stringMatching(/^https:\/\/app\.example\/login\?/) },
    })
    expect(headers['cache-control']).toBe('no-store')
    expect(logins).toEqual([])
  })

  test.each([
    ['a weaker login', { acr: 'urn:weak', auth_time: now / 1000 }],
    ['one of unknown strength', { auth_time: now / 1000 }],
    ['one too long ago', { acr: 'urn:strong', auth_time: now / 1000 - 301 }],
    ['one at an unknown time', { acr: 'urn:strong' }],
  ])('asks for another login after %s', async (_name, claims) => {
    const guard = requireLogin({ acrValues: 'urn:strong', maxAgeSeconds: 300 })
    const { ask, logins } = appOf({ user: userOf({ claims }) }, guard)
    const wanted = { acrValues: ['urn:strong'], maxAgeSeconds: 300 }

    const { status, body } = await ask(script)
    await ask(navigation)

    expect({ status, body: JSON.parse(body) }).toMatchObject({
      status: 401,
      body: { error: 'ERR_LOGIN_REQUIRED', reason: 'insufficient_user_authentication', ...wanted },
    })
    expect(decodeURIComponent(JSON.parse(body).loginUrl)).toContain(JSON.stringify(wanted).slice(1, -1))
    expect(logins).toEqual([wanted])
  })

  test('asks for a scope that was not granted, and answers a script with 403', async () => {
    const { ask, logins } = appOf({ user: userOf() }, requireScope('accounts', 'payments'))

    const { status, body } = await ask(script)
    await ask(navigation)

    expect({ status, body: JSON.parse(body) }).toMatchObject({
      status: 403,
      body: { error: 'ERR_LOGIN_REQUIRED', reason: 'insufficient_scope', missingScope: ['payments'] },
    })
    expect(logins).toEqual([{ scope: ['payments'] }])
  })

  test('asks who is not logged in for all of it at once', async () => {
    const { ask, logins } = appOf({}, requireScope('accounts payments'))

    expect((await ask(script)).status).toBe(401)
    await ask(navigation)

    expect(logins).toEqual([{ scope: ['accounts', 'payments'] }])
  })

  test('takes an unknown scope for none', async () => {
    const { ask } = appOf({ user: userOf({ scope: undefined }) }, requireScope('accounts'))

    expect((await ask(script)).status).toBe(403)
  })

  test('does not go round in circles: who has just logged in for the same gets a page', async () => {
    const askedFor = { scope: ['openid', 'payments'], furtherScope: ['payments'], acrValues: [] }
    const user = userOf({ loggedInAt: now - 5_000 })
    const { ask, logins } = appOf({ user, askedFor }, requireScope('payments'))

    const page = await ask(navigation)
    const answer = await ask(script)

    expect(page.status).toBe(403)
    expect(page.body).toContain('<a href="https://app.example/login?')
    expect({ ...answer, body: JSON.parse(answer.body) }).toMatchObject({ status: 403 })
    expect(JSON.parse(answer.body)).not.toHaveProperty('loginUrl')
    expect(logins).toEqual([])
  })

  test('gives who has posted a form a page with a link, since what was posted would be gone', async () => {
    const { ask, logins } = appOf({}, requireLogin())

    const page = await ask({ ...navigation, method: 'POST' })

    expect(page).toMatchObject({ status: 401, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(page.body).toContain('<a href="https://app.example/login?')
    expect(logins).toEqual([])
  })

  test('has a status of its own where nobody has mounted tokenErrors()', async () => {
    const app = express()
    app.use(equip({ user: userOf() }))
    app.get('/scope', requireScope('payments'))
    app.get('/login', requireLogin({ acrValues: 'urn:strong' }))
    app.use(((error, _request, response, _next) => {
      response.status(error.status).end(error.code)
    }) as express5.ErrorRequestHandler)

    expect(await askWith(app, { ...script, path: '/scope' })).toMatchObject({ status: 403, body: 'ERR_LOGIN_REQUIRED' })
    expect(await askWith(app, { ...script, path: '/login' })).toMatchObject({ status: 401, body: 'ERR_LOGIN_REQUIRED' })
  })

  test('says that it needs grantkit() before it', async () => {
    const app = express()
    const seen = vi.fn()
    app.get('/', requireLogin())
    app.use(((error, _request, response, _next) => {
      seen(error)
      response.status(500).end()
    }) as express5.ErrorRequestHandler)

    await askWith(app, navigation)

    expect(seen).toHaveBeenCalledWith(expect.objectContaining({ name: 'TypeError', option: 'requireLogin()' }))
  })

  describe('a login that a handler, or an API, asks for', () => {
    /** An app whose handler throws, as HTTP clients do: ours as the cause. */
    function failingApp(setting: Setting, error: LoginRequiredError) {
      const logins: LoginOptions[] = []
      const app = express()
      app.use(equip(setting, logins))
      app.all('/', (_request, _response, next) => next(new Error('Request failed', { cause: error })))
      app.use(tokenErrors())
      return { ask: (asking: Asking) => askWith(app, asking), logins }
    }

    const dead = new LoginRequiredError('dead', { subject: 'session-1', reason: 'invalid_grant' })
    const stepUp = new LoginRequiredError('step up', {
      subject: 'session-1',
      reason: 'insufficient_user_authentication',
      acrValues: ['urn:strong'],
      maxAgeSeconds: 60,
    })

    test('sends the browser there', async () => {
      for (const [error, wanted] of [
        [dead, {}],
        [stepUp, { acrValues: ['urn:strong'], maxAgeSeconds: 60 }],
      ] as const) {
        const { ask, logins } = failingApp({ user: userOf() }, error)

        expect(await ask(navigation)).toMatchObject({ status: 303 })
        expect(logins).toEqual([wanted])
      }
    })

    test('is told to a script', async () => {
      const { ask } = failingApp({ user: userOf() }, dead)

      expect(JSON.parse((await ask(script)).body)).toEqual({
        error: 'ERR_LOGIN_REQUIRED',
        reason: 'invalid_grant',
        loginUrl: expect.any(String),
      })
    })

    test('is no login of somebody else’s', async () => {
      const another = new LoginRequiredError('dead', { subject: 'nightly-batch', reason: 'invalid_grant' })
      const { ask, logins } = failingApp({ user: userOf() }, another)

      expect(await ask(script)).toMatchObject({ status: 401, body: '{"error":"ERR_LOGIN_REQUIRED"}' })
      expect((await ask(navigation)).status).toBe(401)
      expect(logins).toEqual([])
    })

    test('is not asked for twice in a row', async () => {
      const user = userOf({ loggedInAt: now - 5_000 })
      const { ask, logins } = failingApp({ user }, dead)

      expect((await ask(navigation)).status).toBe(403)
      expect((await ask(script)).status).toBe(403)
      expect(logins).toEqual([])
    })

    test('is open where the session has ended while its request was running', async () => {
      const forgotten = new LoginRequiredError('forgotten', { subject: 'session-1', reason: 'forgotten' })
      const user = userOf({ loggedInAt: now - 5_000 })
      const { ask, logins } = failingApp({ user }, forgotten)

      expect(await ask(script)).toMatchObject({ status: 401, body: expect.stringContaining('"loginUrl"') })
      expect((await ask(navigation)).status).toBe(303)
      expect(logins).toEqual([{}])
    })

    test('has no link where the app has no route for it', async () => {
      const { ask } = failingApp({ user: userOf(), hasLoginRoute: false }, dead)

      expect(JSON.parse((await ask(script)).body)).not.toHaveProperty('loginUrl')
      expect((await ask({ ...navigation, method: 'POST' })).body).not.toContain('href')
    })
  })

  test('answers what keeps the login from beginning, too', async () => {
    const app = express()
    app.use(equip({}))
    app.use(((request, _response, next) => {
      const { grantkit } = request
      Object.assign(grantkit, { login: () => Promise.reject(unavailable()) })
      next()
    }) as express5.RequestHandler)
    app.get('/guard', requireLogin())
    app.get('/handler', (_request, _response, next) => next(new LoginRequiredError('log in')))
    app.use(tokenErrors())

    for (const path of ['/guard', '/handler'])
      expect(await askWith(app, { ...navigation, path })).toMatchObject({
        status: 503,
        headers: { 'retry-after': '3' },
      })
  })
})

function unavailable(): Error {
  return new Error('connect', {
    cause: Object.assign(new LoginRequiredError('x'), { code: 'ERR_TRANSPORT', retryable: true, retryAfterMs: 2_500 }),
  })
}

test.each([
  ['acrValues', () => requireLogin({ acrValues: [] })],
  ['acrValues', () => requireLogin({ acrValues: 7 as never })],
  ['maxAgeSeconds', () => requireLogin({ maxAgeSeconds: 0 })],
  ['scope', () => requireLogin({ scope: 'accounts' } as never)],
  ['requireScope()', () => (requireScope as unknown as () => void)()],
  ['requireScope()', () => requireScope(' ')],
  ['requireScope()', () => requireScope(['accounts'] as never)],
])('refuses a wrong %s at once', (option, make) => {
  expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option }))
})
