/** The store's server is killed and started again, while processes renew tokens; it loses nothing. */
import { startPostgresServer, startRedisServer } from '@grantkit/testing'
import type { Result } from '../figure.js'
import { awayMs, loadOf, throughOutage } from './outage.js'
import type { ScenarioOptions } from './scenario.js'

/** Redis as it has to be run for a restart to lose nothing: every write is on disk before it is answered. */
const durable = { config: ['appendonly yes', 'appendfsync always'] }

export async function storeRestart(options: ScenarioOptions): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const kind of ['redis', 'postgres'] as const) {
    if ((options.only ?? kind) !== kind) continue
    await using server = await starts[kind]()
    if (server === undefined) {
      process.stderr.write(`${kind} is not installed\n`)
      continue
    }
    const disturbance = { begin: () => server.kill(), end: () => server.restart() }
    results.push({
      scenario: 'store-restart',
      setting: `${kind} killed, and started again after ${(awayMs(options) / 1_000).toFixed(1)} s; ${loadOf(options)}`,
      figures: await throughOutage(disturbance, { kind, url: server.url }, options),
    })
  }
  return results
}

const starts = {
  redis: () => startRedisServer(durable),
  postgres: () => startPostgresServer({ settings: { max_connections: '200' } }),
}
