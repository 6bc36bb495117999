/** The server's word that somebody has logged out elsewhere ends their sessions here, and nobody else's. */
import { createTransport, memoryStore, type TokenStore, type Transport } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyFor, sign } from '../../core/test/openid-server.js'
import { grantkit } from '../src/index.js'
import { type App, type AppOptions, clientOf, key, nobody, origin, redirectUri, startAppOf } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

const event = 'http://schemas.openid.net/event/backchannel-logout'
const signingKey = keyFor('RS256')
let count = 0

/** A client of the sandbox's server, which signs its logout tokens by a key of this test. */
async function toldClient() {
  const real = createTransport({ ca: sandbox.ca })
  const transport: Transport = async request => {
    const answer = await real(request)
    if (!request.url.endsWith('/jwks')) return answer
    const { keys } = JSON.parse(Buffer.from(answer.body).toString())
    return { ...answer, body: Buffer.from(JSON.stringify({ keys: [...keys, signingKey.jwk] })) }
  }
  return clientOf(sandbox, { transport }, { metadata: { backchannel_logout_supported: true } })
}

async function startApp({ sid, ...options }: Partial<AppOptions> & { sid?: string } = {}): Promise<App> {
  const claims = sid === undefined ? undefined : { id_token: { sid: { value: sid } } }
  const authorization = { scope: 'openid', claims } as never
  return startAppOf(sandbox, { client: await toldClient(), authorization, ...options })
}

/** A logout token of the server, as it should be but for `members`. */
function tokenOf(members: Readonly<Record<string, unknown>>) {
  const now = Math.floor(sandbox.now() / 1000)
  const { issuer, clientId } = sandbox.openid
  const claims = { iss: issuer, aud: clientId, iat: now, exp: now + 120, jti: `j${++count}`, events: { [event]: {} } }
  return sign(signingKey, { ...claims, ...members }, { typ: 'logout+jwt' })
}

async function tell(app: App, token: string, path = '/backchannel-logout') {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams({ logout_token: token }).toString()
  const { status, text, headers: answered } = await app.browser().send(origin + path, { method: 'POST', headers, body })
  return { status, text, cacheControl: answered.get('cache-control') }
}

async function login(app: App, subject = 'alice') {
  sandbox.openid.settings.subject = subject
  const browser = app.browser()
  expect((await browser.open(`${origin}/login?returnTo=/me`)).text).toBe(`{"sub":"${subject}"}`)
  return async () => (await browser.open(`${origin}/me`)).text
}

