/** What was said, line by line, in order and up to a limit. Lines that repeat are counted. */

/** What every line has beside what it says. */
export interface Kept {
  readonly id: number
  /** Epoch milliseconds of this machine. */
  readonly at: number
  /** How many times, one after another. */
  readonly count: number
}

/** Before it is kept. */
export interface Said {
  /** Whether a repetition adds to the count instead of a line. */
  readonly counted?: boolean
}

export interface Lines<New extends Said> {
  readonly lines: readonly (Omit<New, 'counted'> & Kept)[]
  add(line: New): void
}

export interface LinesOptions<New extends Said> {
  /** The oldest go when there are more. */
  readonly limit: number
  /** What a repetition has in common with what it repeats. */
  readonly sameBy: readonly (keyof New)[]
  /** Told of each line that is new or was counted up. */
  readonly changed: (line: Omit<New, 'counted'> & Kept) => void
}

/** A repetition is looked for this long after the last one, and no further back than a line that is not counted. */
const reachMs = 400

export function createLines<New extends Said>({ limit, sameBy, changed }: LinesOptions<New>): Lines<New> {
  type Line = Omit<New, 'counted'> & Kept
  const lines: Line[] = []
  /** When each was said last, of the lines that may be counted up. */
  const countable = new Map<number, number>()
  let nextId = 1

  function indexOfSame(line: New, now: number): number {
    const isSame = (one: Line) => sameBy.every(member => line[member] === (one as unknown as New)[member])
    return lines.findLastIndex(one => now - (countable.get(one.id) ?? 0) < reachMs && isSame(one))
  }

  return {
    lines,
    add({ counted = false, ...line }) {
      const at = Date.now()
      const index = counted ? indexOfSame(line as New, at) : -1
      const known = lines[index]
      const added: Line = known ? { ...known, count: known.count + 1 } : { id: nextId++, at, count: 1, ...line }
      if (known) lines[index] = added
      else lines.push(added)
      if (counted) countable.set(added.id, at)
      else countable.clear()
      if (lines.length > limit) countable.delete(lines.shift()?.id ?? 0)
      changed(added)
    },
  }
}
