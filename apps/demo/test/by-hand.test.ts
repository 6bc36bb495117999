/** What the README and the page say of a token kept by hand, and that it does not hold of GrantKit. */
import { createServer } from 'node:http'
import { globalAgent } from 'node:https'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { attachTokenSource } from '@grantkit/axios'
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import { coreBanking } from '@grantkit/provider-core-banking'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import axios, { type AxiosInstance } from 'axios'
import { afterEach, describe, expect, test, vi } from 'vitest'

afterEach(() => {
  vi.unstubAllEnvs()
  delete globalAgent.options.ca
})

const kinds = [
  { name: 'by hand', open: byHand },
  { name: 'with GrantKit', open: withGrantKit },
]

describe.each(kinds)('$name', ({ name, open }) => {
  const isByHand = name === 'by hand'

  test(`a server that is down is asked ${isByHand ? 'at every call' : 'once'}`, async () => {
    await using sandbox = await startSandbox()
    const api = await open(sandbox)
    sandbox.coreBanking.revokeAllTokens()
    sandbox.coreBanking.fail({ kind: 'status', status: 503 }, { times: Number.POSITIVE_INFINITY })
    const before = tokenRequests(sandbox)

    for (let call = 0; call < 10; call++) await expect(api.get(sandbox.coreBanking.apiUrl)).rejects.toThrow()

    expect(tokenRequests(sandbox) - before).toBe(isByHand ? 10 : 1)
  })

  test(`a rejection that comes late costs ${isByHand ? 'the new token' : 'nothing'}`, async () => {
    await using sandbox = await startSandbox()
    const api = await open(sandbox)
    const before = tokenRequests(sandbox)
    sandbox.coreBanking.revokeAllTokens()
    const late = holdAnswer(api)
    const first = api.get(sandbox.coreBanking.apiUrl)
    await late.isHeld

    expect((await api.get(sandbox.coreBanking.apiUrl)).status).toBe(200)
    late.release()
    expect((await first).status).toBe(200)

    expect(tokenRequests(sandbox) - before).toBe(isByHand ? 2 : 1)
  })

  test(`a logged error ${isByHand ? 'shows' : 'does not show'} the secret`, async () => {
    await using sandbox = await startSandbox()
    const api = await open(sandbox)
    sandbox.coreBanking.revokeAllTokens()
    sandbox.coreBanking.fail({ kind: 'status', status: 500 })

    const error = await api.get(sandbox.coreBanking.apiUrl).catch(failure => failure)

    expect(inspect(error, { depth: 10 }).includes(sandbox.coreBanking.clientSecret)).toBe(isByHand)
  })

  test(`${isByHand ? 'the token goes' : 'no token goes'} to another host`, async () => {
    await using sandbox = await startSandbox()
    const api = await open(sandbox)
    await using elsewhere = await startElsewhere()

    await api.get(elsewhere.url).catch(() => {})

    expect(elsewhere.authorizations).toEqual(isByHand ? [expect.stringMatching(/^Bearer /)] : [])
  })
})

/** The lines of examples/by-hand.ts, after the one call that the file makes. */
async function byHand(sandbox: Sandbox): Promise<AxiosInstance> {
  const { origin, clientId, clientSecret, apiUrl } = sandbox.coreBanking
  globalAgent.options.ca = sandbox.ca
  vi.stubEnv('BASE_URL', origin)
  vi.stubEnv('CLIENT_ID', clientId)
  vi.stubEnv('CLIENT_SECRET', clientSecret)
  vi.stubEnv('API_PATH', new URL(apiUrl).pathname)
  vi.resetModules()
  const { api } = await import('../../../examples/by-hand.js')
  return api
}

/** Those of examples/application-token.ts, after one call as well. */
async function withGrantKit({ coreBanking: server, ca }: Sandbox): Promise<AxiosInstance> {
  const client = createClient({
    provider: coreBanking({ baseUrl: server.origin }),
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    tls: { ca },
  })
  const tokens = createTokenSource({ client, grant: clientCredentials() })
  const api = axios.create({ baseURL: server.origin })
  attachTokenSource(api, tokens, { tls: client.tls })
  await api.get(server.apiUrl)
  return api
}

function tokenRequests({ coreBanking }: Sandbox): number {
  return coreBanking.requests.filter(({ kind }) => kind === 'token').length
}

/** Keeps the next answer from the interceptors above until it is released. */
function holdAnswer(api: AxiosInstance) {
  const [held, released] = [gate(), gate()]
  const send = axios.getAdapter(api.defaults.adapter)
  api.defaults.adapter = async config => {
    api.defaults.adapter = send
    try {
      return await send(config)
    } finally {
      held.open()
      await released.isOpen
    }
  }
  return { isHeld: held.isOpen, release: released.open }
}

function gate() {
  let open = () => {}
  const isOpen = new Promise<void>(resolve => {
    open = resolve
  })
  return { isOpen, open }
}

/** A server that nobody meant to have the token. */
async function startElsewhere() {
  const authorizations: (string | undefined)[] = []
  const server = createServer((request, response) => {
    authorizations.push(request.headers.authorization)
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
