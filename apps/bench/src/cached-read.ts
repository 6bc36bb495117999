/** Figure 1: reading a token that is held. What counts is what comes on top of `await` itself. */
import { bytesFigure, type Figure, ratioFigure } from './figure.js'
import { over, type Repeat, timeInTurns, weighInTurns } from './measure.js'
import { badgatewayFetch, grantKitSource } from './sources.js'

const awaitAlone = 'await of a promise already there'
const reference = 'async function that reads a variable and the clock'

export async function cachedRead(): Promise<Figure[]> {
  const contestants = await makeContestants()
  const { [awaitAlone]: time, ...times } = await timeInTurns(contestants, { forMs: 9_000, times: 5_000 })
  const { [awaitAlone]: weight, ...weights } = await weighInTurns(contestants, { forMs: 2_000, times: 1_000 })
  return [
    ratioFigure({ name: '1  reading a cached token: time on top of await', limit: 1.5, reference }, over(time, times)),
    bytesFigure({ name: '1  reading a cached token: bytes on top of await', limit: 64 }, over(weight, weights)),
  ]
}

/** The loops are written out one by one: the engine optimizes each for what it calls, as it does in a program. */
async function makeContestants() {
  const source = grantKitSource()
  const other = badgatewayFetch()
  const tokenSet = await source.getTokenSet()
  const settled = Promise.resolve(tokenSet)
  const renewAt = Date.now() + 3_600_000
  const readVariableAndClock = async () => {
    if (Date.now() < renewAt) return tokenSet
    throw new Error('the bench took an hour')
  }
  const contestants = {
    async [awaitAlone](times) {
      for (let i = 0; i < times; i++) await settled
    },
    async [reference](times) {
      for (let i = 0; i < times; i++) await readVariableAndClock()
    },
    async GrantKit(times) {
      for (let i = 0; i < times; i++) await source.getTokenSet()
    },
    async '@badgateway/oauth2-client'(times) {
      for (let i = 0; i < times; i++) await other.getAccessToken()
    },
  } satisfies Record<string, Repeat>
  return contestants
}
