/** `/oauth2/authorize` of Identity Server and its pages: the request, the login, the consent, the way back. */
import { randomUUID } from 'node:crypto'
import { type Answer, Refusal } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { Route } from '../server.js'
import { type AccountHolder, accountHolders, findAccountHolder } from './account-holders.js'
import { consentPage, errorPage, loginPage } from './authorization-pages.js'
import { AuthorizationProblem, type AuthorizationRequest, readAuthorizationRequest } from './authorization-request.js'
import { answerAt } from './authorization-response.js'
import { type AuthorizationServer, issueCode } from './authorization-server.js'
import { beginBrowserSession, subjectOfBrowser } from './browser-session.js'
import type { Consent } from './consents.js'
import { answerEndSession, endSessionPath } from './end-session.js'
import { issueFrontChannelIdToken } from './token-response.js'

/** A request on its way through the pages. */
export interface AuthorizationSession {
  readonly request: AuthorizationRequest
  /** Who has logged in. */
  subject: string | undefined
}

/** The endpoint and its pages. */
export function authorizationRoutes(server: AuthorizationServer): Route[] {
  const route = (method: string, expected: string, handle: Handle): Route => ({
    kind: 'authorization',
    method,
    matches: path => path === expected,
    handle: request => handle(server, request),
  })
  return [
    route('GET', '/oauth2/authorize', begin),
    route('POST', '/oauth2/authorize', (_, request) =>
      request.parameters.sessionDataKeyConsent === undefined ? begin(server, request) : decide(server, request),
    ),
    route('GET', loginPath, showLogin),
    route('POST', '/commonauth', logIn),
    route('GET', consentPath, showConsent),
    route('GET', endSessionPath, answerEndSession),
    route('POST', endSessionPath, answerEndSession),
    route('GET', errorPath, (_, request) => {
      const query = new URLSearchParams(request.query)
      return errorPage(query.get('oauthErrorCode') ?? '', query.get('oauthErrorMsg') ?? '')
    }),
  ]
}

type Handle = (server: AuthorizationServer, request: ReceivedRequest) => Answer | Promise<Answer>

const loginPath = '/authenticationendpoint/login.do'
const consentPath = '/authenticationendpoint/oauth2_consent.do'
const errorPath = '/authenticationendpoint/oauth2_error.do'

async function begin(server: AuthorizationServer, received: ReceivedRequest): Promise<Answer> {
  try {
    const request = readAuthorizationRequest(server, readParameters(received))
    const session = randomUUID()
    const subject = request.asksAgain ? undefined : subjectOfBrowser(server, received)
    server.store.sessions.set(session, { request, subject })
    if (subject !== undefined) return redirect(consentPath, { sessionDataKeyConsent: session })
    return redirect(loginPath, { sessionDataKey: session })
  } catch (error) {
    if (!(error instanceof AuthorizationProblem)) throw error
    const { destination, message } = error
    if (!destination) return redirect(errorPath, { oauthErrorCode: error.error, oauthErrorMsg: message })
    return answerAt(server, destination, { error_description: message, error: error.error })
  }
}

/** @throws AuthorizationProblem for a parameter that came twice (RFC 6749 §3.1) */
function readParameters({ method, query, parameterList }: ReceivedRequest): Record<string, string> {
  const entries = method === 'POST' ? parameterList : [...new URLSearchParams(query)]
  if (new Set(entries.map(([name]) => name)).size < entries.length)
    throw new AuthorizationProblem('invalid_request', 'Invalid request with repeated parameters.')
  return Object.fromEntries(entries)
}

function showLogin(server: AuthorizationServer, { query }: ReceivedRequest): Answer {
  const parameters = new URLSearchParams(query)
  const session = parameters.get('sessionDataKey') ?? ''
  requireSession(server, session)
  return loginPage(session, parameters.has('authFailure'))
}

