/** Figure 7: a thousand callers of axios whose token is rejected at the same moment. */
import { Agent } from 'node:http'
import { attachTokenSource } from '@grantkit/axios'
import { clientCredentials, createClient, createTokenSource, defineProvider, type Transport } from '@grantkit/core'
import axios, { type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { rejectedToken } from './access-token.js'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'
import { singleFlight } from './single-flight.js'

const callers = 1_000
const lifetimeMs = 3_600_000

export async function wave(origin: string): Promise<Figure> {
  const contestants = { 'hand-written: one renewal, one retry each': byHand(origin), GrantKit: byGrantKit(origin) }
  const times = await timeInTurns(contestants, { forMs: 8_000, times: 1 })
  return ratioFigure({ name: '7  axios, 1,000 callers whose token is rejected', goals: [{ atMost: 1.2 }] }, times)
}

/** Tokens in turn: one that the server rejects, and the one that replaces it. */
function issuer() {
  let issued = 0
  return {
    issue: () => (issued++ % 2 === 0 ? `${rejectedToken}-${issued}` : `good-${issued}`),
    /** @throws Error when the wave was anything but one renewal */
    check(waves: number) {
      if (issued !== 2 * waves) throw new Error(`${issued} tokens were issued in ${waves} waves`)
    },
  }
}

function make(origin: string): AxiosInstance {
  return axios.create({ baseURL: origin, httpAgent: new Agent({ keepAlive: true }) })
}

/** @param begin makes everybody hold a token that is rejected */
function waves(instance: AxiosInstance, begin: () => Promise<unknown>, { check }: ReturnType<typeof issuer>): Repeat {
  let waveCount = 0
  return async times => {
    for (let i = 0; i < times; i++) {
      await begin()
      await Promise.all(Array.from({ length: callers }, () => instance.get('/accounts/1')))
      check(++waveCount)
    }
  }
}

/** What a careful user writes: who is refused asks for another token than that one, and sends once more. */
function byHand(origin: string): Repeat {
  const tokens = issuer()
  const issue = async () => ({ authorization: `Bearer ${tokens.issue()}`, expiresAt: Date.now() + lifetimeMs })
  let authorization = singleFlight({ authorization: '', expiresAt: 0 }, issue)
  const instance = make(origin)
  instance.interceptors.request.use(async config => {
    config.headers.set('authorization', await authorization())
    return config
  })
  instance.interceptors.response.use(null, async error => {
    const config = error.config as InternalAxiosRequestConfig & { isRetry?: boolean }
    if (error.response?.status !== 401 || config.isRetry) throw error
    await authorization(String(config.headers.get('authorization')))
    return instance.request({ ...config, isRetry: true } as InternalAxiosRequestConfig)
  })
  const begin = async () => {
    authorization = singleFlight(await issue(), issue)
  }
  return waves(instance, begin, tokens)
}

function byGrantKit(origin: string): Repeat {
  const tokens = issuer()
  const transport: Transport = async () => {
    const response = { access_token: tokens.issue(), token_type: 'Bearer', expires_in: lifetimeMs / 1_000 }
    return { status: 200, headers: { get: () => null }, body: Buffer.from(JSON.stringify(response)) }
  }
  const metadata = { issuer: 'https://wave.example', token_endpoint: 'https://wave.example/token' }
  const provider = defineProvider({ name: 'bench', metadata })
  const client = createClient({ provider, clientId: 'bench', clientSecret: 'secret', transport })
  const source = createTokenSource({ client, grant: clientCredentials() })
  const instance = make(origin)
  attachTokenSource(instance, source)
  return waves(instance, () => source.getTokenSet({ force: true }), tokens)
}
