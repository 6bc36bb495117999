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
import { Outage } from '../outage.js'
import { startScene } from '../scene.js'
import { instant } from '../worker/reports.js'
import { type Aftermath, codes, disturb, type LoadOptions, loadOf, lost, recovered } from './outage.js'
import { runFor, shortLived, startWorkers } from './scenario.js'

/** How long the replica gets nothing before the primary is killed, in milliseconds. */
const lagMs = 1_500
const waitForReplicas: WaitForReplicas = { count: 1, timeoutMs: 500 }
/** A round takes about this long. */
const roundSeconds = 15

export async function failOver(options: LoadOptions): Promise<readonly Result[]> {
  const rounds = Math.max(1, Math.round(options.seconds / roundSeconds))
  const seconds = options.seconds / rounds
  const setting = `redis, replica ${lagMs / 1_000} s behind; ${rounds} rounds of ${loadOf({ ...options, seconds })}`
  const results: Result[] = []
  for (const wait of [undefined, waitForReplicas]) {
    const aftermaths: Aftermath[] = []
    for (let round = 0; round < rounds; round++) {
      const aftermath = await failOverOnce({ ...options, seconds }, wait)
      if (aftermath === undefined) return []
      aftermaths.push(aftermath)
    }
    const figures = [
      ...(wait === undefined ? withoutWaiting : withWaiting)(aftermaths),
      ...(await costs(options, wait)),
    ]
    const column = wait === undefined ? 'without' : `waitForReplicas`
    results.push({ scenario: 'fail-over', setting, column, figures })
  }
  return results
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
  return disturb(addressOf(toPrimary, waits), options, async outage => {
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
function withoutWaiting(aftermaths: readonly Aftermath[]): Figure[] {
  return figuresOf(aftermaths, (_, name, value) => information(name, value))
}

function withWaiting(aftermaths: readonly Aftermath[]): Figure[] {
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
    recovered(Math.max(...aftermaths.map(({ outage, workers }) => outage.recoveryMs(workers)))),
  ]
}

/** What a renewal takes when nothing is wrong, at a server that answers at once: the share of the store shows. */
async function costs({ users }: LoadOptions, waits: RedisAddress['waitForReplicas']): Promise<Figure[]> {
  await using primary = await startRedisServer()
  await using replica = await startRedisServer()
  if (primary === undefined || replica === undefined) return []
  await replica.replicaOf(primary)
  const outage = new Outage()
  const backend = { address: addressOf(primary, waits), server: primary, [Symbol.asyncDispose]: primary.stop }
  const quiet = { ...shortLived, users: Math.min(users, mostUsersForCosts), mostDelayMs: 0 }
  await using scene = await startScene({ ...quiet, backend, onReport: outage.take })
  await runFor(await startWorkers(2, () => scene.startWorker()), secondsForCosts)
  const renewals = outage.renewalsMs()
  return [
    information('renewals measured while nothing is wrong', renewals.length),
    information('  median', `${quantile(renewals, 0.5).toFixed(1)} ms`),
    information('  p99', `${quantile(renewals, 0.99).toFixed(1)} ms`),
  ]
}

/** So few that they do not wait for each other. */
const mostUsersForCosts = 20
const secondsForCosts = 12
