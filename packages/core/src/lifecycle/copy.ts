/** A token of a record, made ready for callers once, so that handing it out takes no more than a look at the clock. */
import { outOfContext } from '../context.js'
import type { TokenSet } from '../token-set.js'
import { isSameToken, type KeptToken, type LineageRecord, tokenSetOf } from './record.js'

let copies = 0

/** A token of the record, as callers get it. */
export class Copy {
  /** A number of its own: who remembers which copy was looked at last need not keep the tokens alive for that. */
  readonly id = ++copies
  readonly tokenSet: TokenSet
  /** What it is a copy of. */
  readonly token: KeptToken
  /** Until when the store need not be asked, by the client's clock; `-Infinity` once a change was told. */
  readonly goodUntil: number
  #answer: Promise<TokenSet> | undefined

  /** @param before whose promise it hands out, if there is one */
  constructor(tokenSet: TokenSet, token: KeptToken, goodUntil: number, before?: Copy) {
    this.tokenSet = tokenSet
    this.token = token
    this.goodUntil = goodUntil
    if (before !== undefined) this.#answer = before.#answer
  }

  /**
   * The token set as a promise, made for who asks again and again: most are asked once. It lives as long as the token, and
   * must not hold the request that was the first to ask for it.
   */
  get answer(): Promise<TokenSet> {
    this.#answer ??= outOfContext(() => Promise.resolve(this.tokenSet))
    return this.#answer
  }
}

/** A copy of a record's token. Its token set is the one of the copy before when nothing has changed: callers compare. */
export function copyOf(
  record: LineageRecord,
  token: KeptToken,
  before: Copy | undefined,
  { now, copyMs }: { readonly now: number; readonly copyMs: number },
): Copy {
  const isSame =
    before !== undefined &&
    isSameToken(token, before.token) &&
    before.tokenSet.refreshToken === record.refreshToken &&
    before.tokenSet.refreshTokenExpiresAt === record.refreshTokenExpiresAt
  if (isSame) return new Copy(before.tokenSet, token, now + copyMs, before)
  return new Copy(tokenSetOf(record, token, now), token, now + copyMs)
}

/** The copy, good until another instant. */
export function goodUntil(copy: Copy, instant: number): Copy {
  return new Copy(copy.tokenSet, copy.token, instant, copy)
}
