/** What happened, line by line, as the page shows it. Lines that repeat are counted. */

/** One line. */
export interface LogLine {
  readonly id: number
  /** Epoch milliseconds of this machine. */
  readonly at: number
  /** Who says it: the app, GrantKit inside it, or the server that received something. */
  readonly from: 'app' | 'grantkit' | 'server'
  /** The card, or the system. */
  readonly place: string
  readonly text: string
  /** What came of it, such as a status. */
  readonly outcome: string | undefined
  readonly tone: 'plain' | 'good' | 'warn' | 'bad'
  /** How many times, one after another. */
  readonly count: number
}

/** A line before it is in the log. */
export interface NewLine extends Pick<LogLine, 'from' | 'place' | 'text' | 'tone'> {
  readonly outcome?: string | undefined
  /** Whether a repetition adds to the count instead of a line. */
  readonly counted?: boolean
}

export interface Log {
  readonly lines: readonly LogLine[]
  add(line: NewLine): void
}

const limit = 300
/** A repetition is looked for this long after the last one, and no further back than a line that is not counted. */
const reachMs = 400

/** @param changed told of each line that is new or was counted up */
export function createLog(changed: (line: LogLine) => void): Log {
  const lines: LogLine[] = []
  /** When each was said last, of the lines that may be counted up. */
  const countable = new Map<number, number>()
  let nextId = 1

  function indexOfSame(line: NewLine, now: number): number {
    return lines.findLastIndex(one => now - (countable.get(one.id) ?? 0) < reachMs && isRepetition(line, one))
  }

  return {
    lines,
    add({ counted = false, ...line }) {
      const at = Date.now()
      const index = counted ? indexOfSame(line, at) : -1
      const known = lines[index]
      const added = known
        ? { ...known, count: known.count + 1 }
        : { id: nextId++, at, count: 1, outcome: undefined, ...line }
      if (known) lines[index] = added
      else lines.push(added)
      if (counted) countable.set(added.id, at)
      else countable.clear()
      if (lines.length > limit) countable.delete(lines.shift()?.id ?? 0)
      changed(added)
    },
  }
}

function isRepetition(line: NewLine, of: LogLine): boolean {
  return (['from', 'place', 'text', 'outcome'] as const).every(member => line[member] === of[member])
}
