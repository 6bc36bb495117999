/** Logouts in Chromium: here, at the server, and what is left to see. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { agree, logInAs, type Person, useChromium } from './chromium.js'
import { startWebApp } from './web-app.js'

const newPerson = useChromium()

test('a person who goes back after the logout sees nothing of an account', async () => {
  await using app = await startWebApp()
  await using ann = await newPerson()
  await logIn(ann.page, `${app.origin}/accounts`)
  await logOut(ann.page)
  expect(ann.page.url()).toBe(`${app.origin}/`)
  expect(await who(ann.page)).toBe('nobody')
  expect(await ann.context.cookies(app.origin)).toEqual([])
  await forgetAtServer(ann)

  await ann.page.goBack()

  expect(ann.page.url()).toMatch(`${app.server.issuer}/interaction/`)
  expect(await ann.page.content()).not.toContain('Accounts')
})

test('another tab is logged out too, and its next page is the login', async () => {
  await using app = await startWebApp()
  await using ann = await newPerson()
  await logIn(ann.page, `${app.origin}/accounts`)
  const tab = await ann.open(`${app.origin}/accounts`)
  await logOut(ann.page)
  await forgetAtServer(ann)

  await tab.reload()

  expect(tab.url()).toMatch(`${app.server.issuer}/interaction/`)
})

test('a logout at the server asks for the password again, and comes back to the page that was wanted', async () => {
  await using app = await startWebApp({
    options: origin => ({
      logout: { atServer: true, postLogoutRedirectUri: `${origin}/logged-out`, redirectTo: '/?bye' },
    }),
  })
  await using ann = await newPerson()
  await logIn(ann.page, `${app.origin}/accounts`)

  await logOut(ann.page)
  expect(ann.page.url()).toMatch(`${app.server.issuer}/session/end`)
  await ann.page.getByRole('button', { name: 'Yes, sign me out' }).click()

  await ann.page.waitForURL(`${app.origin}/?bye`)
  expect(await who(ann.page)).toBe('nobody')
  await ann.page.goto(`${app.origin}/accounts`)
  await ann.page.getByPlaceholder('and password').waitFor()
})

test('a link on another site logs nobody out', async () => {
  await using app = await startWebApp()
  await using ann = await newPerson()
  await logIn(ann.page, `${app.origin}/accounts`)
  const elsewhere = await ann.open(`${app.server.issuer}/.well-known/openid-configuration`)

  await elsewhere.setContent(`<a href="${app.origin}/logout">Free kittens</a>
<form method="post" action="${app.origin}/logout"><button>More kittens</button></form>`)
  await elsewhere.getByRole('button').click()
  await elsewhere.waitForURL(`${app.origin}/logout`)

  await ann.page.reload()
  expect(await who(ann.page)).toBe('ann')
})

/** The session at the server goes on after a logout here, and would log in again without a word. */
function forgetAtServer({ context }: Person): Promise<void> {
  return context.clearCookies({ domain: '127.0.0.1' })
}

async function logIn(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await logInAs(page, 'ann')
  await agree(page)
  await page.waitForURL(url)
}

/** A form goes on by a page: this is over when that has been left. */
async function logOut(page: Page): Promise<void> {
  const goneOn = page.waitForURL(({ pathname }) => pathname !== '/accounts' && pathname !== '/logout')
  await page.getByRole('button', { name: 'Log out' }).click()
  await goneOn
}

function who(page: Page): Promise<string | null> {
  return page.locator('#who').textContent()
}
