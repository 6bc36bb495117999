/** Figure 3: a whole request by axios, with a token attached. */
import { Agent } from 'node:http'
import { attachTokenSource } from '@grantkit/axios'
import axios, { type AxiosInstance } from 'axios'
import { accessToken } from './access-token.js'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'
import { badgatewayFetch, grantKitSource } from './sources.js'

const reference = 'synchronous interceptor that sets one header'

/** Each contestant has connections of its own: what one does to its agent, the others do not pay for. */
export async function axiosRequest(origin: string): Promise<Figure> {
  const agents: Agent[] = []
  const make = () => {
    const agent = new Agent({ keepAlive: true })
    agents.push(agent)
    return axios.create({ baseURL: origin, httpAgent: agent })
  }
  const contestants = {
    [reference]: requests(withOneHeader(make())),
    GrantKit: requests(withGrantKit(make(), origin)),
    '@badgateway/oauth2-client in an async interceptor': requests(withBadgateway(make())),
  }
  const times = await timeInTurns(contestants, { forMs: 7_000, times: 10 })
  for (const agent of agents) agent.destroy()
  return ratioFigure({ name: '3  a token attached by axios: the whole request', goals: [{ atMost: 1.1 }] }, times)
}

function requests(instance: AxiosInstance): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) await instance.get('/accounts/1')
  }
}

function withOneHeader(instance: AxiosInstance): AxiosInstance {
  const setHeader = (config: Parameters<OnRequest>[0]) => {
    config.headers.set('authorization', `Bearer ${accessToken}`)
    return config
  }
  instance.interceptors.request.use(setHeader, null, { synchronous: true })
  return instance
}

type OnRequest = NonNullable<Parameters<AxiosInstance['interceptors']['request']['use']>[0]>

function withGrantKit(instance: AxiosInstance, origin: string): AxiosInstance {
  attachTokenSource(instance, grantKitSource(), { origins: [origin] })
  return instance
}

function withBadgateway(instance: AxiosInstance): AxiosInstance {
  const holder = badgatewayFetch()
  instance.interceptors.request.use(async config => {
    config.headers.set('authorization', `Bearer ${await holder.getAccessToken()}`)
    return config
  })
  return instance
}
