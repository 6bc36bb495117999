/** Answers for requests that failed for want of a token. */
import { type GrantKitError, isGrantKitError } from '@grantkit/core'
import type { ErrorMiddleware } from './middleware.js'

/** The parts of Express's response that are used. */
interface Response {
  readonly headersSent: boolean
  set(name: string, value: string): Response
  status(code: number): Response
  json(body: unknown): unknown
}

/**
 * Error middleware, mounted last: answers what this library threw, and hands on everything else.
 *
 * Without it Express answers 500 to each of them. Here a user who has to log in gets 401, what passes by itself 503 with
 * `Retry-After`, all else 502 (the authorization server's 401 to a wrong client secret is nothing your caller can mend);
 * the body names the error's `code` and nothing more.
 */
export function tokenErrors(): ErrorMiddleware {
  return (error, _request, response, next) => {
    const cause = causeOf(error)
    if (cause === undefined || (response as Response).headersSent) return next(error)
    answer(response as Response, cause)
  }
}

function answer(response: Response, cause: GrantKitError): void {
  if (cause.retryAfterMs !== undefined) response.set('Retry-After', String(Math.ceil(cause.retryAfterMs / 1000)))
  response.status(statusOf(cause)).json({ error: cause.code })
}

/** HTTP clients wrap what an integration throws. */
function causeOf(error: unknown): GrantKitError | undefined {
  for (let each = error, depth = 0; each instanceof Object && depth < 8; each = (each as Error).cause, depth++)
    if (isGrantKitError(each)) return each
  return undefined
}

function statusOf({ code, retryable }: GrantKitError): number {
  if (code === 'ERR_LOGIN_REQUIRED') return 401
  return retryable ? 503 : 502
}
