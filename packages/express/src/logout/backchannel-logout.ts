/** The server tells that a user has logged out elsewhere (OpenID Connect Back-Channel Logout 1.0): their sessions here end. */
import { type GrantKitError, isGrantKitError, readLogoutToken } from '@grantkit/core'
import { boundedStoreOf } from '@grantkit/core/kit'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { Settings } from '../options.js'
import { msUntil, recordKey, type Use, useOnce } from '../records.js'
import { formOf } from '../request-parameters.js'
import type { Sessions } from '../session/session.js'

/**
 * Answers the server's `POST`: 200 once the sessions have ended, 400 with an OAuth error for what is no logout, and 503 where
 * it may come again.
 *
 * @see OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8
 */
export function backchannelLogout(settings: Settings, sessions: Sessions) {
  return async (request: WebRequest, response: WebResponse): Promise<void> => {
    response.setHeader('Cache-Control', 'no-store')
    try {
      await endSessions(settings, sessions, await tokenIn(request))
      response.statusCode = 200
      response.end()
    } catch (error) {
      if (!isGrantKitError(error)) throw error
      refuse(response, error)
    }
  }
}

async function tokenIn(request: WebRequest): Promise<string | undefined> {
  const form = await formOf(request)
  const { logout_token: token } = form instanceof URLSearchParams ? Object.fromEntries(form) : Object(form)
  return typeof token === 'string' ? token : undefined
}

/** A token is good for one use, in all processes; but one whose sessions could not be ended may come again. */
async function endSessions({ client, store: given }: Settings, sessions: Sessions, token: string | undefined) {
  const store = boundedStoreOf(given)
  let use: Use | undefined
  const takeOnce = async (id: string, expiresAt: number) => {
    use = await useOnce(store, recordKey('logout token', id), msUntil(expiresAt, client.clock.now()))
    return use !== undefined
  }
  const logout = await readLogoutToken(client, token, { takeOnce })
  try {
    await sessions.endAt(logout)
  } catch (error) {
    await use?.release()
    throw error
  }
}

/** Of an error of ours the message shows nothing secret. */
function refuse(response: WebResponse, { retryable, message }: GrantKitError): void {
  response.statusCode = retryable ? 503 : 400
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  const error = retryable ? 'temporarily_unavailable' : 'invalid_request'
  response.end(JSON.stringify({ error, error_description: message }))
}
