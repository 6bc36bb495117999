/** What goes on about one lineage in this process at the moment. A token that rests has none of this. */
import type { AtOnce } from '../at-once.js'
import { outOfContext } from '../context.js'
import type { LineageRecord } from './record.js'
import type { Known } from './version.js'

/** What still has to be written, under which version, and over what it may be. */
export interface Unsaved {
  readonly version: string
  readonly change: (current: LineageRecord) => LineageRecord
  readonly mayReplace: (current: Known) => boolean
  /** Whether it is in the store; `undefined` until that is known. */
  isKept: boolean | undefined
  /** The store can never take it as it is: a record it cannot read is in the way. */
  isRefused?: boolean
}

/** Renewals, reads and writes that are under way, and who waits for a change. */
export class UnderWay {
  readonly #over: (self: UnderWay) => void
  /** Ends when whoever renews in this process now is done. */
  #turn: Promise<void> | undefined
  /** The read that others may join. */
  #reading: Promise<void> | undefined
  /** Called at the next change. */
  readonly #waiting = new Set<() => void>()
  #unsaved: Unsaved | undefined
  /** Whether a timer will try to write that. */
  #isTimed = false

  /** @param over called when nothing is under way any more */
  constructor(over: (self: UnderWay) => void) {
    this.#over = over
  }

  /** An answer of the server that the store has not taken yet. */
  get unsaved(): Unsaved | undefined {
    return this.#unsaved
  }

  /** Runs one renewal after the other. */
  inTurn<T>(renew: () => Promise<T>): Promise<T> {
    const result = (this.#turn ?? Promise.resolve()).then(renew)
    const done = () => {
      if (this.#turn !== turn) return
      this.#turn = undefined
      this.#endIfOver()
    }
    const turn = result.then(done, done)
    this.#turn = turn
    return result
  }

  /** Joins the read that is under way, or begins one. */
  joinRead(read: () => AtOnce<unknown>): Promise<void> {
    const reading = async () => void (await read())
    this.#reading ??= reading().finally(() => {
      this.#reading = undefined
      this.#endIfOver()
    })
    return this.#reading
  }

  /** Whether there is a change within that time. */
  changeWithin(mostMs: number): Promise<boolean> {
    return new Promise(resolve => {
      const stop = (isChanged: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(changed)
        this.#endIfOver()
        resolve(isChanged)
      }
      const changed = () => stop(true)
      const timer = setTimeout(stop, mostMs, false)
      this.#waiting.add(changed)
    })
  }

  /** Tells those who wait for a change. */
  wake(): void {
    for (const changed of this.#waiting) changed()
  }

  /** There is something to write; what was to be written before is not any more. */
  offer(unsaved: Unsaved): void {
    this.#unsaved = unsaved
  }

  /** That need not be written any more. */
  withdraw(unsaved: Unsaved): void {
    if (this.#unsaved === unsaved) this.#unsaved = undefined
    this.#endIfOver()
  }

  /** Writes by a timer in a moment; one timer for each lineage, whoever asks for it. */
  writeLater(write: () => Promise<void>): void {
    if (this.#isTimed) return
    this.#isTimed = true
    const again = async () => {
      this.#isTimed = false
      await write()
      this.#endIfOver()
    }
    outOfContext(() => setTimeout(again, this.#unsaved?.isRefused ? 5_000 : 250).unref())
  }

  #endIfOver(): void {
    const isRunning = this.#turn !== undefined || this.#reading !== undefined || this.#isTimed
    if (!isRunning && this.#unsaved === undefined && this.#waiting.size === 0) this.#over(this)
  }
}
