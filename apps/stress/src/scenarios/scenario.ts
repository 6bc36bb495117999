/** What scenarios have in common: how they are called, and a load that runs for a while. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Backend, StoreKind } from '../backends.js'
import type { Evidence } from '../evidence.js'
import { tally } from '../evidence.js'
import { atLeast, exactly, type Figure, information, type Result } from '../figure.js'
import type { Scene, Worker } from '../scene.js'
import type { ServersSummary } from '../servers/main.js'
import type { FailedReport } from '../worker/reports.js'

export interface ScenarioOptions {
  readonly backend: Backend
  /** The kind of store that was asked for, where one was, for scenarios that start stores themselves. */
  readonly only?: StoreKind | undefined
  readonly processes: number
  readonly users: number
  readonly seconds: number
  /** How long access tokens live, in seconds, where the scenario does not say. Default 8. */
  readonly accessTokenSeconds?: number
}

export type Scenario = (options: ScenarioOptions) => Promise<readonly Result[]>

/** Tokens that end soon: a user's next token is asked for when they do, and everybody waits for it. */
export const shortLived = {
  accessTokenSeconds: 8,
  mostDelayMs: 300,
  timeoutMs: 10_000,
  thresholds: { refreshBeforeMs: 0, expiryMarginMs: 800 },
}

/** How long calls may take to end once the load ends: longer than any wait the library allows itself. */
const longestEndMs = 60_000

export function setting({ backend, processes, users, seconds }: ScenarioOptions): string {
  return `${backend.address.kind}, ${processes} processes, ${users} users, ${seconds} s`
}

/** Starts workers; the first before the others, since a store's first user may have to make it. */
export async function startWorkers(count: number, start: (index: number) => Promise<Worker>): Promise<Worker[]> {
  const first = await start(0)
  const others = await Promise.all(Array.from({ length: count - 1 }, (_, index) => start(index + 1)))
  return [first, ...others]
}

/** Lets workers ask for tokens for a while. */
export async function runFor(workers: readonly Worker[], seconds: number): Promise<Ended> {
  await Promise.all(workers.map(worker => worker.call('run')))
  await wait(seconds * 1_000)
  return endLoad(workers)
}

export interface Ended {
  readonly calls: number
  /** Workers in which a call did not end. */
  readonly stuck: number
}

export async function endLoad(workers: readonly Worker[]): Promise<Ended> {
  const counts = await Promise.all(workers.map(worker => Promise.race([worker.call('stop'), wait(longestEndMs)])))
  const ended = counts.filter(count => typeof count === 'number')
  return { calls: ended.reduce((sum, count) => sum + count, 0), stuck: counts.length - ended.length }
}

/** What must be so when nothing goes wrong: users' tokens. */
export async function usersUndisturbed(scene: Scene, evidence: Evidence, { calls, stuck }: Ended): Promise<Figure[]> {
  const { ledger } = await scene.servers.call('summary')
  const reasons = evidence.logins.map(({ reason }) => reason)
  const bad = evidence.badTokens.filter(({ subject }) => subject !== undefined).map(({ verdict }) => verdict)
  return [
    information('calls for a token', calls),
    ...redemptions(ledger, scene.users.length),
    exactly(0, 'revoked families', ledger.revokedFamilies),
    ...failures(evidence.failed),
    exactly(0, named('users told to log in', reasons), evidence.usersToLogIn().size),
    exactly(0, named('tokens that were not good when they came', bad), bad.length),
    exactly(0, 'processes in which a call never ended', stuck),
  ]
}

/** Calls that failed; those apart that may be the machine's fault, when it has too much to do. */
export function failures(failed: readonly FailedReport[]): Figure[] {
  const isLate = ({ message }: FailedReport) => /no answer within \d+ ms/.test(message)
  const others = failed.filter(one => !isLate(one)).map(({ code, message }) => `${code}: ${message.slice(0, 80)}`)
  return [exactly(0, named('failed calls', others), others.length), exactly(0, tooLate, failed.length - others.length)]
}

/** The figure that may be the machine's fault. */
export const tooLate = 'failed calls: store or server took too long'

/** What came of the application's own token, where each request for one revokes the one before. */
export async function application(scene: Scene, evidence: Evidence): Promise<ApplicationFigures> {
  const { applicationTokens: requests } = await scene.servers.call('summary')
  const needless = evidence.askedWithin(scene.accessTokenMs / 2)
  return {
    requests,
    requestsPerExpiry: requests / (requests - needless),
    refused: evidence.badTokens.filter(({ subject }) => subject === undefined).length,
  }
}

export interface ApplicationFigures {
  readonly requests: number
  /** A request that comes within half the life of the token before is not for an expiry. */
  readonly requestsPerExpiry: number
  /** API calls that were refused with a token and with the one that replaced it. */
  readonly refused: number
}

function redemptions({ redeemed, redemptions, mostRedemptions }: ServersSummary['ledger'], users: number): Figure[] {
  return [
    atLeast(users, 'refresh tokens redeemed', redeemed),
    exactly(1, 'redemptions per refresh token', redemptions / redeemed),
    exactly(1, 'most redemptions of a refresh token', mostRedemptions),
  ]
}

/** A name with what there is of it. */
export function named(name: string, values: readonly string[]): string {
  return values.length === 0 ? name : `${name} (${tally(values)})`
}
