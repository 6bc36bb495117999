/** What is wrong with a session, where neither the user nor the authorization server can help. */
import { GrantKitError } from '@grantkit/core'
import type { GrantKitErrorOptions } from '@grantkit/core/kit'

/** Why a session cannot be begun, kept or ended. */
export type SessionErrorReason =
  /** The answer has begun: its headers, and with them the cookie, are gone already. */
  | 'headers_sent'
  /** The cookie would be larger than browsers take. */
  | 'cookie_too_large'
  /** The memory of this process does not have a session that was begun just now: another process has it. */
  | 'not_in_store'

/** A session cannot be begun, kept or ended: a setting, or the order of an app's own steps, is wrong. `code` is `ERR_SESSION`. */
export class SessionError extends GrantKitError {
  /** The same for each of them. */
  declare readonly code: 'ERR_SESSION'
  /** Why. */
  readonly reason: SessionErrorReason

  constructor(reason: SessionErrorReason, message: string, options: GrantKitErrorOptions = {}) {
    super('ERR_SESSION', `${reason}: ${message}`, options)
    this.reason = reason
  }
}
