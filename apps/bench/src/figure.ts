/** A figure: what GrantKit costs beside what others cost, and the goals it is held to. */
import { type Measured, type Parts, ratiosTo, summarize } from './measure.js'

/** What numbers are in; `ratio` is a multiple of the first row. */
export type Unit = 'ratio' | 'nanoseconds' | 'bytes' | 'count'

export interface Figure {
  readonly name: string
  readonly unit: Unit
  readonly goals: readonly Goal[]
  readonly rows: readonly Row[]
}

/** What GrantKit's median may be at most, in the figure's unit; with `over`, that much more than this row's; with `of`, that many times this row's. */
export interface Goal {
  readonly atMost: number
  readonly over?: string
  readonly of?: string
}

/** One contestant. */
export interface Row {
  readonly name: string
  /** In the figure's unit. */
  readonly measured: Measured
  /** Of a ratio, what it is a ratio of: the median for doing it once. */
  readonly each?: { readonly value: number; readonly unit: Unit }
}

/** What a figure is made with. */
export interface Heading {
  readonly name: string
  readonly goals: readonly Goal[]
}

/** The row the goals are for. */
export const subject = 'GrantKit'

/** Makes a figure of ratios to the first contestant's numbers. */
export function ratioFigure<Name extends string>(
  heading: Heading,
  parts: Parts<Name>,
  unit: Unit = 'nanoseconds',
): Figure {
  const names = Object.keys(parts) as Name[]
  const ratios = ratiosTo(parts[names[0] as Name], parts)
  const rows = names.map(name => ({
    name,
    measured: summarize(ratios[name]),
    each: { value: summarize(parts[name]).median, unit },
  }))
  return { ...heading, unit: 'ratio', rows }
}

/** Makes a figure of the numbers as they are. */
export function plainFigure<Name extends string>(heading: Heading, parts: Parts<Name>, unit: Unit): Figure {
  const names = Object.keys(parts) as Name[]
  return { ...heading, unit, rows: names.map(name => ({ name, measured: summarize(parts[name]) })) }
}

/** Whether all of a figure's goals are reached. */
export function isWithinLimits(figure: Figure): boolean {
  return figure.goals.every(goal => isReached(goal, figure))
}

/** Whether one is. */
export function isReached({ atMost, over, of }: Goal, { rows }: Pick<Figure, 'rows'>): boolean {
  const medianOf = (name: string) => rows.find(row => row.name === name)?.measured.median ?? Number.NaN
  if (of !== undefined) return medianOf(subject) <= atMost * medianOf(of)
  return medianOf(subject) <= atMost + (over === undefined ? 0 : medianOf(over))
}
