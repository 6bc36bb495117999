/** The last minutes of a card, for its picture: tokens, what was asked for, calls. */

/** How far back the picture reaches. */
export const reachMs = 120_000

/** A token, from when it came to when it is over by its own word. */
interface TokenSpan {
  readonly from: number
  readonly until: number
  /** When the server ended it before. */
  readonly endedAt?: number | undefined
  /** When another took its place. */
  readonly replacedAt?: number | undefined
}

/** One answer of the token endpoint. */
export interface Renewal {
  readonly at: number
  readonly why: string
  readonly grantType: string
  readonly durationMs: number
  /** A status, or an error's code, when no token came of it. */
  readonly failure: string | undefined
}

/** Calls of about the same moment with the same end. */
interface Calls {
  readonly at: number
  readonly count: number
  readonly failed: boolean
}

/** All in order; what is out of reach is left out when something is added. */
export interface Timeline {
  readonly tokens: readonly TokenSpan[]
  readonly renewals: readonly Renewal[]
  readonly calls: readonly Calls[]
}

export const emptyTimeline: Timeline = { tokens: [], renewals: [], calls: [] }

/** What is closer together could not be told apart in the picture. */
const momentMs = 3000

/** A token that has come takes the place of the one before. */
export function withToken(timeline: Timeline, from: number, until: number): Timeline {
  const before: TokenSpan[] = timeline.tokens.map(span => ({ ...span, replacedAt: span.replacedAt ?? from }))
  return { ...timeline, tokens: recent(before, from, endOf).concat({ from, until }) }
}

/** The server ended the token that is held. */
export function withEnd(timeline: Timeline, endedAt: number): Timeline {
  const last = timeline.tokens.at(-1)
  if (last === undefined) return timeline
  return { ...timeline, tokens: [...timeline.tokens.slice(0, -1), { ...last, endedAt }] }
}

export function withRenewal(timeline: Timeline, renewal: Renewal): Timeline {
  return { ...timeline, renewals: recent(timeline.renewals, renewal.at, instantOf).concat(renewal) }
}

export function withCall(timeline: Timeline, at: number, failed: boolean): Timeline {
  const calls = recent(timeline.calls, at, instantOf)
  const index = calls.findLastIndex(one => at - one.at < momentMs && one.failed === failed)
  const known = calls[index]
  if (known === undefined) return { ...timeline, calls: calls.concat({ at, count: 1, failed }) }
  return { ...timeline, calls: calls.with(index, { ...known, count: known.count + 1 }) }
}

/** The same on another clock. */
export function movedBy(timeline: Timeline, ms: number): Timeline {
  const moved = (at: number | undefined) => at && at + ms
  return {
    tokens: timeline.tokens.map(({ from, until, endedAt, replacedAt }) => ({
      from: from + ms,
      until: until + ms,
      endedAt: moved(endedAt),
      replacedAt: moved(replacedAt),
    })),
    renewals: timeline.renewals.map(one => ({ ...one, at: one.at + ms })),
    calls: timeline.calls.map(one => ({ ...one, at: one.at + ms })),
  }
}

function recent<T>(all: readonly T[], now: number, instant: (one: T) => number): T[] {
  return all.filter(one => now - instant(one) < reachMs)
}

function endOf({ until, replacedAt = until }: TokenSpan): number {
  return Math.min(until, replacedAt)
}

function instantOf({ at }: { readonly at: number }): number {
  return at
}
