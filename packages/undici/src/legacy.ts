/** The way undici 6 calls handlers: 7 does so, too, with those that are made for it, and has its own kind around most. */
import type { AnswerHeaders, Controller, Handler, RawHeaders } from './handler.js'

/** Told apart as undici 7 does. */
export function isLegacy(handler: object): boolean {
  return typeof (handler as Handler).onRequestStart !== 'function'
}

/** Whether undici 7 has put a handler around an older one: it can be called both ways, with what is beneath. */
export function isWrapper(handler: object): boolean {
  return handler.constructor?.name === 'WrapHandler'
}

/** A handler of undici 6, to be called as those of 7 are. */
export class LegacyReceiver implements Handler {
  readonly #handler: Handler

  constructor(handler: object) {
    this.#handler = handler
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onConnect?.(...([(reason: Error) => controller.abort(reason), context] as unknown as [never]))
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.()
  }

  onBodySent(chunk: never, total: never): void {
    this.#handler.onBodySent?.(chunk, total)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }

  onResponseStart(controller: Controller, status: number, _: AnswerHeaders, message = ''): void {
    const raw = controller.rawHeaders as Buffer[]
    const goesOn = this.#handler.onHeaders?.(status, raw, () => controller.resume(), message)
    if (goesOn === false && status >= 200) controller.pause()
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#handler.onData?.(chunk) === false) controller.pause()
  }

  onResponseEnd(controller: Controller): void {
    this.#handler.onComplete?.(controller.rawTrailers as string[])
  }

  onResponseError(_: Controller, error: Error): void {
    this.#handler.onError?.(error)
  }
}

/** Stands for headers that nobody has read: they are in the controller, as they came. */
export const unread: AnswerHeaders = Object.freeze({})

/**
 * To be called as undici 6 calls handlers; tells it as undici 7 does. An object of this class alone hides from undici 7 that
 * there is another way, in which it would read headers for a receiver that takes them as they came.
 */
export class LegacyCalls {
  readonly #events: Handler
  #controller: LegacyController | undefined

  /** @param events is told; itself by default */
  constructor(events?: Handler) {
    this.#events = events ?? (this as Handler)
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#controller = new LegacyController(abort)
    this.#events.onRequestStart?.(this.#controller, context)
  }

  onResponseStarted(): void {
    this.#events.onResponseStarted?.()
  }

  onBodySent(chunk: never, total: never): void {
    this.#events.onBodySent?.(chunk, total)
  }

  onRequestSent(): void {
    this.#events.onRequestSent?.()
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, message: string): boolean {
    const controller = this.#controller as LegacyController
    controller.goOn = resume
    controller.rawHeaders = rawHeaders
    this.#events.onResponseStart?.(controller, status, this.read(rawHeaders), message)
    return !controller.paused
  }

  onData(chunk: Buffer): boolean {
    const controller = this.#controller as LegacyController
    this.#events.onResponseData?.(controller, chunk)
    return !controller.paused
  }

  onComplete(rawTrailers: string[] | null): void {
    const controller = this.#controller as LegacyController
    controller.rawTrailers = rawTrailers
    this.#events.onResponseEnd?.(controller, this.read(rawTrailers))
  }

  onError(error: Error): void {
    // without a connection nothing has begun
    this.#events.onResponseError?.(this.#controller ?? new LegacyController(() => {}), error)
  }

  protected read(_: readonly unknown[] | null): AnswerHeaders {
    return unread
  }
}

/** Made of what undici 6 gives a handler to steer by. */
class LegacyController implements Controller {
  paused = false
  aborted = false
  reason: Error | null = null
  rawHeaders: RawHeaders = null
  rawTrailers: RawHeaders = null
  goOn: (() => void) | undefined
  readonly #abort: (reason?: Error) => void

  constructor(abort: (reason?: Error) => void) {
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

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#abort(reason)
  }
}

/** From names and values in turn, in latin1; a value may be several. */
export function parseHeaders(raw: readonly unknown[] | null): AnswerHeaders {
  const headers: AnswerHeaders = Object.create(null)
  const list = raw ?? []
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = textOf(list[index] as Buffer).toLowerCase()
    const values = [headers[name] ?? [], [list[index + 1] as Buffer | Buffer[]].flat().map(textOf)].flat()
    headers[name] = values.length === 1 ? values[0] : values
  }
  return headers
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
