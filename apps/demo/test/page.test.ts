/** The page in Chromium, by what a person does. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { startSandbox } from '@grantkit/sandbox'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startApp } from '../src/app/app.js'
import type { Schedule } from '../src/app/outages.js'
import { findCutOff, findFaintText, findRepeatedIds } from './in-page.js'

const executablePath = findChromium()
let browser: Browser

beforeAll(async () => {
  if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: [...flags] })
})
afterAll(() => browser?.close())
beforeEach(context => context.skip(executablePath === undefined, 'needs chromium'))

const clients = ['axios', 'got', 'undici', 'fetch']
const actions = ['100 calls at once', 'Expire now', 'Fail the server for 10 s']

describe('the page', () => {
  test('shows six cards, each with what it is and what can be done to it', async () => {
    await using app = await open()
    const { page } = app

    await expectCount(page.getByRole('article'), 6)
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('GrantKit, live')
    expect(await page.getByRole('heading', { level: 3 }).allTextContents()).toEqual([
      'WSO2 Open Banking, API Manager',
      'WSO2 Open Banking, API Manager',
      'WSO2 Open Banking, Identity Server',
      'WSO2 APK',
      'Core banking',
      'Fiserv CIAM',
    ])
    for (const row of [1, 2, 3, 4, 5, 6]) {
      const buttons = await app.card(row).getByRole('button').allTextContents()
      expect(buttons).toEqual([...clients, ...actions])
    }
    const second = app.card(2)
    await second.getByText('authorization_code, refresh_token', { exact: true }).waitFor()
    await second.getByText('private_key_jwt PS256, mTLS').waitFor()
    await second.getByText('Token held', { exact: true }).waitFor()
    await second.getByText(/the user logged in \(authorization_code, \d+ ms\)/).waitFor()
    await app.card(4).getByText('No token held', { exact: true }).waitFor()
    expect(app.problems).toEqual([])
  })

  test('calls an API through each client, with the keyboard alone', async () => {
    await using app = await open()
    const card = app.card(4)

    for (const client of clients) {
      await tabTo(app.page, card.getByRole('button', { name: client }))
      await app.page.keyboard.press('Enter')
      await card.getByText(`${client}: 200`).waitFor()
    }

    expect(await card.getByRole('definition').nth(2).textContent()).toBe('1')
    await app.log.getByText('asks for a token (client_credentials): none was held').waitFor()
    await expectCount(app.log.getByText(/^GET the API through/), 4)
    expect(app.problems).toEqual([])
  })

  test('keeps the focus where it was when an action has ended, and shows it', async () => {
    await using app = await open()
    const button = app.card(5).getByRole('button', { name: 'Expire now' })

    await tabTo(app.page, button)
    await app.page.keyboard.press('Space')

    await app.card(5).getByText('No token is held, so there is none to end.').waitFor()
    expect(await isFocused(button)).toBe(true)
    expect(await styleOf(button, 'outlineStyle')).toBe('solid')
  })

  test('tells how many token requests 100 calls caused', async () => {
    await using app = await open()
    const card = app.card(6)
    const burst = card.getByRole('button', { name: '100 calls at once' })

    await burst.click()
    await card.getByText(/^100 × 200 in \d+ ms, with 1 token request$/).waitFor()
    await burst.click()
    await card.getByText(/^100 × 200 in \d+ ms, with 0 token requests$/).waitFor()
  })

  test('shows a token that ended at the server, and how the next call gets by', async () => {
    await using app = await open()
    const card = app.card(3)

    await card.getByRole('button', { name: 'Expire now' }).click()
    await card.getByText('Ended at the server, client not told').waitFor()
    await app.card(1).getByText('No token held', { exact: true }).waitFor()
    await card.getByRole('button', { name: 'got' }).click()
    await card.getByText('got: 200').waitFor()
    await card.getByText('Token held', { exact: true }).waitFor()
    await card.getByText(/the API rejected it \(refresh_token, \d+ ms\)/).waitFor()
    await app.log.getByText('met a rejected token: renews it and sends the call again').waitFor()
  })

  test('shows an outage, the error callers get, and its end', async () => {
    const outage = byHand()
    await using app = await open(outage.schedule)
    const card = app.card(4)

    await card.getByRole('button', { name: 'Fail the server for 10 s' }).click()
    await card.getByText(/WSO2 APK fails for \d+ s/).waitFor()
    await card.getByRole('button', { name: 'undici' }).click()
    await card.getByText(/^undici: no token, ERR_SERVER_REFUSED; worth trying again in \d+ s$/).waitFor()
    await card.getByText(/failed with 503/).waitFor()

    outage.end()
    await card.getByText('No token held', { exact: true }).waitFor()
    app.sandbox.advance(10_000) // the rest the server asked for
    await card.getByRole('button', { name: 'undici' }).click()
    await card.getByText('undici: 200').waitFor()
    expect(app.problems).toEqual([expect.stringContaining('503 (Service Unavailable)')])
  })

  test('says the time left as text and as a progress bar, and both go down', async () => {
    await using app = await open()
    await app.card(4).getByRole('button', { name: 'fetch' }).click()
    await app.card(4).getByText('Token held', { exact: true }).waitFor()
    const bar = app.card(4).getByRole('progressbar', { name: 'Time left of token 4' })

    const before = Number(await bar.getAttribute('aria-valuenow'))
    expect(before).toBeGreaterThan(50)
    expect(await bar.getAttribute('aria-valuetext')).toMatch(/^\d+ seconds left$/)
    await app
      .card(4)
      .getByText(/^[12]:\d\d$/)
      .waitFor()

    await app.page.clock.fastForward(60_000)
    await app
      .card(4)
      .getByText(/^0:\d\d$/)
      .waitFor()
    expect(Number(await bar.getAttribute('aria-valuenow'))).toBeLessThanOrEqual(before - 45)
    await app.page.clock.fastForward(90_000)
    await app.card(4).getByText('Expired', { exact: true }).waitFor()
    expect(await bar.getAttribute('aria-valuetext')).toBe('no token')
  })

  test('has a log that is read out as it grows, can be scrolled by keyboard, and can be cleared', async () => {
    await using app = await open()
    expect(await app.log.getAttribute('aria-live')).toBe('polite')
    await app.card(5).getByRole('button', { name: 'axios' }).click()
    await app.log.getByText('GET the API through axios').waitFor()
    await tabTo(app.page, app.log)

    await app.page.getByRole('button', { name: 'Clear the log' }).click()

    await expectCount(app.log.getByText('GET the API'), 0)
    await app.page.getByText('Nothing yet.').waitFor()
    await app.card(5).getByRole('button', { name: 'got' }).click()
    await app.log.getByText('GET the API through got').waitFor()
    await expectCount(app.log.getByText('GET the API through axios'), 0)
  })

  test('says so when the program has ended', async () => {
    await using app = await open()
    await app.page.getByRole('status').getByText('Live').waitFor()

    await app.close()

    await app.page.getByRole('status').getByText('Connection lost').waitFor()
  })
})

describe('for everybody', () => {
  test('every button, landmark and control has a role and a name', async () => {
    await using app = await open()
    const { page } = app
    await app.card(6).waitFor()

    await page.getByRole('banner').waitFor()
    await page.getByRole('main').waitFor()
    await page.getByRole('region', { name: 'Token sources' }).waitFor()
    await page.getByRole('region', { name: 'Requests, as they happen' }).waitFor()
    await page.getByRole('log', { name: 'Requests, as they happen' }).waitFor()
    await page.getByRole('list', { name: 'Three things to try' }).waitFor()
    for (const row of [1, 2, 3, 4, 5, 6]) {
      await page.getByRole('article', { name: new RegExp(`^Card ${row}: `) }).waitFor()
      await app.card(row).getByRole('group', { name: 'Call its API through' }).waitFor()
      await app
        .card(row)
        .getByRole('progressbar', { name: `Time left of token ${row}` })
        .waitFor()
    }
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    expect(await page.evaluate(findRepeatedIds)).toEqual([])
  })

  test('text has AA contrast, in light and in dark', async () => {
    const outage = byHand()
    await using app = await open(outage.schedule)
    await app.card(2).getByRole('button', { name: 'Expire now' }).click()
    await app.card(2).getByText('Ended at the server, client not told').waitFor()
    await app.card(4).getByRole('button', { name: '100 calls' }).click()
    await app.card(4).getByText('1 token request').waitFor()
    await app.card(6).getByRole('button', { name: 'Fail' }).click()
    await app.card(6).getByText('Fiserv CIAM fails').waitFor()
    await app.card(6).getByRole('button', { name: 'got' }).click()
    await app.log.getByText('ERR_SERVER_REFUSED').waitFor()

    const backgrounds = new Set<string>()
    for (const colorScheme of ['light', 'dark'] as const) {
      await app.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      backgrounds.add(await styleOf(app.page.locator('body'), 'backgroundColor'))
      const { checked, faint } = await app.page.evaluate(findFaintText)
      expect(faint, colorScheme).toEqual([])
      expect(checked).toBeGreaterThan(150)
    }
    expect(backgrounds.size).toBe(2)
  })

  test('fits a window of 320 pixels, and of any width above', async () => {
    await using app = await open()
    await app.card(4).getByRole('button', { name: 'axios' }).click()
    await app.log.getByText('GET the API through axios').waitFor()

    for (const width of [320, 480, 768, 1060, 1440]) {
      await app.page.setViewportSize({ width, height: 800 })
      expect(await app.page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect(await app.page.evaluate(findCutOff), String(width)).toEqual([])
    }
  })

  test('moves nothing smoothly for those who want less motion', async () => {
    await using app = await open()
    const fill = app.page.locator('.fill').first()
    await app.card(6).waitFor()

    await app.page.emulateMedia({ reducedMotion: 'no-preference' })
    expect(await styleOf(fill, 'transitionDuration')).toBe('0.5s')
    await app.page.emulateMedia({ reducedMotion: 'reduce' })
    expect(await styleOf(fill, 'transitionDuration')).toBe('0s')
  })
})

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function findChromium(): string | undefined {
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  return folders.map(folder => join(folder, 'chromium')).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The page of an app of its own; what the console complains of, policy violations included, is a problem. */
async function open(schedule?: Schedule) {
  const sandbox = await startSandbox()
  const app = await startApp(sandbox, schedule && { schedule })
  const context = await browser.newContext()
  const page = await context.newPage()
  const problems: string[] = []
  page.on('console', message => ['error', 'warning'].includes(message.type()) && problems.push(message.text()))
  page.on('pageerror', error => problems.push(String(error)))
  page.on('requestfailed', request => problems.push(`${request.url()} failed`))
  page.on('request', request => request.url().startsWith(app.url) || problems.push(`${request.url()} was asked for`))
  await page.clock.install()
  await page.goto(app.url)
  return {
    sandbox,
    page,
    problems,
    card: (row: number) => page.getByRole('article').nth(row - 1),
    log: page.getByRole('log'),
    close: () => app[Symbol.asyncDispose](),
    async [Symbol.asyncDispose]() {
      await context.close()
      await app[Symbol.asyncDispose]()
      await sandbox.stop()
    },
  }
}

async function expectCount(locator: Locator, count: number): Promise<void> {
  await expect.poll(() => locator.count()).toBe(count)
}

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor()
  for (let presses = 0; presses < 80; presses++) {
    if (await isFocused(target)) return
    await page.keyboard.press('Tab')
  }
  throw new Error('80 presses of Tab did not get there')
}

function isFocused(locator: Locator): Promise<boolean> {
  return locator.evaluate(element => element === element.ownerDocument.activeElement)
}

function styleOf(locator: Locator, property: string): Promise<string> {
  return locator.evaluate(
    (element, name) => element.ownerDocument.defaultView.getComputedStyle(element)[name],
    property,
  )
}

/** Outages that end when the test says so. */
function byHand() {
  let run = () => {}
  const schedule: Schedule = end => {
    run = end
    return () => {}
  }
  return { schedule, end: () => run() }
}
