/** Whose token a call gets, as a function of its request. */
import { LoginRequiredError, type TokenSource } from '@grantkit/core'
import { checkSource, optionError } from '@grantkit/core/kit'

/** Whose token a call gets: the user's, the application's, that of a source, or of one chosen for each request. */
export type ProxyToken =
  | 'user'
  | 'application'
  | TokenSource
  | ((request: Express.Request) => TokenSource | Promise<TokenSource>)

/**
 * A function of the request, whatever was given.
 *
 * @param order the call as it is meant, for the error
 * @throws TypeError naming the option
 */
export function sourceChooser(
  token: ProxyToken,
  order: string,
): (request: Express.Request) => TokenSource | Promise<TokenSource> {
  if (token === 'user') return userSource
  if (token === 'application') return applicationSource
  if (typeof token === 'string')
    throw optionError('token', "must be 'user', 'application', a token source or a function")
  if (typeof token === 'function') return async request => wanted(await token(request))
  checkSource(token, order, 'token')
  return () => token
}

function userSource({ grantkit }: Express.Request): TokenSource {
  if (grantkit === undefined) throw optionError('token', "is 'user': mount grantkit() before the proxy")
  if (grantkit.user === undefined) throw new LoginRequiredError('nobody is logged in')
  return grantkit.user.tokenSource
}

function applicationSource({ grantkit, tokenSource }: Express.Request): TokenSource {
  const source = grantkit?.application ?? tokenSource
  if (source === undefined) throw optionError('token', "is 'application': give one to grantkit({ application })")
  return source
}

function wanted(source: TokenSource | undefined): TokenSource {
  if (typeof source?.getTokenSet === 'function') return source
  throw optionError('token', 'yields no token source for this request')
}
