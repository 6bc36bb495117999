/** Results as a table for a terminal. */
import type { RowResult } from './tour.js'

/** One line a row, columns as wide as they need to be; how it ended, and an error, stand below it. */
export function table(results: readonly RowResult[]): string {
  const cells = results.map(cellsOf)
  const widths = headings.map((heading, column) =>
    Math.max(...[heading, ...cells.map(row => row[column] ?? '')].map(cell => cell.length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const rule = widths.map(width => '-'.repeat(width))
  const body = results.flatMap((result, index) => [
    line(cells[index] ?? []),
    ...[result.ending, result.error].flatMap(text => (text === null ? [] : [`   ${text}`])),
  ])
  return [line(headings), line(rule), ...body].join('\n')
}

const headings = ['#', 'system', 'grant', 'client authentication', 'token', 'API', 'renewed by', 'API again', 'ms', '']

function cellsOf(result: RowResult): string[] {
  const lifetime =
    result.lifetimeSeconds === null ? '-' : `${result.lifetimeSeconds} s${result.idToken ? ', id_token' : ''}`
  return [
    String(result.row),
    result.system,
    result.grant,
    result.authentication,
    lifetime,
    String(result.apiStatus ?? '-'),
    result.tokenRequests.slice(1).join(', ') || '-',
    String(result.apiStatusAfterExpiry ?? '-'),
    String(result.durationMs),
    result.ok ? 'ok' : 'FAILED',
  ]
}
