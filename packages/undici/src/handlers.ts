/** What goes through `dispatch`, by shape: two versions or copies of undici in one tree type-check and work alike. */

/** What is asked of `dispatch`, as far as it is looked at. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method: string
  readonly headers?: object | null | undefined
  readonly body?: unknown
  readonly upgrade?: unknown
  readonly maxRedirections?: number | undefined
}

/** undici's `dispatch`. */
export type Dispatch = (options: DispatchOptions, handler: object) => boolean

/** Steers a request under way. */
export interface Controller {
  paused: boolean
  aborted: boolean
  reason: unknown
  rawHeaders?: unknown
  rawTrailers?: unknown
  pause(): void
  resume(): void
  abort(reason?: unknown): void
}

/** By lower-case name. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** A handler of undici 7 and 8. */
export interface Handler {
  onRequestStart?(controller: Controller, context?: unknown): void
  onResponseStarted?(): void
  onBodySent?(chunk: unknown): void
  onRequestSent?(): void
  onResponseStart?(controller: Controller, status: number, headers: AnswerHeaders, message?: string): void
  onResponseData?(controller: Controller, chunk: Uint8Array): void
  onResponseEnd?(controller: Controller, trailers: AnswerHeaders): void
  onResponseError?(controller: Controller, error: unknown): void
}

/** A handler of undici 6, which 7 takes as well. */
export interface LegacyHandler {
  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void
  onResponseStarted?(): void
  onBodySent?(chunk: unknown): void
  onRequestSent?(): void
  onHeaders?(status: number, rawHeaders: unknown, resume: () => void, message?: string): boolean | undefined
  onData?(chunk: Uint8Array): boolean | undefined
  onComplete?(rawTrailers: unknown): void
  onError?(error: unknown): void
}

/** Told apart as undici 7 does. */
export function isLegacy(handler: object): handler is LegacyHandler {
  return typeof (handler as Handler).onRequestStart !== 'function'
}

/** A handler of undici 6, called as one of 7. */
export function fromLegacy(handler: LegacyHandler): Handler {
  return {
    onRequestStart: (controller, context) => handler.onConnect?.(reason => controller.abort(reason), context),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onBodySent: chunk => handler.onBodySent?.(chunk),
    onRequestSent: () => handler.onRequestSent?.(),
    onResponseStart(controller, status, _, message) {
      const goesOn = handler.onHeaders?.(status, controller.rawHeaders, () => controller.resume(), message)
      if (goesOn === false && status >= 200) controller.pause()
    },
    onResponseData(controller, chunk) {
      if (handler.onData?.(chunk) === false) controller.pause()
    },
    onResponseEnd: controller => handler.onComplete?.(controller.rawTrailers),
    onResponseError: (_, error) => handler.onError?.(error),
  }
}

/** A handler of undici 7 and 8 that can be called as one of 6 too: some interceptors of 7.0 still do. */
export function forEither(handler: Handler): Handler & LegacyHandler {
  return {
    ...toLegacy(handler),
    onRequestStart: (...event) => handler.onRequestStart?.(...event),
    onResponseStart: (...event) => handler.onResponseStart?.(...event),
    onResponseData: (...event) => handler.onResponseData?.(...event),
    onResponseEnd: (...event) => handler.onResponseEnd?.(...event),
    onResponseError: (...event) => handler.onResponseError?.(...event),
  }
}

function toLegacy(handler: Handler): LegacyHandler {
  let controller = new LegacyController(() => {})
  return {
    onConnect(abort, context) {
      controller = new LegacyController(abort)
      handler.onRequestStart?.(controller, context)
    },
    onResponseStarted: () => handler.onResponseStarted?.(),
    onBodySent: chunk => handler.onBodySent?.(chunk),
    onRequestSent: () => handler.onRequestSent?.(),
    onHeaders(status, rawHeaders, resume, message) {
      controller.goOn = resume
      controller.rawHeaders = rawHeaders
      handler.onResponseStart?.(controller, status, parseHeaders(rawHeaders), message)
      return !controller.paused
    },
    onData(chunk) {
      handler.onResponseData?.(controller, chunk)
      return !controller.paused
    },
    onComplete(rawTrailers) {
      controller.rawTrailers = rawTrailers
      handler.onResponseEnd?.(controller, parseHeaders(rawTrailers))
    },
    onError: error => handler.onResponseError?.(controller, error),
  }
}

class LegacyController implements Controller {
  paused = false
  aborted = false
  reason: unknown = null
  rawHeaders: unknown
  rawTrailers: unknown
  goOn: (() => void) | undefined
  readonly #abort: (reason?: unknown) => void

  constructor(abort: (reason?: unknown) => void) {
    this.#abort = abort
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.goOn?.()
  }

  abort(reason?: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#abort(reason)
  }
}

/** From names and values in turn, in latin1; a value may be several. */
function parseHeaders(raw: unknown): AnswerHeaders {
  const headers: Record<string, string | string[]> = Object.create(null)
  const list: readonly (Uint8Array | readonly Uint8Array[])[] = Array.isArray(raw) ? raw : []
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = textOf(list[index] as Uint8Array).toLowerCase()
    const values = [headers[name] ?? [], [list[index + 1]].flat().map(value => textOf(value as Uint8Array))].flat()
    headers[name] = values.length === 1 ? (values[0] as string) : values
  }
  return headers
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
