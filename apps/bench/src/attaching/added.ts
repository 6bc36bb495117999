/** Figure 2: what attaching a held token adds to a client. Transports answer at once, and the bare client is subtracted. */
import type { ManagedTokenSource } from '@grantkit/core'
import { accessToken } from '../access-token.js'
import { type Figure, type Goal, plainFigure, ratioFigure } from '../figure.js'
import { over, type Repeat, timeInTurns, weighInTurns } from '../measure.js'
import { google, grantKitSource, handWritten } from '../sources.js'

/** A client, bare and with each kind of hook: sends requests one after the other. */
export interface Client {
  readonly bare: () => Repeat
  readonly synchronous: (authorization: () => string) => Repeat
  readonly asynchronous: (authorization: () => Promise<string>) => Repeat
  readonly grantKit: (source: ManagedTokenSource) => Repeat
}

export interface Comparison {
  /** The client's name. */
  readonly name: string
  readonly client: Client
  /** `over` names a row of this table's. */
  readonly timeGoals: readonly Goal[]
  readonly atMostBytes: number
  /** How times are shown: where a hook adds next to nothing to a client that costs a lot, a ratio would say little. */
  readonly show?: 'ratios' | 'times'
  readonly forMs: number
}

const bare = 'bare client'

/** The rows others are compared with. */
export const rows = {
  synchronous: 'synchronous hook that sets one header',
  handWritten: 'hand-written async single flight',
} as const

/** Turns are short: few of them meet the garbage collector, which all but the fastest client give a lot to do. */
const times = 20

export async function added({
  name,
  client,
  timeGoals,
  atMostBytes,
  show = 'ratios',
  forMs,
}: Comparison): Promise<Figure[]> {
  const authorization = `Bearer ${accessToken}`
  const contestants = {
    [bare]: client.bare(),
    [rows.synchronous]: client.synchronous(() => authorization),
    [rows.handWritten]: client.asynchronous(handWritten()),
    'google-auth-library in an async hook': client.asynchronous(google()),
    GrantKit: client.grantKit(grantKitSource()),
  }
  const { [bare]: time, ...withHook } = await timeInTurns(contestants, { forMs, times })
  const { [bare]: weight, ...weightWithHook } = await weighInTurns(contestants, { forMs: 1_000, times: 5 })
  const timeHeading = { name: `2  ${name}: time that attaching a held token adds`, goals: timeGoals }
  const bytesHeading = { name: `2  ${name}: bytes that attaching a held token adds`, goals: [{ atMost: atMostBytes }] }
  const addedTime = over(time, withHook)
  return [
    show === 'ratios' ? ratioFigure(timeHeading, addedTime) : plainFigure(timeHeading, addedTime, 'nanoseconds'),
    plainFigure(bytesHeading, over(weight, weightWithHook), 'bytes'),
  ]
}
