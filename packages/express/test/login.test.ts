/** Logins of an app at the sandbox's OpenID Provider, by a browser that keeps cookies. */
import { startSandbox } from '@grantkit/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf, origin, startApp, versions } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

describe.each(versions)('%s', (_, express) => {
  test('logs a user in, and brings them to the page they wanted', async () => {
    await using app = await startApp(express, { client: await clientOf(sandbox) })
    const browser = app.browser()
    expect((await browser.open(`${origin}/me`)).text).toBe('{"sub":null}')

    const page = await browser.open(`${origin}/login?returnTo=${encodeURIComponent('/me?of=1#there')}`)

    expect(app.errors).toEqual([])
    expect(page).toMatchObject({ status: 200, url: `${origin}/me?of=1#there`, text: '{"sub":"alice"}' })
    expect(browser.cookies().map(({ name }) => name)).toEqual([expect.stringMatching(/^__Host-grantkit-session-/)])
  })

  test('tells onLogin which consent the login was about, whether the ID token does or not', async () => {
    const told: unknown[] = []
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      authorization: () => ({ scope: 'openid', openbankingIntentId: 'consent-1' }),
      onLogin: ({ claims, expectedClaims }) => {
        told.push([claims?.openbanking_intent_id, expectedClaims])
        return undefined
      },
    })
    sandbox.openid.misbehave('id-token: missing openbanking_intent_id')

    await app.browser().open(`${origin}/login`)

    expect(app.errors).toEqual([])
    expect(told).toEqual([[undefined, { openbanking_intent_id: 'consent-1' }]])
  })
})
