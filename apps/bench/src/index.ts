/** Measures what GrantKit costs beside what others cost, and prints one table. `--json` and `--check` change that. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { axiosRequest } from './axios-request.js'
import { cachedRead } from './cached-read.js'
import { type Figure, isWithinLimit } from './figure.js'
import { startLocalServer } from './local-server.js'
import { formatTable } from './table.js'
import { tokenRequest } from './token-request.js'

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, check: { type: 'boolean' } } })
const figures = await measureAll()
console.log(options.json ? formatJson(figures) : `${describeMachine()}\n\n${formatTable(figures)}`)
if (options.check && !figures.every(isWithinLimit)) process.exitCode = 1

async function measureAll(): Promise<Figure[]> {
  const reading = await cachedRead()
  const server = await startLocalServer()
  try {
    return [...reading, await axiosRequest(server.origin), await tokenRequest(server.origin)]
  } finally {
    server.close()
  }
}

function describeMachine(): string {
  const { node, v8 } = process.versions
  return `Node ${node} (V8 ${v8}) on ${availableParallelism()} cores. ×: times as long as the first line of each figure.`
}

/** One JSON object for each figure, on a line of its own. */
function formatJson(figures: readonly Figure[]): string {
  return figures.map(figure => JSON.stringify({ ...figure, ok: isWithinLimit(figure) })).join('\n')
}
