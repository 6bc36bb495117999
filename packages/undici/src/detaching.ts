/** Above `deduplicate`: a caller who aborts leaves, and takes nobody along. */
import type { Dispatch, DispatchOptions, Interceptor } from './dispatch.js'
import type { AnswerHeaders, Controller } from './handler.js'
import { isLegacy } from './legacy.js'
import { Between } from './relay.js'

/**
 * undici's `deduplicate` hands the first caller the controller of the request that all wait for, so that its abort would
 * be everybody's, and tells the others nothing of their own. Here an abort is the caller's alone. The request goes on while
 * others may wait for the same; who is the last to leave ends it.
 */
export const detaching: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  const groups = new Map<string, Set<Share>>()
  return (request, handler) => {
    if (isLegacy(handler)) return dispatch(request, handler)
    const key = keyOf(request)
    const group = groups.get(key) ?? new Set()
    groups.set(key, group)
    return dispatch(request, new Share(handler, group, () => groups.delete(key)))
  }
}

/** Whatever `deduplicate` takes for the same request is the same here, and more: headers are left out. */
function keyOf({ method, origin, path }: DispatchOptions): string {
  return JSON.stringify([method, String(origin), path])
}

/** A caller of a request that others may have made as well. */
class Share extends Between {
  readonly #group: Set<Share>
  readonly #onEmpty: () => void
  #beneath: Controller | undefined

  constructor(handler: object, group: Set<Share>, onEmpty: () => void) {
    super(handler)
    this.#group = group
    this.#onEmpty = onEmpty
    group.add(this)
  }

  get paused(): boolean {
    return this.#beneath?.paused ?? false
  }

  pause(): void {
    if (!this.aborted) this.#beneath?.pause()
  }

  resume(): void {
    if (!this.aborted) this.#beneath?.resume()
  }

  abort(reason: Error): void {
    if (this.aborted || !this.#group.has(this)) return
    this.aborted = true
    this.reason = reason
    const { receiver } = this
    this.receiver = {}
    receiver.onResponseError?.(this, reason)
    // nobody reads on here; the others do
    this.#beneath?.resume()
    this.#endIfAbandoned()
  }

  override onRequestStart(beneath: Controller, context?: unknown): void {
    this.#beneath = beneath
    super.onRequestStart(beneath, context)
    this.#endIfAbandoned()
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.#leave()
    super.onResponseEnd(beneath, trailers)
  }

  override onResponseError(beneath: Controller, error: Error): void {
    this.#leave()
    super.onResponseError(beneath, error)
  }

  #leave(): void {
    this.#group.delete(this)
    if (this.#group.size === 0) this.#onEmpty()
    else this.#endIfAbandoned()
  }

  #endIfAbandoned(): void {
    if ([...this.#group].some(({ aborted }) => !aborted)) return
    for (const share of [...this.#group]) share.#beneath?.abort(share.reason as Error)
  }
}
