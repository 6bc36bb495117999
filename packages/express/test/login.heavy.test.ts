/** Logins in Chromium, by what a person does. */
import type { Page, Response } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { agree, cancel, expectPage, logInAs, useChromium } from './chromium.js'
import { startWebApp, type WebApp } from './web-app.js'

const newPerson = useChromium()

/** As Workbox does with what it does not answer itself. */
const worker = `
addEventListener('install', () => skipWaiting())
addEventListener('activate', event => event.waitUntil(clients.claim()))
addEventListener('fetch', event => event.respondWith(fetch(event.request)))`

describe('a person in Chromium', () => {
  test('logs in, agrees, and comes to the page that was asked for', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()

    await ann.page.goto(`${app.origin}/accounts?of=may`)
    expect(ann.page.url()).toMatch(`${app.server.issuer}/interaction/`)
    await logInAs(ann.page, 'ann')
    await agree(ann.page)

    expect(ann.page.url()).toBe(`${app.origin}/accounts?of=may`)
    expect(await ann.page.getByRole('heading').textContent()).toBe('Accounts may')
    expect(await who(ann.page)).toBe('ann')
    const cookies = await ann.context.cookies(app.origin)
    expect(cookies.map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path }))).toEqual([
      { name: expect.stringMatching(/^grantkit-session-/), httpOnly: true, sameSite: 'Lax', path: '/' },
    ])
    expect(await ann.page.evaluate('document.cookie')).toBe('')
    expect(ann.problems).toEqual([])
  })

  test('begins in three tabs, and finishes in reverse order', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()
    const tabs = []
    for (const of of [1, 2, 3]) tabs.push(await ann.open(`${app.origin}/accounts?of=${of}`))

    for (const tab of tabs.reverse()) {
      await logInAs(tab, 'ann')
      if (tab.url().startsWith(app.server.issuer)) await agree(tab)
    }

    expect(tabs.map(tab => tab.url())).toEqual([3, 2, 1].map(of => `${app.origin}/accounts?of=${of}`))
    for (const tab of tabs) {
      await tab.reload()
      expect(await who(tab)).toBe('ann')
    }
    expect(await ann.context.cookies(app.origin)).toHaveLength(1)
  })

  test('logs in at an app whose service worker hands every request on', async () => {
    await using app = await startWebApp({
      mount: web => web.get('/worker.js', (_request, response) => void response.type('js').send(worker)),
    })
    await using ann = await newPerson()
    await ann.page.goto(app.origin)
    await ann.page.evaluate("navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)")
    await ann.page.goto(app.origin)
    expect(await ann.page.evaluate('navigator.serviceWorker.controller !== null')).toBe(true)

    await ann.page.getByRole('link', { name: 'Log in' }).click()
    await logInAs(ann.page, 'ann')
    await agree(ann.page)

    await ann.page.waitForURL(`${app.origin}/`)
    expect(await who(ann.page)).toBe('ann')
    await ann.page.goto(`${app.origin}/accounts`)
    await ann.page.getByRole('button', { name: 'Log out' }).click()
    await ann.page.waitForURL(`${app.origin}/`)
    expect(await who(ann.page)).toBe('nobody')
    expect(ann.problems).toEqual([])
  })

  test('goes back after the login, and forward, and is logged in', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()
    await ann.page.goto(app.origin)
    await ann.page.getByRole('link', { name: 'Log in' }).click()
    await logInAs(ann.page, 'ann')
    await agree(ann.page)
    expect(await who(ann.page)).toBe('ann')

    const visited = await untilItEnds(ann.page)

    expect(visited.filter(url => url.startsWith(app.origin))).toEqual([`${app.origin}/`])
    await ann.page.goto(`${app.origin}/accounts`)
    expect(await who(ann.page)).toBe('ann')
  })

  test('loads the callback anew, reads why that is of no use, and is still logged in', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()
    const callback = ann.page.waitForRequest(request => request.url().startsWith(`${app.origin}/callback`))
    await comeTo(ann.page, `${app.origin}/accounts`)

    const answer = await ann.page.goto((await callback).url())

    expect(answer?.status()).toBe(400)
    await expectPage(ann.page, 'replayed')
    expect(app.server.tokenRequests).toHaveLength(1)
    await ann.page.goto(`${app.origin}/accounts`)
    expect(await who(ann.page)).toBe('ann')
  })

  test('says no, reads so, and may try again', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()
    await ann.page.goto(`${app.origin}/accounts`)
    await logInAs(ann.page, 'ann')
    const answered = answerOf(ann.page, app)

    await cancel(ann.page)

    expect((await answered).status()).toBe(403)
    await expectPage(ann.page, 'denied')
    await ann.page.getByRole('link').first().click()
    await agree(ann.page)
    expect(ann.page.url()).toBe(`${app.origin}/accounts`)
    expect(await who(ann.page)).toBe('ann')
    expect(ann.problems).toEqual([])
  })

  test('takes too long at the server, reads so, and may try again', async () => {
    await using app = await startWebApp()
    await using ann = await newPerson()
    await ann.page.goto(`${app.origin}/accounts`)
    let authorizations = 1
    ann.page.on('request', request => {
      if (request.url().startsWith(`${app.server.issuer}/auth?`)) authorizations++
    })
    await logInAs(ann.page, 'ann')
    app.advance(2 * 3_600_000)
    const answered = answerOf(ann.page, app)

    await agree(ann.page)

    expect((await answered).status()).toBe(400)
    await expectPage(ann.page, 'expired')
    expect(app.server.tokenRequests).toHaveLength(0)
    await ann.page.getByRole('link', { name: 'Log in' }).click()
    await expect.poll(() => authorizations).toBe(2)
  })
})

function who(page: Page): Promise<string | null> {
  return page.locator('#who').textContent()
}

async function comeTo(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await logInAs(page, 'ann')
  await agree(page)
  await page.waitForURL(url)
}

/** What the app says to the answer of the server. */
function answerOf(page: Page, { origin }: WebApp): Promise<Response> {
  return page.waitForResponse(response => response.url().startsWith(`${origin}/callback`))
}

/** Goes back as far as there is something. */
async function untilItEnds(page: Page): Promise<string[]> {
  const visited: string[] = []
  while ((await page.goBack()) !== null && page.url() !== 'about:blank') visited.push(page.url())
  return visited
}
