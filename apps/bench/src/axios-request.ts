/** Figure 3: a whole request by axios, with a token attached. */
import { accessToken } from './access-token.js'
import { axiosTo } from './clients/axios.js'
import { inSequence } from './clients/client.js'
import { type Figure, ratioFigure } from './figure.js'
import { timeInTurns } from './measure.js'
import { badgatewayFetch, grantKitSource } from './sources.js'

export async function axiosRequest(origin: string): Promise<Figure> {
  const client = axiosTo(origin)
  const holder = badgatewayFetch()
  const contestants = {
    'synchronous interceptor that sets one header': inSequence(client.synchronous(() => `Bearer ${accessToken}`)),
    GrantKit: inSequence(client.grantKit(grantKitSource())),
    '@badgateway/oauth2-client in an async interceptor': inSequence(
      client.asynchronous(async () => `Bearer ${await holder.getAccessToken()}`),
    ),
  }
  const times = await timeInTurns(contestants, { forMs: 6_000, times: 10 })
  return ratioFigure({ name: '3  a token attached by axios: the whole request', goals: [{ atMost: 1.1 }] }, times)
}
