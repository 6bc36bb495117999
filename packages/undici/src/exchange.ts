/**
 * One request as its handler sees it: begun once, answered once, however often it is sent underneath. An answer that may
 * reject a token is held back until it has been judged by its beginning.
 */
import { beginningOf } from '@grantkit/core/kit'
import { type AnswerHeaders, Between, type Controller, type Handler, Relay } from './relay.js'

/** Sends a request underneath, with this for its handler. */
export type Send = (handler: Handler) => boolean

export interface Head {
  readonly status: number
  readonly headers: AnswerHeaders
}

/** Decides on answers that may reject a token. */
export interface Judge {
  /** Whether an answer has to be decided on; asked about every one. */
  concerns(head: Head): boolean
  /** How to send the request once more, or `undefined` to hand the answer on. */
  decide(head: Head, beginning: () => Promise<string>): Promise<Send | undefined>
}

/** Hands on the end of an answer: calls `complete`. */
export type Completion = (head: Head | undefined, complete: () => void) => void

/** The beginning of an answer that is held back. */
interface Held extends Head {
  readonly chunks: Buffer[]
  size: number
  isDecided: boolean
}

const maxBeginning = 65_536

export class Exchange extends Between {
  paused = false
  readonly #completion: Completion
  readonly #abortion = new AbortController()
  #judge: Judge | undefined
  /** What is told of the request as it is sent now. */
  #attempt: Attempt | undefined
  #beneath: Controller | undefined
  #head: Head | undefined
  #held: Held | undefined
  /** What has come and is to be handed on, oldest first. */
  #waiting: (() => void)[] = []
  #isBegun = false
  #isHandingOn = false
  /** Nothing more comes from underneath. */
  #isAnswered = false
  /** Nothing more goes to the handler. */
  #isOver = false

  constructor(handler: object, completion: Completion) {
    super(handler)
    this.#completion = completion
  }

  /** Aborted when the handler aborts. */
  get signal(): AbortSignal {
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

  /** Sends the request, unless it is over already. Without a judge every answer is handed on as it comes. */
  send(send: Send, judge?: Judge): boolean {
    if (this.#isOver) return true
    this.#judge = judge
    this.#isAnswered = false
    this.#attempt = new Attempt(this)
    return send(this.#attempt)
  }

  fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#drop()
    super.onResponseError(this, error as Error)
  }

  override onRequestStart(beneath: Controller, context?: unknown): void {
    this.#beneath = beneath
    this.begin(context)
  }

  override onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#head = { status, headers }
    if (this.#judge?.concerns(this.#head)) this.#held = { status, headers, chunks: [], size: 0, isDecided: false }
    this.#handOn(() => super.onResponseStart(beneath, status, headers, message))
  }

  override onResponseData(beneath: Controller, chunk: Buffer): void {
    this.#handOn(() => super.onResponseData(beneath, chunk))
    if (this.#held === undefined || this.#held.isDecided) return
    this.#held.chunks.push(chunk)
    this.#held.size += chunk.length
    if (this.#held.size >= maxBeginning) this.#decide(this.#held)
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.#isAnswered = true
    this.#handOn(() => this.#end(() => super.onResponseEnd(beneath, trailers)))
    if (this.#held !== undefined) this.#decide(this.#held)
  }

  override onResponseError(_: Controller, error: Error): void {
    this.#isAnswered = true
    // who aborts does not wait for what has come before
    if (this.aborted) this.fail(error)
    else this.#handOn(() => this.fail(error))
    if (this.#held !== undefined) this.#decide(this.#held)
  }

  pause(): void {
    this.paused = true
    if (this.#held === undefined) this.#beneath?.pause()
  }

  resume(): void {
    this.paused = false
    this.#goOn()
  }

  /** Hands on what was held back, unless the handler wants nothing now. */
  #goOn(): void {
    if (this.#held !== undefined) return
    this.#handOnWaiting()
    if (!this.#isAnswered && !this.paused) this.#beneath?.resume()
  }

  abort(reason: Error = requestAborted()): void {
    if (this.aborted || this.#isOver) return
    this.aborted = true
    this.reason = reason
    this.#abortion.abort(reason)
    if (this.#beneath === undefined || this.#isAnswered) this.fail(reason)
    else this.#beneath.abort(reason)
  }

  #decide(held: Held): void {
    if (held.isDecided) return
    held.isDecided = true
    if (!this.#isAnswered) this.#beneath?.pause()
    const beginning = async () => {
      const encoding = held.headers['content-encoding']?.toString()
      return (await beginningOf(Buffer.concat(held.chunks), encoding)).text
    }
    this.#judge?.decide(held, beginning).then(
      send => this.#held === held && this.#conclude(send),
      error => this.#held === held && this.fail(error),
    )
  }

  #conclude(send: Send | undefined): void {
    this.#held = undefined
    if (send !== undefined) this.#drop()
    try {
      if (send === undefined) this.#goOn()
      else this.send(send, this.#judge)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Nothing of what was sent reaches the handler any more. */
  #drop(): void {
    this.#attempt?.drop()
    if (!this.#isAnswered) this.#beneath?.abort(superseded())
    this.#beneath = undefined
    this.#held = undefined
    this.#waiting = []
  }

  #handOn(event: () => void): void {
    if (this.#held === undefined && this.#waiting.length === 0 && !this.#isHandingOn) event()
    else this.#waiting.push(event)
  }

  /** A handler that pauses gets the rest when it resumes. */
  #handOnWaiting(): void {
    if (this.#isHandingOn) return
    this.#isHandingOn = true
    try {
      while (this.#waiting.length > 0 && !this.paused) this.#waiting.shift()?.()
    } catch (error) {
      this.fail(error)
    } finally {
      this.#isHandingOn = false
    }
  }

  #end(complete: () => void): void {
    this.#isOver = true
    try {
      this.#completion(this.#head, complete)
    } catch (error) {
      this.#isOver = false
      throw error
    }
  }
}

/** One time a request is sent. What is dropped tells nothing any more, and ends as soon as it can. */
class Attempt extends Relay {
  drop(): void {
    this.receiver = { onRequestStart: controller => controller.abort(superseded()) }
  }
}

function superseded(): Error {
  return new Error('superseded')
}

function requestAborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError', code: 'UND_ERR_ABORTED' })
}
