/** The page in Chromium, by what a person does. */
import { startSandbox } from '@grantkit/sandbox'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startApp } from '../src/app/app.js'
import type { Schedule } from '../src/app/outages.js'
import { executablePath, expectCount, isFocused, launch, styleOf, tabTo } from './chromium.js'
import { findCutOff, findFaintShapes, findFaintText, findRepeatedIds } from './in-page.js'

let browser: Browser

beforeAll(async () => {
  if (executablePath !== undefined) browser = await launch()
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
    await app.card(4).getByText('No token yet', { exact: true }).waitFor()
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
    await app.log.getByText('asks for a token (client_credentials): there was none').waitFor()
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
    await app.card(1).getByText('No token yet', { exact: true }).waitFor()
    await card.getByRole('button', { name: 'got' }).click()
    await card.getByText('got: 200').waitFor()
    await card.getByText('Token held', { exact: true }).waitFor()
    await card.getByText(/the API rejected the last one \(refresh_token, \d+ ms\)/).waitFor()
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
    await card.getByText('No token yet', { exact: true }).waitFor()
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
    await app.card(4).getByText('Its token has ended', { exact: true }).waitFor()
    expect(await bar.getAttribute('aria-valuetext')).toBe('no token')
  })

  test('says each result to a screen reader, with its card, and does not read every line of the log', async () => {
    const outage = byHand()
    await using app = await open(outage.schedule)
    const announced = (text: RegExp) => app.page.getByRole('status').getByText(text).waitFor({ state: 'attached' })

    await app.card(4).getByRole('button', { name: '100 calls at once' }).click()
    await announced(/^Card 4, WSO2 APK: 100 × 200 in \d+ ms, with 1 token request$/)
    await app.card(6).getByRole('button', { name: 'Expire now' }).click()
    await announced(/^Card 6, Fiserv CIAM: No token is held/)
    await app.card(6).getByRole('button', { name: 'Fail the server for 10 s' }).click()
    await announced(/^Card 6, Fiserv CIAM: Fiserv CIAM: its token endpoint answers 503 for 10 s\./)
    outage.end()
    await announced(/^Card 6, Fiserv CIAM: Fiserv CIAM works again\.$/)

    expect(await app.log.getAttribute('aria-live')).toBe('off')
  })

  test('has a busy button that looks busy until its answer has come, also without motion', async () => {
    await using app = await open()
    const button = app.card(4).getByRole('button', { name: 'axios' })
    const ring = (property: string) => pseudoStyleOf(button, '::after', property)
    let answer = () => {}
    const held = new Promise<void>(resolve => {
      answer = resolve
    })
    await app.page.route('**/calls/axios', async route => {
      await held
      await route.continue()
    })
    expect(await ring('content')).toBe('none')

    await button.click()
    expect(await button.getAttribute('aria-busy')).toBe('true')
    expect(await ring('content')).not.toBe('none')
    expect(await ring('animationName')).toBe('turn')
    expect(await styleOf(button, 'borderStyle')).toBe('dashed')
    await app.page.emulateMedia({ reducedMotion: 'reduce' })
    expect(await ring('animationName')).toBe('none')
    expect(await ring('borderTopStyle')).toBe('solid')

    answer()
    await app.card(4).getByText('axios: 200').waitFor()
    await expect.poll(() => ring('content')).toBe('none')
  })

  test('shows tokens as bars one after the other, token requests as marks, and calls as dots', async () => {
    await using app = await open()
    const card = app.card(4)
    await card.getByRole('button', { name: '100 calls at once' }).click()
    await card.getByText('with 1 token request').waitFor()
    app.sandbox.advance(20_000)
    await card.getByRole('button', { name: 'Expire now' }).click()
    await card.getByText('The server ended the token.').waitFor()
    app.sandbox.advance(20_000)
    await card.getByRole('button', { name: '100 calls at once' }).click()
    await card.getByText('with 1 token request').waitFor()

    const picture = card.getByRole('img', {
      name: 'The last 2 minutes. 2 tokens. 2 token requests: there was none; the API rejected the last one. 200 calls.',
    })
    await picture.waitFor()
    const bars = await boxesOf(picture.locator('.token'))
    const marks = await boxesOf(picture.locator('.renewal'))
    const dots = await boxesOf(picture.locator('.call'))
    expect([bars.length, marks.length, dots.length]).toEqual([3, 2, 2])
    const [good, ended, next] = bars
    expect(await picture.locator('.token.ended').count()).toBe(1)
    expect(Math.abs((good?.right ?? 0) - (ended?.left ?? 0))).toBeLessThan(4)
    expect(Math.abs((ended?.right ?? 0) - (next?.left ?? 0))).toBeLessThan(4)
    expect(Math.abs((marks[1]?.middle ?? 0) - (next?.left ?? 0))).toBeLessThan(4)
    await picture.getByText('100 calls').waitFor()

    const before = next?.left ?? 0
    await app.page.clock.fastForward(60_000)
    await expect.poll(async () => (await boxesOf(picture.locator('.token')))[2]?.left).toBeLessThan(before - 40)
  })

  test('marks a token request that failed, and the calls that failed with it', async () => {
    await using app = await open(byHand().schedule)
    const card = app.card(6)
    await card.getByRole('button', { name: 'Fail the server for 10 s' }).click()
    await card.getByText('Fiserv CIAM fails').waitFor()

    await card.getByRole('button', { name: 'got' }).click()

    await card.getByRole('img', { name: /1 token request: there was none\. 1 call, 1 of them failed\.$/ }).waitFor()
    await expectCount(card.locator('.renewal.failed'), 1)
    await expectCount(card.locator('.call.failed'), 1)
  })

  test('never calls a token held that the log says is over', async () => {
    await using app = await open(byHand().schedule)
    const card = app.card(4)
    await card.getByRole('button', { name: 'axios' }).click()
    await card.getByText('axios: 200').waitFor()
    app.sandbox.advance(115_000)
    await card.getByRole('button', { name: 'Fail the server for 10 s' }).click()
    await card.getByText('Token held').waitFor()

    await card.getByRole('button', { name: 'got' }).click()
    await app.log.getByText(/asks for a token \(client_credentials\): the held one ends in [45] s/).waitFor()
    app.sandbox.advance(40_000) // the token's end, and the end of the rest
    await card.getByRole('button', { name: 'undici' }).click()
    await app.log.getByText('asks for a token (client_credentials): the last one has ended').waitFor()
    await card.getByText('Its token has ended').waitFor()
    await expectCount(card.getByText('No token'), 1) // the result of the call
  })

  test('comes back in an old tab when the program is started again at its port', async () => {
    await using app = await open()
    await app.card(4).getByRole('button', { name: 'axios' }).click()
    await app.log.getByText('GET the API through axios').waitFor()
    const port = Number(new URL(app.page.url()).port)
    await app.close()
    await app.page.getByRole('status').getByText('Connection lost').waitFor()

    await using again = await startApp(app.sandbox, { port })

    expect(again.elsewhere).toBeUndefined()
    await expect
      .poll(
        async () => {
          await app.page.clock.fastForward(5_000)
          return app.page.getByRole('status').getByText('Live').count()
        },
        { timeout: 20_000 },
      )
      .toBe(1)
    await expectCount(app.log.getByText('GET the API through axios'), 0)
    await app.card(4).getByText('0', { exact: true }).waitFor()
    await app.card(4).getByRole('button', { name: 'got' }).click()
    await app.log.getByText('GET the API through got').waitFor()
  })

  test('has its newest line of the log in view, in a small window of a laptop and on a phone', async () => {
    await using app = await open()
    for (const row of [4, 5, 6]) {
      await app.card(row).getByRole('button', { name: '100 calls at once' }).click()
      await app.card(row).getByText('with 1 token request').waitFor()
    }
    const newest = app.log.locator('.line').last()
    const isInView = async (locator: Locator) => {
      const box = await locator.boundingBox()
      const { height } = app.page.viewportSize() ?? { height: 0 }
      return box !== null && box.y >= 0 && box.y + box.height <= height
    }

    await app.page.setViewportSize({ width: 1366, height: 768 })
    for (const y of [0, 400, 5000]) {
      await app.page.evaluate(`scrollTo(0, ${y})`)
      expect(await isInView(newest), `${y} down`).toBe(true)
    }
    await app.page.setViewportSize({ width: 390, height: 844 })
    await app.page.evaluate('scrollTo(0, 0)')
    const latest = app.page.locator('#latest')
    expect(await isInView(latest)).toBe(true)
    expect(await latest.textContent()).toBe(await newest.textContent())
  })

  test('shows the state, the picture and the buttons of the first cards at 1366 × 768 before any scrolling', async () => {
    await using app = await open()
    await app.page.setViewportSize({ width: 1366, height: 768 })

    for (const row of [1, 2])
      for (const part of ['.state', '.timeline', '.calls', '.acts']) {
        const box = await app.card(row).locator(part).boundingBox()
        expect((box?.y ?? 768) + (box?.height ?? 0), `${part} of ${row}`).toBeLessThanOrEqual(768)
      }
  })

  test('has a log that can be scrolled by keyboard, and can be cleared', async () => {
    await using app = await open()
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
  test('every button says which card it belongs to, and begins with what it shows', async () => {
    await using app = await open()
    await app.card(6).waitFor()
    const buttons = await app.page.getByRole('article').getByRole('button').all()

    const names = await Promise.all(buttons.map(button => button.getAttribute('aria-label')))
    const texts = await Promise.all(buttons.map(button => button.textContent()))

    expect(new Set(names).size).toBe(6 * 7)
    for (const [index, name] of names.entries()) expect(name?.startsWith(`${texts[index]}, card `)).toBe(true)
    expect(names).toContain('Expire now, card 4: WSO2 APK')
  })

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

  test('text and pictures have AA contrast, in light and in dark', async () => {
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
      const shapes = await app.page.evaluate(findFaintShapes)
      expect(shapes.faint, colorScheme).toEqual([])
      expect(shapes.kinds).toBe(7) // of all there are
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

interface Box {
  readonly left: number
  readonly right: number
  readonly middle: number
}

/** Where things are, from left to right. */
async function boxesOf(locator: Locator): Promise<Box[]> {
  const boxes = await Promise.all((await locator.all()).map(one => one.boundingBox()))
  return boxes
    .map(box => box ?? { x: Number.NaN, width: 0 })
    .map(({ x, width }) => ({ left: x, right: x + width, middle: x + width / 2 }))
}

function pseudoStyleOf(locator: Locator, pseudo: string, property: string): Promise<string> {
  return locator.evaluate(
    (element, [of, name]) => element.ownerDocument.defaultView.getComputedStyle(element, of)[name as string],
    [pseudo, property],
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
