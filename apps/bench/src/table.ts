/** The table that is printed. */
import { type Figure, type Goal, isReached, type Row, subject, type Unit } from './figure.js'

const headings = ['', 'measured', 'middle half', 'goal', '', 'each']

/** Lays the figures out as one table: a line for each contestant, indented under its figure. */
export function formatTable(figures: readonly Figure[]): string {
  const lines = [headings, ...figures.flatMap(figure => [[figure.name], ...figure.rows.map(row => cells(figure, row))])]
  const widths = headings.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  // the name of a figure may be longer than those of contestants
  widths[0] = Math.max(...lines.map(line => (line.length > 1 ? (line[0]?.length ?? 0) : 0)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map(line => line.map(pad).join('  ').trimEnd()).join('\n')
}

function cells(figure: Figure, { name, measured, each }: Row): string[] {
  const { unit, goals } = figure
  const goal = goals.find(({ over, of = over ?? subject }) => of === name)
  return [
    `     ${name}`,
    show(measured.median, unit),
    `${show(measured.lower, unit, false)} to ${show(measured.upper, unit, false)}`,
    ...(goal === undefined ? ['', ''] : [describe(goal, unit), isReached(goal, figure) ? 'ok' : 'over']),
    each === undefined ? '' : showOne(each),
  ]
}

/** Stands in the row it compares with. */
function describe({ atMost, over, of }: Goal, unit: Unit): string {
  if (of !== undefined) return `× ${atMost.toFixed(2)} ≥ ${subject}`
  if (over === undefined) return `≤ ${show(atMost, unit)}`
  return atMost === 0 ? `≥ ${subject}` : `+ ${show(atMost, unit)} ≥ ${subject}`
}

function show(value: number, unit: Unit, withUnit = true): string {
  if (unit === 'ratio') return `${value.toFixed(2)}${withUnit ? ' ×' : ''}`
  if (unit === 'count') return value.toFixed(0)
  if (unit === 'bytes') return `${value.toFixed(0)}${withUnit ? ' B' : ''}`
  return `${(value / 1_000).toFixed(2)}${withUnit ? ' µs' : ''}`
}

/** As exact as it can be taken to be. */
function showOne({ value, unit }: NonNullable<Row['each']>): string {
  if (unit !== 'nanoseconds') return show(value, unit)
  if (value < 1_000) return `${value.toFixed(0)} ns`
  return value < 10_000_000 ? `${exactly(value / 1_000)} µs` : `${exactly(value / 1_000_000)} ms`
}

const exactly = (value: number) => (value < 100 ? value.toPrecision(3) : value.toFixed(0))
