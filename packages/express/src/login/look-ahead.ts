/** Requests that no user has made: what they ask for may neither begin a login nor use up an answer. */
import { ValidationError } from '@grantkit/core'
import type { WebRequest, WebResponse } from '../middleware.js'
import { mayBeNavigation } from '../request-kind.js'

/** Link scanners of mail programs ask by HEAD; browsers ask ahead for what might be clicked on, and say so. */
export function isLookAhead({ method, headers }: WebRequest): boolean {
  const { 'sec-purpose': secPurpose, purpose, 'x-moz': xMoz } = headers
  return (
    method === 'HEAD' || [secPurpose, purpose, xMoz].some(why => /\b(?:prefetch|prerender|preview)/i.test(String(why)))
  )
}

/** Answers it: a browser that is told to come later asks again once the user does come (MDN, Sec-Purpose). */
export function answerLookAhead({ method }: WebRequest, response: WebResponse): void {
  response.statusCode = method === 'HEAD' ? 204 : 503
  response.setHeader('Cache-Control', 'no-store')
  response.end()
}

/**
 * Refuses what is known not to be a navigation: a login that is begun so leads nowhere, and takes the place of one that does.
 *
 * @throws ValidationError `csrf`
 */
export function checkIsNavigation(request: WebRequest): void {
  if (mayBeNavigation(request)) return
  throw new ValidationError('csrf', 'a login is begun by going to its URL (a link, location.href), not by fetch()')
}
