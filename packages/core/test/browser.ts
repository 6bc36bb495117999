/** A user's browser in a few lines: it follows redirects with cookies until it is back at the app. */
import { type Dispatcher, fetch } from 'undici'
import type { AuthorizationAnswer } from '../src/index.js'

/**
 * Follows redirects until it is sent to the app, or has a form to post there.
 *
 * @param dispatcher for a server whose CA nobody knows
 * @returns what the app gets of it: the URL, or the parameters of the form
 */
export async function browse(url: string, redirectUri: string, dispatcher?: Dispatcher): Promise<AuthorizationAnswer> {
  const cookies = new Map<string, string>()
  let next = url
  for (let hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(next, { redirect: 'manual', headers: { cookie }, ...(dispatcher && { dispatcher }) })
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) return postedIn(await response.text(), redirectUri)
    next = new URL(location, next).href
    if (next.startsWith(redirectUri)) return next
  }
  throw new Error('redirected without end')
}

function postedIn(html: string, redirectUri: string): URLSearchParams {
  if (!html.includes(`action="${redirectUri}"`)) throw new Error(`no answer: ${html.replace(/<[^>]*>/g, ' ')}`)
  const inputs = html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)
  return new URLSearchParams([...inputs].map(([, name = '', value = '']): [string, string] => [name, value]))
}
