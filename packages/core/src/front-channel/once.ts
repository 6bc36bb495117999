/** What is good for one use: which of it this process has taken, until nobody could bring it again. */
import { sha256 } from '../secret.js'

/** Takes each name once; as many as it remembers have an end, and the oldest goes first. */
export class Once {
  /** When each could not be brought any more, in epoch milliseconds. */
  readonly #taken = new Map<string, number>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Takes a name.
   *
   * @param expiresAt how long it has to be remembered, in epoch milliseconds
   * @returns gives it back; `undefined` where it was taken before
   */
  take(name: string, expiresAt: number, now: number): (() => void) | undefined {
    const key = sha256(name)
    if (this.#taken.has(key)) return undefined
    this.#forget(now)
    this.#taken.set(key, expiresAt)
    return () => void this.#taken.delete(key)
  }

  /** The oldest stand first: only as many as have to go are looked at. */
  #forget(now: number): void {
    for (const [key, expiresAt] of this.#taken) {
      if (expiresAt > now && this.#taken.size < this.#most) return
      this.#taken.delete(key)
    }
  }
}