describe('a logout token', () => {
  test('of a user ends all their sessions, in every process of the store, and forgets the tokens', async () => {
    const store = memoryStore()
    await using one = await startApp({ store })
    await using two = await startApp({ store })
    const [first, second, bob] = [await login(one), await login(two), await login(two, 'bob')]

    const answer = await tell(one, await tokenOf({ sub: 'alice' }))

    expect(answer).toEqual({ status: 200, text: '', cacheControl: 'no-store' })
    expect([await first(), await second(), await bob()]).toEqual([nobody, nobody, '{"sub":"bob"}'])
    expect([one.errors, two.errors]).toEqual([[], []])
  })

  test('of a session ends that one', async () => {
    const store = memoryStore()
    await using one = await startApp({ store, sid: 's1' })
    await using two = await startApp({ store, sid: 's2' })
    const [first, second] = [await login(one), await login(two)]
    expect((await tell(two, await tokenOf({ sub: 'alice', sid: 's1' }))).status).toBe(200)
    expect([await first(), await second()]).toEqual([nobody, '{"sub":"alice"}'])
  })

  test.each([{ sub: 'alice' }, { sid: 's1' }])(
    'that comes while a login comes to its end keeps its session from beginning: %j',
    async members => {
      let app: App | undefined
      const onLogin = async () => {
        expect((await tell(app as App, await tokenOf(members))).status).toBe(200)
        return undefined
      }
      await using started = await startApp({ sid: 's1', onLogin })
      app = started
      sandbox.openid.settings.subject = 'alice'
      const browser = app.browser()

      const page = await browser.open(`${origin}/login?returnTo=/me`)

      expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_VALIDATION', check: 'logged_out' })])
      expect([page.status, browser.cookies()]).toEqual([500, []])
    },
  )

  test('of nobody here is fine', async () => {
    await using app = await startApp()
    expect((await tell(app, await tokenOf({ sub: 'carol' }))).status).toBe(200)
  })

  test('is good for one use, in all processes', async () => {
    const store = memoryStore()
    await using one = await startApp({ store })
    await using two = await startApp({ store })
    const token = await tokenOf({ sub: 'alice' })
    expect((await tell(one, token)).status).toBe(200)
    const again = await login(two)
    expect(await tell(two, token)).toMatchObject({ status: 400, text: expect.stringContaining('jti') })
    expect(await again()).toBe('{"sub":"alice"}')
  })

  test.each([
    ['somebody else signed', async () => sign(keyFor('RS256'), {}, { typ: 'logout+jwt' })],
    ['is for another client', () => tokenOf({ sub: 'alice', aud: 'another' })],
    ['is an ID token', () => tokenOf({ sub: 'alice', nonce: 'n', events: undefined })],
    ['is none', async () => 'mkr'],
    ['did not come', async () => ''],
  ])('that %s ends nothing', async (_, token) => {
    await using app = await startApp()
    const user = await login(app)
    const { status, text } = await tell(app, await token())
    expect([status, JSON.parse(text).error]).toEqual([400, 'invalid_request'])
    expect(text).not.toContain('mkr')
    expect(await user()).toBe('{"sub":"alice"}')
    expect(app.errors).toEqual([])
  })

  test('may come again where the store was away', async () => {
    const inner = memoryStore()
    const state = { isDown: false }
    const store: TokenStore = {
      ...inner,
      async get(name) {
        if (state.isDown) throw Object.assign(new Error('away'), { code: 'ERR_TOKEN_STORE', operation: 'get' })
        return inner.get(name)
      },
    }
    await using app = await startApp({ store: { ...store, secrecy: 'elsewhere' } })
    const user = await login(app)
    const token = await tokenOf({ sub: 'alice' })
    state.isDown = true
    expect((await tell(app, token)).status).toBe(503)
    state.isDown = false
    await expect.poll(async () => (await tell(app, token)).status).toBe(200)
    expect(await user()).toBe(nobody)
  })
})

describe('what is written for it', () => {
  test('is capped: of a hundred and one sessions of one user the oldest ends', async () => {
    const store = memoryStore()
    await using app = await startApp({ store })
    const oldest = await login(app)
    const next = await login(app)
    for (let number = 0; number < 99; number++) await login(app)
    expect([await oldest(), await next()]).toEqual([nobody, '{"sub":"alice"}'])
  })

  test('is nothing where the server tells of no logouts, and the route is none of ours', async () => {
    const client = await clientOf(sandbox)
    const keys = new Set<string>()
    const inner = memoryStore()
    const compareAndSet: TokenStore['compareAndSet'] = (name, ...given) => {
      keys.add(name)
      return inner.compareAndSet(name, ...given)
    }
    await using app = await startApp({ client, store: { ...inner, compareAndSet } })
    await login(app)
    // the login that was finished, the session, its tokens
    expect(keys.size).toBe(3)
    expect((await tell(app, await tokenOf({ sub: 'alice' }))).status).toBe(404)
  })

  test('cannot be where sessions are in cookies alone', async () => {
    const client = await toldClient()
    const options = { client, redirectUri, keys: [key], session: { tokensIn: 'cookie' } as const }
    expect(() => grantkit({ ...options, paths: { backchannelLogout: '/told' } })).toThrow(
      expect.objectContaining({ name: 'TypeError', option: 'paths.backchannelLogout' }),
    )
    expect(() => grantkit(options)).not.toThrow()
  })
})
