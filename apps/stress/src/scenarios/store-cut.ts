/** The way to the store is cut, while processes renew tokens: so that nothing comes through, or so that it breaks. */
import { redisRelay, startRedisServer } from '@grantkit/testing'
import type { Result } from '../figure.js'
import { awayMs, type LoadOptions, loadOf, throughOutage } from './outage.js'

/** As when packets are lost: connections stay, and nothing is answered. */
export function storeStall(options: LoadOptions): Promise<readonly Result[]> {
  return cut({ scenario: 'store-stall', how: 'stall', told: 'connections stay, nothing comes through' }, options)
}

/** As when a host goes down: connections break, and there are no new ones. */
export function storeCut(options: LoadOptions): Promise<readonly Result[]> {
  return cut({ scenario: 'store-cut', how: 'cut', told: 'connections break, new ones are closed at once' }, options)
}

interface Cut {
  readonly scenario: string
  /** What the relay between workers and store does. */
  readonly how: 'stall' | 'cut'
  readonly told: string
}

async function cut({ scenario, how, told }: Cut, options: LoadOptions): Promise<readonly Result[]> {
  await using server = await startRedisServer()
  if (server === undefined) {
    process.stderr.write('redis is not installed\n')
    return []
  }
  await using relay = await redisRelay(server)
  const disturbance = { begin: () => relay[how](), end: () => relay.restore() }
  const setting = `redis cut off for ${(awayMs(options) / 1_000).toFixed(1)} s, ${told}; ${loadOf(options)}`
  const address = { kind: 'redis', url: `redis://127.0.0.1:${relay.port}` } as const
  return [{ scenario, setting, figures: await throughOutage(disturbance, address, options) }]
}
