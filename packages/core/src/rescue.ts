/**
 * A refresh token that came with an answer that is refused all the same: kept beside the error, never in it, so that
 * whoever holds the old one can put it in its place. A server that rotates has used the old one up (RFC 9700 §4.14).
 */

/** A refresh token that could be read, and what is known of it. */
export interface RescuedRefreshToken {
  readonly refreshToken: string
  /** In epoch milliseconds; `undefined` when the server did not say. */
  readonly refreshTokenExpiresAt?: number | undefined
  /** Just before it was asked for, in epoch milliseconds. */
  readonly obtainedAt: number
}

const rescued = new WeakMap<object, RescuedRefreshToken>()

/** Notes the refresh token of an answer that this error refuses; returns the error. */
export function rescue<E extends object>(error: E, brought: RescuedRefreshToken): E {
  rescued.set(error, brought)
  return error
}

/** The refresh token that came with the answer an error refuses, if one could be read. */
export function rescuedFrom(error: unknown): RescuedRefreshToken | undefined {
  return typeof error === 'object' && error !== null ? rescued.get(error) : undefined
}
