/** What caches and `deduplicate` are told of answers to a credential, wherever they stand. */
import { hasHeader, optionError, uncachedAnswer } from '@grantkit/core/kit'
import type { Dispatch, Interceptor } from './dispatch.js'
import type { AnswerHeaders, Controller } from './handler.js'
import { headerObject } from './headers.js'
import { isLegacy } from './legacy.js'
import { Relay } from './relay.js'

/** The handlers of undici's `cache` and `deduplicate`: interceptors above see requests before a token is on them. */
const keepers: readonly string[] = ['CacheHandler', 'CacheRevalidationHandler']
const sharer = 'DeduplicationHandler'

/** A handler that keeps answers is told not to, where they are private. All others get them as they are. */
export function guarded(handler: object, request: { readonly isPrivate: boolean }): object {
  if (isLegacy(handler) || !isAmong(keepers, handler)) return handler
  return new Relabelling(handler, headers =>
    request.isPrivate ? { ...headers, 'cache-control': uncachedAnswer } : headers,
  )
}

/** @throws TypeError where users would share answers: whoever asks first decides by whose token */
export function refuseSharing(handler: object, source: unknown): void {
  if (typeof source === 'function' && isAmong([sharer], handler))
    throw optionError(
      'deduplicate',
      'must not stand above tokens of several users; withTokens() takes it and puts it beneath',
    )
}

const mostWrappers = 5

/** Looks through what other interceptors have put around it. */
function isAmong(names: readonly string[], handler: object): boolean {
  let each: unknown = handler
  for (let depth = 0; typeof each === 'object' && each !== null && depth < mostWrappers; depth++) {
    if (names.includes(each.constructor?.name)) return true
    each = (each as { handler?: unknown }).handler
  }
  return false
}

/**
 * Beneath a cache: an answer to a request with a credential is for whoever has it. A shared cache does not keep it, a
 * private one keeps it for that credential alone, whatever the server says of it.
 *
 * @see RFC 9111 §3.5, §5.2.2.7
 */
export const markPrivate: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  return (request, handler) => {
    // caches call handlers as undici 7 does; before that there is none
    const isMarked = hasHeader(headerObject(request.headers), 'authorization') && !isLegacy(handler)
    return dispatch(request, isMarked ? new Relabelling(handler, markedPrivate) : handler)
  }
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

/** Hands on other headers than came. */
class Relabelling extends Relay {
  readonly #relabel: (headers: AnswerHeaders) => AnswerHeaders

  constructor(handler: object, relabel: (headers: AnswerHeaders) => AnswerHeaders) {
    super(handler)
    this.#relabel = relabel
  }

  override onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    super.onResponseStart(beneath, status, this.#relabel(headers), message)
  }
}
