/** Handlers of every undici: 7 and 8 call them one way, 6 and some interceptors of 7.0 another. Ours can be called both ways. */
import type { Dispatcher } from 'undici'

/** Steers a request under way. */
export type Controller = Dispatcher.DispatchController

/** A handler as undici 7 and 8 call it, whose type leaves one event out. */
export interface Handler extends Dispatcher.DispatchHandler {
  onRequestSent?(): void
}

type RawHeaders = NonNullable<Controller['rawHeaders']> | null

/** By lower-case name. */
export type AnswerHeaders = Parameters<NonNullable<Handler['onResponseStart']>>[2]

/** Told apart as undici 7 does. */
export function isLegacy(handler: object): boolean {
  return typeof (handler as Handler).onRequestStart !== 'function'
}

/** Hands on whatever happens to a request; what is to be different is overridden. */
export class Relay {
  /** Who is told. */
  protected receiver: Handler
  #legacy: LegacyController | undefined

  /** @param handler of either generation */
  constructor(handler: object) {
    this.receiver = isLegacy(handler) ? fromLegacy(handler) : handler
  }

  /** What the receiver steers the request by. */
  protected steering(beneath: Controller): Controller {
    return beneath
  }

  onRequestStart(beneath: Controller, context?: unknown): void {
    this.receiver.onRequestStart?.(this.steering(beneath), context)
  }

  onResponseStarted(): void {
    this.receiver.onResponseStarted?.()
  }

  onBodySent(chunk: never, total: never): void {
    this.receiver.onBodySent?.(chunk, total)
  }

  onRequestSent(): void {
    this.receiver.onRequestSent?.()
  }

  onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.receiver.onResponseStart?.(this.steering(beneath), status, headers, message)
  }

  onResponseData(beneath: Controller, chunk: Buffer): void {
    this.receiver.onResponseData?.(this.steering(beneath), chunk)
  }

  onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.receiver.onResponseEnd?.(this.steering(beneath), trailers)
  }

  onResponseError(beneath: Controller, error: Error): void {
    this.receiver.onResponseError?.(this.steering(beneath), error)
  }

  /** From here on: the same, as undici 6 tells it. */
  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#legacy = new LegacyController(abort)
    this.onRequestStart(this.#legacy, context)
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, message: string): boolean {
    const controller = this.#legacy as LegacyController
    controller.goOn = resume
    controller.rawHeaders = rawHeaders
    this.onResponseStart(controller, status, parseHeaders(rawHeaders), message)
    return !controller.paused
  }

  onData(chunk: Buffer): boolean {
    const controller = this.#legacy as LegacyController
    this.onResponseData(controller, chunk)
    return !controller.paused
  }

  onComplete(rawTrailers: string[] | null): void {
    const controller = this.#legacy as LegacyController
    controller.rawTrailers = rawTrailers
    this.onResponseEnd(controller, parseHeaders(rawTrailers))
  }

  onError(error: Error): void {
    // without a connection nothing has begun
    this.onResponseError(this.#legacy ?? new LegacyController(() => {}), error)
  }
}

/** Stands between a handler and its request: to the handler it is the controller. */
export abstract class Between extends Relay implements Controller {
  aborted = false
  reason: Error | null = null
  rawHeaders: RawHeaders = null
  rawTrailers: RawHeaders = null

  protected override steering({ rawHeaders = null, rawTrailers = null }: Controller): Controller {
    this.rawHeaders = rawHeaders
    this.rawTrailers = rawTrailers
    return this
  }

  abstract readonly paused: boolean
  abstract pause(): void
  abstract resume(): void
  abstract abort(reason?: Error): void
}

/** A handler of undici 6, to be called as those of 7 are. */
function fromLegacy(handler: Handler): Handler {
  return {
    onRequestStart: (controller, context) =>
      handler.onConnect?.(...([(reason: Error) => controller.abort(reason), context] as unknown as [never])),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onBodySent: (...sent) => handler.onBodySent?.(...sent),
    onRequestSent: () => handler.onRequestSent?.(),
    onResponseStart(controller, status, _, message = '') {
      const goesOn = handler.onHeaders?.(status, controller.rawHeaders as Buffer[], () => controller.resume(), message)
      if (goesOn === false && status >= 200) controller.pause()
    },
    onResponseData(controller, chunk) {
      if (handler.onData?.(chunk) === false) controller.pause()
    },
    onResponseEnd: controller => handler.onComplete?.(controller.rawTrailers as string[]),
    onResponseError: (_, error) => handler.onError?.(error),
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
function parseHeaders(raw: readonly unknown[] | null): AnswerHeaders {
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
