/** Figure 5: the tokens of many users, held in memory. Each way has a process of its own: heaps do not disturb each other. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Figure, ratioFigure } from './figure.js'
import { orderOf, type Parts, quantilesOfParts } from './measure.js'

/** What a process is told: to hold a thousand users' tokens more, to read a thousand, or to say what it has in use. */
export type Command = 'fill' | 'read' | 'weigh'

/** What it answers: nanoseconds for each user of a thousand, or of each hundred of them; or bytes. */
export type Answer = readonly number[]

const map = 'Map of records'
const google = 'google-auth-library, a client for each'
const ways = [map, google, 'GrantKit'] as const

/** How the tokens are held. */
export type Way = (typeof ways)[number]

/** A thousand in each turn: in all as many as the memory of a process keeps by default. */
const turns = 100
const warmUp = 2

export async function userTokens(): Promise<Figure[]> {
  const processes = byWay(start)
  const each = (command: Command, rounds: number) => inTurns(rounds, way => tell(processes[way], command))
  await each('fill', warmUp)
  const before = await each('weigh', 1)
  const filling = await each('fill', turns - warmUp)
  // everybody's is read once before: what is made for that is weighed, and not timed
  await each('read', turns)
  const after = await each('weigh', 1)
  const reading = await each('read', turns)
  for (const child of Object.values(processes)) child.disconnect()
  const bytes = byWay(way => [(last(after[way]) - last(before[way])) / ((turns - warmUp) * 1_000)])
  const readingTime = byWay(way => quantilesOfParts(reading[way], 0.1))
  const { [google]: reference, ...others } = byWay(way => quantilesOfParts(filling[way], 0.5))
  const name = '5  tokens of 100,000 users in memory'
  return [
    ratioFigure({ name: `${name}: bytes a user`, goals: [{ atMost: 1.6 }] }, bytes, 'bytes'),
    ratioFigure({ name: `${name}: time to read one`, goals: [{ atMost: 3 }] }, readingTime),
    ratioFigure(
      { name: `${name}: processor time to take one over`, goals: [{ atMost: 1.5 }] },
      { [google]: reference, ...others },
    ),
  ]
}

function byWay<Value>(make: (way: Way) => Value): Record<Way, Value> {
  return Object.fromEntries(ways.map(way => [way, make(way)])) as Record<Way, Value>
}

function start(way: Way): ChildProcess {
  const file = fileURLToPath(import.meta.resolve('./user-tokens-process.js'))
  return fork(file, [way], { execArgv: ['--expose-gc'] })
}

/** @throws Error when the process ends instead of answering */
async function tell(child: ChildProcess, command: Command): Promise<Answer> {
  const hasAnswered = new AbortController()
  const { signal } = hasAnswered
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a process of figure 5 ended with code ${code}`)
  })
  child.send(command)
  const [answer] = await Promise.race([once(child, 'message', { signal }), ended])
  hasAnswered.abort()
  return answer
}

const last = (values: readonly number[]) => values.at(-1) ?? Number.NaN

async function inTurns(rounds: number, sample: (way: Way) => Promise<Answer>): Promise<Parts<Way>> {
  const samples = byWay((): number[] => [])
  for (let round = 0; round < rounds; round++)
    for (const way of orderOf(round, ways)) samples[way].push(...(await sample(way)))
  return samples
}
