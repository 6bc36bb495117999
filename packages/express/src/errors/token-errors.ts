/** Answers for requests that failed for want of a token or a login: one for the whole app. */
import type { ServerResponse } from 'node:http'
import { type GrantKitError, isGrantKitError } from '@grantkit/core'
import { checkFunction, checkOptions } from '@grantkit/core/kit'
import { type LoginWay, loginWayOf } from '../login/login-way.js'
import { type ErrorMiddleware, failWith, isObject, refuseRequest, type WebResponse } from '../middleware.js'
import { escapeHtml } from '../own-page.js'
import { equipmentOf } from '../request.js'
import { wantsPage } from '../request-kind.js'
import { type Problem, type ProblemPage, plainPage } from './error-page.js'
import { isLoginRequired, isProxyError, isRefusedLogin, type ProblemKind, problemKindOf, problems } from './problem.js'

/** What {@link tokenErrors} takes. */
export interface TokenErrorsOptions {
  /**
   * The app's own page: gets what there is to tell, the request and the response, and returns the page's HTML, or answers
   * by itself, as by `response.render('problem', problem)`. Status and `Cache-Control: no-store` are set, and no policy: that
   * is the app's. Default: a small page in English.
   */
  page?(problem: Problem, request: object, response: object): unknown
  /**
   * Told of each error that is answered, for the app's log: the page says nothing of a wrong client secret. A user who is sent to
   * the login is none. Neither argument holds a secret. Default: nobody is told.
   */
  onError?(error: GrantKitError, problem: Problem): void
}

/**
 * Error middleware, mounted last: answers what this library threw, also inside an HTTP client's own error, and hands on
 * everything else. Without it Express answers most of that with 500.
 *
 * A user who has to log in is sent to the login that `grantkit()` knows of, unless that was done a moment ago; a script
 * gets 401 (403 for want of a scope) and the `loginUrl`. What passes by itself is 503, with `Retry-After`; a login that is
 * not under way here 400, one that was refused 403; all else 502, since the authorization server's 401 to a wrong client
 * secret is nothing your caller can mend. A person gets a page, all others JSON that names the error's `code` and nothing
 * more.
 *
 * @throws TypeError naming the option
 */
export function tokenErrors(options: TokenErrorsOptions = {}): ErrorMiddleware {
  refuseRequest('tokenErrors', options)
  checkOptions('tokenErrors', options, ['page', 'onError'])
  const { page, onError } = options
  if (page !== undefined) checkFunction('page', page)
  if (onError !== undefined) checkFunction('onError', onError)
  return (error, request, response, next) => {
    const cause = causeOf(error)
    if (cause === undefined || (response as WebResponse).headersSent) return next(error)
    answer(cause, { request, response: response as Response, page, onError }).catch(failWith(next))
  }
}

/** What is used of Express's response. */
interface Response extends ServerResponse {
  json(body: unknown): unknown
}

/** A request, and what it is answered by. */
interface Exchange {
  readonly request: object
  readonly response: Response
  readonly page: ProblemPage | undefined
  readonly onError: TokenErrorsOptions['onError']
}

/**
 * HTTP clients wrap what an integration throws, and a grant what its user's source does (`ERR_GRANT`): that a user has to log
 * in comes before all that this has led to.
 */
function causeOf(error: unknown): GrantKitError | undefined {
  const ours: GrantKitError[] = []
  for (let each = error, depth = 0; isObject(each) && depth < 8; each = (each as Error).cause, depth++)
    if (isGrantKitError(each)) ours.push(each)
  return ours.find(isLoginRequired) ?? ours[0]
}

async function answer(error: GrantKitError, exchange: Exchange): Promise<void> {
  const way = isLoginRequired(error) ? loginWayOf(error, exchange.request) : undefined
  if (!way?.isTaken) return tell(error, way, exchange)
  try {
    await way.login()
  } catch (failure) {
    const cause = causeOf(failure)
    if (cause === undefined || exchange.response.headersSent) throw failure
    await tell(cause, undefined, exchange)
  }
}

/** Where nobody has said when to come again, in milliseconds. */
const usualRestMs = 5_000

async function tell(error: GrantKitError, way: LoginWay | undefined, exchange: Exchange): Promise<void> {
  const { request, response, page, onError } = exchange
  const problem = await problemOf(error, way, request)
  onError?.(error, problem)
  response.statusCode = problem.status
  response.setHeader('Cache-Control', 'no-store')
  const retryAfterMs = error.retryAfterMs ?? (problem.kind === 'unavailable' ? usualRestMs : undefined)
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000))
  if (!isForPeople(error, request)) return void response.json(bodyOf(error, way, problem))
  const html = page === undefined ? plainPage(problem, response) : await page(problem, request, response)
  if (typeof html === 'string') response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html)
}

/** An app that logs its users in by itself knows better what to show to who has to log in. */
function isForPeople(error: GrantKitError, request: object): boolean {
  return wantsPage(request) && !(isLoginRequired(error) && equipmentOf(request) === undefined)
}

async function problemOf(error: GrantKitError, way: LoginWay | undefined, request: object): Promise<Problem> {
  const kind = way?.isOpen === false ? 'not_granted' : problemKindOf(error, equipmentOf(request)?.isUnknownAnswer)
  const description = isRefusedLogin(error) ? error.error_description : undefined
  return {
    kind,
    code: error.code,
    ...problems[kind],
    ...(isProxyError(error) && { status: error.status }),
    loginUrl: isLoginRequired(error) ? await way?.loginUrl() : await anotherLogin(kind, request),
    descriptionHtml: description && escapeHtml(description),
  }
}

/** For who has no session, or wants another than the one that is there. */
async function anotherLogin(kind: ProblemKind, request: object): Promise<string | undefined> {
  const equipment = equipmentOf(request)
  const { grantkit, hasLoginRoute = false } = equipment ?? {}
  const isOfUse = grantkit?.user === undefined || kind === 'denied' || kind === 'login_over'
  return hasLoginRoute && isOfUse ? grantkit?.loginUrl() : undefined
}

/** A front end that goes to every `loginUrl` is given none where that would go round in circles. */
function bodyOf(error: GrantKitError, way: LoginWay | undefined, { loginUrl }: Problem): object {
  const { code } = error
  if (!isLoginRequired(error) || way === undefined) return { error: code }
  const { reason, missingScope, acrValues, maxAgeSeconds } = error
  return { error: code, reason, missingScope, acrValues, maxAgeSeconds, loginUrl: way.isOpen ? loginUrl : undefined }
}
