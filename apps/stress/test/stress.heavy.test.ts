/** Small versions of the scenarios, by the command itself. What must be so has to be so; never a time. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, type TestContext, test } from 'vitest'
import type { Figure, Result } from '../src/figure.js'
import { tooLate } from '../src/scenarios/scenario.js'

const program = fileURLToPath(new URL('../dist/index.js', import.meta.url))

/** What does not hold in the results of a scenario, but for what comes of a machine that has too much to do. */
async function failuresOf(context: TestContext, ...args: readonly string[]): Promise<Figure[]> {
  const { output, complaints } = await run([...args, '--json'])
  const missing = /(\S+) is not installed/.exec(complaints)?.[1]
  context.skip(missing !== undefined, `needs ${missing}-server`)
  const results = output.split('\n').filter(Boolean).map(parseResult)
  expect(results, complaints).not.toEqual([])
  return results.flatMap(({ figures }) => figures.filter(({ name, ok }) => !ok && name !== tooLate))
}

function parseResult(line: string): Result {
  return JSON.parse(line)
}

function run(args: readonly string[]): Promise<{ output: string; complaints: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [program, ...args], (_, output, complaints) => resolve({ output, complaints }))
  })
}

/** The machine may have a lot to do. */
const patience = { timeout: 120_000 }
const small = ['--processes', '2', '--users', '6', '--lifetime', '3', '--seconds', '5']

for (const store of ['redis', 'file'])
  describe.concurrent(`processes that share a store: ${store}`, patience, () => {
    test('redeem each refresh token once, and ask for an application token once per expiry', async context => {
      expect(await failuresOf(context, 'steady', '--store', store, ...small)).toEqual([])
    })

    test('lose, when one is killed, the answers that it alone had', async context => {
      expect(await failuresOf(context, 'kill', '--store', store, ...small)).toEqual([])
    })

    test('lose nothing else, whatever step of a renewal one is killed at', async context => {
      expect(await failuresOf(context, 'kill-at-step', '--store', store)).toEqual([])
    })

    test('bear with clocks that are half a minute ahead and behind', async context => {
      const args = ['--processes', '3', '--users', '6', '--seconds', '4']
      expect(await failuresOf(context, 'clocks', '--store', store, ...args)).toEqual([])
    })
  })

test.concurrent(
  'processes with tokens of their own lose every family: what the others are measured against',
  patience,
  async () => {
    const { output } = await run(['reference', '--store', 'file', ...small, '--json'])
    const { figures } = JSON.parse(output) as Result
    expect(figures.find(({ name }) => name === 'revoked families')?.value).toBe(6)
  },
)
