/** What tests of providers and clients need around a request: an answer that no server gives, and what was rejected. */
import type { Transport } from '@grantkit/core'

/**
 * A transport that gives every request the same answer: for answers that no server at hand gives.
 *
 * @param body as it comes, JSON or not
 * @param headers none unless given
 */
export function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Transport {
  return async () => ({ status, headers: new Headers(headers), body: new TextEncoder().encode(body) })
}

/**
 * What a promise is rejected with.
 *
 * @throws Error when it is fulfilled
 */
export async function rejection<Reason = Error>(promise: Promise<unknown>): Promise<Reason> {
  return promise.then(
    () => Promise.reject(new Error('was fulfilled, and should have been rejected')),
    (reason: Reason) => reason,
  )
}
