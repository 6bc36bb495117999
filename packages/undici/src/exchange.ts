/** A request and its handler, which knows nothing of what it takes to answer it. */
import { Attempt, type Judge, type Send } from './attempt.js'
import type { AnswerHeaders, Controller } from './handler.js'
import { isWrapper, LegacyCalls, LegacyReceiver } from './legacy.js'
import { Between } from './relay.js'

/** One request as its handler sees it: begun once, answered once, however often it is sent underneath. */
export class Exchange extends Between {
  paused = false
  readonly #judge: Judge
  #abortion: AbortController | undefined
  /** The request as it is sent now. */
  #attempt: Attempt | undefined
  /** The handler is an older one that undici 7 has wrapped: an answer passes as it is, the older way. */
  readonly #isWrapped: boolean
  #isBegun = false
  /** Nothing more goes to the handler. */
  #isOver = false

  constructor(handler: object, judge: Judge) {
    const isWrapped = isWrapper(handler)
    super(isWrapped ? new LegacyReceiver(handler) : handler)
    this.#judge = judge
    this.#isWrapped = isWrapped
  }

  /** Aborted when the handler aborts. Most requests need none: it is made when it is asked for. */
  get signal(): AbortSignal {
    this.#abortion ??= new AbortController()
    if (this.aborted) this.#abortion.abort(this.reason)
    return this.#abortion.signal
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Tells the handler that its request has begun; from then on it can abort. */
  begin(context?: unknown): void {
    if (this.#isBegun) return
    this.#isBegun = true
    super.onRequestStart(this, context)
  }

  /** Sends the request, unless it is over already. */
  send(send: Send): boolean {
    if (this.#isOver) return true
    this.#attempt = new Attempt(this, this.#judge)
    return send(this.#isWrapped ? new LegacyCalls(this.#attempt) : this.#attempt)
  }

  fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#attempt?.drop()
    super.onResponseError(this, error as Error)
  }

  override onRequestStart(_: Controller, context?: unknown): void {
    this.begin(context)
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.#isOver = true
    const ended = this.#judge.ending(this.#attempt?.head)
    try {
      super.onResponseEnd(beneath, trailers)
    } catch (error) {
      this.#isOver = false
      throw error
    } finally {
      ended()
    }
  }

  override onResponseError(_: Controller, error: Error): void {
    this.fail(error)
  }

  pause(): void {
    this.paused = true
    this.#attempt?.pause()
  }

  resume(): void {
    this.paused = false
    this.#attempt?.resume()
  }

  abort(reason: Error = requestAborted()): void {
    if (this.aborted || this.#isOver) return
    this.aborted = true
    this.reason = reason
    this.#abortion?.abort(reason)
    if (!this.#attempt?.abort(reason)) this.fail(reason)
  }
}

function requestAborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError', code: 'UND_ERR_ABORTED' })
}
