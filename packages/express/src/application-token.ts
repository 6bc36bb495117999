/** The application's own token, for handlers: its source stands on the request. */
import type { TokenSource } from '@grantkit/core'
import { checkSource, optionError } from '@grantkit/core/kit'
import type { Middleware } from './middleware.js'

declare global {
  namespace Express {
    interface Request {
      /** Where handlers get the application's token; put there by `applicationToken()`. */
      tokenSource: TokenSource
    }
  }
}

/**
 * Puts a token source on each request, as `request.tokenSource`. Nothing is asked of it here: a handler that needs no
 * token waits for none. Mounted again further down, on a router, another source takes its place there.
 *
 * @throws TypeError when `source` is no token source
 */
export function applicationToken(source: TokenSource): Middleware {
  checkSource(source, 'app.use(applicationToken(source))')
  if (typeof source === 'function') throw optionError('source', 'must be one token source, for every request')
  return (request, _response, next) => {
    ;(request as Express.Request).tokenSource = source
    next()
  }
}
