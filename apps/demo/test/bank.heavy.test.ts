/** A login at the bank in Chromium, by what a customer does. */
import { startSandbox } from '@grantkit/sandbox'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startApp } from '../src/app/app.js'
import { executablePath, expectCount, isFocused, launch, tabTo } from './chromium.js'
import { findCutOff, findFaintText, findRepeatedIds } from './in-page.js'

let browser: Browser
beforeAll(async () => {
  if (executablePath !== undefined) browser = await launch()
})
afterAll(() => browser?.close())
beforeEach(context => context.skip(executablePath === undefined, 'needs chromium'))

describe('a customer', () => {
  test('logs in, approves and sees the accounts, with the keyboard alone', async () => {
    await using bank = await open()
    const { page } = bank

    await tabTo(page, page.getByRole('link', { name: 'Log in at the bank' }))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Log in' }).waitFor()
    await page.keyboard.type('alice')
    await page.keyboard.press('Tab')
    await page.keyboard.type('alice-password')
    await page.keyboard.press('Enter')
    await tabTo(page, page.getByRole('button', { name: 'Approve' }))
    await page.keyboard.press('Enter')

    await page.getByText('Rainy days').waitFor()
    expect(page.url()).toBe(`${bank.url}bank`)
    await page.getByText('Logged in, token held').waitFor()
    await page.getByRole('status').getByText('2 accounts, with the customer’s token.').waitFor({ state: 'attached' })
    for (const title of [
      'A consent is asked for',
      'The request is pushed (PAR)',
      'Redirect to the bank',
      'Redirect back to the app',
      'The code is redeemed for tokens',
      'API call',
    ])
      await bank.steps.getByText(title, { exact: true }).first().waitFor()
    expect(bank.problems).toEqual([])
  })

  test('shares the accounts they have ticked', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.toConsent()

    await page.getByLabel('Everyday').uncheck()
    await page.getByRole('button', { name: 'Approve' }).click()

    await page.getByText('1 account, with the customer’s token.').first().waitFor()
    await expectCount(page.getByRole('list', { name: 'Accounts' }).getByRole('listitem'), 1)
    await bank.steps.getByText('1 account', { exact: true }).waitFor()
  })

  test('who denies is told so, and may begin again', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.toConsent()

    await page.getByRole('button', { name: 'Deny' }).click()

    await page.getByRole('heading', { name: 'The login was refused' }).waitFor()
    expect(await page.evaluate('location.hash')).toBe('')
    await page.getByRole('link', { name: 'Back to the steps' }).click()
    await page.getByText('Nobody is logged in').waitFor()
    await bank.steps.getByText('No login came of it').waitFor()
    await page.getByRole('link', { name: 'Log in at the bank' }).click()
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('Rainy days').waitFor()
    expect(bank.problems).toEqual([expect.stringContaining('403')]) // the page of the denial
  })

  test('who takes longer than an hour is told so, and may begin again', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.toConsent()
    bank.sandbox.advance(61 * 60_000)

    await page.getByRole('button', { name: 'Approve' }).click()

    await page.getByRole('heading', { name: 'This login cannot go on' }).waitFor()
    await page.getByRole('link', { name: 'Log in at the bank' }).click()
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('Rainy days').waitFor()
  })

  test('who goes back after the login finds a page that was used, and is still logged in', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await page.goBack()
    await page.goto(`${bank.url}bank`)

    await page.getByText('Logged in, token held').waitFor()
  })

  test('with three tabs may finish them in reverse order', async () => {
    await using bank = await open()
    const tabs = [bank.page, await bank.anotherTab(), await bank.anotherTab()]
    for (const tab of tabs) await bank.toConsent(tab)

    for (const tab of tabs.toReversed()) {
      await tab.getByRole('button', { name: 'Approve' }).click()
      await tab.getByText('Rainy days').waitFor()
    }

    expect(bank.problems).toEqual([])
  })
})

