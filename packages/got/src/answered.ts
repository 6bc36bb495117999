/** An answer of got's as core asks about it. */
import { beginningOf, type Refused } from '@grantkit/core/kit'
import type { Answer } from './got-like.js'

/** Nothing is made of an answer before it is asked for. */
export class Answered implements Refused {
  readonly #answer: Answer

  constructor(answer: Answer) {
    this.#answer = answer
  }

  get status(): number {
    return this.#answer.statusCode
  }

  header(name: string): string | undefined {
    return this.#answer.headers[name]?.toString()
  }

  async body(): Promise<string> {
    return (await beginningOf(this.#answer.rawBody)).text
  }
}
