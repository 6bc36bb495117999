/** What a session has beside its cookie, wherever that is: the word that it lives, and the user's tokens. */
import type { Grant, Logout, TokenSet } from '@grantkit/core'
import type { UserTokens } from '../request.js'
import type { Session, TokenInCookie } from './session-cookie.js'

/** A session by what it is called. */
export type Identified = Pick<Session, 'id'>

/** The same, with the access token where its cookie holds that. */
export type WithTokens = Pick<Session, 'id' | 'token'>

/** What was redeemed. */
interface Redeemed {
  readonly tokenSet: TokenSet
  /** What the cookie has to hold of it; `undefined` where it need not. */
  readonly token?: TokenInCookie | undefined
}

/** The tokens of an app's sessions. */
export interface SessionTokens {
  /** Redeems a grant for a session that is about to begin. */
  redeem(session: Identified, grant: Grant): Promise<Redeemed>
  /** Makes it known that a session is about to begin, so that a logout at the server that comes first keeps it from it. */
  announce(session: Identified, tokenSet: TokenSet): Promise<void>
  /**
   * The session begins.
   *
   * @throws ValidationError `logged_out` where the server has logged the user out since it was announced
   */
  begin(session: Session, tokenSet: TokenSet): Promise<void>
  /**
   * The tokens of a session that lives; `undefined` for one that is over, though its cookie says otherwise.
   *
   * @throws TokenStoreError where that cannot be told, SessionError `not_in_store`
   */
  find(session: Session): Promise<UserTokens | undefined>
  /** The ID token of the login, where it is still there. */
  idTokenOf(session: Session): Promise<string | undefined>
  /** The session is over, whatever becomes of its tokens. */
  end(session: Identified): Promise<void>
  /** Forgets a session's tokens. */
  forget(session: Identified): Promise<void>
  /** Revokes a session's tokens at the server, and forgets them where that could be done. */
  revoke(session: WithTokens): Promise<void>
  /** Ends the sessions that the server has logged out, and forgets their tokens. */
  endAt(logout: Logout): Promise<void>
  /** Waits for what is under way. */
  close(): Promise<void>
}
