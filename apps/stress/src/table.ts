/** The table that is printed. */
import type { Figure, Result } from './figure.js'

/** Lays results out as one table: a line for each figure, indented under its scenario. */
export function formatTable(results: readonly Result[]): string {
  const lines = results.flatMap(({ scenario, setting, figures }) => [
    [`${scenario}: ${setting}`],
    ...figures.map(cells),
  ])
  const widths = [0, 1, 2, 3].map(column =>
    Math.max(...lines.map(line => (line.length > 1 ? (line[column]?.length ?? 0) : 0))),
  )
  const pad = (cell: string, column: number) =>
    column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
  return lines.map(line => line.map(pad).join('  ').trimEnd()).join('\n')
}

function cells({ name, value, wanted, ok }: Figure): string[] {
  const shown = typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value)
  return [`  ${name}`, shown, wanted ?? '', wanted === undefined ? '' : ok ? 'ok' : 'FAILED']
}
