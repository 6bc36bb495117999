/** A login from its first request to the page one wanted: out to the server, and back with a code. */
import { createAuthorizationRequest, readAuthorizationResponse, ValidationError } from '@grantkit/core'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { LoginRequest, Settings } from '../options.js'
import type { Sessions } from '../session/session.js'
import { redirect, showWayOn } from '../way-on.js'
import { showFragmentPage } from './fragment-page.js'
import { readLoginUrl, type WantedLogin } from './login-link.js'
import { checkIsNavigation } from './look-ahead.js'
import { type Received, receivedAnswer } from './received-answer.js'
import { askFor } from './step-up.js'
import type { LoginTransaction, Transactions } from './transaction.js'

/** What a login needs. */
export interface LoginParts {
  readonly settings: Settings
  readonly transactions: Transactions
  readonly sessions: Sessions
}

/**
 * Sends the browser to the server, and has it keep what the answer is checked by.
 *
 * @throws TypeError naming the option; whatever `authorization`, the store or a pushed request throws
 */
export async function beginLogin(
  { settings, sessions, transactions }: LoginParts,
  request: WebRequest,
  response: WebResponse,
  { returnTo, wanted }: WantedLogin,
): Promise<void> {
  const { client, site } = settings
  const usual = await settings.authorizationOf(request as LoginRequest)
  const session = (await sessions.load(request, response))?.session
  const { options, askedFor } = askFor(client, usual, wanted, session)
  const { url, transaction } = await createAuthorizationRequest(client, { ...options, redirectUri: site.redirectUri })
  const sessionBefore = transaction.responseMode.startsWith('form_post') ? session?.id : undefined
  await transactions.keep(request, response, { authorization: transaction, returnTo, askedFor, sessionBefore })
  redirect(response, url)
}

/** `GET` of the login. */
export async function login(parts: LoginParts, request: WebRequest, response: WebResponse): Promise<void> {
  checkIsNavigation(request)
  return beginLogin(parts, request, response, await readLoginUrl(parts.settings, request))
}

/**
 * The callback: checks the answer, redeems its code, begins the session, and sends the browser to the page it wanted. The
 * browser lets go of the login whatever comes of it.
 *
 * @param whenKnown told which login it is, before anything else can fail
 * @throws what `readAuthorizationResponse()`, the token request, `onLogin` and the store throw
 */
export async function finishLogin(
  parts: LoginParts,
  request: WebRequest,
  response: WebResponse,
  whenKnown: (transaction: LoginTransaction) => void,
): Promise<void> {
  const received = await receivedAnswer(request)
  if (received === undefined) return showFragmentPage(response)
  const { state } = received
  // an answer that cannot be read is one, too; of a signed one the state is known once it is opened
  if (state !== undefined) parts.transactions.drop(request, response, state)
  const { grant, transaction } = await readAnswer(parts, request, response, { received, whenKnown })
  const { returnTo, askedFor, authorization, sessionBefore } = transaction
  const { expectedClaims } = authorization
  await parts.sessions.begin(request, response, { grant, askedFor, expectedClaims, sessionBefore })
  // a form of ours has brought a fragment
  const goOn = received.channel === 'fragment' ? showWayOn : redirect
  goOn(response, returnTo)
}

interface Coming {
  readonly received: Received
  readonly whenKnown: (transaction: LoginTransaction) => void
}

async function readAnswer(
  parts: LoginParts,
  request: WebRequest,
  response: WebResponse,
  { received, whenKnown }: Coming,
) {
  let transaction: LoginTransaction | undefined
  const take = async (state: string) => {
    transaction = await parts.transactions.take(request, response, state)
    whenKnown(transaction)
    checkIsPosted(received, transaction)
    return transaction.authorization
  }
  const grant = await readAuthorizationResponse(parts.settings.client, take, received.answer)
  return { grant, transaction: transaction as unknown as LoginTransaction }
}

/** Which parameters came in a body is not to be seen in them. Errors may come another way: at WSO2 in the query. */
function checkIsPosted({ channel }: Received, { authorization: { responseMode } }: LoginTransaction): void {
  if (channel === 'form_post' && !responseMode.startsWith('form_post'))
    throw new ValidationError('response_mode', `the answer came in a form; ${responseMode} was asked for`)
}
