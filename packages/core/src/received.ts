/** What had come of an answer before it failed: kept beside the error, never in it, for whoever looks what is in there. */

/** A body, or the part of it that came. */
export interface Received {
  /** `undefined`: no status line has come. */
  readonly status?: number | undefined
  readonly body: Uint8Array | string
  /** `Content-Encoding`, where the body is still encoded. */
  readonly contentEncoding?: string | null | undefined
  /** Whether all of it came. */
  readonly isWhole: boolean
}

const kept = new WeakMap<object, Received>()

/** Notes what had come when this error ended it; returns the error. */
export function keepReceived<E>(error: E, received: Received): E {
  if (typeof error === 'object' && error !== null && received.body.length > 0) kept.set(error, received)
  return error
}

/** What is kept beside an error or one of its causes; it is kept no longer. */
export function takeReceived(error: unknown): Received | undefined {
  for (let one = error, depth = 0; typeof one === 'object' && one !== null && depth < 5; depth++) {
    const received = kept.get(one)
    if (received !== undefined) {
      kept.delete(one)
      return received
    }
    one = (one as { cause?: unknown }).cause
  }
  return undefined
}
