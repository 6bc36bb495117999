/** The way back: an authorization response, checked before its code is used (RFC 6749 §4.1.2, RFC 9207, RFC 9700 §4.4, §4.5). */
import type { Client } from '../client.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { isGrantKitError } from '../errors.js'
import type { Grant } from '../grants/grant.js'
import { toBeAwaited } from '../options.js'
import {
  checkChannel,
  checkIsSigned,
  checkIssuer,
  checkPlace,
  checkRefusal,
  checkState,
  codeOf,
  stateIsMissing,
} from './answer-checks.js'
import { type AuthorizationAnswer, type ReceivedAnswer, readAnswer } from './authorization-answer.js'
import { loginGrant, validateIdTokenOfAnswer } from './login-grant.js'
import { readSignedResponse } from './signed-response.js'
import { type AuthorizationTransaction, readTransaction } from './transaction.js'
import { useOnce } from './used-answers.js'

/** Finds what was kept for a `state`, and takes it out of where it is; `undefined` for none. */
export type TakeTransaction = (
  state: string,
) => AuthorizationTransaction | undefined | Promise<AuthorizationTransaction | undefined>

/**
 * Reads what a browser came back with. Once this has returned, the answer is known to be of this request, of the server
 * that was asked, and taken for the first time by this process. That no other process takes it is the program's part: take
 * the transaction out of where it is kept before you call this, or in the function that you give.
 *
 * @param transaction what `createAuthorizationRequest()` gave; or a function that finds it by `state`, which a signed
 *   answer holds where only this function can read it. `undefined`, where nothing was kept, is refused as an answer is
 * @param answer the URL as the browser asked for it, the body of a form post, or their parameters
 * @returns the code as a grant, for `redeem()` or `requestTokenSet()`; the ID token that comes for it is checked there
 * @throws AuthorizationRefusedError where the answer is an error; ValidationError whose `check` names what does not hold:
 *   `transaction`, `transaction_expired`, `client_id`, `issuer`, `dpop_jkt`, `redirect_uri`, `response_mode`,
 *   `response_type`, `state`, `iss`, `code`, `used_answer`, a parameter that came twice, or what `validateIdToken()` refuses
 * @see RFC 6749 §4.1.2, RFC 9207 §2.4, JARM §2.4, OpenID Connect Core §3.3.2.8
 */
export function readAuthorizationResponse(
  client: Client,
  transaction: AuthorizationTransaction | TakeTransaction | undefined,
  answer: AuthorizationAnswer,
): Promise<Grant> {
  return toBeAwaited(read(client, transaction, answer), 'readAuthorizationResponse()', {
    members: ['grantType', 'parameters'],
    enumerable: false,
  })
}

async function read(client: Client, kept: unknown, answer: AuthorizationAnswer): Promise<Grant> {
  checkIsClient(client, 'readAuthorizationResponse(client, transaction, answer)')
  try {
    const received = readAnswer(answer)
    if (typeof kept === 'function') return await readFound(client, kept as TakeTransaction, received)
    const transaction = readTransaction(kept, client)
    checkIsSigned(received, transaction)
    return await readOpened(client, await opened(client, received), transaction)
  } catch (error) {
    if (isGrantKitError(error) && error.provider === undefined) Object.assign(error, { provider: client.provider.name })
    throw error
  }
}

async function readFound(client: Client, take: TakeTransaction, received: ReceivedAnswer): Promise<Grant> {
  const answer = await opened(client, received)
  const { state, error } = answer.parameters
  if (state === undefined) throw stateIsMissing(error)
  const transaction = readTransaction(await take(state), client)
  checkIsSigned(received, transaction)
  return readOpened(client, answer, transaction)
}

async function opened(client: Client, received: ReceivedAnswer): Promise<ReceivedAnswer> {
  const { response } = received.parameters
  return response === undefined ? received : { ...received, parameters: await readSignedResponse(client, response) }
}

async function readOpened(
  client: Client,
  answer: ReceivedAnswer,
  transaction: AuthorizationTransaction,
): Promise<Grant> {
  checkPlace(answer, transaction)
  checkState(answer, transaction)
  const giveBack = useOnce(transaction, client.clock.now())
  try {
    return await accept(client, answer, transaction)
  } catch (error) {
    if (isUndecided(error)) giveBack()
    throw error
  }
}

async function accept(client: Client, received: ReceivedAnswer, transaction: AuthorizationTransaction): Promise<Grant> {
  checkIssuer(client, received, transaction)
  checkRefusal(client, received, transaction)
  checkChannel(received, transaction)
  const code = codeOf(received, transaction)
  const { id_token: idToken } = received.parameters
  const { sub } =
    transaction.responseType === 'code' ? {} : await validateIdTokenOfAnswer(client, idToken, code, transaction)
  return loginGrant(code, transaction, sub)
}

/** Whether an answer could not be looked at, since the server's keys could not be had: it may be brought again. */
function isUndecided(error: unknown): boolean {
  return isGrantKitError(error) && error.retryable && error.code !== 'ERR_AUTHORIZATION_REFUSED'
}
