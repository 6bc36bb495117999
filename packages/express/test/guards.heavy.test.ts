/** Guarded pages in Chromium: scripts and persons who lack something. */
import { expect, test } from 'vitest'
import { requireLogin } from '../src/index.js'
import { agree, call, expectPage, logInAs, useChromium } from './chromium.js'
import { startWebApp } from './web-app.js'

const newPerson = useChromium()

test('a script is answered 401 with JSON, and logs in by the address in it', async () => {
  await using app = await startWebApp()
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/?page=2`)

  const refused = await call(ann.page, '/accounts')
  expect(refused).toMatchObject({ status: 401, url: `${app.origin}/accounts`, body: { error: 'ERR_LOGIN_REQUIRED' } })
  await ann.page.goto(new URL(String(refused.body.loginUrl), app.origin).href)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  expect(ann.page.url()).toBe(`${app.origin}/?page=2`)
  expect(await ann.page.locator('#who').textContent()).toBe('ann')
  expect((await call(ann.page, '/accounts')).status).toBe(200)
})

test('a page that wants more than the user has agreed to asks for it, once', async () => {
  await using app = await startWebApp()
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/accounts`)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  await ann.page.goto(`${app.origin}/payments`)
  expect(await ann.page.getByText('payments').count()).toBeGreaterThan(0)
  expect(ann.page.url()).toMatch(app.server.issuer)
  await agree(ann.page)

  await ann.page.waitForURL(`${app.origin}/payments`)
  expect(await ann.page.locator('#who').textContent()).toBe('ann')
})

test('a page that wants a stronger login than the server has says so, and goes round in no circle', async () => {
  await using app = await startWebApp({
    server: { configuration: { acrValues: ['urn:strong'] } },
    mount: express => {
      express.get('/strong', requireLogin({ acrValues: ['urn:strong'] }), (_request, response) => {
        response.send('never seen')
      })
    },
  })
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/accounts`)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)
  const logins: string[] = []
  ann.page.on(
    'request',
    request => request.url().startsWith(`${app.server.issuer}/auth?`) && logins.push(request.url()),
  )

  const answer = await ann.page.goto(`${app.origin}/strong`)

  expect(logins).toHaveLength(1)
  expect(answer?.ok()).toBe(false)
  expect(await ann.page.content()).not.toContain('never seen')
  await expectPage(ann.page, 'not-granted')
})
