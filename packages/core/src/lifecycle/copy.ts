/** A token of a record, made ready for callers once, so that handing it out takes no more than a look at the clock. */
import { outOfContext } from '../context.js'
import type { TokenSet } from '../token-set.js'
import { isSameToken, type KeptToken, type LineageRecord, tokenSetOf } from './record.js'

/** A token of the record, as callers get it. */
export interface Copy {
  /** A number of its own: who remembers which copy was looked at last need not keep the tokens alive for that. */
  readonly id: number
  readonly tokenSet: TokenSet
  /** The same as a promise, made when the token came. */
  readonly answer: Promise<TokenSet>
  /** What it is a copy of. */
  readonly token: KeptToken
  /** Until when the store need not be asked, by the client's clock; `-Infinity` once a change was told. */
  readonly goodUntil: number
}

let copies = 0

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
  const tokenSet = isSame ? before.tokenSet : tokenSetOf(record, token, now)
  // the promise lives as long as the token, and must not hold the request that was the first to ask for it
  const answer = isSame ? before.answer : outOfContext(() => Promise.resolve(tokenSet))
  return { id: ++copies, tokenSet, answer, token, goodUntil: now + copyMs }
}

/** The copy, good until another instant. */
export function goodUntil(copy: Copy, instant: number): Copy {
  return { ...copy, id: ++copies, goodUntil: instant }
}
