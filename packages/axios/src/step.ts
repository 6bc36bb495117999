/** What core is told of one attempt at a request, or of one hop of it. Whatever it does not ask for is not worked out. */
import { hasHeader, leadsToSocket, type Sending } from '@grantkit/core/kit'
import type { Config } from './axios-like.js'

/** A config and where it leads. */
export class Step implements Sending {
  readonly request: Config
  readonly url: string
  readonly signal: AbortSignal | undefined
  readonly #method: string | undefined

  /** @param method where it is not the config's own */
  constructor(config: Config, url: string, signal: AbortSignal | undefined, method?: string) {
    this.request = config
    this.url = url
    this.signal = signal
    this.#method = method
  }

  /** Where a library follows by itself: the same request, elsewhere. */
  onward(method: string, url: string): Step {
    return new Step(this.request, url, this.signal, method)
  }

  get method(): string {
    return (this.#method ?? this.request.method ?? 'get').toUpperCase()
  }

  get isSocket(): boolean {
    const { httpAgent, httpsAgent } = this.request
    return leadsToSocket(this.request, httpAgent, httpsAgent)
  }

  /** An adapter of the caller's may have a cache, and so may the dispatcher beneath fetch; Node's http has none. */
  get mayBeKept(): boolean {
    const { adapter } = this.request
    const first = Array.isArray(adapter) ? adapter[0] : adapter
    return typeof first === 'function' || first === 'fetch'
  }

  has(name: string): boolean {
    const { headers, auth } = this.request
    return hasHeader(headers, name) || (name === 'authorization' && Boolean(auth))
  }
}
