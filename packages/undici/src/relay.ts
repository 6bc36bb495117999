/** Handlers of every undici: 7 and 8 call them one way, 6 and some interceptors of 7.0 another. Ours can be called both ways. */
import type { AnswerHeaders, Controller, Handler, RawHeaders } from './handler.js'
import { isLegacy, LegacyCalls, LegacyReceiver, parseHeaders } from './legacy.js'

/** Hands on whatever happens to a request; what is to be different is overridden. */
export class Relay extends LegacyCalls {
  /** Who is told. */
  protected receiver: Handler

  /** @param handler of either generation */
  constructor(handler: object) {
    super()
    this.receiver = isLegacy(handler) ? new LegacyReceiver(handler) : handler
  }

  /** What the receiver steers the request by. */
  protected steering(beneath: Controller): Controller {
    return beneath
  }

  onRequestStart(beneath: Controller, context?: unknown): void {
    this.receiver.onRequestStart?.(this.steering(beneath), context)
  }

  override onResponseStarted(): void {
    this.receiver.onResponseStarted?.()
  }

  override onBodySent(chunk: never, total: never): void {
    this.receiver.onBodySent?.(chunk, total)
  }

  override onRequestSent(): void {
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

  protected override read(raw: readonly unknown[] | null): AnswerHeaders {
    return parseHeaders(raw)
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
