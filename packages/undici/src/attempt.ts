/** A request is sent once, and once more where its answer rejects the token. */
import type { Exchange } from './exchange.js'
import type { AnswerHeaders, Controller, Handler } from './handler.js'
import { HeldAnswer } from './held-answer.js'
import { parseHeaders, unread } from './legacy.js'
import { Relay } from './relay.js'

/** Sends a request underneath, with this for its handler. */
export type Send = (handler: Handler) => boolean

/** How an answer begins. */
export class Head {
  readonly status: number
  readonly #headers: AnswerHeaders
  readonly #raw: Controller['rawHeaders']

  constructor(status: number, headers: AnswerHeaders, { rawHeaders }: Controller) {
    this.status = status
    this.#headers = headers
    this.#raw = rawHeaders
  }

  /** By its name in small letters, several of one name joined by commas. */
  header(name: string): string | undefined {
    const headers = this.#headers === unread ? parseHeaders(this.#raw as Buffer[]) : this.#headers
    return headers[name]?.toString()
  }

  get isRedirect(): boolean {
    return this.status >= 300 && this.status < 400 && this.header('location') !== undefined
  }
}

/** Decides on answers that may reject a token. */
export interface Judge {
  /** Whether an answer has to be decided on; asked about every one. */
  concerns(head: Head): boolean
  /** How to send the request once more, or `undefined` to hand the answer on. */
  decide(head: Head, beginning: () => Promise<string>): Promise<Send | undefined>
  /** Told of an answer before its handler is told the end of it; what is returned is called after that. */
  ending(head: Head | undefined): () => void
}

/** One time a request is sent, and its answer. One that may reject a token is held back until it has been judged. */
export class Attempt extends Relay {
  readonly #exchange: Exchange
  #judge: Judge | undefined
  #beneath: Controller | undefined
  #head: Head | undefined
  #held: HeldAnswer | undefined
  #isJudged = true
  /** Nothing more comes from underneath. */
  #isAnswered = false

  constructor(exchange: Exchange, judge: Judge) {
    super(exchange)
    this.#exchange = exchange
    this.#judge = judge
  }

  get head(): Head | undefined {
    return this.#head
  }

  override onRequestStart(beneath: Controller, context?: unknown): void {
    this.#beneath = beneath
    super.onRequestStart(beneath, context)
  }

  override onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#head = new Head(status, headers, beneath)
    if (this.#judge?.concerns(this.#head)) this.#hold(this.#judge, this.#head)
    super.onResponseStart(beneath, status, headers, message)
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.#isAnswered = true
    super.onResponseEnd(beneath, trailers)
  }

  override onResponseError(beneath: Controller, error: Error): void {
    this.#isAnswered = true
    super.onResponseError(beneath, error)
  }

  pause(): void {
    if (this.#isJudged) this.#beneath?.pause()
  }

  /** Hands on what was held back, unless the handler wants nothing now. */
  resume(): void {
    if (!this.#isJudged) return
    this.#release()
    if (!this.#isAnswered && !this.#exchange.paused) this.#beneath?.resume()
  }

  /** Whether it ends by an error from underneath; who aborts does not wait for what is held back before that. */
  abort(reason: Error): boolean {
    if (this.#beneath === undefined || this.#isAnswered || this.#held !== undefined) return false
    this.#beneath.abort(reason)
    return true
  }

  /** Tells nothing any more, and ends as soon as it can. */
  drop(): void {
    this.receiver = { onRequestStart: controller => controller.abort(superseded()) }
    if (!this.#isAnswered) this.#beneath?.abort(superseded())
    this.#beneath = undefined
    this.#held = undefined
    this.#judge = undefined
  }

  #hold(judge: Judge, head: Head): void {
    const held = new HeldAnswer(this.#exchange, () => {
      if (!this.#isAnswered) this.#beneath?.pause()
      const beginning = () => held.beginning(head.header('content-encoding'))
      judge.decide(head, beginning).then(
        again => this.#held === held && this.#conclude(again),
        error => this.#held === held && this.#exchange.fail(error),
      )
    })
    this.#isJudged = false
    this.#held = held
    this.receiver = held
  }

  #conclude(again: Send | undefined): void {
    this.#isJudged = true
    if (again !== undefined) this.drop()
    try {
      if (again === undefined) this.resume()
      else this.#exchange.send(again)
    } catch (error) {
      this.#exchange.fail(error)
    }
  }

  #release(): void {
    const held = this.#held
    if (held === undefined) return
    try {
      const isAll = held.handOn(() => this.#held === held && !this.#exchange.paused)
      if (!isAll || this.#held !== held) return
      this.#held = undefined
      this.receiver = this.#exchange
    } catch (error) {
      this.#exchange.fail(error)
    }
  }
}

function superseded(): Error {
  return new Error('superseded')
}
