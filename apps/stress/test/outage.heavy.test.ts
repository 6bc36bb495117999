/** Small versions of the outages, by the command itself: what must be so, never a time. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, type TestContext, test } from 'vitest'
import type { Figure, Result } from '../src/figure.js'

const program = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const small = ['--processes', '2', '--users', '6', '--lifetime', '2', '--seconds', '6', '--json']

/** The machine may have a lot to do. */
const patience = { timeout: 120_000 }

describe.concurrent('processes whose store goes away', patience, () => {
  test('spend no refresh token twice and go on by themselves, when Redis is killed and restarted', async context => {
    expect(await failuresOf(context, 'redis-server', 'store-restart', '--store', 'redis')).toEqual([])
  })

  test('do so on PostgreSQL too', async context => {
    expect(await failuresOf(context, 'postgres', 'store-restart', '--store', 'postgres')).toEqual([])
  })

  test('do so when its connections stay and nothing comes through', async context => {
    expect(await failuresOf(context, 'redis-server', 'store-stall')).toEqual([])
  })

  test('do so when its connections break', async context => {
    expect(await failuresOf(context, 'redis-server', 'store-cut')).toEqual([])
  })

  test('do so when a replica that was behind takes over, if writes wait for it', async context => {
    expect(await failuresOf(context, 'redis-server', 'fail-over')).toEqual([])
  })
})

/** What does not hold in the results of a scenario. */
async function failuresOf(context: TestContext, needed: string, ...args: readonly string[]): Promise<Figure[]> {
  const { output, complaints } = await run([...args, ...small])
  context.skip(complaints.includes('is not installed'), `needs ${needed}`)
  const results = output
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Result)
  expect(results, complaints).not.toEqual([])
  return results.flatMap(({ figures }) => figures.filter(({ ok }) => !ok))
}

function run(args: readonly string[]): Promise<{ output: string; complaints: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [program, ...args], (_, output, complaints) => resolve({ output, complaints }))
  })
}