describe('the drawing', () => {
  test('fills in while a customer is at the bank’s pages in another tab', async () => {
    await using bank = await open()
    const tab = await bank.anotherTab()

    await bank.toConsent(tab)

    await bank.steps.getByText('The customer logs in').waitFor()
    await expectCount(bank.steps.getByText('The customer approves'), 0)
    await tab.getByRole('button', { name: 'Approve' }).click()
    await bank.steps.getByText('A session begins').waitFor()
  })

  test('has an arrow from lane to lane for each step, and says so in words', async () => {
    await using bank = await open()
    await bank.logIn()
    const lanes = await Promise.all(
      ['Browser', 'App', 'Authorization server', 'API'].map(name =>
        bank.page.locator('.lanes').getByText(name, { exact: true }).boundingBox(),
      ),
    )
    const [browserAt, appAt, serverAt, apiAt] = lanes.map(box => (box?.x ?? 0) + (box?.width ?? 0) / 2)

    const ends = async (step: string) => {
      const row = bank.steps.getByRole('listitem').filter({ hasText: step }).first()
      const box = await row.locator('.arrow').boundingBox()
      return [box?.x ?? 0, (box?.x ?? 0) + (box?.width ?? 0)].map(Math.round)
    }
    const near = (...at: (number | undefined)[]) => at.map(one => expect.closeTo(one ?? 0, -1))

    expect(await ends('App to Authorization server: The request is pushed')).toEqual(near(appAt, serverAt))
    expect(await ends('App to Browser: Redirect to the bank')).toEqual(near(browserAt, appAt))
    expect(await ends('App to API: A consent is asked for')).toEqual(near(appAt, apiAt))
  })

  test('shows one renewal for 20 requests with a token that has ended', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()
    await page.getByRole('button', { name: 'Expire now' }).click()
    await page.getByText('Ended at the server, app not told').waitFor()

    await page.getByRole('button', { name: '20 requests at once' }).click()

    await page.getByText('20 × 200').first().waitFor()
    await bank.steps.getByText('Renewal: the API rejected the last one').waitFor()
    await expectCount(bank.steps.getByText(/^Renewal/), 1)
    await page.getByText('Logged in, token held').waitFor()
  })

  test('that was cleared stays so over the way to the bank', async () => {
    await using bank = await open()
    await bank.logIn()
    await bank.steps.getByText('API call').waitFor()

    await bank.page.getByRole('button', { name: 'Clear the steps' }).click()
    await bank.page.reload()

    await bank.page.getByText('Rainy days').waitFor()
    await expectCount(bank.steps.getByText('A session begins'), 0)
    await bank.page.getByRole('button', { name: 'Log out' }).click()
    await bank.steps.getByText('Logout at the bank').waitFor()
    await expectCount(bank.steps.getByText('A session begins'), 0)
  })
})

describe('the end', () => {
  test('at the bank is met at the next call, and the way in is at hand', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await page.getByRole('button', { name: 'End the consent at the bank' }).click()
    await page.getByText('The app finds out at its next call.').first().waitFor()
    await page.getByRole('button', { name: 'Show the accounts' }).click()

    await page.getByText('The login is over', { exact: true }).waitFor()
    expect(await isFocused(page.getByRole('link', { name: 'Log in at the bank' }))).toBe(true)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('Rainy days').waitFor()
  })

  test('by a logout, at the bank too: the next login asks for the password', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await tabTo(page, page.getByRole('button', { name: 'Log out' }))
    await page.keyboard.press('Enter')

    await page.getByText('Nobody is logged in').waitFor()
    expect(page.url()).toBe(`${bank.url}bank`)
    await page.getByRole('status').getByText('Logged out, here and at the bank.').waitFor({ state: 'attached' })
    await bank.steps.getByText('Logout at the bank').waitFor()
    expect(bank.deletedConsents()).toBe(0)
    await page.getByRole('link', { name: 'Log in at the bank' }).click()
    await page.getByLabel('Password').waitFor()
    expect(bank.problems).toEqual([])
  })

  test('by a logout here alone: the bank still knows the browser', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await page.getByLabel('end the session at the bank').uncheck()
    await page.getByRole('button', { name: 'Log out' }).click()

    await page.getByText('Logged out here.').first().waitFor()
    await page.getByText('Nobody is logged in').waitFor()
    await page.getByRole('link', { name: 'Log in at the bank' }).click()
    await page.getByRole('button', { name: 'Approve' }).waitFor()
  })

  test('by a logout that deletes the consent, if the customer wishes', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await page.getByLabel('delete the consent').check()
    await page.getByRole('button', { name: 'Log out' }).click()

    await page.getByText('Nobody is logged in').waitFor()
    await bank.steps.getByText('The consent is deleted').waitFor()
    expect(bank.deletedConsents()).toBe(1)
    expect(bank.problems).toEqual([])
  })
})

