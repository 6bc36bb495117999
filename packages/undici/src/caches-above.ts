/** Interceptors above that keep or share answers, told by their handlers: they see requests before a token is on them. */
import { optionError, uncachedAnswer } from '@grantkit/core/kit'
import { type Handler, isLegacy } from './handlers.js'

/** The handlers of undici's `cache` and `deduplicate`. */
const keepers: readonly string[] = ['CacheHandler', 'CacheRevalidationHandler']
const sharer = 'DeduplicationHandler'

/** A handler that keeps answers is told not to, where they are private. All others get them as they are. */
export function guarded(handler: object, isPrivate: () => boolean): object {
  if (isLegacy(handler) || !isAmong(keepers, handler)) return handler
  const keeper: Handler = handler
  return {
    onRequestStart: (...event) => keeper.onRequestStart?.(...event),
    onResponseStarted: () => keeper.onResponseStarted?.(),
    onBodySent: chunk => keeper.onBodySent?.(chunk),
    onRequestSent: () => keeper.onRequestSent?.(),
    onResponseStart(controller, status, headers, message) {
      const told = isPrivate() ? { ...headers, 'cache-control': uncachedAnswer } : headers
      keeper.onResponseStart?.(controller, status, told, message)
    },
    onResponseData: (...event) => keeper.onResponseData?.(...event),
    onResponseEnd: (...event) => keeper.onResponseEnd?.(...event),
    onResponseError: (...event) => keeper.onResponseError?.(...event),
  } satisfies Handler
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
