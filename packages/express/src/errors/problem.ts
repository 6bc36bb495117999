/** What went wrong, as it is told to callers and to people: a status and a few words for each kind. */
import type { AuthorizationRefusedError, GrantKitError, LoginRequiredError, ValidationError } from '@grantkit/core'
import type { ProxyError, ProxyErrorCode } from '../proxy/proxy-error.js'

/** What can be told apart by whoever is told. */
export type ProblemKind =
  /** Nobody is logged in, or the user has to log in again. */
  | 'login_required'
  /** The user lacks a scope, or has just logged in and still lacks what is needed. */
  | 'not_granted'
  /** The user, or the server for them, has said no to a login. */
  | 'denied'
  /** An answer to a login that is not under way here: unknown, expired, finished before, or made up. */
  | 'login_over'
  /** A request that another site has made. */
  | 'forged'
  /** A call that the proxy does not hand on: its path, its method, a WebSocket. */
  | 'refused'
  /** It passes by itself: the server, or the store, is away. */
  | 'unavailable'
  /** What the server sent does not hold, or it refuses what the app asks of it. */
  | 'failed'
  /** The app itself is set up in a way that cannot work. */
  | 'misconfigured'

/** What there is to tell. */
interface Words {
  readonly status: number
  readonly title: string
  readonly text: string
}

/** In words for people, whatever they wanted of the app. */
export const problems: Readonly<Record<ProblemKind, Words>> = {
  login_required: { status: 401, title: 'Please log in', text: 'To go on, you have to log in.' },
  not_granted: {
    status: 403,
    title: 'Not permitted',
    text: 'Your login does not permit this. It takes a further permission, or a stronger login.',
  },
  denied: {
    status: 403,
    title: 'The login was refused',
    text: 'Access was not granted. Nothing has changed, and you can log in again.',
  },
  login_over: {
    status: 400,
    title: 'This login cannot go on',
    text: 'It was begun too long ago or in another browser, or it was finished before. Please begin again.',
  },
  forged: { status: 403, title: 'Refused', text: 'This request did not come from a page of this app.' },
  refused: { status: 400, title: 'Not possible', text: 'This address cannot be asked for in this way.' },
  unavailable: {
    status: 503,
    title: 'Not available at the moment',
    text: 'Something that this takes is not available. Please try again in a while.',
  },
  failed: {
    status: 502,
    title: 'Something went wrong',
    text: 'The server that users log in at gave an answer that is of no use. If it happens again, please tell whoever runs this app.',
  },
  misconfigured: {
    status: 500,
    title: 'Something went wrong',
    text: 'This app is set up in a way that cannot work. Please tell whoever runs it.',
  },
}

/**
 * Which kind an error of this library is.
 *
 * @param isUnknownAnswer whether it came of an answer to a login of which nothing is known: whatever does not hold there is
 *   its sender's fault
 */
export function problemKindOf(error: GrantKitError, isUnknownAnswer = false): ProblemKind {
  if (isLoginRequired(error)) return error.reason === 'insufficient_scope' ? 'not_granted' : 'login_required'
  if (isProxyError(error)) return ofProxy[error.code]
  if (error.retryable) return 'unavailable'
  if (isRefusedLogin(error)) return refusals[error.error ?? ''] ?? refusals[error.kind] ?? 'failed'
  if (isFailedCheck(error)) return isUnknownAnswer ? 'login_over' : (checks[error.check] ?? 'failed')
  return ofTheApp.includes(error.code) ? 'misconfigured' : 'failed'
}

/** What the app itself has to be changed for: nothing has been sent, or nothing that the server sent was wrong. */
const ofTheApp = ['ERR_SESSION', 'ERR_ORIGIN']

/** Whether only the user can help. */
export function isLoginRequired(error: GrantKitError): error is LoginRequiredError {
  return error.code === 'ERR_LOGIN_REQUIRED'
}

/** Whether a browser came back with an error. */
export function isRefusedLogin(error: GrantKitError): error is AuthorizationRefusedError {
  return error.code === 'ERR_AUTHORIZATION_REFUSED'
}

function isFailedCheck(error: GrantKitError): error is ValidationError {
  return error.code === 'ERR_VALIDATION'
}

/** Whether the proxy has answered in place of the API, by a status of its own. */
export function isProxyError(error: GrantKitError): error is ProxyError {
  return error.code in ofProxy
}

const ofProxy: Readonly<Record<ProxyErrorCode, ProblemKind>> = {
  ERR_PROXY_PATH: 'refused',
  ERR_PROXY_METHOD: 'refused',
  ERR_PROXY_UPGRADE: 'refused',
  ERR_PROXY_CSRF: 'forged',
  ERR_PROXY_BODY: 'misconfigured',
  ERR_PROXY_UPSTREAM: 'unavailable',
  ERR_PROXY_TIMEOUT: 'unavailable',
}

/** By code, else by what that means. */
const refusals: Readonly<Record<string, ProblemKind>> = {
  __proto__: null as never,
  // the user cannot log in as strongly as was asked for (OpenID Connect Core Error Code unmet_authentication_requirements 1.0)
  unmet_authentication_requirements: 'not_granted',
  denied: 'denied',
  interaction_required: 'login_required',
}

/** What anybody's browser can bring about is the caller's fault; all other checks are of what the server sent. */
const checks: Readonly<Record<string, ProblemKind>> = {
  __proto__: null as never,
  transaction: 'login_over',
  transaction_expired: 'login_over',
  used_answer: 'login_over',
  state: 'login_over',
  redirect_uri: 'login_over',
  response_mode: 'login_over',
  client_id: 'login_over',
  issuer: 'login_over',
  login_link: 'login_over',
  logged_out: 'login_over',
  csrf: 'forged',
}
