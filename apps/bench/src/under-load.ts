/** Figure 6: many requests at once over connections kept alive, and the processor time each takes. */
import { accessToken } from './access-token.js'
import { axiosTo } from './clients/axios.js'
import { atOnce, type Client } from './clients/client.js'
import { fetchTo } from './clients/fetch.js'
import { gotTo } from './clients/got.js'
import { undiciTo } from './clients/undici.js'
import { type Figure, ratioFigure } from './figure.js'
import { useInTurns } from './measure.js'
import { grantKitSource, handWritten } from './sources.js'

interface Load {
  readonly name: string
  readonly client: Client
  /** Requests in a given time, as a share of the bare client's. */
  readonly leastRate: number
  /** Processor time per request, as a multiple of the bare client's. */
  readonly mostUsed: number
}

export async function underLoad(origin: string): Promise<Figure[]> {
  const loads: Load[] = [
    { name: 'axios', client: axiosTo(origin), leastRate: 0.95, mostUsed: 1.08 },
    { name: 'got', client: gotTo(origin), leastRate: 0.95, mostUsed: 1.08 },
    { name: 'undici', client: undiciTo(origin), leastRate: 0.9, mostUsed: 1.15 },
    { name: 'fetch', client: fetchTo(origin), leastRate: 0.95, mostUsed: 1.08 },
  ]
  const figures: Figure[] = []
  for (const load of loads) figures.push(...(await loaded(load)))
  return figures
}

async function loaded({ name, client, leastRate, mostUsed }: Load): Promise<Figure[]> {
  const contestants = {
    'bare client': atOnce(16, client.bare()),
    'synchronous hook that sets one header': atOnce(
      16,
      client.synchronous(() => `Bearer ${accessToken}`),
    ),
    'hand-written async single flight': atOnce(16, client.asynchronous(handWritten())),
    GrantKit: atOnce(16, client.grantKit(grantKitSource())),
  }
  const { elapsed, used } = await useInTurns(contestants, { forMs: 7_000, times: 160 })
  const figure = `6  ${name}, 16 requests at once`
  return [
    ratioFigure({ name: `${figure}: time for each`, goals: [{ atMost: 1 / leastRate }] }, elapsed),
    ratioFigure({ name: `${figure}: processor time for each`, goals: [{ atMost: mostUsed }] }, used),
  ]
}
