/** Measures what GrantKit costs beside what others cost, and prints one table. `--json` and `--check` change that. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { added, rows } from './attaching/added.js'
import { axiosClient } from './attaching/axios.js'
import { fetchClient } from './attaching/fetch.js'
import { gotClient } from './attaching/got.js'
import { undiciClient } from './attaching/undici.js'
import { axiosRequest } from './axios-request.js'
import { cachedRead } from './cached-read.js'
import { type Figure, isWithinLimits } from './figure.js'
import { startLocalServer } from './local-server.js'
import { formatTable } from './table.js'
import { tokenRequest } from './token-request.js'
import { userTokens } from './user-tokens.js'

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, check: { type: 'boolean' } } })
const figures = await measureAll()
console.log(options.json ? formatJson(figures) : `${describeMachine()}\n\n${formatTable(figures)}`)
if (options.check && !figures.every(isWithinLimits)) process.exitCode = 1

async function measureAll(): Promise<Figure[]> {
  const figures = [...(await cachedRead()), ...(await attaching())]
  const server = await startLocalServer()
  try {
    figures.push(await axiosRequest(server.origin), await tokenRequest(server.origin))
  } finally {
    server.close()
  }
  return [...figures, ...(await userTokens())]
}

/** One after the other: each client has the processor to itself. */
async function attaching(): Promise<Figure[]> {
  const aheadOfHandWritten = { atMost: 0, over: rows.handWritten }
  const microseconds = 1_000
  return [
    ...(await added({
      ...{ name: 'axios', client: axiosClient, forMs: 5_000 },
      ...{ timeGoals: [{ atMost: 1.5 }, aheadOfHandWritten], atMostBytes: 1_500 },
    })),
    ...(await added({
      ...{ name: 'undici', client: undiciClient, forMs: 3_000 },
      ...{ timeGoals: [{ atMost: 3 }], atMostBytes: 2_500 },
    })),
    ...(await added({
      ...{ name: 'got', client: gotClient, forMs: 7_000, show: 'times' as const },
      ...{ timeGoals: [{ atMost: 3 * microseconds, over: rows.synchronous }], atMostBytes: 2_500 },
    })),
    ...(await added({
      ...{ name: 'fetch', client: fetchClient, forMs: 4_000 },
      ...{ timeGoals: [aheadOfHandWritten], atMostBytes: 3_000 },
    })),
  ]
}

function describeMachine(): string {
  const { node, v8 } = process.versions
  return `Node ${node} (V8 ${v8}) on ${availableParallelism()} cores. ×: times as long as the first line of each figure.`
}

/** One JSON object for each figure, on a line of its own. */
function formatJson(figures: readonly Figure[]): string {
  return figures.map(figure => JSON.stringify({ ...figure, ok: isWithinLimits(figure) })).join('\n')
}
