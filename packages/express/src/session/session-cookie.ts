/** A session as its cookie has it: sealed, read at each request, and issued anew now and then as it is used. */
import type { JsonValue } from '@grantkit/core'
import onHeaders from 'on-headers'
import { checkCookie, clearCookie, everyCookieOf, fits, setCookie } from '../cookie.js'
import type { AskedFor } from '../login/step-up.js'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { Settings } from '../options.js'
import type { UserClaims } from '../request.js'
import { SessionError } from './session-error.js'

/** Who is logged in. */
export interface Session {
  /** Made anew at each login. It opens nothing by itself: the cookie is sealed. */
  readonly id: string
  readonly claims: UserClaims
  /** As granted at the login. */
  readonly scope?: string | undefined
  /** By what means the user has authenticated at the server, as the ID token said: `onLogin` may have left it out of the claims. */
  readonly acr?: string | undefined
  /** When that was, in seconds since the epoch, as the ID token said. */
  readonly authTime?: number | undefined
  /** When it began, in epoch milliseconds. */
  readonly loggedInAt: number
  /** When it was last known to be used, in epoch milliseconds, to a tenth of what it may be idle for. */
  readonly seenAt: number
  /** When it is over whatever is done in it, in epoch milliseconds. */
  readonly endsAt: number
  /** What its login has asked for. */
  readonly askedFor: AskedFor
  /** The access token, where the cookie is the only place for it. */
  readonly token?: TokenInCookie | undefined
}

/** An access token in a cookie. */
export interface TokenInCookie {
  readonly accessToken: string
  readonly jkt?: string | undefined
  readonly obtainedAt: number
  readonly expiresAt?: number | undefined
}

/** A session that a request has brought. */
interface BroughtSession {
  readonly session: Session
  /** Whether it has been idle for too long, or is at its end. */
  readonly isOver: boolean
  /** Has the cookie issued anew where that is due: without it a session that is used would be over all the same. */
  keep(response: WebResponse): Promise<void> | undefined
}

/** The session's cookie in the requests and answers of one app. */
export interface SessionCookie {
  /** Every value that a request has brought, the likelier first. */
  valuesOf(request: WebRequest): readonly string[]
  /** The session that a value is of; `undefined` for what this app has not sealed. */
  open(value: string): Promise<BroughtSession | undefined>
  /**
   * Makes the cookie of a session that is about to begin.
   *
   * @returns puts it into the answer
   * @throws SessionError `headers_sent`, `cookie_too_large`
   */
  prepare(response: WebResponse, session: Session): Promise<() => void>
  /** @throws SessionError `headers_sent` */
  clear(response: WebResponse): void
}

/** Others of the same name can be set by whoever has a neighbouring domain: not so many that it takes time to read them. */
const mostOfOneName = 5

const remedy = 'let onLogin return fewer claims, and leave tokens in the store'

/** Of the time that a session may be idle: its cookie is issued anew once in that time. */
const tenth = 0.1

/** @param hasEnded whether this process has ended a session: an answer that was begun before must not bring its cookie back */
export function createSessionCookie(
  { client, site, seal, session: settings }: Pick<Settings, 'client' | 'site' | 'seal' | 'session'>,
  hasEnded: (session: Session) => boolean,
): SessionCookie {
  const { cookieName: name, idleMs } = settings
  const header = { use: 'session', app: site.id }
  /** Answers whose cookie says what it has to say already. */
  const decided = new WeakSet<WebResponse>()

  const sealed = (session: Session) => seal.seal(session as unknown as JsonValue, header)
  const check = (response: WebResponse, value: string) => checkCookie(response, name, value, remedy)
  const set = (response: WebResponse, value: string, { endsAt, seenAt }: Session) => {
    const maxAge = Math.max(1, Math.ceil(Math.min(idleMs, endsAt - seenAt) / 1000))
    setCookie(response, name, value, { ...settings.attributes, maxAge })
  }

  async function open(value: string): Promise<BroughtSession | undefined> {
    const session: unknown = await seal.open(value, header)
    if (!isSession(session)) return undefined
    const now = client.clock.now()
    const isOver = now >= session.endsAt || now - session.seenAt >= idleMs
    const isDue = now - session.seenAt >= idleMs * tenth || !seal.isOfFirstKey(value)
    const keep = (response: WebResponse) => {
      if (response.headersSent)
        throw new SessionError('headers_sent', 'the answer has begun before grantkit(): mount it before what begins it')
      return isDue ? renew(response, session, now) : undefined
    }
    return { session, isOver, keep }
  }

  async function renew(response: WebResponse, session: Session, seenAt: number): Promise<void> {
    const renewed = { ...session, seenAt }
    const value = await sealed(renewed)
    // the id of a new key may be longer: what browsers would drop is not sent, and the session lasts as it is
    if (!fits(name, value)) return
    onHeaders(response, () => {
      if (decided.has(response) || hasEnded(session) || isShared(response)) return
      makePrivate(response)
      set(response, value, renewed)
    })
  }

  return {
    valuesOf: request => everyCookieOf(request, name).slice(0, mostOfOneName),
    open,
    async prepare(response, session) {
      const value = await sealed(session)
      check(response, value)
      return () => {
        set(response, value, session)
        decided.add(response)
      }
    },
    clear(response) {
      decided.add(response)
      clearCookie(response, name, settings.attributes)
    },
  }
}

/** Another release may have sealed it, which keeps something else. */
function isSession(value: unknown): value is Session {
  const { id, claims, askedFor, loggedInAt, seenAt, endsAt } = Object(value) as Partial<Session>
  const areTimes = [loggedInAt, seenAt, endsAt].every(Number.isFinite)
  return areTimes && typeof id === 'string' && [claims, askedFor].every(one => typeof one === 'object' && one !== null)
}

/** With a cookie in it, everybody who is given such an answer would be this user. */
function isShared(response: WebResponse): boolean {
  const isForCaches = (name: string) => /(?:^|-)cdn-cache-control$|^surrogate-control$/.test(name)
  return /\b(?:public|s-maxage)\b/i.test(cachingOf(response)) || response.getHeaderNames().some(isForCaches)
}

/** Else a cache may keep an answer for everybody, cookie and all, also one with a `max-age` alone (RFC 9111 §3, §7.3). */
function makePrivate(response: WebResponse): void {
  const caching = cachingOf(response)
  if (/\b(?:private|no-store)\b(?!=)/i.test(caching)) return
  response.setHeader('Cache-Control', caching === '' ? 'private' : `${caching}, private`)
}

function cachingOf(response: WebResponse): string {
  return String(response.getHeader('Cache-Control') ?? '')
}
