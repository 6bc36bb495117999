/** An HTTP client as it is measured: bare, and with each kind of hook. */
import type { ManagedTokenSource } from '@grantkit/core'
import type { Repeat } from '../measure.js'

/** Sends one request and reads its answer. */
export type Send = () => PromiseLike<unknown>

/** Each makes a client of its own: what one contestant does to its connections, the others do not pay for. */
export interface Client {
  readonly bare: () => Send
  readonly synchronous: (authorization: () => string) => Send
  readonly asynchronous: (authorization: () => Promise<string>) => Send
  readonly grantKit: (source: ManagedTokenSource) => Send
}

/** Where the clients send to that answer at once: nowhere. */
export const nowhere = 'https://api.example'

/** One request after the other. */
export function inSequence(send: Send): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) await send()
  }
}

/** So many at once, until all are sent. */
export function atOnce(count: number, send: Send): Repeat {
  return async times => {
    let left = times
    const one = async () => {
      while (left-- > 0) await send()
    }
    await Promise.all(Array.from({ length: count }, one))
  }
}