function logIn(server: AuthorizationServer, received: ReceivedRequest): Answer {
  const { sessionDataKey = '', username, password } = received.parameters
  const session = requireSession(server, sessionDataKey)
  const holder = accountHolders.find(one => one.username === username && one.password === password)
  if (!holder) return redirect(loginPath, { sessionDataKey, authFailure: 'true' })
  session.subject = holder.subject
  const answer = redirect(consentPath, { sessionDataKeyConsent: sessionDataKey })
  return beginBrowserSession(server, received, holder.subject, answer)
}

function showConsent(server: AuthorizationServer, { query }: ReceivedRequest): Answer {
  const parameters = new URLSearchParams(query)
  const key = parameters.get('sessionDataKeyConsent') ?? ''
  const session = requireSession(server, key)
  return consentPage({
    session: key,
    clientId: server.store.client.id,
    consent: requireConsent(server, session),
    holder: requireHolder(session),
    redirectUri: session.request.redirectUri,
    incomplete: parameters.has('incomplete'),
  })
}

/** Each session is decided once. */
async function decide(server: AuthorizationServer, { parameters, parameterList }: ReceivedRequest): Promise<Answer> {
  const { sessionDataKeyConsent: key = '', consent: decision } = parameters
  const session = requireSession(server, key)
  const consent = requireConsent(server, session)
  const holder = requireHolder(session)
  const chosen = parameterList.filter(([name]) => name === 'accounts').map(([, value]) => value)
  const accounts = holder.accounts.map(({ AccountId }) => AccountId).filter(id => chosen.includes(id))
  if (decision === 'approve' && accounts.length === 0)
    return redirect(consentPath, { sessionDataKeyConsent: key, incomplete: 'true' })
  server.store.sessions.delete(key)
  if (decision === 'approve') return agree(server, session.request, { consent, holder, accounts })
  server.store.consents.reject(consent, server.clock.now())
  const denial = { error_description: 'User denied the consent', error: 'access_denied' }
  return answerAt(server, session.request, denial)
}

interface Agreement {
  readonly consent: Consent
  readonly holder: AccountHolder
  readonly accounts: readonly string[]
}

async function agree(
  server: AuthorizationServer,
  request: AuthorizationRequest,
  { consent, holder: { subject }, accounts }: Agreement,
): Promise<Answer> {
  server.store.consents.authorise(consent, server.clock.now(), accounts)
  const { redirectUri, scope, codeChallenge, codeChallengeMethod, nonce, state, responseType } = request
  const approved = { subject, scope, redirectUri, codeChallenge, codeChallengeMethod, nonce, consentId: consent.id }
  const code = issueCode(server, approved)
  const issuing = { ...server, signingKeys: await server.keys() }
  const idToken = responseType.includes('id_token')
    ? { id_token: issueFrontChannelIdToken(issuing, { code, nonce, state, subject }) }
    : {}
  return answerAt(server, request, { code, ...idToken, session_state: `${randomUUID()}.${randomUUID()}` })
}

function requireSession({ store }: AuthorizationServer, key: string): AuthorizationSession {
  const session = store.sessions.get(key)
  if (!session) throw new Refusal(errorPage('invalid_request', 'This page has been used, or was never asked for.'))
  return session
}

function requireHolder({ subject }: AuthorizationSession): AccountHolder {
  const holder = findAccountHolder(subject)
  if (!holder) throw new Refusal(errorPage('login_required', 'Log in first.'))
  return holder
}

/** `DefaultConsentRetrievalStep`: shown to the account holder, not told to the application. */
function requireConsent({ store }: AuthorizationServer, { request }: AuthorizationSession): Consent {
  const consent = store.consents.find(request.consentId)
  if (!consent) throw new Refusal(errorPage('invalid_request', 'The request names no consent that is known here.'))
  if (consent.status !== 'AwaitingAuthorisation')
    throw new Refusal(errorPage('invalid_request', `Consent not in authorizable state: it is ${consent.status}.`))
  return consent
}

function redirect(path: string, parameters: Readonly<Record<string, string>>): Answer {
  const location = `${path}?${new URLSearchParams(parameters)}`
  return { status: 302, headers: { location, 'cache-control': 'no-store' } }
}
