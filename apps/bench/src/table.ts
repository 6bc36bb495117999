/** The table that is printed. */
import { type Figure, isWithinLimit, type Row, subject } from './figure.js'

const headings = ['', 'measured', 'middle half', 'limit', '', 'each']

/** Lays the figures out as one table: a line for each contestant, indented under its figure. */
export function formatTable(figures: readonly Figure[]): string {
  const lines = [headings, ...figures.flatMap(figure => [[figure.name], ...figure.rows.map(row => cells(figure, row))])]
  const widths = headings.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map(line => line.map(pad).join('  ').trimEnd()).join('\n')
}

function cells(figure: Figure, { name, measured, nanoseconds }: Row): string[] {
  const { unit, limit } = figure
  const show = (value: number) => (unit === 'ratio' ? value.toFixed(2) : value.toFixed(0))
  const suffix = unit === 'ratio' ? ' ×' : ' B'
  return [
    `     ${name}`,
    `${show(measured.median)}${suffix}`,
    `${show(measured.lower)} to ${show(measured.upper)}`,
    ...(name === subject ? [`≤ ${limit}${suffix}`, isWithinLimit(figure) ? 'ok' : 'over'] : ['', '']),
    nanoseconds === undefined ? '' : duration(nanoseconds),
  ]
}

function duration(nanoseconds: number): string {
  return nanoseconds < 1_000 ? `${nanoseconds.toFixed(0)} ns` : `${(nanoseconds / 1_000).toFixed(0)} µs`
}
