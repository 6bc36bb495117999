/**
 * How a server does, told by its answers: whether it is down, or fails for one caller alone. One failure says neither.
 * Until somebody else has failed too, with no success between, it is left to that caller to wait; from the second on all
 * do. When their rest is over one of them tries, and the others wait for what comes of it; after a success they go twice as
 * many at a time with each answer. Who has failed again lets those try first who have not, or the owner of a dead refresh
 * token who asks most often would keep everybody waiting.
 */
import type { GrantKitError } from '../errors.js'

/** No request before an instant, and the same error instead. */
export interface Rest {
  /** When it began. A clock that shows less was set back: the rest is over then, or it would last longer by as much. */
  readonly since: number
  readonly until: number
  readonly error: GrantKitError
  /** How many failures in a row. */
  readonly failures: number
  /** The credentials that were refused; others end the rest. */
  readonly refused?: string | undefined
}

/** How long the rest after a first failure is, unless the server says. */
const firstRestMs = 1_000
export const longestRestMs = 30_000
/** When so many fail with no success between, it is not taken for the fault of each of them. */
const many = 5
/** How long those who have not failed may try first when the rest is over, at most. */
const longestPrecedenceMs = 10_000

/** Twice as long after each failure in a row. */
export function restMsAfter(failures: number, firstMs = firstRestMs, longestMs = longestRestMs): number {
  return Math.min(firstMs * 2 ** Math.min(failures - 1, 20), longestMs)
}

/** The rest in force. */
export function inForce(rest: Rest | undefined, now: number): Rest | undefined {
  return rest !== undefined && rest.since <= now && now < rest.until ? rest : undefined
}

/** One server, or one client at it. */
export class Health {
  rest: Rest | undefined
  /** Who has failed since the last success, and how often. */
  readonly #doubts = new Map<string, number>()
  /** Whether somebody who has not failed was refused during the rest. */
  #othersWait = false
  /** After how many failures one lets others try first: after the first where it may be one's own fault, else after two. */
  #yieldsAfter = 2
  /** Who has failed while others were served: a further failure of theirs says nothing of the server. */
  readonly #alone = new Set<string>()
  #failures = 0
  #most = Number.POSITIVE_INFINITY
  #underWay = 0
  readonly #waiting = new Set<() => void>()

  /** Takes a place among the requests under way; `false` when there is none now. */
  enter(): boolean {
    if (this.#underWay >= this.#most) return false
    this.#underWay++
    return true
  }

  hasPlace(): boolean {
    return this.#underWay < this.#most
  }

  leave(): void {
    this.#underWay--
    this.#wake()
  }

  /** Until there may be a place, or a rest. */
  change(): Promise<void> {
    return new Promise(resolve => this.#waiting.add(resolve))
  }

  /** A rest that is in force stays: the server may have asked for it. */
  succeeded(who: string, now: number): void {
    this.#alone.delete(who)
    this.#doubts.delete(who)
    if (this.#doubts.size < many) for (const other of this.#doubts.keys()) this.#alone.add(other)
    if (this.#alone.size > 1_000) this.#alone.clear()
    this.#doubts.clear()
    if (inForce(this.rest, now) !== undefined) return
    this.#failures = 0
    this.rest = undefined
    this.#most = this.#most > 512 ? Number.POSITIVE_INFINITY : this.#most * 2
  }

  /**
   * Somebody failed, and whether it is the server is not known.
   *
   * @param who a failure of a second one says that it is the server
   */
  doubted(who: string, now: number, error: GrantKitError): void {
    if (this.#failures === 0) {
      if (this.#alone.has(who)) return
      this.#count(who)
      if (this.#doubts.size < 2) return
    }
    this.rests(who, now, error)
    this.#yieldsAfter = 1
  }

  /** Whether this one failed while others were served. */
  isAlone(who: string): boolean {
    return this.#failures === 0 && this.#alone.has(who)
  }

  /** Requests that were under way together fail together: that counts once, and the longest rest asked for is kept. */
  rests(who: string, now: number, error: GrantKitError, restMs?: number, refused?: string): void {
    this.#count(who)
    const current = inForce(this.rest, now)
    if (current === undefined) {
      this.#failures++
      this.#othersWait = false
      this.#yieldsAfter = 2
    }
    const until = now + (restMs ?? error.retryAfterMs ?? restMsAfter(this.#failures))
    if (current === undefined || current.until < until)
      this.rest = { since: now, until, error, failures: this.#failures, refused }
    this.#most = 1
    this.#wake()
  }

  /** The rest that is in force for one: for who has failed again it is longer, when others wait who have not. */
  restFor(who: string, now: number): Rest | undefined {
    const { rest } = this
    if (rest === undefined) return undefined
    const failed = this.#doubts.get(who) ?? 0
    if (failed === 0 && inForce(rest, now) !== undefined) this.#othersWait = true
    if (failed < this.#yieldsAfter || !this.#othersWait) return inForce(rest, now)
    return inForce({ ...rest, until: rest.until + Math.min(rest.until - rest.since, longestPrecedenceMs) }, now)
  }

  #count(who: string): void {
    this.#doubts.set(who, (this.#doubts.get(who) ?? 0) + 1)
  }

  /** What was wrong has been changed. */
  forgive(): void {
    this.rest = undefined
    this.#failures = 0
    this.#most = Number.POSITIVE_INFINITY
    this.#wake()
  }

  /** Whether nothing is known that a new one would not know. */
  isIdle(now: number): boolean {
    const isOver = this.rest === undefined || this.rest.until + longestRestMs < now
    return isOver && this.#underWay === 0 && this.#waiting.size === 0
  }

  /** Wakes all who wait: if only one were woken and gave up before it took its place, the others would wait for ever. */
  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}
