/** What belongs together: the hops of a redirect chain and a retry interceptor's attempts are one request. */
import type { Head } from './attempt.js'

/** A request that goes on, and how. */
interface Continued<Trip> {
  readonly trip: Trip
  readonly attempt: 'redirect' | 'retry'
}

/** Remembers requests by what the interceptors above do: they dispatch again. */
export class Chains<Trip> {
  readonly #byHandler = new WeakMap<object, { readonly trip: Trip; readonly url: string }>()
  #redirected: Trip | undefined

  /** The request this dispatch continues, if any. */
  continuedBy(handler: object, url: string): Continued<Trip> | undefined {
    if (this.#redirected !== undefined) return { trip: this.#redirected, attempt: 'redirect' }
    // the retry interceptor comes back later, with the same handler for the same URL
    const before = this.#byHandler.get(handler)
    return before?.url === url ? { trip: before.trip, attempt: 'retry' } : undefined
  }

  remember(handler: object, url: string, trip: Trip): void {
    this.#byHandler.set(handler, { trip, url })
  }

  /** The redirect interceptor dispatches the next hop while it is told the end of the answer that redirects. */
  complete(trip: Trip | undefined, head: Head | undefined, complete: () => void): void {
    const before = this.#redirected
    this.#redirected = isRedirect(head) ? trip : undefined
    try {
      complete()
    } finally {
      this.#redirected = before
    }
  }
}

function isRedirect(head: Head | undefined): boolean {
  return head !== undefined && head.status >= 300 && head.status < 400 && head.headers.location !== undefined
}
