/** The steps of a renewal as they pass the store and the transport, with a process that can end at any of them. */
import type { Client, TokenStore } from '@grantkit/core'

/** Where a process ends by its own hand, as if it had been killed: before or after a step, counted from 0. */
export interface Crash {
  readonly step: number
  readonly when: 'before' | 'after'
}

export class Steps {
  readonly taken: string[] = []
  readonly #crash: Crash | undefined

  constructor(crash: Crash | undefined) {
    this.#crash = crash
  }

  async take<T>(name: string, run: () => Promise<T>): Promise<T> {
    const step = this.taken.push(name) - 1
    await this.#dieAt({ step, when: 'before' })
    const result = await run()
    await this.#dieAt({ step, when: 'after' })
    return result
  }

  async #dieAt({ step, when }: Crash): Promise<void> {
    if (this.#crash?.step !== step || this.#crash.when !== when) return
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  }
}

/** Takes every step of a store and a client by the steps of the moment, if there are any. */
export class StepCounter {
  steps: Steps | undefined

  storeOf(store: TokenStore): TokenStore {
    return {
      ...store,
      get: key => this.#take('get', () => store.get(key)),
      compareAndSet: (...args) => this.#take('compareAndSet', () => store.compareAndSet(...args)),
      delete: (...args) => this.#take('delete', () => store.delete(...args)),
      lease: (...args) => this.#take('lease', () => store.lease(...args)),
      release: (...args) => this.#take('release', () => store.release(...args)),
    }
  }

  clientOf(client: Client): Client {
    return { ...client, transport: request => this.#take('token request', () => client.transport(request)) }
  }

  #take<T>(name: string, run: () => Promise<T>): Promise<T> {
    return this.steps === undefined ? run() : this.steps.take(name, run)
  }
}
