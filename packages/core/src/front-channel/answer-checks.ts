/** What an answer has to be, besides what it says of tokens: each check by its name (RFC 6749 §4.1.2, RFC 9207 §2.4, RFC 9700 §4.4). */
import { timingSafeEqual } from 'node:crypto'
import type { Client } from '../client.js'
import { AuthorizationRefusedError, ValidationError } from '../errors.js'
import { flagIn } from '../metadata.js'
import { credentialProblem } from '../options.js'
import { redact } from '../redaction/redact.js'
import { authorizationRefusalKind } from '../refusal-kind.js'
import { shownValue } from '../shown-value.js'
import type { ReceivedAnswer } from './authorization-answer.js'
import type { AuthorizationTransaction } from './transaction.js'

/** Errors come unsigned too, from a server that could not read how it was to answer. */
export function checkIsSigned(
  { parameters: { response, error } }: ReceivedAnswer,
  { responseMode }: AuthorizationTransaction,
): void {
  const isSigned = responseMode.endsWith('.jwt')
  if (isSigned ? response !== undefined || error !== undefined : response === undefined) return
  const [came, wanted] = isSigned ? ['unsigned', 'a signed one'] : ['signed', 'a plain one']
  throw new ValidationError('response_mode', `the answer came ${came}; ${wanted} was asked for (${responseMode})`)
}

/**
 * An answer at another redirect URI than the request named is one to another request: where each server has a redirect URI
 * of its own, this alone finds a mix-up (RFC 9700 §4.4.2.2). Scheme and host are not compared: behind a proxy a server sees others.
 */
export function checkPlace({ url }: ReceivedAnswer, { redirectUri }: AuthorizationTransaction): void {
  if (url === undefined) return
  const wanted = new URL(redirectUri)
  if (url.pathname === wanted.pathname && hasQueryOf(wanted, url)) return
  const hint =
    'give the URL as the browser asked for it (originalUrl in Express), or its query alone where a proxy changes paths'
  throw new ValidationError('redirect_uri', `the answer came to another place than the request named; ${hint}`)
}

function hasQueryOf(wanted: URL, came: URL): boolean {
  if (wanted.search === '') return true
  return [...wanted.searchParams].every(([name, value]) => came.searchParams.getAll(name).includes(value))
}

/** What ties the answer to the request, and with it to the browser that began the login. */
export function checkState(
  { parameters: { state, error } }: ReceivedAnswer,
  { state: wanted }: AuthorizationTransaction,
): void {
  if (state === undefined) throw stateIsMissing(error)
  if (!isSame(state, wanted))
    throw new ValidationError(
      'state',
      'is not the one of the request; the answer belongs to another login, or to nobody',
    )
}

/** Of an answer that nothing ties to a request; some servers leave it out of an error, so that nothing but the error helps. */
export function stateIsMissing(error: string | undefined): ValidationError {
  const hint =
    error === undefined
      ? 'a fragment does not reach the server by itself (use form_post, or let the page bring it)'
      : `an error has it too (RFC 6749 §4.1.2.1); this one says ${shownValue(error)}`
  return new ValidationError('state', `is missing; the answer to a request repeats what it sent, and ${hint}`)
}

/** In a time that does not tell how much of it fits. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)]
  return first.length === second.length && timingSafeEqual(first, second)
}

/**
 * An error has it as well. What comes with an ID token need not: that names the server, and is checked (RFC 9207 §2.4;
 * oidc-provider 9 leaves it out there).
 */
export function checkIssuer(
  { provider }: Client,
  { parameters }: ReceivedAnswer,
  transaction: AuthorizationTransaction,
): void {
  const { iss, id_token: idToken } = parameters
  const { issuer, responseType } = transaction
  const isNamed = iss !== undefined || (idToken !== undefined && responseType !== 'code')
  if (!isNamed && flagIn(provider.metadata, 'authorization_response_iss_parameter_supported'))
    throw new ValidationError('iss', 'is missing, and the server says that it sends it (RFC 9207 §2.4)')
  if (iss === undefined || iss === issuer) return
  const came = shownValue(iss, { secrets: secretsOf(parameters, transaction), open: [issuer] })
  throw new ValidationError('iss', `is ${came}; "${issuer}" was asked: a mix-up, or a wrong issuer`)
}

/** What may stand in no message, should it be repeated where a message quotes. */
function secretsOf(
  { code }: ReceivedAnswer['parameters'],
  { state, nonce, codeVerifier }: AuthorizationTransaction,
): readonly string[] {
  return [code, state, nonce, codeVerifier].filter(one => one !== undefined)
}

/** Throws the error that came instead of a code. */
export function checkRefusal(
  { provider }: Client,
  { parameters }: ReceivedAnswer,
  transaction: AuthorizationTransaction,
): void {
  if (parameters.error === undefined) return
  const { error_description: description } = parameters
  const sent = { secrets: secretsOf(parameters, transaction) }
  // RFC 6749 §4.1.2.1 allows blanks and more; no code that anybody has defined has any
  const error = /^[\w.:/-]{1,80}$/.test(parameters.error) ? redact(parameters.error, 80, sent) : undefined
  throw new AuthorizationRefusedError({
    provider: provider.name,
    error,
    errorDescription: description === undefined ? undefined : redact(description, 300, sent),
    kind: authorizationRefusalKind(error),
  })
}

/** Errors may come in another channel than a code does: at WSO2 in the query, whatever was asked for. */
export function checkChannel({ channel }: ReceivedAnswer, { responseMode }: AuthorizationTransaction): void {
  const [wanted] = responseMode.split('.')
  if (channel !== undefined && channel !== wanted)
    throw new ValidationError('response_mode', `the answer came in the ${channel}; ${wanted} was asked for`)
}

/** The code, where all that was asked for has come and nothing else. */
export function codeOf({ parameters }: ReceivedAnswer, { responseType }: AuthorizationTransaction): string {
  const { code, id_token: idToken, access_token: accessToken } = parameters
  if (accessToken !== undefined || (idToken !== undefined && responseType === 'code'))
    throw new ValidationError('response_type', `tokens came with the answer; ${responseType} was asked for`)
  if (!code) throw new ValidationError('code', 'is missing, and no error came instead')
  const problem = /^[\x20-\x7e]+$/.test(code) ? credentialProblem(code) : 'holds what no code may hold'
  if (problem !== undefined) throw new ValidationError('code', problem)
  return code
}
