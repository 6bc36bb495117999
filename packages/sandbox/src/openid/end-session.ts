/** `/logout`: ends the session at once and sends the browser back (OpenID Connect RP-Initiated Logout 1.0 §2, §3). */
import { type Answer, text } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { OpenidProvider } from './openid-provider.js'

/** Redirects to where the client is registered, with the `state` it sent. */
export function answerEndSession(provider: OpenidProvider, { query }: ReceivedRequest): Answer {
  const asked = new URLSearchParams(query)
  const back = asked.get('post_logout_redirect_uri')
  if (back === null) return text(200, 'You are logged out.')
  if (back !== provider.postLogoutRedirectUri) return text(400, 'post_logout_redirect_uri is not registered')
  const state = asked.get('state') ?? undefined
  const draft = provider.misbehaviours.apply('logout-response', 'other', { state }, provider)
  const url = new URL(back)
  if (draft.state !== undefined) url.searchParams.set('state', draft.state)
  return { status: 303, headers: { location: url.href } }
}
