/** One time a request is sent. A 401 is held back until it has been judged by its beginning, as is what else may reject a token. */
import { beginningOf } from '@grantkit/core/kit'
import type { AnswerHeaders, Controller, Handler } from './handlers.js'

export interface Head {
  readonly status: number
  readonly headers: AnswerHeaders
}

/** An answer that has not been handed on yet. */
interface Refusal extends Head {
  /** The first 64 KiB of the body, decompressed. */
  readonly body: () => Promise<string>
}

/** Sends a request underneath, with this for its handler. */
export type Send = (handler: Handler) => boolean

/** Decides on answers that may reject a token. */
export interface Judge {
  /** Whether an answer with this status is one; asked about every answer. */
  concerns(status: number): boolean
  /** How to send the request once more, or `undefined` to hand the answer on. */
  decide(refusal: Refusal): Promise<Send | undefined>
}

/** The request it is an attempt at; to the handler it is the controller. */
export interface Exchanged extends Controller {
  readonly handler: Handler
  begin(context: unknown): void
  send(send: Send, judge: Judge | undefined): unknown
  end(head: Head | undefined, trailers: AnswerHeaders): void
  fail(error: unknown): void
}

const maxBeginning = 65_536

export class Attempt implements Handler {
  controller: Controller | undefined
  readonly #exchange: Exchanged
  readonly #judge: Judge | undefined
  #state: 'open' | 'reading' | 'judging' | 'dropped' = 'open'
  #head: Head | undefined
  #beginning: Uint8Array[] = []
  #size = 0
  /** What has come and is to be handed on, oldest first. */
  #waiting: (() => void)[] = []
  #isHandingOn = false
  #isOver = false

  constructor(exchange: Exchanged, judge: Judge | undefined) {
    this.#exchange = exchange
    this.#judge = judge
  }

  onRequestStart(controller: Controller, context?: unknown): void {
    this.controller = controller
    if (this.#state === 'dropped') controller.abort(this.#exchange.reason ?? new Error('superseded'))
    else this.#exchange.begin(context)
  }

  onResponseStarted(): void {
    this.#exchange.handler.onResponseStarted?.()
  }

  onBodySent(chunk: unknown): void {
    this.#exchange.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#exchange.handler.onRequestSent?.()
  }

  onResponseStart(_: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#head = { status, headers }
    if (this.#state === 'open' && this.#judge?.concerns(status)) this.#state = 'reading'
    this.#handOn(() => this.#exchange.handler.onResponseStart?.(this.#exchange, status, headers, message))
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    this.#handOn(() => this.#exchange.handler.onResponseData?.(this.#exchange, chunk))
    if (this.#state !== 'reading') return
    this.#beginning.push(chunk)
    this.#size += chunk.length
    if (this.#size >= maxBeginning) this.#decide()
  }

  onResponseEnd(_: Controller, trailers: AnswerHeaders): void {
    this.#isOver = true
    this.#handOn(() => this.#exchange.end(this.#head, trailers))
    if (this.#state === 'reading') this.#decide()
  }

  onResponseError(_: Controller, error: unknown): void {
    this.#isOver = true
    if (this.#state === 'dropped') return
    if (this.#exchange.aborted || (this.#state === 'open' && this.#waiting.length === 0)) this.#exchange.fail(error)
    else this.#waiting.push(() => this.#exchange.fail(error))
    if (this.#state === 'reading') this.#decide()
  }

  pause(): void {
    if (this.#state === 'open') this.controller?.pause()
  }

  resume(): void {
    if (this.#state !== 'open') return
    this.#handOnWaiting()
    if (!this.#isOver && !this.#exchange.paused) this.controller?.resume()
  }

  /** Whether there was something to abort, which then reports the error. */
  abort(reason: unknown): boolean {
    if (this.#isOver || this.controller === undefined) return false
    this.controller.abort(reason)
    return true
  }

  /** Nothing of it reaches the handler any more. */
  drop(): void {
    this.#state = 'dropped'
    this.#waiting = []
    this.#beginning = []
    if (!this.#isOver) this.controller?.abort(new Error('superseded'))
  }

  #decide(): void {
    this.#state = 'judging'
    if (!this.#isOver) this.controller?.pause()
    const { status, headers } = this.#head as Head
    const beginning = Buffer.concat(this.#beginning)
    const encoding = headers['content-encoding']?.toString()
    const body = async () => (await beginningOf(beginning, encoding)).text
    this.#beginning = []
    this.#judge?.decide({ status, headers, body }).then(
      send => this.#state === 'judging' && this.#conclude(send),
      error => this.#state === 'judging' && this.#exchange.fail(error),
    )
  }

  #conclude(send: Send | undefined): void {
    if (send === undefined) {
      this.#state = 'open'
      this.resume()
      return
    }
    this.drop()
    try {
      this.#exchange.send(send, this.#judge)
    } catch (error) {
      this.#exchange.fail(error)
    }
  }

  #handOn(event: () => void): void {
    if (this.#state === 'dropped') return
    if (this.#state === 'open' && this.#waiting.length === 0 && !this.#isHandingOn) event()
    else this.#waiting.push(event)
  }

  /** A handler that pauses gets the rest when it resumes. */
  #handOnWaiting(): void {
    if (this.#isHandingOn) return
    this.#isHandingOn = true
    try {
      while (this.#waiting.length > 0 && !this.#exchange.paused) this.#waiting.shift()?.()
    } catch (error) {
      // what undici does when a handler throws
      if (!this.abort(error)) this.#exchange.fail(error)
    } finally {
      this.#isHandingOn = false
    }
  }
}
