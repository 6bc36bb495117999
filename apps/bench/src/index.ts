/** Measures what GrantKit costs beside what others cost, and prints one table. `--load`, `--json` and `--check` change that. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { attaching } from './added.js'
import { axiosRequest } from './axios-request.js'
import { cachedRead } from './cached-read.js'
import { codeFlows } from './code-flow.js'
import { dpopProof } from './dpop-proof.js'
import { type Figure, isWithinLimits } from './figure.js'
import { idTokens } from './id-token.js'
import { startLocalServer } from './local-server.js'
import { sessionRequests } from './session-requests.js'
import { formatTable } from './table.js'
import { tokenRequest } from './token-request.js'
import { underLoad } from './under-load.js'
import { userTokens } from './user-tokens.js'
import { wave } from './wave.js'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, check: { type: 'boolean' }, load: { type: 'boolean' } },
})
/** What the process of the server for logins runs. */
const logins = import.meta.resolve('./answer-login.js')
const figures = await (options.load ? measureUnderLoad() : measureAll())
console.log(options.json ? formatJson(figures) : `${describeMachine()}\n\n${formatTable(figures)}`)
if (options.check && !figures.every(isWithinLimits)) process.exitCode = 1

async function measureAll(): Promise<Figure[]> {
  return [
    ...(await cachedRead()),
    ...(await attaching()),
    await dpopProof(),
    ...(await withServer(async origin => [await axiosRequest(origin), await tokenRequest(origin)])),
    ...(await userTokens()),
    ...(await idTokens()),
    ...(await withServer(codeFlows, logins)),
    ...(await withServer(sessionRequests, logins)),
  ]
}

function measureUnderLoad(): Promise<Figure[]> {
  return withServer(async origin => [...(await underLoad(origin)), await wave(origin)])
}

async function withServer(measure: (origin: string) => Promise<Figure[]>, script?: string): Promise<Figure[]> {
  const server = await startLocalServer(script)
  try {
    return await measure(server.origin)
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
  return figures.map(figure => JSON.stringify({ ...figure, ok: isWithinLimits(figure) })).join('\n')
}
