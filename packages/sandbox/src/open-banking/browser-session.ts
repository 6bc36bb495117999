/** Single sign-on of Identity Server: the cookie by which it knows a browser that has logged in. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { AuthorizationServer } from './authorization-server.js'

/** As the real server calls it. */
const cookieName = 'commonAuthId'

/** Who is logged in in this browser; nobody where `settings.singleSignOn` is off. */
export function subjectOfBrowser(
  { settings, store }: AuthorizationServer,
  request: ReceivedRequest,
): string | undefined {
  return settings.singleSignOn ? store.browsers.get(readCookie(request) ?? '') : undefined
}

/** Adds the cookie to the answer after a login. A browser that comes with one has a new one from then on. */
export function beginBrowserSession(
  { settings, store }: AuthorizationServer,
  request: ReceivedRequest,
  subject: string,
  answer: Answer,
): Answer {
  if (!settings.singleSignOn) return answer
  store.browsers.delete(readCookie(request) ?? '')
  const id = randomUUID()
  store.browsers.set(id, subject)
  return withCookie(answer, id)
}

/** Ends what the browser came with, and takes the cookie away. */
export function endBrowserSession({ store }: AuthorizationServer, request: ReceivedRequest, answer: Answer): Answer {
  const id = readCookie(request)
  if (id === undefined) return answer
  store.browsers.delete(id)
  return withCookie(answer, '', 'Max-Age=0')
}

/** `Lax` suffices: the browser is sent here by a redirect. */
function withCookie(answer: Answer, value: string, ...attributes: string[]): Answer {
  const cookie = [`${cookieName}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax', ...attributes].join('; ')
  return { ...answer, headers: { ...answer.headers, 'set-cookie': cookie } }
}

function readCookie({ headers: { cookie = '' } }: ReceivedRequest): string | undefined {
  const pairs = cookie.split(/;\s*/).map(pair => pair.split('='))
  return pairs.find(([name]) => name === cookieName)?.[1]
}
