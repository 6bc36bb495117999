/** The misbehaviours a test asked for, waiting for their moment. */

import { type Change, misbehaviours, type StageDrafts } from './misbehaviours/index.js'
import type { Misbehaviour, Stage } from './misbehaviours/names.js'
import type { Occasion, OpenidProvider } from './openid-provider.js'

/** When a misbehaviour comes. */
export interface MisbehaviourOptions {
  /** How often; default 1. `Infinity` lasts until cancelled. */
  readonly times?: number
  /** Only in answers to requests of this kind; default the first that has what it spoils. */
  readonly on?: Occasion
}

interface Pending {
  readonly stage: Stage
  readonly change: Change<never>
  readonly on: Occasion | undefined
  left: number
}

/** The misbehaviours waiting at one server. */
export class MisbehaviourList {
  readonly #pending: Pending[] = []

  /** @returns a function that cancels it */
  add(name: Misbehaviour, { times = 1, on }: MisbehaviourOptions = {}): () => void {
    const known = misbehaviours.get(name)
    if (known === undefined) throw new TypeError(`misbehave(name): ${String(name)} is not known`)
    if (!(times >= 1)) throw new TypeError('misbehave(name, options): options.times must be at least 1')
    const entry = { ...known, on, left: times }
    this.#pending.push(entry)
    return () => this.#drop(entry)
  }

  /** Lets everything that waits for this stage of this answer have its way with the draft. */
  apply<S extends Stage>(
    stage: S,
    occasion: Occasion,
    draft: StageDrafts[S],
    provider: OpenidProvider,
  ): StageDrafts[S] {
    for (const entry of [...this.#pending]) {
      if (entry.stage !== stage || (entry.on !== undefined && entry.on !== occasion)) continue
      entry.change(draft as never, provider)
      entry.left -= 1
      if (entry.left < 1) this.#drop(entry)
    }
    return draft
  }

  #drop(entry: Pending): void {
    const index = this.#pending.indexOf(entry)
    if (index >= 0) this.#pending.splice(index, 1)
  }
}
