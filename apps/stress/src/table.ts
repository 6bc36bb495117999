/** The table that is printed. */
import type { Figure, Result } from './figure.js'

/** Lays results out as one table: a line for each figure, indented under its scenario. */
export function formatTable(results: readonly Result[]): string {
  const groups = besideEachOther(results).map(group => ({ group, lines: linesOf(group) }))
  const nameWidth = widthOf(groups.flatMap(({ lines }) => lines.map(([name = '']) => name)))
  return groups.flatMap(({ group, lines }) => [titleOf(group), ...padded(lines, nameWidth, group.length)]).join('\n')
}

type Group = readonly [Result, ...Result[]]

/** Results that belong in one row of columns, together. */
function besideEachOther(results: readonly Result[]): Group[] {
  const groups: [Result, ...Result[]][] = []
  for (const result of results) {
    const last = groups.at(-1)
    const belongs = result.column !== undefined && last?.[0].column !== undefined && titleOf(last) === titleOf([result])
    if (belongs) last?.push(result)
    else groups.push([result])
  }
  return groups
}

function titleOf([{ scenario, setting }]: Group): string {
  return `${scenario}: ${setting}`
}

/** Cells of each line: a name, a value for each column, what it must be and whether it is. */
function linesOf(group: Group): string[][] {
  const [{ figures, column }] = group
  const names = column === undefined ? [] : [['', ...group.map(({ column = '' }) => column)]]
  const rows = figures.map(({ name }, row) => {
    const beside = group.map(({ figures }) => figures[row] as Figure)
    const wanted = beside.findLast(({ wanted }) => wanted !== undefined)?.wanted
    const verdict = beside.every(({ ok }) => ok) ? 'ok' : 'FAILED'
    return [`  ${name}`, ...beside.map(shown), ...(wanted === undefined ? [] : [wanted, verdict])]
  })
  return [...names, ...rows]
}

function shown({ value }: Figure): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value)
}

function padded(lines: readonly string[][], nameWidth: number, columns: number): string[] {
  const widths = Array.from({ length: columns + 2 }, (_, index) =>
    index === 0 ? nameWidth : widthOf(lines.map(line => line[index] ?? '')),
  )
  const pad = (cell: string, index: number) =>
    1 <= index && index <= columns ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)
  return lines.map(line => line.map(pad).join('  ').trimEnd())
}

function widthOf(cells: readonly string[]): number {
  return Math.max(0, ...cells.map(({ length }) => length))
}
