/** The program: starts the sandbox, runs the tour, prints one table, and opens the app on the sandbox. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import { startApp } from './app/app.js'
import { defaultPort, parsePort } from './app/listen.js'
import { table } from './table.js'
import { type RowResult, rows, runRow } from './tour.js'

const usage = `npm start -- [options]

  --once   end after the tour: 0 when every row worked, 1 when one did not
  --json   one JSON object per row on standard output, all else on standard error
  --port   where the app is, on 127.0.0.1; default ${defaultPort}, and any that is free when it is taken; 0: any
  --help   this text`

/** What the program needs of its surroundings. */
export interface Surroundings {
  readonly out: Print
  readonly err: Print
  readonly start: () => Promise<Sandbox>
}

/** A process's own. */
export const processSurroundings: Surroundings = {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  start: startSandbox,
}

/** Runs the program with its arguments; returns its exit code. */
export async function main(args: readonly string[], { out, err, start }: Surroundings): Promise<number> {
  const options = readArguments(args, out, err)
  if (typeof options === 'number') return options
  const say = (text: string) => (options.json ? err : out)(`${text}\n`)
  ignoreProxies()
  say('Starting the sandbox, every system on loopback ...')
  await using sandbox = await start()
  const results = await tour(sandbox, say, options.json ? out : () => {})
  if (!options.json) say(`\n${table(results)}`)
  const worked = results.filter(({ ok }) => ok).length
  say(`\n${worked} of ${results.length} rows worked`)
  if (!options.once) await untilInterrupted(sandbox, options.port, say)
  return worked === results.length ? 0 : 1
}

type Print = (text: string) => void

interface Options {
  readonly once: boolean
  readonly json: boolean
  readonly port: number
}

const known = {
  once: { type: 'boolean' },
  json: { type: 'boolean' },
  port: { type: 'string' },
  help: { type: 'boolean' },
} as const

function readArguments(args: readonly string[], out: Print, err: Print): Options | number {
  try {
    const { once = false, json = false, port: text, help } = parseArgs({ args: [...args], options: known }).values
    const port = text === undefined ? defaultPort : parsePort(text)
    if (port === undefined) throw new TypeError(`--port takes a number from 0 to 65535, not ${JSON.stringify(text)}`)
    if (!help) return { once, json, port }
    out(`${usage}\n`)
    return 0
  } catch (error) {
    err(`${(error as Error).message}\n\n${usage}\n`)
    return 2
  }
}

/** Everything the tour talks to is on this machine. */
function ignoreProxies(): void {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) {
    delete process.env[name]
    delete process.env[name.toLowerCase()]
  }
}

async function tour(sandbox: Sandbox, say: Print, record: Print): Promise<RowResult[]> {
  const results: RowResult[] = []
  for (const row of rows) {
    say(`${row.row}/${rows.length}  ${row.system}: ${row.grant}`)
    const result = await runRow(row, sandbox)
    record(`${JSON.stringify(result)}\n`)
    results.push(result)
  }
  return results
}

async function untilInterrupted(sandbox: Sandbox, port: number, say: Print): Promise<void> {
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await using app = await startApp(sandbox, { port })
  say(`\nThe first six rows, to watch and to disturb: ${app.url}${app.elsewhere ? ` (${app.elsewhere})` : ''}`)
  say(`The last one by your own browser, step by step: ${app.url}bank`)
  say('\nThe sandbox stays up; its token endpoints are')
  for (const { name, tokenEndpoint, connectTo } of sandbox.systems)
    say(`  ${name.padEnd(18)}  ${tokenEndpoint}  (${connectTo.host}:${connectTo.port})`)
  say('Ctrl-C ends it.')
  await interrupted
  say('\nStopping.')
}
