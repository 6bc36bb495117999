import { startSandbox } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { Browser, type Page } from '../../../packages/express/test/browser.js'
import { startApp } from '../src/app/app.js'
import type { Step } from '../src/bank/steps.js'
import { eventOf, eventsOf } from './page-events.js'

describe('a login at the bank', () => {
  test('goes by consent, pushed request, redirect, code and tokens to the accounts, drawn in this order', async () => {
    await using bank = await open()

    const page = await bank.logIn()
    const accounts = await bank.accounts()

    expect(page).toMatchObject({ status: 200, url: `${bank.url}bank` })
    expect(accounts).toMatchObject({ status: 200, body: { accounts: [{}, {}], lifetimeMs: 120_000 } })
    expect((await bank.steps()).map(({ from, to, title }) => `${from} → ${to}: ${title}`)).toEqual([
      'browser → app: A login is wanted',
      'app → server: The application’s own token',
      'app → api: A consent is asked for',
      'app → server: The request is pushed (PAR)',
      'app → browser: Redirect to the bank',
      'browser → server: The browser comes to the bank',
      'browser → server: The customer logs in',
      'browser → server: The customer approves',
      'server → browser: Redirect back to the app',
      'browser → app: The browser is back',
      'browser → app: The answer is handed in',
      'app → server: The bank’s public keys',
      'app → server: The code is redeemed for tokens',
      'app → browser: A session begins',
      'browser → app: Accounts are wanted',
      'app → api: API call',
    ])
  })

  test('shows the accounts that the customer has chosen, and whose they are', async () => {
    await using bank = await open()

    await bank.logIn({ accounts: ['30080098763459'] })

    expect((await bank.accounts()).body.accounts).toMatchObject([{ Nickname: 'Rainy days' }])
    const { subject, consentId } = (await bank.session()).user
    expect(subject).toBe(bank.sandbox.wso2IdentityServer.accountHolders[0]?.subject)
    expect(bank.consentIds()).toEqual([consentId])
  })

  test('sends everything but the browser by TLS with a client certificate', async () => {
    await using bank = await open()

    await bank.logIn()
    await bank.accounts()

    const { requests } = bank.sandbox.wso2IdentityServer
    const behind = requests.filter(({ kind }) => ['token', 'pushed-authorization', 'api'].includes(kind))
    expect(behind.length).toBeGreaterThanOrEqual(4)
    for (const { clientCertificate, path } of behind) expect(clientCertificate?.trusted, path).toBe(true)
  })

  test('that is denied ends with a page that says so, and leads back', async () => {
    await using bank = await open()

    const page = await bank.logIn({ consent: 'deny' })

    expect(page.status).toBe(403)
    expect(page.text).toContain('The customer has denied the consent.')
    expect(page.text).toContain('href="/bank/login?returnTo=%2Fbank"')
    expect((await bank.session()).user).toBeNull()
    expect((await bank.steps()).slice(-2)).toMatchObject([
      { from: 'browser', title: 'The answer is handed in' },
      { to: 'browser', title: 'No login came of it', outcome: '403' },
    ])
  })

  test('that took more than an hour is begun anew', async () => {
    await using bank = await open()
    const consentPage = await bank.toConsent()

    bank.sandbox.advance(61 * 60_000)
    const page = await bank.decide(consentPage)

    expect(page.status).toBe(400)
    expect(page.text).toContain('it was begun too long ago')
    expect((await bank.logIn()).url).toBe(`${bank.url}bank`)
  })

  test('in two tabs is finished in either order', async () => {
    await using bank = await open()
    const first = await bank.toConsent()
    const second = await bank.toConsent()

    expect(await bank.decide(second)).toMatchObject({ status: 200, url: `${bank.url}bank` })
    expect(await bank.decide(first)).toMatchObject({ status: 200, url: `${bank.url}bank` })
    expect((await bank.accounts()).status).toBe(200)
    expect((await bank.steps()).filter(({ begins }) => begins)).toHaveLength(2)
  })

  test('whose answer is handed in again changes nothing for who is logged in', async () => {
    await using bank = await open()
    const consentPage = await bank.toConsent()
    const answer = await bank.submit(consentPage, approval, { until: `${bank.url}bank/callback` })
    expect((await bank.browser.open(answer.url)).status).toBe(200)

    const again = await bank.browser.open(answer.url)

    expect(again.status).toBe(400)
    expect((await bank.accounts()).status).toBe(200)
  })

  test('is at one name, since the cookies of another would be missing at the callback', async () => {
    await using bank = await open()
    const { port } = new URL(bank.url)

    const page = await fetch(`http://localhost:${port}/bank/login`, { redirect: 'manual' })

    expect([page.status, page.headers.get('location')]).toEqual([302, `${bank.url}bank/login`])
  })
})

