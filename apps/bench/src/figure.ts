/** A figure: what GrantKit costs as a multiple of a reference, the limit it is held to, and others beside it. */
import { type Measured, type Parts, ratiosTo, summarize } from './measure.js'

export interface Figure {
  readonly name: string
  readonly unit: 'ratio' | 'bytes'
  /** What GrantKit's median may be at most, in `unit`. */
  readonly limit: number
  readonly rows: readonly Row[]
}

/** One contestant. */
export interface Row {
  readonly name: string
  /** In the figure's unit. */
  readonly measured: Measured
  /** The time for doing it once, in nanoseconds; a figure in bytes has none. */
  readonly nanoseconds?: number
}

/** The row a limit is for. */
export const subject = 'GrantKit'

/** Makes a figure of times in nanoseconds, as ratios to those of `reference`. */
export function ratioFigure<Name extends string>(
  { name, limit, reference }: { name: string; limit: number; reference: Name },
  times: Parts<Name>,
): Figure {
  const ratios = ratiosTo(times[reference], times)
  const rows = (Object.keys(times) as Name[]).map(name => ({
    name,
    measured: summarize(ratios[name]),
    nanoseconds: summarize(times[name]).median,
  }))
  return { name, unit: 'ratio', limit, rows }
}

/** Makes a figure of bytes. */
export function bytesFigure<Name extends string>(
  { name, limit }: { name: string; limit: number },
  bytes: Parts<Name>,
): Figure {
  const rows = (Object.keys(bytes) as Name[]).map(name => ({ name, measured: summarize(bytes[name]) }))
  return { name, unit: 'bytes', limit, rows }
}

/** Whether the figure's goal is reached. */
export function isWithinLimit({ rows, limit }: Figure): boolean {
  return rows.some(({ name, measured }) => name === subject && measured.median <= limit)
}
