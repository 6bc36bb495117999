/** Runs scenarios and prints what they have shown, as one table; exits 1 when something is not as it must be. */
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { type Backend, type StoreKind, startBackend } from './backends.js'
import { isOk, type Result } from './figure.js'
import { clocks } from './scenarios/clocks.js'
import { failOver } from './scenarios/fail-over.js'
import { kill } from './scenarios/kill.js'
import { killAtStep } from './scenarios/kill-at-step.js'
import { reference } from './scenarios/reference.js'
import type { Scenario } from './scenarios/scenario.js'
import { steady } from './scenarios/steady.js'
import { storeCut, storeStall } from './scenarios/store-cut.js'
import { storeRestart } from './scenarios/store-restart.js'
import { formatTable } from './table.js'

const scenarios: Readonly<Record<string, Scenario>> = {
  steady,
  kill,
  'kill-at-step': killAtStep,
  clocks,
  reference,
  'store-restart': storeRestart,
  'store-stall': storeStall,
  'store-cut': storeCut,
  'fail-over': failOver,
}
const storeKinds: readonly StoreKind[] = ['redis', 'postgres', 'file']

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    store: { type: 'string' },
    processes: { type: 'string', default: '8' },
    users: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '30' },
    lifetime: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
})

// what was started ends with this process, and a process that ends by a signal does not tell
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
const results = await runAll(positionals.length === 0 ? Object.keys(scenarios) : positionals)
console.log(options.json ? results.map(formatJson).join('\n') : formatTable(results))
process.exit(results.every(isOk) ? 0 : 1)

async function runAll(names: readonly string[]): Promise<Result[]> {
  const chosen = names.map(name => [name, scenarioCalled(name)] as const)
  const settings = {
    processes: count('processes'),
    users: count('users'),
    seconds: count('seconds'),
    accessTokenSeconds: count('lifetime'),
  }
  const results: Result[] = []
  for (const [name, scenario] of chosen) {
    process.stderr.write(`${name} …\n`)
    await using backend = await chosenBackend()
    results.push(...(await scenario({ ...settings, backend, only: options.store as StoreKind | undefined })))
  }
  return results
}

function scenarioCalled(name: string): Scenario {
  const scenario = scenarios[name]
  return scenario ?? giveUp(`There is no scenario ${name}: name ${Object.keys(scenarios).join(', ')}, or none for all`)
}

function count(option: 'processes' | 'users' | 'seconds' | 'lifetime'): number {
  const value = Number(options[option])
  return Number.isInteger(value) && value > 0 ? value : giveUp(`--${option} must be a whole number of at least 1`)
}

async function chosenBackend(): Promise<Backend> {
  const { store } = options
  if (store === undefined) return (await startBackend('redis')) ?? ((await startBackend('file')) as Backend)
  const kind = storeKinds.find(kind => kind === store)
  if (kind === undefined) giveUp(`--store must be ${storeKinds.join(', ')}`)
  return (await startBackend(kind)) ?? giveUp(`${kind} is not installed`)
}

function formatJson(result: Result): string {
  return JSON.stringify({ ...result, ok: isOk(result) })
}

function giveUp(problem: string): never {
  process.stderr.write(`${problem}\n`)
  process.exit(2)
}
