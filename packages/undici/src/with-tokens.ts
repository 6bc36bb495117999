/** Interceptors in the order that is safe: those that dispatch again above the tokens, those that keep answers beneath. */
import { optionError, refuseSource } from '@grantkit/core/kit'
import { orders, readAttachments, type TokenAttachment, type TokenOptions } from './attachment.js'
import { detaching } from './detaching.js'
import { type AnswerHeaders, type DispatchOptions, forEither, type Handler, isLegacy } from './handlers.js'
import { hasHeader } from './headers.js'
import { attaching, byCertificate, type DispatchSource, type Interceptor } from './interceptor.js'
import { followingToItself } from './self-redirects.js'

/** Interceptors of your undici, made by its `interceptors`. */
export interface InterceptorsAround {
  /** `interceptors.redirect()`: a hop to another origin goes without our headers. */
  readonly redirect?: object | undefined
  /** `interceptors.retry()`: every attempt gets a token that is valid then. */
  readonly retry?: object | undefined
  /** `interceptors.cache()`: answers to a credential are marked private, and kept by token where private ones are kept. */
  readonly cache?: object | undefined
  /** `interceptors.deduplicate()`: requests with the same token share an answer; an abort is the caller's alone. */
  readonly deduplicate?: object | undefined
}

/** What is composed upon: an `Agent`, or a dispatcher that has interceptors already. */
export interface Composable<Composed> {
  compose(interceptors: never): Composed
}

/**
 * Attaches a token source to a dispatcher as `tokenInterceptor()` does, together with interceptors of undici's, in the
 * one order that is safe.
 *
 * @throws TypeError naming the option
 */
export function withTokens<Composed>(
  dispatcher: Composable<Composed>,
  source: DispatchSource | readonly TokenAttachment<DispatchOptions>[],
  options: TokenOptions & InterceptorsAround = {},
): Composed {
  refuseSource('dispatcher', dispatcher, orders.withTokens)
  const { redirect, retry, cache, deduplicate, ...own } = options
  for (const [name, value] of Object.entries({ redirect, retry, cache, deduplicate }))
    if (value !== undefined && typeof value !== 'function')
      throw optionError(name, `must be what interceptors.${name}() of your undici returns`)
  const attachments = readAttachments('withTokens', source, own)
  if (typeof dispatcher?.compose !== 'function')
    throw optionError('dispatcher', 'must be an Agent or another dispatcher of your undici')
  const sharing = deduplicate && [deduplicate, detaching]
  const keeping = cache && [markPrivate, ...(sharing ?? []), cache]
  const following = redirect === undefined ? [] : [followingToItself, redirect]
  const outward = [byCertificate, ...(keeping ?? sharing ?? []), attaching(attachments), retry, ...following]
  return dispatcher.compose(outward.filter(one => one !== undefined) as never)
}

/**
 * Beneath a cache: an answer to a request with a credential is for whoever has it. A shared cache does not keep it, a
 * private one keeps it for that credential alone, whatever the server says of it.
 *
 * @see RFC 9111 §3.5, §5.2.2.7
 */
const markPrivate: Interceptor = dispatch => (request, handler) => {
  // caches call handlers as undici 7 does; before that there is none
  const isMarked = hasHeader(request.headers, 'authorization') && !isLegacy(handler)
  const marked = isMarked ? marking(handler) : handler
  return dispatch(request as never, marked as never)
}

function marking(handler: Handler): Handler {
  return forEither({
    ...forEither(handler),
    onResponseStart: (controller, status, headers, message) =>
      handler.onResponseStart?.(controller, status, markedPrivate(headers), message),
  })
}

function markedPrivate(headers: AnswerHeaders): AnswerHeaders {
  return {
    ...headers,
    'cache-control': appended(headers['cache-control'], 'private'),
    vary: appended(headers.vary, 'authorization'),
  }
}

function appended(value: string | string[] | undefined, more: string): string {
  return [value ?? [], more].flat().join(', ')
}
