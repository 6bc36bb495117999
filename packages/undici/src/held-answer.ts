/** What is made for an answer that may reject a token, and for no other. */
import { beginningOf } from '@grantkit/core/kit'
import type { AnswerHeaders, Controller, Handler } from './handler.js'
import { Relay } from './relay.js'

const maxBeginning = 65_536

/** An answer that is held back: its beginning, to judge it by, and all that came of it, to be handed on in order. */
export class HeldAnswer extends Relay {
  readonly #chunks: Buffer[] = []
  #size = 0
  /** Called once, as soon as there is enough to judge it by. */
  #onBeginning: (() => void) | undefined
  /** What has come and is to be handed on, oldest first. */
  readonly #waiting: (() => void)[] = []
  #isHandingOn = false

  /** @param receiver is handed the answer, once it has been judged */
  constructor(receiver: Handler, onBeginning: () => void) {
    super(receiver)
    this.#onBeginning = onBeginning
  }

  /** As text, of what has come by now. */
  async beginning(encoding: string | undefined): Promise<string> {
    return (await beginningOf(Buffer.concat(this.#chunks), encoding)).text
  }

  override onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#waiting.push(() => super.onResponseStart(beneath, status, headers, message))
  }

  override onResponseData(beneath: Controller, chunk: Buffer): void {
    this.#waiting.push(() => super.onResponseData(beneath, chunk))
    if (this.#onBeginning === undefined) return
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size >= maxBeginning) this.#judge()
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    this.#waiting.push(() => super.onResponseEnd(beneath, trailers))
    this.#judge()
  }

  override onResponseError(beneath: Controller, error: Error): void {
    this.#waiting.push(() => super.onResponseError(beneath, error))
    this.#judge()
  }

  /**
   * Hands on what has come, as long as it is wanted; what comes meanwhile has its turn.
   *
   * @returns whether nothing is left
   */
  handOn(isWanted: () => boolean): boolean {
    if (this.#isHandingOn) return false
    this.#isHandingOn = true
    try {
      while (this.#waiting.length > 0 && isWanted()) this.#waiting.shift()?.()
      return this.#waiting.length === 0
    } finally {
      this.#isHandingOn = false
    }
  }

  #judge(): void {
    const onBeginning = this.#onBeginning
    this.#onBeginning = undefined
    onBeginning?.()
  }
}
