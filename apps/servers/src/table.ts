/** What was seen, as one table of text. */

export interface Row {
  readonly server: string
  readonly check: string
  readonly seen: string
}

export function table(rows: readonly Row[]): string {
  const columns = ['server', 'check', 'seen'] as const
  const lines = [{ server: 'server', check: 'check', seen: 'seen' }, ...rows]
  const [server = 0, check = 0] = columns.map(name => Math.max(...lines.map(line => line[name].length)))
  return lines.map(line => `${line.server.padEnd(server)}  ${line.check.padEnd(check)}  ${line.seen}`).join('\n')
}
