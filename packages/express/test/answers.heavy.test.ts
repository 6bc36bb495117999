/** How a server's answer comes in Chromium, from another site: in the query, a fragment, a form. */
import helmet from 'helmet'
import type { Page, Response } from 'playwright-core'
import { expect, test } from 'vitest'
import { agree, logInAs, useChromium } from './chromium.js'
import { startWebApp, type WebAppOptions } from './web-app.js'

const newPerson = useChromium()

const scope = 'openid accounts'
const ways: Record<string, NonNullable<ReturnType<NonNullable<WebAppOptions['options']>>['authorization']>> = {
  'in the query': { scope },
  'in a form': { scope, responseMode: 'form_post' },
  'in a fragment': { scope, responseMode: 'fragment' },
  'of the hybrid flow, in a fragment': { scope, responseType: 'code id_token' },
  'of the hybrid flow, in a form': { scope, responseType: 'code id_token', responseMode: 'form_post' },
  'signed, in a fragment': { scope, responseMode: 'fragment.jwt' },
}

test.each(Object.entries(ways))('takes an answer %s', async (_, authorization) => {
  await using app = await startWebApp({
    isSecure: true,
    options: () => ({ authorization }),
    server: {
      client: { authorization_signed_response_alg: 'ES256' },
      configuration: { features: { jwtResponseModes: { enabled: true } } },
    },
  })
  await using ann = await newPerson()

  await ann.page.goto(`${app.origin}/accounts?of=may`)
  const cookie = (await ann.context.cookies(app.origin)).at(0)
  expect(cookie).toMatchObject({
    name: expect.stringMatching(/^__(Host|Secure)-grantkit-/),
    secure: true,
    httpOnly: true,
    sameSite: isPosted(authorization) ? 'None' : 'Lax',
  })
  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  await ann.page.waitForURL(`${app.origin}/accounts?of=may`)
  expect(await ann.page.locator('#who').textContent()).toBe('ann')
  expect(await ann.context.cookies(app.origin)).toMatchObject([
    { name: expect.stringMatching(/^__Host-grantkit-/), path: '/', secure: true, httpOnly: true, sameSite: 'Lax' },
  ])
  expect(ann.problems).toEqual([])
})

test('the page that takes a fragment has one script and nothing else, and leaves no trace in the history', async () => {
  await using app = await startWebApp({
    isSecure: true,
    options: () => ({ authorization: { scope, responseType: 'code id_token' } }),
  })
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/accounts`)
  await logInAs(ann.page, 'ann')
  const shown = callbackOf(ann.page, 'GET')
  const posted = callbackOf(ann.page, 'POST')

  await agree(ann.page)

  const headers = await (await shown).allHeaders()
  const policy = String(headers['content-security-policy'])
  expect(policy.split(/; */)).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      expect.stringMatching(/^script-src 'sha256-[\w+/]{43}='$/),
      "form-action 'self'",
      "frame-ancestors 'none'",
    ]),
  )
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  expect((await posted).request().headers().referer).toBeUndefined()
  await ann.page.waitForURL(`${app.origin}/accounts`)
  const visited: string[] = []
  while ((await ann.page.goBack()) !== null && ann.page.url() !== 'about:blank') visited.push(ann.page.url())
  expect(visited.filter(url => url.startsWith(`${app.origin}/callback`))).toEqual([])
  expect(ann.problems).toEqual([])
})

test('a page that asks for more right after an answer in a fragment gets there: the form’s policy does not follow', async () => {
  await using app = await startWebApp({
    isSecure: true,
    options: () => ({ authorization: { scope, responseType: 'code id_token' } }),
  })
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/payments`)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  await agree(ann.page)

  await ann.page.waitForURL(`${app.origin}/payments`)
  expect(await ann.page.getByRole('heading').textContent()).toBe('Payments')
  expect(ann.problems).toEqual([])
})

test('a form logs out at the server, whatever policy its page has', async () => {
  await using app = await startWebApp({
    options: () => ({ logout: { atServer: true } }),
    mount: web =>
      web.use(
        helmet({
          strictTransportSecurity: false,
          contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
        }),
      ),
  })
  await using ann = await newPerson()
  await ann.page.goto(`${app.origin}/accounts`)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)
  await ann.page.waitForURL(`${app.origin}/accounts`)

  await ann.page.getByRole('button', { name: 'Log out' }).click()

  await ann.page.waitForURL(`${app.server.issuer}/**`)
  expect(ann.problems).toEqual([])
})

function isPosted(authorization: object): boolean {
  return 'responseMode' in authorization && authorization.responseMode === 'form_post'
}

function callbackOf(page: Page, method: string): Promise<Response> {
  return page.waitForResponse(
    response => new URL(response.url()).pathname === '/callback' && response.request().method() === method,
  )
}
