/** Sessions without a store: what is in the cookie, and what is not. */
import { memoryStore, type TokenStore } from '@grantkit/core'
import { createSeal } from '@grantkit/core/kit'
import { startSandbox } from '@grantkit/sandbox'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AppOptions, alice, key, logIn, origin, startAppOf } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())
afterEach(() => {
  sandbox.openid.settings.accessTokenFormat = 'opaque'
})

const session = { tokensIn: 'cookie' } as const

/** `/token` shows the token, or the code of the error. */
const showingTokens: AppOptions['mount'] = (app, middleware) => {
  app.use(middleware)
  app.get('/token', async ({ grantkit, query }, response) => {
    const options = query.rejected === undefined ? {} : { rejected: String(query.rejected) }
    const answer = grantkit.user?.tokenSource.getTokenSet(options)
    await answer?.then(
      ({ accessToken, scope, expiresAt }) => response.json({ accessToken, scope, ends: expiresAt !== undefined }),
      ({ code, reason }) => response.json({ code, reason }),
    )
  })
}
const startApp = (options?: Partial<AppOptions>) => startAppOf(sandbox, { session, mount: showingTokens, ...options })

describe('a session in a cookie', () => {
  test('has the access token, in every process, and no refresh token', async () => {
    await using one = await startApp()
    await using two = await startApp()
    const browser = await logIn(one)
    const [{ name, value } = { name: '', value: '' }] = browser.cookies()
    const cookie = `${name}=${value}`
    const page = await two.browser().send(`${origin}/token`, { headers: { cookie } })
    const { token } = sandbox.openid.issuedTokens.at(-1) ?? {}
    expect(JSON.parse(page.text)).toEqual({ accessToken: token, scope: 'openid accounts', ends: true })
    const kept = await createSeal([key]).open(value, { use: 'session', app: name.slice(-16) })
    expect(JSON.stringify(kept)).not.toMatch(/refresh/i)
    expect(Object.keys(Object(kept).token)).toEqual(['accessToken', 'obtainedAt', 'expiresAt'])
  })

  test('wants a login at the end of the token, and once an API has rejected it', async () => {
    await using app = await startApp()
    const browser = await logIn(app)
    const { accessToken } = JSON.parse((await browser.open(`${origin}/token`)).text)
    const gone = '{"code":"ERR_LOGIN_REQUIRED","reason":"no_refresh_token"}'
    expect((await browser.open(`${origin}/token?rejected=${accessToken}`)).text).toBe(gone)
    sandbox.openid.clearRequests()
    sandbox.advance(295_000)
    expect((await browser.open(`${origin}/token`)).text).toBe(gone)
    expect((await browser.open(`${origin}/me`)).text).toBe(alice)
    expect(sandbox.openid.requests).toEqual([])
  })

  test('asks the store for nothing but the one use of each login', async () => {
    const asked: string[] = []
    const inner = memoryStore()
    const noting = (operation: string) => async () => {
      asked.push(operation)
      return true as never
    }
    const store: TokenStore = { ...inner, get: noting('get'), delete: noting('delete'), lease: noting('lease') }
    await using app = await startApp({ store })
    const browser = await logIn(app)
    await browser.open(`${origin}/logout`)
    expect(asked).toEqual([])
    expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":null}')
    expect(browser.cookies()).toEqual([])
  })

  test('that does not fit is an error that says what to do, and shows nothing of the token', async () => {
    const onLogin = () => ({ sub: 'alice', about: 'x'.repeat(3_000) })
    await using app = await startApp({ onLogin })
    await app.browser().open(`${origin}/login`)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'cookie_too_large' })])
    expect(String(app.errors[0])).toMatch(/fewer claims, and leave tokens in the store/)
    const { token } = sandbox.openid.issuedTokens.at(-1) ?? {}
    expect(String(app.errors[0])).not.toContain(String(token))
  })
})
