/** A person with Chromium, who logs in at the pages of oidc-provider. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, type TestContext } from 'vitest'
import { chromiumFlags, chromiumProgram } from '../../testing/src/servers/chromium.js'

/** One person's browser: cookies of its own. */
export interface Person extends AsyncDisposable {
  readonly context: BrowserContext
  /** The first tab. */
  readonly page: Page
  /** What a console complained of, violations of a policy too; and what no page caught. */
  readonly problems: readonly string[]
  /** Another tab. */
  open(url: string): Promise<Page>
}

/** Has Chromium for the tests of a file, which are skipped where it is not installed. */
export function useChromium(): () => Promise<Person> {
  const executablePath = chromiumProgram()
  let browser: Browser
  beforeAll(async () => {
    if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: [...chromiumFlags] })
  })
  afterAll(() => browser?.close())
  beforeEach((context: TestContext) => context.skip(executablePath === undefined, 'needs chromium'))
  return () => personWith(browser)
}

async function personWith(browser: Browser): Promise<Person> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  context.setDefaultTimeout(20_000)
  const problems: string[] = []
  context.on('console', message => {
    // the pages of oidc-provider want a font from elsewhere, and a status of ours is no surprise
    const { url } = message.location()
    if (['error', 'warning'].includes(message.type()) && !isExpected(message.text(), url)) problems.push(message.text())
  })
  context.on('weberror', error => problems.push(String(error.error())))
  const page = await context.newPage()
  return {
    context,
    page,
    problems,
    async open(url) {
      const tab = await context.newPage()
      await tab.goto(url)
      return tab
    },
    [Symbol.asyncDispose]: () => context.close(),
  }
}

function isExpected(text: string, url: string): boolean {
  return url.startsWith('https://fonts.googleapis.com/') || /the server responded with a status of/.test(text)
}

/** Logs in: any name and password are good. */
export async function logInAs(page: Page, name: string): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(name)
  await page.getByPlaceholder('and password').fill('secret')
  await page.getByRole('button', { name: 'Sign-in' }).click()
}

/** Agrees to what the app asks for. */
export async function agree(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Continue' }).click()
}

/** Says no. */
export async function cancel(page: Page): Promise<void> {
  await page.getByRole('link', { name: '[ Cancel ]' }).click()
}

/** What a script of the page got. */
export interface Called {
  readonly status: number
  readonly url: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Has a script of the page call the app, or whomever. */
export function call(page: Page, path: string, init: object = {}): Promise<Called> {
  return page.evaluate(`(async () => {
    const response = await fetch(${JSON.stringify(path)}, ${JSON.stringify(init)})
    const body = await response.json().catch(() => ({}))
    return { status: response.status, url: response.url, body }
  })()`)
}

const pictures = process.env.GRANTKIT_PICTURES

/** A page of ours, with nothing of what must not be shown. A picture of it is kept in a folder where somebody wants to look. */
export async function expectPage(page: Page, name: string): Promise<void> {
  if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png` })
  const content = await page.content()
  const secrets = ['code', 'state', 'iss'].map(parameter => new URL(page.url()).searchParams.get(parameter))
  for (const secret of secrets) if (secret !== null) expect(content).not.toContain(secret)
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1)
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
}
