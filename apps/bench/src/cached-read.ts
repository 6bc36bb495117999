/** Figure 1: reading a token that is held, and making its header's value. */
import { type Figure, plainFigure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns, weighInTurns } from './measure.js'
import { badgatewayFetch, google, grantKitSource, handWritten } from './sources.js'

/** The least that whoever hands a token out behind a promise can do. */
const reference = 'await of a promise already there, and the clock'

export async function cachedRead(): Promise<Figure[]> {
  const contestants = await makeContestants()
  const times = await timeInTurns(contestants, { forMs: 3_000, times: 2_000 })
  const bytes = await weighInTurns(contestants, { forMs: 1_000, times: 500 })
  const name = '1  a held token and its header value'
  return [
    ratioFigure({ name: `${name}: time`, goals: [{ atMost: 1.3 }] }, times),
    plainFigure({ name: `${name}: bytes`, goals: [{ atMost: 64, over: reference }] }, bytes, 'bytes'),
  ]
}

/** The loops are written out one by one: the engine optimizes each for what it calls, as it does in a program. */
async function makeContestants() {
  const source = grantKitSource()
  const byHand = handWritten()
  const byGoogle = google()
  const other = badgatewayFetch()
  const { accessToken } = await source.getTokenSet()
  const held = { accessToken, renewAt: Date.now() + 3_600_000 }
  const settled = Promise.resolve(held)
  const readVariableAndClock = () => {
    if (Date.now() < held.renewAt) return held
    throw new Error('the bench took an hour')
  }
  const readPromiseAndClock = () => {
    if (Date.now() < held.renewAt) return settled
    throw new Error('the bench took an hour')
  }
  const use = (authorization: string) => {
    if (authorization.length === 0) throw new Error('there is no header')
  }
  const contestants = {
    async [reference](times) {
      for (let i = 0; i < times; i++) use(`Bearer ${(await readPromiseAndClock()).accessToken}`)
    },
    async 'synchronous function that reads a variable and the clock'(times) {
      for (let i = 0; i < times; i++) use(`Bearer ${readVariableAndClock().accessToken}`)
    },
    async 'hand-written async single flight'(times) {
      for (let i = 0; i < times; i++) use(await byHand())
    },
    async GrantKit(times) {
      for (let i = 0; i < times; i++) use(`Bearer ${(await source.getTokenSet()).accessToken}`)
    },
    async 'google-auth-library'(times) {
      for (let i = 0; i < times; i++) use(await byGoogle())
    },
    async '@badgateway/oauth2-client'(times) {
      for (let i = 0; i < times; i++) use(`Bearer ${await other.getAccessToken()}`)
    },
  } satisfies Record<string, Repeat>
  return contestants
}
