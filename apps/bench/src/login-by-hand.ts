/** A browser's part of a login at the server of `answer-login.ts`, whose code for a request is its nonce. */
import { request } from 'undici'

/**
 * Logs in at an app that has `/login` and `/callback`.
 *
 * @param issuer of the server
 * @returns the Cookie header of the session
 * @throws Error when the app does not log in
 */
export async function logIn(app: string, issuer: string): Promise<string> {
  const begun = await visit(`${app}/login`, '')
  const asked = new URL(begun.location).searchParams
  const answer = new URLSearchParams({
    code: asked.get('nonce') ?? '',
    state: asked.get('state') ?? '',
    iss: issuer,
  })
  const { cookies } = await visit(`${app}/callback?${answer}`, begun.cookies)
  return cookies
}

async function visit(url: string, cookie: string) {
  const { statusCode, headers, body } = await request(url, { headers: { cookie } })
  const text = await body.text()
  const { location } = headers
  if (statusCode >= 400 || typeof location !== 'string')
    throw new Error(`${new URL(url).pathname}: ${statusCode} ${text}`)
  return { location, cookies: kept(cookie, [headers['set-cookie'] ?? []].flat()) }
}

/** What a browser sends from then on: a cookie that is cleared has no value. */
function kept(cookie: string, set: readonly string[]): string {
  const pairs = [...cookie.split('; '), ...set.map(line => line.split(';')[0] ?? '')].map(pair => pair.split('='))
  const jar = new Map(pairs.map(([name = '', ...value]) => [name, value.join('=')]))
  return [...jar]
    .filter(([, value]) => value !== '')
    .map(pair => pair.join('='))
    .join('; ')
}
