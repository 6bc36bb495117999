/**
 * A replica that lags behind takes over from a primary that is killed, while processes renew tokens: once as Redis does by
 * itself, once with writes that wait for the replica. Several rounds of each, every one with servers and users of its own.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { WaitForReplicas } from '@grantkit/redis'
import { type RedisServer, redisRelay, startRedisServer } from '@grantkit/testing'
import type { RedisAddress } from '../backends.js'
import { quantile, tally } from '../evidence.js'
import { exactly, type Figure, information, type Result } from '../figure.js'
import { startScene } from '../scene.js'
import type { User } from '../worker/main.js'
import { instant } from '../worker/reports.js'
import { type Aftermath, codes, disturb, inMs, type LoadOptions, loadOf, lost, recovered } from './outage.js'
import { shortLived } from './scenario.js'

/** How long the replica gets nothing before the primary is killed, in milliseconds: from when tokens are renewed. */
const lagMs = 1_500
const waitForReplicas: WaitForReplicas = { count: 1, timeoutMs: 500 }
/** A round takes about this long. */
const roundSeconds = 15

/** Both ways at the same time, each with half of the processes. */
export async function failOver(options: LoadOptions): Promise<readonly Result[]> {
  const rounds = Math.max(1, Math.round(options.seconds / roundSeconds))
  const processes = Math.max(2, Math.floor(options.processes / 2))
  const ofRound = { ...options, processes, seconds: options.seconds / rounds }
  const setting = `redis, replica ${lagMs / 1_000} s behind; ${rounds} × ${loadOf(ofRound)}`
  const without: Aftermath[] = []
  const waiting: Aftermath[] = []
  for (let round = 0; round < rounds; round++) {
    const both = await Promise.all([failOverOnce(ofRound, undefined), failOverOnce(ofRound, waitForReplicas)])
    if (both[0] === undefined || both[1] === undefined) {
      process.stderr.write('redis is not installed\n')
      return []
    }
    without.push(both[0])
    waiting.push(both[1])
  }
  // what it costs is left out where the scenario is only to show that it holds
  const costsOf = async (wait: RedisAddress['waitForReplicas']) => (rounds > 1 ? costs(wait) : [])
  return [
    { scenario: 'fail-over', setting, column: 'without', figures: [...atRisk(without), ...(await costsOf(undefined))] },
    {
      scenario: 'fail-over',
      setting,
      column: 'waitForReplicas',
      figures: [...safe(waiting), ...(await costsOf(waitForReplicas))],
    },
  ]
}

async function failOverOnce(
  options: LoadOptions,
  waits: RedisAddress['waitForReplicas'],
): Promise<Aftermath | undefined> {
  await using first = await startRedisServer()
  await using second = await startRedisServer()
  if (first === undefined || second === undefined) return undefined
  let primary: RedisServer = first
  await using toReplica = await redisRelay(first)
  await second.replicaOf(toReplica)
  await using toPrimary = await redisRelay({
    get port() {
      return primary.port
    },
  })
  return await disturb(addressOf(toPrimary, waits), options, async outage => {
    await outage.nextRenewal()
    toReplica.stall()
    await wait(lagMs)
    outage.goneAt = instant()
    await first.kill()
    await second.replicaOf(undefined)
    primary = second
    // it comes back empty, as the replica that the new primary lacks
    await first.restart()
    await first.replicaOf(second)
    outage.backAt = instant()
  })
}

function addressOf(
  { port }: { readonly port: number },
  waitForReplicas: RedisAddress['waitForReplicas'],
): RedisAddress {
  return { kind: 'redis', url: `redis://127.0.0.1:${port}`, waitForReplicas }
}

/** What a fail-over does to tokens: nothing of it is required. */
function atRisk(aftermaths: readonly Aftermath[]): Figure[] {
  return figuresOf(aftermaths, (_, name, value) => information(name, value))
}

/** What it does not do when writes wait for the replica. */
function safe(aftermaths: readonly Aftermath[]): Figure[] {
  return figuresOf(aftermaths, exactly)
}

function figuresOf(
  aftermaths: readonly Aftermath[],
  must: (wanted: number, name: string, value: number) => Figure,
): Figure[] {
  const sum = (count: (aftermath: Aftermath) => number) => aftermaths.reduce((sum, one) => sum + count(one), 0)
  const failed = aftermaths.flatMap(({ outage }) => outage.failedOfUsers)
  return [
    information(
      'refresh tokens redeemed',
      sum(({ servers }) => servers.ledger.redeemed),
    ),
    must(
      0,
      'refresh tokens redeemed more than once',
      sum(({ servers }) => servers.ledger.redeemedAgain),
    ),
    must(
      0,
      'revoked families',
      sum(({ servers }) => servers.ledger.revokedFamilies),
    ),
    must(
      0,
      'sessions lost',
      sum(({ outcomes }) => lost(outcomes).length),
    ),
    exactly(
      0,
      'sessions lost without a LoginRequiredError',
      sum(({ outcomes }) => lost(outcomes).filter(code => code !== 'ERR_LOGIN_REQUIRED').length),
    ),
    information(
      'records that a process wrote again by itself',
      sum(({ outage }) => outage.restored.length),
    ),
    information(
      'writes refused, since the replica did not have them',
      sum(({ outage }) => outage.refused),
    ),
    information('user calls that failed', failed.length),
    information('  why', tally(codes(failed))),
    exactly(
      0,
      'application calls that failed',
      sum(({ outage }) => outage.failedOfApplication.length),
    ),
    exactly(
      0,
      'processes in which a call never ended',
      sum(({ ended }) => ended.stuck),
    ),
    information('longest wait of a call that got a token', inMs(Math.max(...aftermaths.map(longestWait)))),
    recovered(Math.max(...aftermaths.map(({ outage, workers }) => outage.recoveryMs(workers)))),
  ]
}

/** What a renewal takes when nothing is wrong, at a server that answers at once: what the store adds shows. */
async function costs(waits: RedisAddress['waitForReplicas']): Promise<Figure[]> {
  await using primary = await startRedisServer()
  await using replica = await startRedisServer()
  if (primary === undefined || replica === undefined) return []
  await replica.replicaOf(primary)
  const backend = { address: addressOf(primary, waits), server: primary, [Symbol.asyncDispose]: primary.stop }
  await using scene = await startScene({ ...shortLived, backend, users: 1, mostDelayMs: 0, onReport() {} })
  const worker = await scene.startWorker()
  const renewals: number[] = []
  for (const { subject } of Array.from({ length: renewalsMeasured }, () => scene.users[0] as User)) {
    const askedAt = performance.now()
    await worker.call('obtain', { subject, force: true })
    renewals.push(performance.now() - askedAt)
  }
  const sorted = renewals.sort((a, b) => a - b)
  return [
    information('a renewal while nothing is wrong, median', `${quantile(sorted, 0.5).toFixed(1)} ms`),
    information('a renewal while nothing is wrong, p99', `${quantile(sorted, 0.99).toFixed(1)} ms`),
  ]
}

const renewalsMeasured = 200

function longestWait({ evidence }: Aftermath): number {
  return evidence.longestWait()
}
