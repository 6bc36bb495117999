/**
 * Tokens that were new and rejected all the same: for a while nobody renews because of them, or an API that answers every
 * token with `invalid_token` would cause a token request with each call.
 */
import { originOf } from './origins.js'
import { sha256 } from './secret.js'
import { nowOf, type TokenSource } from './token-source.js'

/** A token that an API rejected. */
export interface Concern {
  readonly source: TokenSource
  readonly token: string
  readonly url: string | URL
}

/** By hash, until when. */
const hopeless = new Map<string, number>()
const hopelessForMs = 10_000
const mostHopeless = 1_000

/** Nothing is renewed because of it for a while. */
export function giveUp(concern: Concern): void {
  const now = nowOf(concern.source)
  const key = keyOf(concern)
  // put at the end: the first is the first to go
  hopeless.delete(key)
  if (hopeless.size >= mostHopeless) makeRoom(now)
  hopeless.set(key, now + hopelessForMs)
}

/** Whether it was given up a moment ago. */
export function isHopeless(concern: Concern): boolean {
  const until = hopeless.get(keyOf(concern))
  return until !== undefined && nowOf(concern.source) < until
}

function keyOf({ token, url }: Concern): string {
  return sha256(`${token} ${originOf(url)}`)
}

function makeRoom(now: number): void {
  for (const [old, until] of hopeless) if (until <= now || hopeless.size >= mostHopeless) hopeless.delete(old)
}
