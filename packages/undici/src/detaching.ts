/** Above `deduplicate`: a caller who aborts leaves, and takes nobody along. */
import {
  type AnswerHeaders,
  type Controller,
  type DispatchOptions,
  forEither,
  type Handler,
  isLegacy,
} from './handlers.js'
import type { Interceptor } from './interceptor.js'

/**
 * undici's `deduplicate` hands the first caller the controller of the request that all wait for, so that its abort would
 * be everybody's, and tells the others nothing of their own. Here an abort is the caller's alone. The request goes on while
 * others may wait for the same; who is the last to leave ends it.
 */
export const detaching: Interceptor = dispatch => {
  const groups = new Map<string, Set<Share>>()
  return (request, handler) => {
    if (isLegacy(handler)) return dispatch(request as never, handler as never)
    const key = keyOf(request)
    const group = groups.get(key) ?? new Set()
    groups.set(key, group)
    const share = new Share(handler, group, () => groups.delete(key))
    return dispatch(request as never, forEither(share) as never)
  }
}

/** Whatever `deduplicate` takes for the same request is the same here, and more: headers are left out. */
function keyOf({ method, origin, path }: DispatchOptions): string {
  return JSON.stringify([method, String(origin), path])
}

/** A caller of a request that others may have made as well; to the caller it is the controller. */
class Share implements Handler, Controller {
  aborted = false
  reason: unknown = null
  readonly #handler: Handler
  readonly #group: Set<Share>
  readonly #onEmpty: () => void
  #controller: Controller | undefined

  constructor(handler: Handler, group: Set<Share>, onEmpty: () => void) {
    this.#handler = handler
    this.#group = group
    this.#onEmpty = onEmpty
    group.add(this)
  }

  get paused(): boolean {
    return this.#controller?.paused ?? false
  }

  get rawHeaders(): unknown {
    return this.#controller?.rawHeaders
  }

  get rawTrailers(): unknown {
    return this.#controller?.rawTrailers
  }

  pause(): void {
    if (!this.aborted) this.#controller?.pause()
  }

  resume(): void {
    if (!this.aborted) this.#controller?.resume()
  }

  abort(reason?: unknown): void {
    if (this.aborted || !this.#group.has(this)) return
    this.aborted = true
    this.reason = reason
    this.#handler.onResponseError?.(this, reason)
    // nobody reads on here; the others do
    this.#controller?.resume()
    this.#endIfAbandoned()
  }

  onRequestStart(controller: Controller, context?: unknown): void {
    this.#controller = controller
    this.#handler.onRequestStart?.(this, context)
    this.#endIfAbandoned()
  }

  onResponseStarted(): void {
    if (!this.aborted) this.#handler.onResponseStarted?.()
  }

  onBodySent(chunk: unknown): void {
    if (!this.aborted) this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    if (!this.aborted) this.#handler.onRequestSent?.()
  }

  onResponseStart(_: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    if (!this.aborted) this.#handler.onResponseStart?.(this, status, headers, message)
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    if (!this.aborted) this.#handler.onResponseData?.(this, chunk)
  }

  onResponseEnd(_: Controller, trailers: AnswerHeaders): void {
    this.#leave()
    if (!this.aborted) this.#handler.onResponseEnd?.(this, trailers)
  }

  onResponseError(_: Controller, error: unknown): void {
    this.#leave()
    if (!this.aborted) this.#handler.onResponseError?.(this, error)
  }

  #leave(): void {
    this.#group.delete(this)
    if (this.#group.size === 0) this.#onEmpty()
    else this.#endIfAbandoned()
  }

  #endIfAbandoned(): void {
    if ([...this.#group].some(({ aborted }) => !aborted)) return
    for (const share of [...this.#group]) share.#controller?.abort(share.reason)
  }
}
