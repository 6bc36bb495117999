/** What belongs together: the hops of a redirect chain, and a retry interceptor's attempts at each, are one request. */
import type { Head } from './attempt.js'

/** A request that goes on, and how. */
interface Continued<Trip> {
  readonly trip: Trip
  readonly attempt: 'redirect' | 'retry'
}

/** Remembers requests by what the interceptors above do: they dispatch again. */
export class Chains<Trip> {
  /** Where redirects have led. What has followed none begins anew with every attempt: nothing is to be known of it. */
  readonly #hops = new WeakMap<object, { readonly trip: Trip; readonly url: string }>()
  #redirected: Trip | undefined

  /** The request this dispatch continues, if any. */
  continuedBy(handler: object, url: string): Continued<Trip> | undefined {
    const continued = this.#find(handler, url)
    if (continued !== undefined) this.#hops.set(handler, { trip: continued.trip, url })
    return continued
  }

  #find(handler: object, url: string): Continued<Trip> | undefined {
    if (this.#redirected !== undefined) return { trip: this.#redirected, attempt: 'redirect' }
    // the retry interceptor comes back later, with the same handler for the same URL
    const before = this.#hops.get(handler)
    return before?.url === url ? { trip: before.trip, attempt: 'retry' } : undefined
  }

  /**
   * The redirect interceptor dispatches the next hop while it is told the end of the answer that redirects.
   *
   * @returns called when it has been told
   */
  ending(trip: Trip | undefined, head: Head | undefined): () => void {
    const before = this.#redirected
    const next = head?.isRedirect ? trip : undefined
    if (next === before) return nothing
    this.#redirected = next
    return () => {
      this.#redirected = before
    }
  }
}

function nothing(): void {}