describe('the tokens of a login', () => {
  test('are renewed once for 20 requests that meet with an access token that has ended', async () => {
    await using bank = await open()
    await bank.logIn()
    await bank.accounts()
    await bank.send('POST', 'expire')

    const answers = await Promise.all(Array.from({ length: 20 }, () => bank.accounts()))

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(bank.grants()).toEqual(['client_credentials', 'authorization_code', 'refresh_token'])
    expect(await bank.steps()).toContainEqual(
      expect.objectContaining({ title: 'Renewal: the API rejected the last one', to: 'server', outcome: '200' }),
    )
  })

  test('are renewed when their two minutes are over', async () => {
    await using bank = await open()
    await bank.logIn()

    bank.sandbox.advance(121_000)

    expect((await bank.accounts()).status).toBe(200)
    expect(bank.grants().at(-1)).toBe('refresh_token')
  })

  test('end with the consent, whoever has ended it: the customer has to log in again', async () => {
    await using bank = await open()
    await bank.logIn()
    await bank.accounts()

    expect((await bank.send('POST', 'withdraw')).status).toBe(200)

    expect((await bank.accounts()).body).toMatchObject({ error: 'ERR_LOGIN_REQUIRED' })
    await bank.logIn()
    expect((await bank.accounts()).status).toBe(200)
  })
})

describe('a logout', () => {
  test('leads by the bank back to the page, and the consent stays', async () => {
    await using bank = await open()
    await bank.logIn()
    const { consentId } = (await bank.session()).user

    const { body } = await bank.send('POST', 'logout')
    const page = await bank.browser.open(body.redirectTo)

    expect(page).toMatchObject({ status: 200, url: `${bank.url}bank` })
    expect((await bank.steps()).slice(-4).map(({ from, to, title }) => [from, to, title])).toEqual([
      ['browser', 'app', 'Logout'],
      ['app', 'browser', 'The session is over'],
      ['browser', 'server', 'Logout at the bank'],
      ['server', 'browser', 'The bank lets go of the browser'],
    ])
    expect((await bank.session()).user).toBeNull()
    expect((await bank.accounts()).status).toBe(401)
    expect(bank.deletions()).toEqual([])
    expect(await bank.isAuthorised(consentId)).toBe(true)
    expect((await bank.browser.open(`${bank.url}bank/login`)).text).toContain('name="password"')
  })

  test('deletes the consent before, where the customer wishes', async () => {
    await using bank = await open()
    await bank.logIn()
    const { consentId } = (await bank.session()).user

    expect((await bank.send('DELETE', 'consent')).status).toBe(200)
    const { status, body } = await bank.send('POST', 'logout')

    expect(status).toBe(200)
    expect((await bank.browser.open(body.redirectTo)).url).toBe(`${bank.url}bank`)
    expect(bank.deletions()).toEqual([204])
    expect(await bank.isAuthorised(consentId)).toBe(false)
  })

  test('is not held up by a consent that is over already', async () => {
    await using bank = await open()
    await bank.logIn()
    await bank.send('POST', 'withdraw')

    expect((await bank.send('DELETE', 'consent')).status).toBe(200)
    expect((await bank.send('POST', 'logout')).status).toBe(200)

    expect(bank.deletions()).toEqual([400])
    expect((await bank.session()).user).toBeNull()
  })
})

