/** What outages have in common: a load that goes on while the store is away, and what must be so afterwards. */
import { setTimeout as wait } from 'node:timers/promises'
import type { StoreAddress } from '../backends.js'
import { Evidence } from '../evidence.js'
import { atLeast, exactly, type Figure, information } from '../figure.js'
import { Outage } from '../outage.js'
import { type Scene, startScene, type Worker } from '../scene.js'
import type { ServersSummary } from '../servers/main.js'
import { instant } from '../worker/reports.js'
import { askForAll } from './kill.js'
import { type Ended, endLoad, named, type ScenarioOptions, shortLived, startWorkers } from './scenario.js'

/** The load, on a store that the scenario brings itself. */
export type LoadOptions = Omit<ScenarioOptions, 'backend'>

/** How a store is taken away, and given back. */
export interface Disturbance {
  readonly begin: () => void | Promise<void>
  /** Returns when the store can be used again. */
  readonly end: () => void | Promise<void>
}

/** What an outage leaves. */
export interface Aftermath {
  readonly workers: readonly Worker[]
  readonly evidence: Evidence
  readonly outage: Outage
  readonly ended: Ended
  /** What came of asking for a new token, afterwards; by subject. */
  readonly outcomes: ReadonlyMap<string, string>
  readonly servers: ServersSummary
}

/** So that every token ends while the store is away, where there is time for that. */
const lifetimeSeconds = 5

/** A lease that a fail-over brings back lasts as long as a request may take and a few seconds more: users wait for that. */
const timeoutMs = 5_000

/** How long a store is away, in milliseconds. */
export function awayMs({ seconds }: LoadOptions): number {
  return Math.min(5_000, quietMs({ seconds }) / 2)
}

/** How long nothing is wrong, before and after. */
function quietMs({ seconds }: Pick<LoadOptions, 'seconds'>): number {
  return Math.max((seconds * 2_000) / 3, seconds * 1_000 - 5_000)
}

/** Takes the store away in the middle of the load, and says what must be so when it has lost nothing. */
export async function throughOutage(
  { begin, end }: Disturbance,
  address: StoreAddress,
  options: LoadOptions,
): Promise<readonly Figure[]> {
  const aftermath = await disturb(address, options, async outage => {
    outage.goneAt = instant()
    await begin()
    await wait(awayMs(options))
    await end()
    outage.backAt = instant()
  })
  return [...lossless(aftermath), ...recovery(aftermath)]
}

/**
 * Runs the load, and something that happens to the store.
 *
 * @param happen called when the load has run for a while; notes when the store was gone, and when it was back
 */
export async function disturb(
  address: StoreAddress,
  options: LoadOptions,
  happen: (outage: Outage) => Promise<void>,
): Promise<Aftermath> {
  const evidence = new Evidence()
  const outage = new Outage()
  await using scene = await startScene({
    ...shortLived,
    users: options.users,
    timeoutMs,
    accessTokenSeconds: Math.min(options.accessTokenSeconds ?? lifetimeSeconds, lifetimeSeconds),
    backend: { address, server: undefined, [Symbol.asyncDispose]: async () => {} },
    onReport(report, worker) {
      evidence.take(report, worker)
      outage.take(report, worker)
    },
  })
  const workers = await startWorkers(options.processes, () => scene.startWorker())
  await Promise.all(workers.map(worker => worker.call('run')))
  await wait(quietMs(options) * 0.4)
  await happen(outage)
  await wait(quietMs(options) * 0.6)
  const ended = await endLoad(workers)
  const outcomes = await askUntilSettled(scene, workers[0] as Worker)
  return { workers, evidence, outage, ended, outcomes, servers: await scene.servers.call('summary') }
}

/** A store that is slow is no loss: who gets an error that may pass is asked for again. */
async function askUntilSettled(scene: Scene, worker: Worker): Promise<Map<string, string>> {
  const outcomes = await askForAll(scene, worker)
  for (let tries = 0; tries < 10; tries++) {
    const open = scene.users.filter(({ subject }) => !isSettled(outcomes.get(subject)))
    if (open.length === 0) break
    await wait(1_000)
    for (const [subject, outcome] of await askForAll({ ...scene, users: open }, worker)) outcomes.set(subject, outcome)
  }
  return outcomes
}

function isSettled(outcome: string | undefined): boolean {
  return outcome === 'alive' || outcome === 'ERR_LOGIN_REQUIRED'
}

function lossless({ evidence, outage, ended, outcomes, servers }: Aftermath): Figure[] {
  const { ledger } = servers
  return [
    information('calls for a token', ended.calls),
    atLeast(outcomes.size, 'refresh tokens redeemed', ledger.redeemed),
    exactly(0, 'refresh tokens redeemed more than once', ledger.redeemedAgain),
    exactly(0, 'revoked families', ledger.revokedFamilies),
    exactly(0, named('sessions lost', lost(outcomes)), lost(outcomes).length),
    exactly(0, 'users told to log in', evidence.usersToLogIn().size),
    exactly(
      0,
      named('application calls that failed', codes(outage.failedOfApplication)),
      outage.failedOfApplication.length,
    ),
    exactly(0, 'processes in which a call never ended', ended.stuck),
  ]
}

function recovery({ workers, evidence, outage }: Aftermath): Figure[] {
  const isExpected = ({ code }: { readonly code: string }) => code === 'ERR_TOKEN_STORE'
  const whileAway = outage.failedOfUsers.filter(({ at }) => outage.isDuring(at))
  const afterwards = outage.failedOfUsers.filter(({ at }) => at >= outage.backAt)
  const others = outage.failedOfUsers.filter(failed => !isExpected(failed))
  const refused = evidence.badTokens.filter(({ subject }) => subject === undefined)
  return [
    information(named('user calls that failed while it was away', codes(whileAway)), whileAway.length),
    information(named('user calls that failed afterwards', codes(afterwards)), afterwards.length),
    exactly(0, named('user calls that failed for another reason', codes(others)), others.length),
    information('API calls refused: each process renewed the application token by itself', refused.length),
    recovered(outage.recoveryMs(workers)),
    information('longest wait for a user token that was good', inMs(outage.longestWaitForGoodTokenMs())),
    information('longest wait of a user call that failed', inMs(outage.longestFailureMs())),
    information('longest wait of a call that got a token', inMs(evidence.longestWait())),
  ]
}

/** Until the last process had a new user token: the time is for information, that it came is not. */
export function recovered(ms: number): Figure {
  return {
    name: 'recovery: until the last process had a new user token',
    value: inMs(ms),
    wanted: 'ever',
    ok: ms < Number.POSITIVE_INFINITY,
  }
}

/** Users who get no token afterwards, by what they get. */
export function lost(outcomes: Aftermath['outcomes']): string[] {
  return [...outcomes.values()].filter(outcome => outcome !== 'alive')
}

export function codes(failed: readonly { readonly code: string }[]): string[] {
  return failed.map(({ code }) => code)
}

export function inMs(ms: number): string {
  return ms === Number.POSITIVE_INFINITY ? 'never' : `${Math.round(ms)} ms`
}

export function loadOf({ processes, users, seconds }: LoadOptions): string {
  return `${processes} processes, ${users} users, ${seconds} s`
}
