/** Logins of an app at the sandbox's OpenID Provider, by a browser that keeps cookies. */
import { LoginRequiredError } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tokenErrors } from '../src/index.js'
import { clientOf, origin, redirectUri, startApp, versions } from './app.js'

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

  test('leaves it to the app what a failed login shows, and to begin it anew for the same page', async () => {
    await using app = await startApp(express, { client: await clientOf(sandbox), last: tokenErrors() })
    const browser = app.browser()
    const { url } = await browser.open(`${origin}/login?returnTo=/me?of=1`, { until: redirectUri })
    const answer = new URLSearchParams({ error: 'access_denied', iss: sandbox.openid.issuer })
    answer.set('state', new URL(url).searchParams.get('state') ?? '')

    const page = await browser.open(`${redirectUri}?${answer}`)

    expect(page).toMatchObject({ status: 403, url: `${redirectUri}?${answer}` })
    const link = /href="([^"]*login[^"]*)"/.exec(page.text)?.[1] ?? ''
    expect(await browser.open(link)).toMatchObject({ url: `${origin}/me?of=1`, text: '{"sub":"alice"}' })
  })

  test('never goes round in circles, whatever onLogin throws', async () => {
    await using app = await startApp(express, {
      client: await clientOf(sandbox),
      last: tokenErrors(),
      onLogin: () => Promise.reject(new LoginRequiredError('again')),
    })
    const browser = app.browser()
    const page = await browser.open(`${origin}/login`)
    expect(page).toMatchObject({ status: 403, url: expect.stringMatching(/\/callback\?code=/) })
    expect(browser.cookies()).toEqual([])
  })

  test('brings the user of a page’s script back to that page', async () => {
    await using app = await startApp(express, { client: await clientOf(sandbox), last: tokenErrors() })
    const browser = app.browser()
    const headers = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*', referer: `${origin}/me?of=1` }

    const refused = await browser.open(`${origin}/secret`, { headers })

    expect(refused.status).toBe(401)
    const { loginUrl } = JSON.parse(refused.text)
    expect(await browser.open(loginUrl)).toMatchObject({ url: `${origin}/me?of=1`, text: '{"sub":"alice"}' })
  })
})
