/** Figure 2: what attaching a held token adds to a client. Transports answer at once, and the bare client is subtracted. */
import { accessToken } from './access-token.js'
import { axiosAtOnce } from './clients/axios.js'
import { type Client, inSequence } from './clients/client.js'
import { fetchAtOnce } from './clients/fetch.js'
import { gotAtOnce } from './clients/got.js'
import { undiciAtOnce } from './clients/undici.js'
import { type Figure, type Goal, plainFigure, ratioFigure } from './figure.js'
import { over, timeInTurns, weighInTurns } from './measure.js'
import { google, grantKitSource, handWritten } from './sources.js'

const bare = 'bare client'
const reference = 'synchronous hook that sets one header'
const byHand = 'hand-written async single flight'
const aheadOfHandWritten = { atMost: 0, over: byHand }
const microseconds = 1_000

interface Comparison {
  readonly name: string
  readonly client: Client
  readonly timeGoals: readonly Goal[]
  readonly atMostBytes: number
  /** How times are shown: where a hook adds next to nothing to a client that costs a lot, a ratio would say little. */
  readonly show: 'ratios' | 'times'
  readonly forMs: number
}

/** One after the other: each client has the processor to itself. */
export async function attaching(): Promise<Figure[]> {
  const comparisons: Comparison[] = [
    {
      ...{ name: 'axios', client: axiosAtOnce, show: 'ratios', forMs: 5_000 },
      ...{ timeGoals: [{ atMost: 1.5 }, aheadOfHandWritten], atMostBytes: 1_500 },
    },
    {
      ...{ name: 'undici', client: undiciAtOnce, show: 'ratios', forMs: 3_000 },
      ...{ timeGoals: [{ atMost: 3 }], atMostBytes: 2_500 },
    },
    {
      ...{ name: 'got', client: gotAtOnce, show: 'times', forMs: 6_000 },
      ...{ timeGoals: [{ atMost: 3 * microseconds, over: reference }], atMostBytes: 2_500 },
    },
    {
      ...{ name: 'fetch', client: fetchAtOnce, show: 'ratios', forMs: 4_000 },
      ...{ timeGoals: [aheadOfHandWritten], atMostBytes: 3_000 },
    },
  ]
  const figures: Figure[] = []
  for (const comparison of comparisons) figures.push(...(await added(comparison)))
  return figures
}

/** Turns are short: few of them meet the garbage collector, which all but the fastest client give a lot to do. */
async function added({ name, client, timeGoals, atMostBytes, show, forMs }: Comparison): Promise<Figure[]> {
  const authorization = `Bearer ${accessToken}`
  const contestants = {
    [bare]: inSequence(client.bare()),
    [reference]: inSequence(client.synchronous(() => authorization)),
    [byHand]: inSequence(client.asynchronous(handWritten())),
    'google-auth-library in an async hook': inSequence(client.asynchronous(google())),
    GrantKit: inSequence(client.grantKit(grantKitSource())),
  }
  const { [bare]: time, ...times } = await timeInTurns(contestants, { forMs, times: 20 })
  const { [bare]: weight, ...weights } = await weighInTurns(contestants, { forMs: 1_000, times: 5 })
  const heading = { name: `2  ${name}: time that attaching a held token adds`, goals: timeGoals }
  const bytesHeading = { name: `2  ${name}: bytes that attaching a held token adds`, goals: [{ atMost: atMostBytes }] }
  const addedTime = over(time, times)
  return [
    show === 'ratios' ? ratioFigure(heading, addedTime) : plainFigure(heading, addedTime, 'nanoseconds'),
    plainFigure(bytesHeading, over(weight, weights), 'bytes'),
  ]
}
