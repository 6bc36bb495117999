/** What is said of wrong options, before there is a first request. */
import { randomBytes } from 'node:crypto'
import { createClient, defineProvider, memoryStore } from '@grantkit/core'
import type express5 from 'express'
import { describe, expect, test } from 'vitest'
import { apiProxy, type GrantKitOptions, grantkit, requireLogin, requireScope, tokenErrors } from '../src/index.js'
import { versions } from './app.js'
import { askWith } from './asking.js'

const metadata = {
  issuer: 'https://as.example',
  token_endpoint: 'https://as.example/token',
  authorization_endpoint: 'https://as.example/authorize',
  jwks_uri: 'https://as.example/jwks',
}
const client = createClient({ provider: defineProvider({ name: 'as', metadata }), clientId: 'app', clientSecret: 's' })
const right = {
  client,
  redirectUri: 'https://app.example/auth/callback',
  keys: [{ id: 'one', key: randomBytes(32) }],
} as const

const wrong: readonly [option: string, options: unknown][] = [
  ['client', { client: undefined }],
  ['client', { client: Promise.resolve(client) }],
  ['client', { client: { provider: client.provider } }],
  ['redirectUri', { redirectUri: undefined }],
  ['redirectUri', { redirectUri: '/callback' }],
  ['redirectUri', { redirectUri: 'http://app.example/callback' }],
  ['redirectUri', { redirectUri: 'https://app.example/callback#x' }],
  ['redirectUri', { redirectUri: 'https://user:password@app.example/callback' }],
  ['redirectUri', { redirectUri: 'com.example.app:/callback' }],
  ['redirectUri', { redirectUri: 'https://app.example/callback\n' }],
  ['redirectUri', { redirectUri: 'https://app.example' }],
  ['redirectUri', { redirectUri: 'https://app.example/' }],
  ['redirectUri', { redirectUri: 'https://app.example/auth/', basePath: '/auth' }],
  ['redirectUri', { redirectUri: 'https://app.example/callback?code=1' }],
  ['keys', { keys: undefined }],
  ['keys', { keys: [] }],
  ['keys[0].key', { keys: [{ id: 'one', key: 'a passphrase' }] }],
  ['keys', { keys: [right.keys[0], right.keys[0]] }],
  ['store', { store: {} }],
  ['store', { store: { ...memoryStore(), secrecy: undefined } }],
  ['store', { store: null }],
  ['authorization.redirectUri', { authorization: { redirectUri: right.redirectUri } }],
  ['state', { authorization: { state: 'mine' } }],
  ['scopes', { authorization: { scopes: 'openid' } }],
  ['scope', { authorization: { scope: ['openid', undefined] } }],
  ['maxAgeSeconds', { authorization: { maxAgeSeconds: 0.5 } }],
  ['responseMode', { authorization: { responseMode: 'post' } }],
  ['scope', { authorization: { responseType: 'code id_token' } }],
  ['authorization', { authorization: Promise.resolve({}) }],
  ['authorization', { authorization: 'openid' }],
  ['authorization', { authorization: ['openid'] }],
  ['application', { application: () => {} }],
  ['application', { application: {} }],
  ['onLogin', { onLogin: true }],
  ['paths', { paths: null }],
  ['paths', { paths: '/login' }],
  ['paths', { paths: true }],
  ['paths.signin', { paths: { signin: '/signin' } }],
  ['paths.login', { paths: { login: 'login' } }],
  ['paths.login', { paths: { login: '//app.example/login' } }],
  ['paths.login', { paths: { login: '/a/../login' } }],
  ['paths.login', { paths: { login: '/login?x=1' } }],
  ['paths.login', { paths: { login: '/auth/callback' } }],
  ['paths.logout', { paths: { login: '/same', logout: '/same' } }],
  ['paths.login', { paths: { login: '/' } }],
  ['paths.logout', { basePath: '/auth', paths: { logout: '/auth/' } }],
  ['basePath', { basePath: '/auth/' }],
  ['basePath', { basePath: 'auth' }],
  ['basePath', { basePath: '/shop' }],
  ['basePath', { basePath: Symbol('/auth') }],
  ['session.absoluteMs', { session: { absoluteMs: Symbol('a week') } }],
  ['session.idle', { session: { idle: 60_000 } }],
  ['logout.returnTo', { logout: { returnTo: '/' } }],
  ['store', { store: 'redis://localhost' }],
  ['redirectURI', { redirectURI: right.redirectUri }],
  ['secret', { secret: 'x' }],
]

