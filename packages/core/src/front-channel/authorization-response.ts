/** The way back: an authorization response, checked before its code is used (RFC 6749 §4.1.2, RFC 9207, RFC 9700 §4.4, §4.5). */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Client } from '../client.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { AuthorizationRefusedError, isGrantKitError, ValidationError } from '../errors.js'
import type { Grant } from '../grants/grant.js'
import { flagIn } from '../metadata.js'
import { credentialProblem, toBeAwaited } from '../options.js'
import { redact } from '../redaction/redact.js'
import { authorizationRefusalKind } from '../refusal-kind.js'
import { type AuthorizationAnswer, type ReceivedAnswer, readAnswer } from './authorization-answer.js'
import { checkedBy, loginGrant } from './login-grant.js'
import { readSignedResponse } from './signed-response.js'
import { type AuthorizationTransaction, readTransaction } from './transaction.js'
import { useOnce } from './used-answers.js'

/**
 * Reads what a browser came back with. Once this has returned, the answer is known to be of this request, of the server
 * that was asked, and taken for the first time by this process. That no other process takes it is the program's part: take
 * the transaction out of where it is kept before you call this.
 *
 * @param transaction what `createAuthorizationRequest()` gave
 * @param answer the URL as the browser asked for it, the body of a form post, or their parameters
 * @returns the code as a grant, for `redeem()` or `requestTokenSet()`; the ID token that comes for it is checked there
 * @throws AuthorizationRefusedError where the answer is an error; ValidationError whose `check` names what does not hold:
 *   `transaction`, `transaction_expired`, `client_id`, `issuer`, `dpop_jkt`, `redirect_uri`, `response_mode`, `response_type`, `state`,
 *   `iss`, `code`, `used_answer`, or a parameter that came twice; what a signed answer's keys cannot be had for
 * @see RFC 6749 §4.1.2, RFC 9207 §2.4, JARM §2.4, OpenID Connect Core §3.3.2.8
 */
export function readAuthorizationResponse(
  client: Client,
  transaction: AuthorizationTransaction,
  answer: AuthorizationAnswer,
): Promise<Grant> {
  return toBeAwaited(read(client, transaction, answer), 'readAuthorizationResponse()', {
    members: ['grantType', 'parameters'],
    enumerable: false,
  })
}

async function read(client: Client, kept: unknown, answer: AuthorizationAnswer): Promise<Grant> {
  checkIsClient(client, 'readAuthorizationResponse(client, transaction, answer)')
  const transaction = readTransaction(kept, client)
  const received = readAnswer(answer)
  checkPlace(received, transaction)
  const opened = { ...received, parameters: await openAnswer(client, received, transaction) }
  checkState(opened, transaction)
  const giveBack = useOnce(transaction, client.clock.now())
  try {
    return await accept(client, opened, transaction)
  } catch (error) {
    if (isUndecided(error)) giveBack()
    throw error
  }
}

async function accept(client: Client, received: ReceivedAnswer, transaction: AuthorizationTransaction): Promise<Grant> {
  checkIssuer(client, received, transaction)
  checkRefusal(client, received)
  checkMode(received, transaction)
  const code = codeOf(received, transaction)
  const { id_token: idToken } = received.parameters
  const { sub } = transaction.responseType === 'code' ? {} : await checkedBy(client, idToken, code, transaction)
  return loginGrant(code, transaction, sub)
}

/** Whether an answer could not be looked at, since the server's keys could not be had: it may be brought again. */
function isUndecided(error: unknown): boolean {
  return isGrantKitError(error) && error.retryable && error.code !== 'ERR_AUTHORIZATION_REFUSED'
}

/** Errors come unsigned too, from a server that could not read how it was to answer. */
async function openAnswer(
  client: Client,
  { parameters }: ReceivedAnswer,
  { responseMode }: AuthorizationTransaction,
): Promise<ReceivedAnswer['parameters']> {
  const { response, error } = parameters
  const isSigned = responseMode.endsWith('.jwt')
  if (response !== undefined && isSigned) return readSignedResponse(client, response)
  if (response !== undefined || (isSigned && error === undefined)) {
    const [came, wanted] = isSigned ? ['unsigned', 'a signed one'] : ['signed', 'a plain one']
    throw new ValidationError('response_mode', `the answer came ${came}; ${wanted} was asked for (${responseMode})`)
  }
  return parameters
}