describe('what the page asks for', () => {
  test('is for who is logged in', async () => {
    await using bank = await open()

    expect(await bank.accounts()).toMatchObject({ status: 401, body: { error: 'ERR_LOGIN_REQUIRED' } })
    expect((await bank.session()).user).toBeNull()
  })

  test('changes nothing without the header of the page', async () => {
    await using bank = await open()
    await bank.logIn()

    for (const [method, path] of [
      ['POST', 'expire'],
      ['POST', 'withdraw'],
    ] as const)
      expect((await bank.browser.send(`${bank.url}bank/${path}`, { method })).status, path).toBe(403)

    expect((await bank.accounts()).status).toBe(200)
    expect(bank.grants()).toEqual(['client_credentials', 'authorization_code'])
  })

  test('shows no token, no code and nothing else that is secret, in steps, log or session', async () => {
    await using bank = await open()
    await bank.logIn()
    await bank.accounts()
    await bank.send('POST', 'expire')
    await bank.accounts()

    const shown = [await bank.events(), JSON.stringify(await bank.session())].join()

    const { requests, issuedTokens } = bank.sandbox.wso2IdentityServer
    const sent = requests.flatMap(({ parameterList }) => parameterList).filter(([, value]) => value.length > 30)
    const cookies = bank.browser.cookies().map(({ value }) => value)
    const secrets = [...issuedTokens.map(({ token }) => token), ...sent.map(([, value]) => value), ...cookies]
    const isSecret = (value: string) => !value.startsWith('urn:ietf:params:oauth:client-assertion-type')
    expect(secrets.length).toBeGreaterThan(10)
    for (const secret of secrets.filter(isSecret)) expect(shown).not.toContain(secret)
  })
})

const approval = { consent: 'approve', accounts: ['30080012343456', '30080098763459'] }

type Decision = Readonly<Record<string, string | readonly string[]>>

/** The app, and a customer with a browser. */
async function open() {
  const sandbox = await startSandbox()
  const app = await startApp(sandbox)
  const browser = new Browser()
  const { requests } = sandbox.wso2IdentityServer
  const before = requests.length

  const submit = (page: Page, decision: Decision, visit = {}) => {
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page.text) ?? []
    const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const fields = new URLSearchParams(hidden.map(([, name = '', value = '']): [string, string] => [name, value]))
    for (const [name, values] of Object.entries(decision))
      for (const value of [values].flat()) fields.append(name, value as string)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { href, origin } = new URL(action, page.url)
    return browser.open(href, { method: 'POST', headers, body: fields.toString(), from: origin, ...visit })
  }
  /** Asked for the password where the bank does not know the browser yet. */
  const toConsent = async () => {
    const page = await browser.open(`${app.url}bank/login?returnTo=%2Fbank`)
    return page.text.includes('name="password"')
      ? submit(page, { username: 'alice', password: 'alice-password' })
      : page
  }
  const decide = (page: Page, decision: Decision = {}) => submit(page, { ...approval, ...decision })
  const send = async (method: 'GET' | 'POST' | 'DELETE', path: string) => {
    const headers = { 'x-grantkit-demo': '1', 'sec-fetch-mode': 'cors', accept: '*/*' }
    const { status, text } = await browser.send(`${app.url}bank/${path}`, { method, headers })
    return { status, body: JSON.parse(text) }
  }
  return {
    url: app.url,
    sandbox,
    browser,
    submit,
    toConsent,
    decide,
    send,
    events: () => eventsOf(app.url),
    logIn: async (decision: Decision = {}) => decide(await toConsent(), decision),
    accounts: () => send('GET', 'accounts'),
    session: async () => (await send('GET', 'session')).body,
    steps: () => eventOf<Step[]>(app.url, 'steps'),
    /** What went to the token endpoint since the app was there. */
    grants: () =>
      requests
        .slice(before)
        .filter(({ kind, path }) => kind === 'token' && path === '/oauth2/token')
        .map(({ parameters }) => parameters.grant_type),
    consentIds: () =>
      requests
        .filter(({ path, method }) => method === 'POST' && path.endsWith('/account-access-consents'))
        .map(() => sandbox.wso2IdentityServer.issuedTokens.at(-1)?.consentId),
    deletions: () => requests.filter(({ method }) => method === 'DELETE').map(({ status }) => status),
    /** Whether a token that stands on it is alive. */
    isAuthorised: async (consentId: string) =>
      sandbox.wso2IdentityServer.issuedTokens.some(token => token.consentId === consentId && !token.revoked),
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await sandbox.stop()
    },
  }
}