describe('grantkit() names', () => {
  test.each(wrong)('%s where it is wrong: %j', (option, options) => {
    expect(() => grantkit({ ...right, ...(options as Partial<GrantKitOptions>) })).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_OPTION', option }),
    )
  })

  test('itself, where it gets none', () => {
    for (const options of [undefined, null, 'https://app.example/callback', []])
      expect(() => grantkit(options as never)).toThrow(expect.objectContaining({ option: 'grantkit()' }))
  })

  test.each([
    ['an unset variable', undefined, 'keys[0].key: is undefined: an environment variable that is not set?'],
    ['a variable that is not set, or empty', '', 'keys[0].key: is empty: an environment variable that is not set?'],
  ])('%s', (_, key, message) => {
    const keys = [{ id: 'one', key: key as string }]
    expect(() => grantkit({ ...right, keys })).toThrow(message)
  })

  test('what browsers see, where the app is behind a proxy that ends TLS', () => {
    expect(() => grantkit({ ...right, redirectUri: 'http://app.example/callback' })).toThrow(
      'redirectUri: must be https, as a browser sees it, also where a proxy ends TLS',
    )
  })

  test('the member that was meant', () => {
    expect(() => grantkit({ ...right, session: { idle: 1 } as never })).toThrow(
      'session.idle: is not an option of session; did you mean session.idleMs?',
    )
  })

  test('requireLogin(), where it gets an age that no server reads', () => {
    for (const maxAgeSeconds of [0, 1.5, Number.NaN, '300'])
      expect(() => requireLogin({ maxAgeSeconds: maxAgeSeconds as number })).toThrow(
        expect.objectContaining({ option: 'maxAgeSeconds' }),
      )
  })

  test('requireScope(), where it gets none, a list, or one without a name', () => {
    for (const scope of [[], [['accounts']], [undefined], ['accounts', '']])
      expect(() => requireScope(...(scope as unknown as [string]))).toThrow(
        expect.objectContaining({ option: 'requireScope()' }),
      )
  })

  test('no key, whatever is wrong with it', () => {
    const secret = 'not-to-be-shown-in-any-message'
    for (const key of [secret, Buffer.from(secret), Buffer.alloc(32), secret.padEnd(43, '!')])
      expect(() => grantkit({ ...right, keys: [{ id: 'one', key }] })).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('shown-in') }),
      )
  })
})

test('what is wrong with the server is told at the start too', () => {
  const { authorization_endpoint: _, ...without } = metadata
  const other = createClient({
    provider: defineProvider({ name: 'as', metadata: without }),
    clientId: 'app',
    clientSecret: 's',
  })
  expect(() => grantkit({ ...right, client: other })).toThrow(
    expect.objectContaining({ name: 'TypeError', option: 'authorization_endpoint' }),
  )
})

test('the rest is right', async () => {
  for (const options of [
    {},
    { redirectUri: 'http://localhost:3000/callback' },
    { redirectUri: 'http://127.0.0.1:3000/callback' },
    { redirectUri: 'http://[::1]:3000/callback' },
    { redirectUri: 'https://app.example/callback?tenant=1' },
    { paths: { login: false, logout: '/bye' } as const },
    { basePath: '/auth' },
    { authorization: { scope: 'openid', pushed: true } },
    { authorization: () => ({}) },
  ])
    await grantkit({ ...right, ...options }).close()
})

describe.each(versions)('in %s', (_, express) => {
  test.each<[name: string, mounted: unknown]>([
    ['grantkit', grantkit],
    ['requireLogin', requireLogin],
    ['requireScope', requireScope],
    ['tokenErrors', tokenErrors],
    ['apiProxy', apiProxy],
  ])('%s that was mounted instead of what it makes says so', async (name, mounted) => {
    const app = express()
    app.use(mounted as express5.RequestHandler)
    expect(await failureOf(app)).toMatchObject({ code: 'ERR_OPTION', option: `${name}()` })
  })

  test('a second grantkit() for one redirect URI is told of, and not that nobody is logged in', async () => {
    const app = express()
    app.use(grantkit(right))
    app.use(grantkit(right))
    expect(await failureOf(app)).toMatchObject({ code: 'ERR_OPTION', option: 'redirectUri' })
  })

  test.each([
    ['/accounts', 'login()'],
    [null, 'login()'],
    [['accounts'], 'login()'],
    [{ returnto: '/accounts' }, 'returnto'],
    [{ returnTo: 'https://evil.example/' }, 'returnTo'],
    [{ maxAgeSeconds: 0.5 }, 'maxAgeSeconds'],
  ])('a login() that is given %j says what it takes', async (given, option) => {
    const app = express()
    app.use(grantkit(right), ({ grantkit }, _response, next) => void grantkit.login(given as never).catch(next))
    expect(await failureOf(app)).toMatchObject({ code: 'ERR_OPTION', option })
  })

  test('one that is mounted twice, and two for two redirect URIs, are right', async () => {
    const app = express()
    const twice = grantkit(right)
    app.use(twice, twice, grantkit({ ...right, redirectUri: 'https://app.example/other/callback' }))
    expect(await failureOf(app)).toBeUndefined()
  })
})

/** What an app's error handlers are given for a request. */
async function failureOf(app: express5.Express): Promise<unknown> {
  let failure: unknown
  const keep: express5.ErrorRequestHandler = (error, _request, response, _next) => {
    failure = error
    response.end()
  }
  app.use(keep)
  await askWith(app, {})
  return failure
}
