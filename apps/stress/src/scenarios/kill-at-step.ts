/** A process is killed before and after each step of a renewal; another process then needs the token. */
import { Evidence } from '../evidence.js'
import { exactly, type Figure, type Result } from '../figure.js'
import { type Scene, startScene, type Worker } from '../scene.js'
import type { HoldAt } from '../servers/authorization-server.js'
import type { User } from '../worker/main.js'
import type { Crash } from '../worker/steps.js'
import type { ScenarioOptions } from './scenario.js'

/** How a process is killed, and whether the server's answer is then in nobody's hands. */
interface Case {
  readonly name: string
  readonly answerDies: boolean
  readonly kill: (scene: Scene, first: Worker, subject: string) => Promise<void>
}

const lives = {
  accessTokenSeconds: 600,
  mostDelayMs: 0,
  timeoutMs: 2_000,
  thresholds: { refreshBeforeMs: 0, expiryMarginMs: 0 },
}
/** More than there are cases: each needs a user of its own, and one shows the steps. */
const users = 64
/** Processes that start at the same time. */
const atOnce = 4

export async function killAtStep({ backend }: Pick<ScenarioOptions, 'backend'>): Promise<readonly Result[]> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...lives, backend, users, onReport: evidence.take })
  const second = await scene.startWorker()
  const [shown, ...others] = scene.users as [User, ...User[]]
  const { steps } = await second.call('obtain', { subject: shown.subject, force: true })
  const cases = [...steps.flatMap(casesAt), ...casesOnTheWay]
  const figures: Promise<Figure>[] = []
  for (let begun = 0; begun < cases.length; begun += atOnce) {
    const killed = cases.slice(begun, begun + atOnce).map(async (one, index) => {
      const user = others[begun + index] as User
      await one.kill(scene, await scene.startWorker({ users: [user] }), user.subject)
      // the lease it held runs out while the next ones are killed
      figures[begun + index] = figureOf(one, second, user.subject, evidence)
    })
    await Promise.all(killed)
  }
  return [{ scenario: 'kill-at-step', setting: backend.address.kind, figures: await Promise.all(figures) }]
}

/** Before and after a step that a renewal was seen to take. */
function casesAt(name: string, step: number, steps: readonly string[]): Case[] {
  const request = steps.indexOf('token request')
  const save = steps.indexOf('compareAndSet', request)
  const crashes: readonly Crash[] = [
    { step, when: 'before' },
    { step, when: 'after' },
  ]
  return crashes.map(crash => {
    const isPast = (step: number) => crash.step > step || (crash.step === step && crash.when === 'after')
    return {
      name: `killed ${crash.when} step ${step + 1}, ${name}${purposeOf(name, step, request)}`,
      answerDies: isPast(request) && !isPast(save),
      async kill(_, first, subject) {
        first.call('obtain', { subject, force: true, crash }).catch(() => {})
        await first.ended
      },
    }
  })
}

function purposeOf(name: string, step: number, request: number): string {
  if (name !== 'compareAndSet') return ''
  return step < request ? ' of the mark' : ' of the answer'
}

const casesOnTheWay: readonly Case[] = [
  { name: 'killed while the request waits at the server', answerDies: false, kill: killHeld('before') },
  { name: 'killed while the answer is on its way', answerDies: true, kill: killHeld('after') },
]

function killHeld(at: HoldAt): Case['kill'] {
  return async ({ servers }, first, subject) => {
    const arrived = servers.call('hold', { worker: first.name, at })
    first.call('obtain', { subject, force: true }).catch(() => {})
    await arrived
    await first.kill()
  }
}

async function figureOf(one: Case, second: Worker, subject: string, evidence: Evidence): Promise<Figure> {
  const { outcome } = await second.call('obtain', { subject })
  const wasTold = evidence.logins.some(login => login.subject === subject)
  const wanted = one.answerDies ? 'ERR_LOGIN_REQUIRED, told by an event' : 'alive'
  return exactly(wanted, one.name, wasTold ? `${outcome}, told by an event` : outcome)
}
