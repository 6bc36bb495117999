/** What `tokenErrors()` answers to each error of ours: a status, and a page or JSON. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import {
  AuthorizationRefusedError,
  AuthorizationServerError,
  type GrantKitError,
  LoginRequiredError,
  OriginError,
  TokenResponseError,
  TokenStoreError,
  TransportError,
  ValidationError,
} from '@grantkit/core'
import type express5 from 'express'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Problem, SessionError, type TokenErrorsOptions, tokenErrors } from '../src/index.js'
import { versions } from './app.js'
import { askWith, navigation, script } from './asking.js'

const refused = (kind: 'denied' | 'interaction_required' | 'transient' | 'terminal', errorDescription?: string) =>
  new AuthorizationRefusedError({ kind, error: 'access_denied', errorDescription })

const answers: readonly [what: string, error: GrantKitError, status: number, kind: Problem['kind']][] = [
  ['a login of another browser, or none', new ValidationError('transaction', 'x'), 400, 'login_over'],
  ['a login that took too long', new ValidationError('transaction_expired', 'x'), 400, 'login_over'],
  ['an answer that was taken before', new ValidationError('used_answer', 'x'), 400, 'login_over'],
  ['an answer to another request', new ValidationError('state', 'x'), 400, 'login_over'],
  ['a login link that was made up', new ValidationError('login_link', 'x'), 400, 'login_over'],
  ['a user who says no', refused('denied'), 403, 'denied'],
  ['a request of another site', new ValidationError('csrf', 'x'), 403, 'forged'],
  ['a server that wants to see the user', refused('interaction_required'), 401, 'login_required'],
  ['a server that cannot now', refused('transient'), 503, 'unavailable'],
  ['a server that refuses what the app asks', refused('terminal'), 502, 'failed'],
  ['an ID token that does not hold', new ValidationError('nonce', 'x'), 502, 'failed'],
  ['keys that cannot be had', new ValidationError('jwks', 'x', { retryable: true }), 503, 'unavailable'],
  ['a store that is away', new TokenStoreError('x', { operation: 'get' }), 503, 'unavailable'],
  [
    'a store whose records do not open',
    new TokenStoreError('x', { operation: 'get', retryable: false }),
    502,
    'failed',
  ],
  ['no answer', new TransportError('ERR_TRANSPORT', 'x', { neverSent: true }), 503, 'unavailable'],
  ['a wrong client secret', new AuthorizationServerError({ serverStatus: 401, kind: 'invalid_client' }), 502, 'failed'],
  ['an answer that is none', new TokenResponseError('x'), 502, 'failed'],
  ['a URL that may not have the token', new OriginError('x', 'https://evil.example'), 500, 'misconfigured'],
  ['a session that cannot be kept', new SessionError('cookie_too_large', 'x'), 500, 'misconfigured'],
]

describe.each(versions)('%s', (_, express) => {
  function appOf(error: unknown, options?: TokenErrorsOptions) {
    const app = express()
    app.all('/', (_request, _response, next) => next(error))
    app.use(tokenErrors(options))
    return app
  }

  test.each(answers)('%s', async (_what, error, status, kind) => {
    const seen: Problem[] = []
    const app = appOf(error, { page: problem => seen.push(problem) && `<p>${problem.title}</p>` })

    const [answer, page, plain] = await Promise.all([
      askWith(app, script),
      askWith(app, navigation),
      askWith(appOf(error), navigation),
    ])

    expect(answer).toMatchObject({ status, body: JSON.stringify({ error: error.code }) })
    expect(page).toMatchObject({ status, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(seen).toEqual([expect.objectContaining({ status, kind, code: error.code, loginUrl: undefined })])
    expect(plain.status).toBe(status)
    expect(plain.body).toContain(`<h1>${seen[0]?.title}</h1>`)
    for (const { headers } of [answer, page, plain]) expect(headers['cache-control']).toBe('no-store')
  })

  test('shows a page that runs and loads nothing', async () => {
    const { headers, body } = await askWith(appOf(refused('denied')), navigation)

    expect(headers).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'none'; base-uri 'none'; frame-ancestors 'none'$/,
      ),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    expect(body).not.toMatch(/<script|<img|<link|\son\w+=/)
  })

  test('escapes what the server said', async () => {
    const error = refused('denied', `<img src=x onerror="alert('1')"> & so`)
    const problems: Problem[] = []

    const plain = await askWith(appOf(error), navigation)
    await askWith(appOf(error, { page: problem => problems.push(problem) && 'shown' }), navigation)

    const escaped = '&#60;img src=x onerror=&#34;alert(&#39;1&#39;)&#34;&#62; &#38; so'
    expect(plain.body).toContain(`The server says: ${escaped}`)
    expect(problems).toEqual([expect.objectContaining({ descriptionHtml: escaped })])
  })

  test('lets the app’s page answer by itself, with a template and a policy of its own', async () => {
    const app = appOf(refused('denied'), {
      page(problem, _request, response: express5.Response) {
        response.set('Content-Security-Policy', "default-src 'self'").render('problem', problem)
      },
    })
    app.engine('txt', (_path, { title }: { title?: string }, done) => done(null, `rendered: ${title}`))
    app.set('views', await viewsWith('problem.txt'))
    app.set('view engine', 'txt')

    expect(await askWith(app, navigation)).toMatchObject({
      status: 403,
      headers: { 'content-security-policy': "default-src 'self'", 'cache-control': 'no-store' },
      body: 'rendered: The login was refused',
    })
  })

  test('hands on what the app’s page throws', async () => {
    for (const page of [
      () => {
        throw new Error('no template')
      },
      async () => {
        throw new Error('no template')
      },
    ]) {
      const app = appOf(refused('denied'), { page })
      app.use(((error, _request, response, _next) => {
        response.status(500).end(error.message)
      }) as express5.ErrorRequestHandler)

      expect(await askWith(app, navigation)).toMatchObject({ status: 500, body: 'no template' })
    }
  })

  test('tells the app’s log of what it answers, by the error itself and not by what is around it', async () => {
    const error = refused('terminal')
    const around = new Error('around it, with what a client shows', { cause: error })
    const told: unknown[] = []
    const onError: TokenErrorsOptions['onError'] = (...given) => void told.push(given)

    for (const asking of [navigation, script]) await askWith(appOf(around, { onError }), asking)
    await askWith(appOf(new Error('of the app'), { onError }), script)

    const problem = expect.objectContaining({ kind: 'failed', status: 502 })
    expect(told).toEqual([
      [error, problem],
      [error, problem],
    ])
  })

  test('finds the error within one of another realm, as those of Node are in Jest', async () => {
    const around = runInNewContext('cause => new Error("fetch failed", { cause })')

    const { status } = await askWith(appOf(around(new TokenResponseError('x'))), script)

    expect(status).toBe(502)
  })

  test('leaves a login to an app that has one of its own', async () => {
    const app = appOf(new LoginRequiredError('dead', { subject: 'alice' }))

    for (const asking of [script, navigation])
      expect(await askWith(app, asking)).toMatchObject({ status: 401, body: '{"error":"ERR_LOGIN_REQUIRED"}' })
  })

  const browsers = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8' }
  test.each([
    ['a page is opened', { ...browsers, 'sec-fetch-mode': 'navigate' }, true],
    ['a form is posted', { ...browsers, 'sec-fetch-mode': 'navigate' }, true],
    ['a script fetches', { accept: '*/*', 'sec-fetch-mode': 'cors' }, false],
    ['a script fetches HTML', { accept: 'text/html', 'sec-fetch-mode': 'same-origin' }, false],
    ['an image is loaded', { accept: 'image/avif,*/*', 'sec-fetch-mode': 'no-cors' }, false],
    ['a browser without fetch metadata opens a page', browsers, true],
    ['jQuery loads HTML', { accept: 'text/html, */*; q=0.01', 'x-requested-with': 'XMLHttpRequest' }, false],
    ['curl asks', { accept: '*/*' }, false],
    ['axios asks', { accept: 'application/json, text/plain, */*' }, false],
    ['somebody likes JSON better', { accept: 'text/html;q=0.5, application/json' }, false],
    ['somebody takes no HTML', { accept: 'text/html;q=0, */*' }, false],
    ['nothing is said', {}, false],
  ])('where %s', async (_name, headers, isPage) => {
    const { headers: answered } = await askWith(appOf(refused('denied')), { headers })

    expect(answered['content-type']).toMatch(isPage ? /^text\/html/ : /^application\/json/)
  })

  test('sends no body to HEAD', async () => {
    const { status, body } = await askWith(appOf(refused('denied')), { ...navigation, method: 'HEAD' })

    expect({ status, body }).toEqual({ status: 403, body: '' })
  })

  test('hands on what is not ours, and what comes after the answer has begun', async () => {
    const handedOn: unknown[] = []
    const theirs = new Error('theirs')
    const app = express()
    app.get('/theirs', (_request, _response, next) => next(theirs))
    app.get('/begun', (_request, response, next) => {
      response.write('begun')
      next(refused('denied'))
    })
    app.use(tokenErrors({ page: () => 'never shown' }))
    app.use(((error, _request, response, _next) => {
      handedOn.push(error)
      response.end()
    }) as express5.ErrorRequestHandler)

    await askWith(app, { ...navigation, path: '/theirs' })
    const { status, body } = await askWith(app, { ...navigation, path: '/begun' })

    expect({ status, body }).toEqual({ status: 200, body: 'begun' })
    expect(handedOn).toEqual([theirs, expect.any(AuthorizationRefusedError)])
  })
})

/** A folder with one template in it. */
async function viewsWith(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'grantkit-views-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, name), '')
  return folder
}

test.each([
  ['page', { page: '<p>' as never }],
  ['pages', { pages: () => '' } as never],
  ['onError', { onError: true as never }],
])('refuses a wrong %s at once', (option, options) => {
  expect(() => tokenErrors(options)).toThrow(expect.objectContaining({ name: 'TypeError', option }))
})
