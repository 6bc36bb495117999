/** Interceptors in the order that is safe: those that dispatch again above the tokens, those that keep answers beneath. */
import { optionError, readAttachments, refuseSource, type SourceAttachment } from '@grantkit/core/kit'
import { attachingBy, orders } from './attaching.js'
import { byCertificate, directly } from './by-certificate.js'
import { markPrivate } from './caches.js'
import { detaching } from './detaching.js'
import type { DispatchOptions } from './dispatch.js'
import { carryingTokens, type DispatchSource, type TokenOptions } from './interceptor.js'
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
  /** Puts interceptors on it, as undici's own does. */
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
  source: DispatchSource | readonly SourceAttachment<DispatchOptions>[],
  options: TokenOptions & InterceptorsAround = {},
): Composed {
  refuseSource('dispatcher', dispatcher, orders.withTokens)
  const { redirect, retry, cache, deduplicate, ...own } = options
  for (const [name, value] of Object.entries({ redirect, retry, cache, deduplicate }))
    if (value !== undefined && typeof value !== 'function')
      throw optionError(name, `must be what interceptors.${name}() of your undici returns`)
  const attachments = readAttachments(attachingBy('withTokens'), source, own)
  if (typeof dispatcher?.compose !== 'function')
    throw optionError('dispatcher', 'must be an Agent or another dispatcher of your undici')
  const tokens = carryingTokens(attachments)
  const sharing = deduplicate && [deduplicate, detaching]
  const keeping = cache && [markPrivate, ...(sharing ?? []), cache]
  const beneath = keeping ?? sharing
  const following = redirect === undefined ? [] : [followingToItself, redirect]
  const carrying = beneath ? [byCertificate, ...beneath, tokens] : [directly(tokens)]
  const outward = [...carrying, retry, ...following]
  return dispatcher.compose(outward.filter(one => one !== undefined) as never)
}
