/** The account holder with a browser, for tests: follows redirects, fills in the forms, and says where it ended. */
import { once } from 'node:events'
import { type RequestOptions, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { accountHolders } from './account-holders.js'

/** Who visits, and what they decide. All optional. */
export interface Visit {
  /** Default `alice`. */
  readonly username?: string
  /** Default: theirs. */
  readonly password?: string
  /** Default: approve. */
  readonly decision?: 'approve' | 'deny'
  /** `AccountId`s that are shared. Default: those the page has ticked, which is all of them. */
  readonly accounts?: readonly string[]
}

/** Where a browser ended: at the application, whose server it has not called yet. */
export interface Visited {
  /** With query and fragment, as the address bar shows it. */
  readonly url: string
  /** What would be posted there (`form_post`); `undefined` for a redirect. */
  readonly form: Readonly<Record<string, string>> | undefined
}

/** Where the bank is. */
interface Bank {
  readonly origin: string
  /** Where it is reached without TLS; the same pages. */
  readonly plainOrigin: string
  readonly ca: string
  readonly connectTo: { readonly host: string; readonly port: number }
}

const mostSteps = 10

/**
 * Goes through the bank's pages as a browser would, over HTTP.
 *
 * @throws Error when the bank shows an error page, refuses the login, or goes round in circles
 */
export async function visit(bank: Bank, authorizationUrl: string, visit: Visit): Promise<Visited> {
  let step: Step = { method: 'GET', url: securely(bank, authorizationUrl) }
  for (let count = 0; count < mostSteps; count++) {
    if (new URL(step.url).origin !== bank.origin) return { url: step.url, form: step.form }
    step = await next(bank, step, visit)
  }
  throw new Error(`the bank's pages do not end after ${mostSteps} steps`)
}

function securely({ plainOrigin, origin }: Bank, authorizationUrl: string): string {
  const { origin: given, pathname, search } = new URL(authorizationUrl)
  return given === plainOrigin ? origin + pathname + search : authorizationUrl
}

interface Step {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly form?: Readonly<Record<string, string>>
  /** What is sent: the same with values that repeat. */
  readonly body?: URLSearchParams
}

async function next(bank: Bank, step: Step, visit: Visit): Promise<Step> {
  const { status, location, page } = await load(bank, step)
  if (location !== undefined) return { method: 'GET', url: new URL(location, step.url).href }
  if (status !== 200) throw new Error(`the bank shows an error page: ${wordsOf(page)}`)
  if (page.includes('role="alert"')) throw new Error(`the bank does not go on: ${wordsOf(page)}`)
  const [, action = ''] = /<form method="post" action="([^"]*)"/.exec(page) ?? []
  const body = fill(page, visit)
  return { method: 'POST', url: new URL(unescapeHtml(action), step.url).href, form: Object.fromEntries(body), body }
}

function fill(page: string, { username = 'alice', password, decision = 'approve', accounts }: Visit): URLSearchParams {
  const fields = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const [name, value, type] = ['name', 'value', 'type'].map(attribute => attributeOf(input, attribute))
    if (type === 'hidden') fields.append(name ?? '', value ?? '')
    if (type === 'checkbox' && (accounts?.includes(value ?? '') ?? true)) fields.append(name ?? '', value ?? '')
    if (name === 'username') fields.append(name, username)
    if (name === 'password') fields.append(name, password ?? passwordOf(username))
  }
  if (page.includes('name="consent"')) fields.append('consent', decision)
  return fields
}

function passwordOf(username: string): string {
  return accountHolders.find(holder => holder.username === username)?.password ?? ''
}

function attributeOf(tag: string, name: string): string | undefined {
  const value = new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : unescapeHtml(value)
}

function unescapeHtml(text: string): string {
  const characters: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, entity: string) => characters[entity] as string)
}

function wordsOf(page: string): string {
  const body = page.slice(page.indexOf('<h1>')).replace(/<[^>]*>/g, ' ')
  return unescapeHtml(body).replace(/\s+/g, ' ').trim()
}

async function load({ ca, connectTo }: Bank, { method, url, body }: Step) {
  const { hostname, pathname, search, host } = new URL(url)
  const content = body?.toString() ?? ''
  const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
  const headers = { host, ...type, 'content-length': Buffer.byteLength(content) }
  const path = pathname + search
  const options: RequestOptions = { ...connectTo, servername: hostname, ca, agent: false, method, path, headers }
  const outgoing = request(options).end(content)
  const [response] = await once(outgoing, 'response')
  const { statusCode: status, headers: received } = response
  return { status: status as number, location: received.location as string | undefined, page: await text(response) }
}
