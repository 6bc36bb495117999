/** A browser in a few lines, for tests: cookies as it keeps them, redirects, forms that post themselves, and the fragment page. */
import { type Dispatcher, request } from 'undici'

/** A cookie as it is kept. */
export interface KeptCookie {
  readonly name: string
  readonly value: string
  readonly host: string
  readonly path: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: string
  readonly expiresAt: number
}

/** What came of going somewhere: the last answer. */
export interface Page {
  readonly status: number
  readonly url: string
  readonly headers: { get(name: string): string | null; getSetCookie(): string[] }
  readonly text: string
}

/** What differs from typing an address. */
export interface Visit {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The origin of the page it comes from: cookies go by it. Default: none, as for an address that is typed. */
  readonly from?: string
  /** Where to stop: a URL that begins so is not asked for. Default: nowhere. */
  readonly until?: string
}

/** What every browser says of itself where it shows a page. */
const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

/** What lies between a browser and the servers. */
export interface Net {
  /** For a server whose CA nobody knows. */
  readonly dispatcher?: Dispatcher | undefined
  /** Reverse proxies that end TLS: what stands behind each origin. */
  readonly behind?: Readonly<Record<string, string>> | undefined
}

/** One person's browser. */
export class Browser {
  readonly #cookies = new Map<string, KeptCookie>()
  readonly #net: Net

  constructor(net: Net = {}) {
    this.#net = net
  }

  /** All that it keeps for a host. */
  cookies(host?: string): KeptCookie[] {
    return [...this.#cookies.values()].filter(cookie => host === undefined || cookie.host === host)
  }

  /** Has it keep a cookie, as by somebody else. */
  keep(host: string, setCookie: string): void {
    this.#set(new URL(`https://${host}/`), setCookie)
  }

  /** Another browser with the same cookies: of whoever has got hold of them. */
  copy(net: Net = this.#net): Browser {
    const other = new Browser(net)
    for (const [key, cookie] of this.#cookies) other.#cookies.set(key, cookie)
    return other
  }

  /** Goes to an address and wherever that leads: by redirects, forms that post themselves, and scripts that post a fragment. */
  async open(url: string, visit: Visit = {}): Promise<Page> {
    let [next, step] = [url, visit]
    for (let hops = 0; hops < 20; hops++) {
      const page = await this.send(next, step)
      const went = follow(page, step)
      if (went === undefined || (visit.until !== undefined && went.url.startsWith(visit.until)))
        return went === undefined ? page : { ...page, url: went.url }
      next = went.url
      step = { ...went.visit }
    }
    throw new Error(`${url} goes round in circles`)
  }

  /** One request with its cookies, and no further. */
  async send(url: string, { method = 'GET', headers = {}, body, from }: Visit = {}): Promise<Page> {
    const target = new URL(url)
    const cookie = this.#cookieFor(target, method, from)
    const response = await request(this.#routed(url.replace(/#.*$/s, '')), {
      method,
      headers: { ...navigation, ...(cookie && { cookie }), ...headers },
      ...(body !== undefined && { body }),
      ...(this.#net.dispatcher && { dispatcher: this.#net.dispatcher }),
    })
    const answered = new Headers()
    for (const [name, values] of Object.entries(response.headers))
      for (const value of [values ?? []].flat()) answered.append(name, value)
    for (const set of answered.getSetCookie()) this.#set(target, set)
    return { status: response.statusCode, url, headers: answered, text: await response.body.text() }
  }

  #routed(url: string): string {
    const [, origin = url] = /^(https?:\/\/[^/?#]*)/.exec(url) ?? []
    return (this.#net.behind?.[origin] ?? origin) + url.slice(origin.length)
  }

  #cookieFor(url: URL, method: string, from: string | undefined): string {
    const isCrossSite = from !== undefined && siteOf(new URL(from)) !== siteOf(url)
    const goes = ({ host, path, secure, sameSite, expiresAt }: KeptCookie) =>
      host === url.host &&
      expiresAt > Date.now() &&
      (url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)) &&
      (!secure || isTrusted(url)) &&
      (!isCrossSite || sameSite === 'none' || (sameSite === 'lax' && method === 'GET'))
    return this.cookies()
      .filter(goes)
      .sort((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  #set(url: URL, header: string): void {
    const [pair = '', ...rest] = header.split(/; */)
    const [name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(pair)?.slice(1) ?? []
    const attributes = new Map(
      rest.map(one => [one.split('=')[0]?.toLowerCase() ?? '', one.slice(one.indexOf('=') + 1)]),
    )
    const secure = attributes.has('secure')
    const path = attributes.get('path') ?? '/'
    const sameSite = attributes.get('samesite')?.toLowerCase() ?? 'lax'
    const isRefused =
      name.length + value.length > 4096 ||
      (secure && !isTrusted(url)) ||
      (sameSite === 'none' && !secure) ||
      (name.startsWith('__Host-') && (!secure || path !== '/' || attributes.has('domain') || url.protocol !== 'https:'))
    if (isRefused) return
    const maxAge = attributes.get('max-age')
    const expiresAt = maxAge === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(maxAge) * 1000
    const key = JSON.stringify([url.host, path, name])
    if (expiresAt <= Date.now()) this.#cookies.delete(key)
    else {
      const httpOnly = attributes.has('httponly')
      this.#cookies.set(key, { name, value, host: url.host, path, secure, httpOnly, sameSite, expiresAt })
    }
  }
}

/** Chromium takes Secure cookies from a loopback address over http too. */
function isTrusted({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['localhost', '[::1]'].includes(hostname) || hostname.startsWith('127.')
}

/** By host alone: what tests call another site has another name. */
function siteOf({ protocol, hostname }: URL): string {
  return `${protocol}//${hostname}`
}

/** Where a page leads by itself; `undefined` where it is to be looked at. */
function follow(page: Page, { from }: Visit): { url: string; visit: Visit } | undefined {
  const location = page.headers.get('location')
  const origin = new URL(page.url).origin
  if (location !== null && page.status >= 300 && page.status < 400) {
    const url = new URL(location, page.url)
    // a fragment stays where the address that is redirected to has none
    if (url.hash === '') url.hash = new URL(page.url).hash
    return { url: url.href, visit: { from: from ?? origin } }
  }
  const refreshed = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(page.text)?.[1]
  if (refreshed !== undefined) return { url: unescaped(refreshed), visit: { from: origin } }
  return posted(page, origin)
}

function posted({ text, url }: Page, origin: string): { url: string; visit: Visit } | undefined {
  const isByItself = /forms?\[?0?\]?\.submit\(\)|\.submit\(\)/.test(text)
  if (!isByItself || !/<form[^>]* method="post"/i.test(text)) return undefined
  const action = /<form[^>]* action="([^"]*)"/.exec(text)?.[1] ?? url.replace(/#.*$/s, '')
  const inputs = [...text.matchAll(/<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?/g)]
  const brings = text.includes('location') ? new URL(url).hash.slice(1) : ''
  const fields = inputs.map(([, name = '', value]): [string, string] => [name, unescaped(value ?? brings)])
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin }
  const body = new URLSearchParams(fields).toString()
  return { url: new URL(unescaped(action), url).href, visit: { method: 'POST', headers, body, from: origin } }
}

function unescaped(text: string): string {
  return text
    .replace(/&#x([\da-f]+);/gi, (_, digits) => String.fromCodePoint(Number.parseInt(digits, 16)))
    .replace(/&#(\d+);/g, (_, digits) => String.fromCodePoint(Number(digits)))
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}
