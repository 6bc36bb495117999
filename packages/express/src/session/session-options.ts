/** How long sessions last and where they are kept: the options, checked once. */
import { checkMembers, checkNumber, checkText, optionError } from '@grantkit/core/kit'
import type { CookieAttributes } from '../cookie.js'
import type { Site } from '../paths.js'

/** How long sessions last, and where they are kept. */
export interface SessionOptions {
  /** How long nothing may be asked for before a session is over, in milliseconds; counted to a tenth. Default 24 hours. */
  readonly idleMs?: number | undefined
  /**
   * How long a session lasts at most, whatever is done in it, in milliseconds. Default 7 days; less where the ID token says
   * so by `session_expiry`.
   */
  readonly absoluteMs?: number | undefined
  /**
   * Of the session's cookie; it gets `__Host-` in front where that can be. Default: a name of its own for each server, client
   * and redirect URI.
   */
  readonly cookieName?: string | undefined
  /** `none` for an app that is shown in a frame of another site. Default `lax`. */
  readonly sameSite?: 'lax' | 'none' | undefined
  /**
   * Where the user's tokens are. In the `cookie` there is no store: it holds the access token and never a refresh token, so
   * that the end of the access token is a `LoginRequiredError`, and a session that was logged out is over in this browser
   * alone. Default `store`.
   */
  readonly tokensIn?: 'store' | 'cookie' | undefined
}

/** The options, checked. */
export interface SessionSettings {
  readonly idleMs: number
  readonly absoluteMs: number
  readonly tokensIn: 'store' | 'cookie'
  readonly cookieName: string
  readonly attributes: CookieAttributes
}

const dayMs = 86_400_000
const names = ['idleMs', 'absoluteMs', 'cookieName', 'sameSite', 'tokensIn'] as const

/** @throws TypeError naming the option */
export function readSessionOptions(
  { id, isSecure, cookiePrefix }: Pick<Site, 'id' | 'isSecure' | 'cookiePrefix'>,
  options: SessionOptions = {},
): SessionSettings {
  checkMembers('session', options, names)
  const { absoluteMs = 7 * dayMs, sameSite = 'lax', tokensIn = 'store' } = options
  checkNumber('session.absoluteMs', absoluteMs, 1_000)
  const { idleMs = Math.min(dayMs, absoluteMs) } = options
  checkNumber('session.idleMs', idleMs, 1_000)
  if (idleMs > absoluteMs) throw optionError('session.idleMs', 'must not be longer than absoluteMs')
  checkSameSite(sameSite)
  if (tokensIn !== 'store' && tokensIn !== 'cookie')
    throw optionError('session.tokensIn', "must be 'store' or 'cookie'")
  const { cookieName = `grantkit-session-${id}` } = options
  checkCookieName(cookieName)
  // browsers take none without Secure, and Secure from a loopback address
  const secure = isSecure || sameSite === 'none'
  return {
    idleMs,
    absoluteMs,
    tokensIn,
    cookieName: cookiePrefix + cookieName,
    attributes: { path: '/', httpOnly: true, secure, sameSite },
  }
}

/** With `strict` the cookie stays behind when a browser comes from the server, so that each login would be followed by another. */
function checkSameSite(sameSite: unknown): void {
  if (sameSite === 'strict')
    throw optionError('session.sameSite', "must not be 'strict': right after a login the cookie would not come along")
  if (sameSite !== 'lax' && sameSite !== 'none') throw optionError('session.sameSite', "must be 'lax' or 'none'")
}

/** @see RFC 6265 §4.1.1 */
function checkCookieName(name: unknown): void {
  checkText('session.cookieName', name)
  if (!/^[\w.-]{1,100}$/.test(name))
    throw optionError('session.cookieName', 'must be at most 100 letters, digits and -_.')
  if (/^__(?:host|secure)-/i.test(name)) throw optionError('session.cookieName', 'gets its prefix by itself')
}
