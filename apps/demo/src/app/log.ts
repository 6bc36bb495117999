/** What happened, line by line, as the page shows it. */
import { createLines, type Kept, type Lines, type Said } from './lines.js'

/** A line before it is in the log. */
export interface NewLine extends Said {
  /** Who says it: the app, GrantKit inside it, or the server that received something. */
  readonly from: 'app' | 'grantkit' | 'server'
  /** The card, or the system. */
  readonly place: string
  readonly text: string
  /** What came of it, such as a status. */
  readonly outcome?: string | undefined
  readonly tone: 'plain' | 'good' | 'warn' | 'bad'
}

/** One line. */
export type LogLine = Omit<NewLine, 'counted'> & Kept

export type Log = Lines<NewLine>

/** @param changed told of each line that is new or was counted up */
export function createLog(changed: (line: LogLine) => void): Log {
  return createLines({ limit: 300, sameBy: ['from', 'place', 'text', 'outcome'], changed })
}
