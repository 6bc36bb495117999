/** A random process is killed every second: what dies with it is an answer that it alone had, and nothing else. */
import { setTimeout as wait } from 'node:timers/promises'
import { Evidence, tally } from '../evidence.js'
import { atLeast, exactly, type Figure, information, type Result } from '../figure.js'
import { type Scene, startScene, type Worker } from '../scene.js'
import type { Family } from '../servers/ledger.js'
import {
  type Ended,
  endLoad,
  failures,
  named,
  type ScenarioOptions,
  setting,
  shortLived,
  startWorkers,
} from './scenario.js'

/** A lease outlasts its process by as long as a request may take and a few seconds: users wait for that. */
const timeoutMs = 5_000

export async function kill(options: ScenarioOptions): Promise<readonly Result[]> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...shortLived, ...options, timeoutMs, onReport: evidence.take })
  const workers = await startWorkers(options.processes, () => scene.startWorker())
  await Promise.all(workers.map(worker => worker.call('run')))
  const killedAt = await killAndReplace(scene, workers, options.seconds)
  const ended = await endLoad(workers)
  const outcomes = await askForAll(scene, workers[0] as Worker)
  const aftermath = { evidence, killedAt, ended, outcomes }
  return [{ scenario: 'kill', setting: setting(options), figures: await figuresOf(scene, aftermath) }]
}

/** Kills one every second, and starts another in its place. Returns when each was killed. */
async function killAndReplace(scene: Scene, workers: Worker[], seconds: number): Promise<Map<string, number>> {
  const killedAt = new Map<string, number>()
  const replacements: Promise<void>[] = []
  for (let second = 1; second < seconds; second++) {
    await wait(1_000)
    const [victim] = workers.splice(Math.floor(Math.random() * workers.length), 1)
    if (victim === undefined) continue
    await victim.kill()
    killedAt.set(victim.name, Date.now())
    replacements.push(replace(scene, workers))
  }
  await Promise.all(replacements)
  return killedAt
}

async function replace(scene: Scene, workers: Worker[]): Promise<void> {
  const worker = await scene.startWorker()
  await worker.call('run')
  workers.push(worker)
}

/** A new token for every user, from one process: all that was lost comes to light. By subject, what came of it. */
export async function askForAll({ users }: Scene, worker: Worker): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>()
  const batch = 20
  for (let begun = 0; begun < users.length; begun += batch) {
    const asked = users.slice(begun, begun + batch).map(async ({ subject }) => {
      const { outcome } = await worker.call('obtain', { subject, force: true })
      outcomes.set(subject, outcome)
    })
    await Promise.all(asked)
  }
  return outcomes
}

interface Aftermath {
  readonly evidence: Evidence
  /** By the worker's name. */
  readonly killedAt: ReadonlyMap<string, number>
  readonly ended: Ended
  /** By subject. */
  readonly outcomes: ReadonlyMap<string, string>
}

/** Why a user has to log in again. */
type Loss =
  /** The server's answer was in one process alone, which was killed. */
  | 'its answer died with its holder'
  /** None of these. */
  | 'unexplained'

