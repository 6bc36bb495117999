/** The way to the store is cut, while processes renew tokens: once so that nothing comes through, once so that it breaks. */
import { redisRelay, startRedisServer } from '@grantkit/testing'
import type { Result } from '../figure.js'
import { awayMs, type LoadOptions, loadOf, throughOutage } from './outage.js'

/** How connections are cut: what a relay between workers and store does meanwhile. */
const cuts = {
  stall: 'no packet comes through, connections stay',
  cut: 'connections break, new ones are closed at once',
} as const

export async function storeCut(options: LoadOptions): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const kind of ['stall', 'cut'] as const) {
    await using server = await startRedisServer()
    if (server === undefined) return []
    await using relay = await redisRelay(server)
    const disturbance = { begin: () => relay[kind](), end: () => relay.restore() }
    results.push({
      scenario: 'store-cut',
      setting: `redis cut off for ${awayMs / 1_000} s, ${cuts[kind]}; ${loadOf(options)}`,
      figures: await throughOutage(disturbance, { kind: 'redis', url: `redis://127.0.0.1:${relay.port}` }, options),
    })
  }
  return results
}