describe('for everybody', () => {
  test('every landmark and control has a role and a name', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()

    await page.getByRole('banner').waitFor()
    await page.getByRole('navigation', { name: 'Pages' }).waitFor()
    await page.getByRole('region', { name: 'The customer' }).waitFor()
    await page.getByRole('region', { name: 'Step by step, as it happens' }).waitFor()
    await page.getByRole('list', { name: 'Step by step, as it happens' }).waitFor()
    await page.getByRole('group', { name: 'Log out, and' }).waitFor()
    await page.getByRole('progressbar', { name: 'Time left of the access token' }).waitFor()
    expect(await page.evaluate(findRepeatedIds)).toEqual([])
    await tabTo(page, page.locator('#drawing'))
  })

  test('text has AA contrast, in light and in dark, on the page and where a login came to nothing', async () => {
    await using bank = await open()
    const { page } = bank
    await bank.logIn()
    await page.getByRole('button', { name: 'Expire now' }).click()
    await page.getByRole('button', { name: '20 requests at once' }).click()
    await page.getByText('20 × 200').first().waitFor()
    await page.locator('summary').click()

    const faintIn = async (least: number) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const { checked, faint } = await page.evaluate(findFaintText)
        expect(faint, colorScheme).toEqual([])
        expect(checked).toBeGreaterThan(least)
      }
    }
    await faintIn(60)
    await page.goto(`${bank.url}bank/callback?code=made-up&state=made-up`)
    await page.getByRole('heading', { name: 'This login cannot go on' }).waitFor()
    await faintIn(3)
  })

  test('fits a window of 320 pixels, and of any width above', async () => {
    await using bank = await open()
    await bank.logIn()

    for (const width of [320, 390, 768, 900, 1060, 1440]) {
      await bank.page.setViewportSize({ width, height: 800 })
      expect(await bank.page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect(await bank.page.evaluate(findCutOff), String(width)).toEqual([])
    }
  })
})

/** The page of an app of its own, and a customer; what the console complains of, policy violations included, is a problem. */
async function open() {
  const sandbox = await startSandbox()
  const app = await startApp(sandbox)
  const context = await browser.newContext()
  const problems: string[] = []
  const { origin: bankOrigin } = new URL(sandbox.wso2IdentityServer.plainHttp.authorizationEndpoint)
  const anotherTab = async () => {
    const page = await context.newPage()
    page.on('console', message => ['error', 'warning'].includes(message.type()) && problems.push(message.text()))
    page.on('pageerror', error => problems.push(String(error)))
    page.on('request', request => {
      const isKnown = [app.url, `${bankOrigin}/`].some(url => request.url().startsWith(url))
      if (!isKnown) problems.push(`${request.url()} was asked for`)
    })
    await page.goto(`${app.url}bank`)
    return page
  }
  const page = await anotherTab()
  const toConsent = async (tab: Page = page) => {
    await tab.getByRole('link', { name: 'Log in at the bank' }).click()
    await tab.getByRole('heading', { level: 1 }).waitFor()
    if (await tab.getByLabel('Password').isVisible()) {
      await tab.getByLabel('Username').fill('alice')
      await tab.getByLabel('Password').fill('alice-password')
      await tab.getByRole('button', { name: 'Log in' }).click()
    }
    await tab.getByRole('button', { name: 'Approve' }).waitFor()
  }
  return {
    url: app.url,
    sandbox,
    page,
    problems,
    anotherTab,
    toConsent,
    steps: page.locator('#steps'),
    async logIn() {
      await toConsent()
      await page.getByRole('button', { name: 'Approve' }).click()
      await page.getByText('Rainy days').waitFor()
    },
    deletedConsents: () => sandbox.wso2IdentityServer.requests.filter(({ method }) => method === 'DELETE').length,
    async [Symbol.asyncDispose]() {
      await context.close()
      await app[Symbol.asyncDispose]()
      await sandbox.stop()
    },
  }
}