async function figuresOf(scene: Scene, aftermath: Aftermath): Promise<Figure[]> {
  const { evidence, killedAt, ended, outcomes } = aftermath
  const { ledger } = await scene.servers.call('summary')
  const losses = await lossesOf(scene, aftermath)
  const count = (loss: Loss) => [...losses.values()].filter(one => one === loss).length
  const untyped = [...losses.keys()].filter(subject => outcomes.get(subject) !== 'ERR_LOGIN_REQUIRED')
  const told = new Set(evidence.logins.map(({ subject }) => subject))
  const isOfLoss = (subject = '') => losses.has(subject)
  const failed = evidence.failed.filter(({ code, subject }) => code !== 'ERR_LOGIN_REQUIRED' || !isOfLoss(subject))
  const bad = evidence.badTokens.filter(({ verdict, subject }) => verdict !== 'revoked' || !isOfLoss(subject))
  return [
    atLeast(1, 'processes killed', killedAt.size),
    information('calls for a token in the processes that were left', ended.calls),
    information('refresh tokens redeemed', ledger.redeemed),
    information('refresh tokens that came more than once', ledger.redeemedAgain),
    information('most redemptions of a refresh token', ledger.mostRedemptions),
    information('users who lost their session', losses.size),
    information('  their answer died with its holder', count('its answer died with its holder')),
    exactly(0, '  lost otherwise', count('unexplained')),
    ...(await unexplained(scene, losses, aftermath)),
    exactly(0, '  lost without a LoginRequiredError', untyped.length),
    exactly(0, '  lost without an event', [...losses.keys()].filter(subject => !told.has(subject)).length),
    ...failures(failed),
    exactly(
      0,
      named(
        'tokens that were not good when they came',
        bad.map(({ verdict }) => verdict),
      ),
      bad.length,
    ),
    exactly(0, 'processes in which a call never ended', ended.stuck),
    information('longest wait', `${(evidence.longestWait() / 1_000).toFixed(1)} s`),
  ]
}

async function lossesOf({ servers, users }: Scene, aftermath: Aftermath): Promise<Map<string, Loss>> {
  const subjects = users.map(({ subject }) => subject)
  const families = (await servers.call('families', subjects)).filter(family => family !== undefined)
  const toLogIn = aftermath.evidence.usersToLogIn()
  const isLost = ({ subject, revokedAt }: Family) =>
    revokedAt !== undefined || toLogIn.has(subject) || aftermath.outcomes.get(subject) !== 'alive'
  return new Map(families.filter(isLost).map(family => [family.subject, lossOf(family, aftermath)]))
}

function lossOf(family: Family, aftermath: Aftermath): Loss {
  return hasDiedWithHolder(family, aftermath) ? 'its answer died with its holder' : 'unexplained'
}

/** What is known of the losses that should not be: the last two refresh tokens, and who brought them. */
async function unexplained({ servers }: Scene, losses: Map<string, Loss>, aftermath: Aftermath): Promise<Figure[]> {
  const { evidence, killedAt, outcomes } = aftermath
  const subjects = [...losses].filter(([, loss]) => loss === 'unexplained').map(([subject]) => subject)
  const families = (await servers.call('families', subjects)).filter(family => family !== undefined)
  return families.map(({ subject, refreshTokens }) => {
    const story = refreshTokens.slice(-2).map(({ token, redemptions }) => {
      const brought = redemptions.map(({ by, at, successor }) => {
        const died = killedAt.get(by)
        const end = died === undefined ? '' : ` (killed ${died - at} ms later)`
        return `${successor === undefined ? 'refused' : 'answered'} to ${by}${end}`
      })
      return `[${evidence.wasSaved(token) ? 'saved' : 'not saved'}; ${brought.join(', ')}]`
    })
    const said = evidence.logins.find(login => login.subject === subject)
    const failed = evidence.failed.filter(one => one.subject === subject).map(({ code }) => code)
    return information(`    ${subject}`, [...story, said?.reason, outcomes.get(subject), tally(failed)].join(' '))
  })
}

/** The process it was answered to was killed, had not given it up or said that it kept it, and nobody ever used it. */
function hasDiedWithHolder({ subject, refreshTokens }: Family, { evidence, killedAt }: Aftermath): boolean {
  const [before, last] = refreshTokens.slice(-2)
  const answered = before?.redemptions.find(({ successor }) => successor !== undefined)
  if (answered === undefined || last === undefined || answered.successor !== last.token) return false
  const gaveUp = evidence.failed.some(
    ({ worker, subject: of, at }) => worker === answered.by && of === subject && at >= answered.at,
  )
  return killedAt.has(answered.by) && !gaveUp && !evidence.wasSaved(last.token) && last.redemptions.length === 0
}