/**
 * An answer at another redirect URI than the request named is one to another request: where each server has a redirect URI
 * of its own, this alone finds a mix-up (RFC 9700 §4.4.2.2). Scheme and host are not compared: behind a proxy a server sees others.
 */
function checkPlace({ url }: ReceivedAnswer, { redirectUri }: AuthorizationTransaction): void {
  if (url === undefined) return
  const wanted = new URL(redirectUri)
  const sameQuery = [...wanted.searchParams].every(([name, value]) => url.searchParams.getAll(name).includes(value))
  if (url.pathname === wanted.pathname && sameQuery) return
  const hint = 'give the URL as the browser asked for it (originalUrl in Express), and each server its own redirect URI'
  throw new ValidationError('redirect_uri', `the answer came to another place than the request named; ${hint}`)
}

function checkState({ parameters: { state } }: ReceivedAnswer, { state: wanted }: AuthorizationTransaction): void {
  if (state === undefined)
    throw new ValidationError('state', 'is missing; the answer to a request repeats what it sent')
  if (!isSame(state, wanted))
    throw new ValidationError(
      'state',
      'is not the one of the request; the answer belongs to another login, or to nobody',
    )
}

/** In a time that does not tell how much of it fits. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map(text => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(first, second)
}

/**
 * An error has it as well. What comes with an ID token need not: that names the server, and is checked (RFC 9207 §2.4;
 * oidc-provider 9 leaves it out there).
 */
function checkIssuer(
  { provider }: Client,
  { parameters: { iss, id_token: idToken } }: ReceivedAnswer,
  { issuer, responseType }: AuthorizationTransaction,
): void {
  const isNamed = iss !== undefined || (idToken !== undefined && responseType !== 'code')
  if (!isNamed && flagIn(provider.metadata, 'authorization_response_iss_parameter_supported'))
    throw new ValidationError('iss', 'is missing, and the server says that it sends it (RFC 9207 §2.4)')
  if (iss !== undefined && iss !== issuer)
    throw new ValidationError('iss', 'names another server than the one that was asked: a mix-up, or a wrong issuer')
}

function checkRefusal({ provider }: Client, { parameters }: ReceivedAnswer): void {
  if (parameters.error === undefined) return
  const { error_description: description } = parameters
  // RFC 6749 §4.1.2.1 allows blanks and more; no code that anybody has defined has any
  const error = /^[\w.:/-]{1,80}$/.test(parameters.error) ? redact(parameters.error, 80) : undefined
  throw new AuthorizationRefusedError({
    provider: provider.name,
    error,
    errorDescription: description === undefined ? undefined : redact(description, 300),
    kind: authorizationRefusalKind(error),
  })
}

/** Errors may come in another channel than a code does: at WSO2 in the query, whatever was asked for. */
function checkMode({ channel }: ReceivedAnswer, { responseMode }: AuthorizationTransaction): void {
  const [wanted] = responseMode.split('.')
  if (channel !== undefined && channel !== wanted)
    throw new ValidationError('response_mode', `the answer came in the ${channel}; ${wanted} was asked for`)
}

function codeOf({ parameters }: ReceivedAnswer, { responseType }: AuthorizationTransaction): string {
  const { code, id_token: idToken, access_token: accessToken } = parameters
  if (accessToken !== undefined || (idToken !== undefined && responseType === 'code'))
    throw new ValidationError('response_type', `tokens came with the answer; ${responseType} was asked for`)
  if (!code) throw new ValidationError('code', 'is missing, and no error came instead')
  const problem = /^[\x20-\x7e]+$/.test(code) ? credentialProblem(code) : 'holds what no code may hold'
  if (problem !== undefined) throw new ValidationError('code', problem)
  return code
}
