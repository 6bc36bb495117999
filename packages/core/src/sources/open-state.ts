/** Whether a source is open, and what `close()` waits for. */
import { ClosedError } from '../errors.js'

/** What can be closed. */
export interface Closable {
  /** Takes no more calls, and waits for the token requests under way. */
  close(): Promise<void>
  /** The same, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Open until closed; knows the requests under way. */
export interface OpenState {
  readonly isOpen: () => boolean
  /** What calls are refused with once it was closed. */
  readonly error: () => ClosedError
  /** @throws ClosedError once it was closed */
  readonly check: () => void
  /** Told of every request that `close()` has to wait for. */
  readonly started: (flight: Promise<unknown>) => void
  readonly close: () => Promise<void>
}

/**
 * The state of a source that was just made.
 *
 * @param name how the error calls it
 * @param release called when it was closed and nothing is under way any more
 */
export function openState(name: string, release: () => Promise<void>): OpenState {
  const underWay = new Set<Promise<unknown>>()
  let isOpen = true
  const error = () => new ClosedError(`${name} was closed`)
  return {
    isOpen: () => isOpen,
    error,
    check() {
      if (!isOpen) throw error()
    },
    started(flight) {
      // callers who join a request report it again
      if (underWay.has(flight)) return
      const done = () => underWay.delete(flight)
      underWay.add(flight)
      flight.then(done, done)
    },
    async close() {
      isOpen = false
      await Promise.allSettled(underWay)
      await release()
    },
  }
}
