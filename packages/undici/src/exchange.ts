/** One request as its handler sees it: begun once, answered once, however often it is sent underneath. */
import { Attempt, type Exchanged, type Head, type Judge, type Send } from './attempt.js'
import type { AnswerHeaders, Handler } from './handlers.js'

/** Hands on the end of an answer: calls `complete`. */
export type Completion = (head: Head | undefined, complete: () => void) => void

/** Stands between a handler and what is sent; to the handler it is the controller of its request. */
export class Exchange implements Exchanged {
  readonly handler: Handler
  paused = false
  aborted = false
  reason: unknown = null
  readonly #completion: Completion
  readonly #abortion = new AbortController()
  #attempt: Attempt | undefined
  #begun = false
  #done = false

  constructor(handler: Handler, completion: Completion) {
    this.handler = handler
    this.#completion = completion
  }

  /** Aborted when the handler aborts. */
  get signal(): AbortSignal {
    return this.#abortion.signal
  }

  get isOver(): boolean {
    return this.#done
  }

  get rawHeaders(): unknown {
    return this.#attempt?.controller?.rawHeaders
  }

  set rawHeaders(value: unknown) {
    if (this.#attempt?.controller) this.#attempt.controller.rawHeaders = value
  }

  get rawTrailers(): unknown {
    return this.#attempt?.controller?.rawTrailers
  }

  set rawTrailers(value: unknown) {
    if (this.#attempt?.controller) this.#attempt.controller.rawTrailers = value
  }

  /** Tells the handler that its request has begun; from then on it can abort. */
  begin(context?: unknown): void {
    if (this.#begun) return
    this.#begun = true
    this.handler.onRequestStart?.(this, context)
  }

  /** Sends the request, unless it is over already. Without a judge every answer is handed on as it comes. */
  send(send: Send, judge?: Judge): boolean {
    if (this.#done) return true
    this.#attempt = new Attempt(this, judge)
    return send(this.#attempt)
  }

  end(head: Head | undefined, trailers: AnswerHeaders): void {
    this.#done = true
    try {
      this.#completion(head, () => this.handler.onResponseEnd?.(this, trailers))
    } catch (error) {
      this.#done = false
      throw error
    }
  }

  fail(error: unknown): void {
    if (this.#done) return
    this.#done = true
    this.#attempt?.drop()
    this.handler.onResponseError?.(this, error)
  }

  pause(): void {
    this.paused = true
    this.#attempt?.pause()
  }

  resume(): void {
    this.paused = false
    this.#attempt?.resume()
  }

  abort(reason?: unknown): void {
    if (this.aborted || this.#done) return
    this.aborted = true
    this.reason = reason ?? Object.assign(new Error('Request aborted'), { name: 'AbortError', code: 'UND_ERR_ABORTED' })
    this.#abortion.abort(this.reason)
    if (!this.#attempt?.abort(this.reason)) this.fail(this.reason)
  }
}
