/** The sessions of an app: begun by a login, found by their cookie, ended by a logout. */
import { randomBytes } from 'node:crypto'
import type { Grant, Logout, TokenSet } from '@grantkit/core'
import type { AskedFor } from '../login/step-up.js'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { LoginRequest, Settings } from '../options.js'
import type { UserClaims, UserTokens } from '../request.js'
import { claimsToKeep, sessionOf } from './session-begun.js'
import { createSessionCookie, type Session } from './session-cookie.js'
import { sessionsInCookie } from './session-in-cookie.js'
import { sessionsInStore } from './session-in-store.js'
import type { Identified, WithTokens } from './session-tokens.js'

/** The sessions of one app. */
export interface Sessions {
  /**
   * The session of a request, and keeps it from being idle; `undefined` where there is none, whatever the cookie holds.
   *
   * @throws TokenStoreError where the store cannot tell; SessionError `not_in_store`, `headers_sent`
   */
  load(request: WebRequest, response: WebResponse): Promise<LiveSession | undefined>
  /**
   * Redeems a login into a session of its own: the one that was there is ended, and its tokens are forgotten.
   *
   * @throws what the token request, `onLogin` and the store throw; ValidationError `session_expiry` where the server says
   *   that it is over already, `logged_out` where it has logged the user out meanwhile; SessionError `headers_sent`, `cookie_too_large`
   */
  begin(request: WebRequest, response: WebResponse, login: LoginToRedeem): Promise<void>
  /**
   * Ends the session of a request, here and in the store, and lets go of its tokens.
   *
   * @throws TokenStoreError where it may live on for whoever has a copy of the cookie; this browser's is cleared all the same
   */
  end(request: WebRequest, response: WebResponse): Promise<EndedSession>
  /**
   * Ends the sessions that the server has logged out.
   *
   * @throws TokenStoreError where one of them may live on
   */
  endAt(logout: Logout): Promise<void>
  /** Waits for the token requests under way. */
  close(): Promise<void>
}

/** A session that a request has. */
export interface LiveSession {
  readonly session: Session
  /** The user's tokens. */
  readonly tokenSource: UserTokens
}

/** A login that has come back. */
interface LoginToRedeem {
  readonly grant: Grant
  readonly askedFor: AskedFor
  /** For `onLogin`. */
  readonly expectedClaims: Readonly<Record<string, string>> | undefined
  /** Id of the session that was there when the login began, where its cookie cannot come along with the answer. */
  readonly sessionBefore?: string | undefined
}

/** What a logout at the server is asked for by. */
interface EndedSession {
  /** As it came at the login, where it was kept. */
  readonly idToken: string | undefined
}

/** How long a logout waits for the server, in milliseconds: a person waits with it. */
const patienceMs = 2_000

const patience = () => new Promise<void>(resolve => void setTimeout(resolve, patienceMs).unref())

/** Sessions that this process has ended a moment ago; more of them are ended by the store alone. */
const mostEnded = 1_000

export function createSessions(settings: Settings): Sessions {
  const { client, site, store, origins, session, onLogin, logout } = settings
  const { absoluteMs, tokensIn } = session
  const ofApp = { client, app: site.id, origins }
  const told = { keepsIdToken: logout.atServer, isToldOfLogouts: site.paths.backchannelLogout !== undefined }
  const tokens =
    tokensIn === 'store' ? sessionsInStore({ ...ofApp, ...told, store, absoluteMs }) : sessionsInCookie(ofApp)
  const ended = new Set<string>()
  /** Of tokens that are being let go of. */
  const underWay = new Set<Promise<void>>()
  const cookie = createSessionCookie(settings, ({ id }) => ended.has(id))

  async function end(session: Identified): Promise<void> {
    for (const oldest of ended) if (ended.size >= mostEnded) ended.delete(oldest)
    ended.add(session.id)
    await tokens.end(session)
  }

  async function forget(session: Identified): Promise<void> {
    await end(session)
    await tokens.forget(session)
  }

  /** Every session that a request has brought, alive or not. */
  async function broughtBy(request: WebRequest): Promise<readonly Session[]> {
    const opened = await Promise.all(cookie.valuesOf(request).map(cookie.open))
    return opened.flatMap(brought => (brought === undefined ? [] : [brought.session]))
  }

  /** What a login takes the place of. */
  async function replacedBy(request: WebRequest, id: string | undefined): Promise<readonly Identified[]> {
    const brought = await broughtBy(request)
    return id === undefined ? brought : [...brought.filter(session => session.id !== id), { id }]
  }

  /** A server that is down keeps nobody logged in, and nobody waiting: what it does not revoke is forgotten. */
  async function letGo(session: WithTokens): Promise<void> {
    const gone = (logout.revoke ? tokens.revoke(session).catch(() => {}) : Promise.resolve())
      .then(() => tokens.forget(session))
      .finally(() => underWay.delete(gone))
    underWay.add(gone)
    gone.catch(() => {})
    await Promise.race([gone, patience()])
  }

  async function endAndLetGo(session: WithTokens): Promise<void> {
    await end(session)
    await letGo(session)
  }

  /** Returns its ID token. */
  async function logOut(session: Session): Promise<string | undefined> {
    const idToken = await tokens.idTokenOf(session)
    await endAndLetGo(session)
    return idToken
  }

  async function claimsOf(
    request: WebRequest,
    tokenSet: TokenSet,
    expectedClaims: LoginToRedeem['expectedClaims'] = {},
  ): Promise<UserClaims> {
    const { idTokenClaims: claims } = tokenSet
    const own = await onLogin?.({ claims, tokenSet, expectedClaims, request: request as LoginRequest })
    return claimsToKeep(own, claims)
  }

  return {
    async load(request, response) {
      for (const value of cookie.valuesOf(request)) {
        const brought = await cookie.open(value)
        if (brought === undefined || brought.isOver) continue
        const { session } = brought
        const tokenSource = await tokens.find(session)
        if (tokenSource === undefined) continue
        await brought.keep(response)
        return { session, tokenSource }
      }
      return undefined
    },
    async begin(request, response, { grant, askedFor, expectedClaims, sessionBefore }) {
      const id = randomBytes(24).toString('base64url')
      const replaced = await replacedBy(request, sessionBefore)
      const { tokenSet, token } = await tokens.redeem({ id }, grant)
      try {
        await tokens.announce({ id }, tokenSet)
        const now = client.clock.now()
        const claims = await claimsOf(request, tokenSet, expectedClaims)
        const session = sessionOf(tokenSet, { id, claims, askedFor, token, loggedInAt: now }, absoluteMs)
        const write = await cookie.prepare(response, session)
        for (const before of replaced) await forget(before)
        await tokens.begin(session, tokenSet)
        write()
      } catch (error) {
        // of a user who goes on as before nothing is revoked: servers may end all that comes of one consent (RFC 7009 §2.1)
        await (replaced.length > 0 ? forget({ id }) : endAndLetGo({ id, token })).catch(() => {})
        throw error
      }
    },
    async end(request, response) {
      cookie.clear(response)
      const brought = await broughtBy(request)
      // none of them is to live on, or to be waited for, on account of another one
      const ends = await Promise.allSettled(brought.map(logOut))
      return { idToken: ends.map(fulfilled).find(idToken => idToken !== undefined) }
    },
    endAt: logout => tokens.endAt(logout),
    async close() {
      await Promise.allSettled(underWay)
      await tokens.close()
    },
  }
}

/** @throws what it was rejected with */
function fulfilled<Value>(settled: PromiseSettledResult<Value>): Value {
  if (settled.status === 'rejected') throw settled.reason
  return settled.value
}
