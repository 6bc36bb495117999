/**
 * What a request keeps in an `AsyncLocalStorage` goes with the request: nothing of ours that lasts holds it. Seen by weak
 * references, after the garbage was collected.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import http from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  authorizationCode,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  memoryStore,
  sealedStore,
  type TokenStore,
} from '../../src/index.js'
import { listen } from '../fixtures/servers.js'
import { gate, issue, refuse, rotate, type Setup, setUp } from '../scripted-server.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

// Node's own, which the answers of these tests use, and which holds on to the context it is loaded in
void globalThis.Headers

const requests = new AsyncLocalStorage<object>()

/** Runs something in a request of its own; what the request keeps, weakly. */
async function inRequest(run: () => unknown): Promise<WeakRef<object>> {
  const kept = { user: 'alice', ballast: new Array(1_000).fill(0) }
  await requests.run(kept, async () => {
    await Promise.resolve(run()).catch(() => {})
  })
  return new WeakRef(kept)
}

async function alive(kept: readonly WeakRef<object>[]): Promise<number> {
  for (let round = 0; round < 5; round++) {
    await setImmediate()
    collectGarbage()
  }
  return kept.filter(one => one.deref() !== undefined).length
}

/** How many of twenty requests are still in memory when they are over. */
async function heldAfter(run: (index: number) => unknown): Promise<number> {
  const kept: WeakRef<object>[] = []
  for (let index = 0; index < 20; index++) kept.push(await inRequest(() => run(index)))
  return alive(kept)
}

const code = () => authorizationCode({ code: 'code-1', redirectUri: 'https://app.example/cb' })
const usersOf = ({ client }: Pick<Setup, 'client'>, store?: TokenStore) => createUserTokenSources({ client, store })

describe('no request is held', () => {
  test('by an import', async () => {
    const users = usersOf(setUp(rotate()))
    expect(await heldAfter(index => users.for(`user ${index}`).import({ refreshToken: 'refresh-0' }))).toBe(0)
  })

  test('by the redemption of a code', async () => {
    const users = usersOf(setUp(rotate()))
    expect(await heldAfter(index => users.for(`user ${index}`).redeem(code()))).toBe(0)
  })

  test('by a refresh, nor by those who read the token afterwards', async () => {
    const users = usersOf(setUp(rotate()))
    const one = users.for('one')
    const ask = async (index: number) => {
      const user = users.for(`user ${index}`)
      await user.import({ refreshToken: `refresh-of-${index}` })
      await user.getTokenSet()
      await user.getTokenSet({ force: true })
      await one.import({ refreshToken: 'refresh-0' })
      await one.getTokenSet()
    }
    expect(await heldAfter(ask)).toBe(0)
  })

  test('by an application’s tokens, obtained by sources made in the request or before', async () => {
    const { client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials() })
    const ask = async (index: number) => {
      await source.getTokenSet({ force: true })
      await createTokenSource({ client, grant: clientCredentials({ scope: `scope-${index}` }) }).getTokenSet()
    }
    expect(await heldAfter(ask)).toBe(0)
    await source.getTokenSet()
  })

  test('by a renewal in the background', async () => {
    const setup = setUp(issue({ expires_in: 300 }))
    const source = createTokenSource({ client: setup.client, grant: clientCredentials() })
    await source.getTokenSet()
    const ask = () => {
      setup.clock.advance(250_000)
      return source.getTokenSet()
    }
    expect(await heldAfter(ask)).toBe(0)
    expect(setup.server.requests.length).toBeGreaterThan(1)
  })

  test('by a failure that is remembered', async () => {
    const setup = setUp(refuse(503, 'temporarily_unavailable'))
    const users = usersOf(setup)
    const ask = async (index: number) => {
      const user = users.for(`user ${index}`)
      await user.import({ refreshToken: `refresh-of-${index}` })
      await user.getTokenSet()
    }
    expect(await heldAfter(ask)).toBe(0)
  })

  test('by what is rejected, dropped and forgotten', async () => {
    const setup = setUp(rotate())
    const users = usersOf(setup)
    const ask = async (index: number) => {
      const user = users.for(`user ${index}`)
      const { accessToken } = await user.redeem(code())
      await user.getTokenSet({ rejected: accessToken })
      await user.drop('token-2')
      await user.forget()
    }
    expect(await heldAfter(ask)).toBe(0)
  })

  test('by a store that encrypts, keeps leases and tells of changes, made in the request', async () => {
    const setup = setUp(rotate())
    const stores: TokenStore[] = []
    const ask = async () => {
      const keys = [{ id: 'k1', key: Buffer.alloc(32, 7) }]
      const store = sealedStore(memoryStore(), { keys })
      stores.push(store)
      const user = usersOf(setup, store).for('alice')
      await user.redeem(code())
      await user.getTokenSet({ force: true })
    }
    expect(await heldAfter(ask)).toBe(0)
    expect(stores).toHaveLength(20)
  })

  test('by what is still to be saved while the store is away', async () => {
    const setup = setUp(rotate())
    const inner = memoryStore()
    let isAway = false
    const store: TokenStore = {
      ...inner,
      secrecy: 'elsewhere',
      compareAndSet: (...args) => (isAway ? Promise.reject(new Error('away')) : inner.compareAndSet(...args)),
      release: (...args) => (isAway ? Promise.reject(new Error('away')) : inner.release(...args)),
    }
    const source = createTokenSource({ client: setup.client, grant: clientCredentials(), store })
    isAway = true
    expect(await heldAfter(() => source.getTokenSet({ force: true }))).toBe(0)
  })

  test('by the connection its token request went over', async () => {
    const tokens = JSON.stringify({ access_token: 'token-1', token_type: 'Bearer', expires_in: 300 })
    const server = http.createServer((_, response) => response.end(tokens))
    const { port } = await listen(server)
    const url = `http://127.0.0.1:${port}`
    const provider = defineProvider({ name: 'local', metadata: { issuer: url, token_endpoint: url } })
    const transport = { proxy: false, keepAliveMs: 60_000 } as const
    const client = createClient({ provider, clientId: 'client-1', clientSecret: 'secret', transport })
    onTestFinished(() => client.close())
    const source = createTokenSource({ client, grant: clientCredentials() })
    expect(await heldAfter(() => source.getTokenSet({ force: true }))).toBe(0)
    expect(await promisify(server.getConnections.bind(server))()).toBe(1)
  })

  test('by a request it no longer waits for', async () => {
    const { answer, open } = gate()
    const setup = setUp(answer)
    const source = createTokenSource({ client: setup.client, grant: clientCredentials() })
    const first = source.getTokenSet()
    await setup.server.arrived(1)
    const giveUp = async () => {
      const controller = new AbortController()
      const call = source.getTokenSet({ signal: controller.signal })
      await setImmediate()
      controller.abort()
      return call
    }
    expect(await heldAfter(giveUp)).toBe(0)
    open()
    await first
  })
})

describe('what the user passes in', () => {
  test('sees the request that caused the token request; each caller goes on in its own', async () => {
    const tokens = JSON.stringify({ access_token: 'token-1', token_type: 'Bearer', expires_in: 300 })
    const { port } = await listen(http.createServer((_, response) => response.end(tokens)))
    const url = `http://127.0.0.1:${port}`
    const provider = defineProvider({ name: 'local', metadata: { issuer: url, token_endpoint: url } })
    const seen: [string, unknown][] = []
    const see = (what: string) => void seen.push([what, requests.getStore()])
    const clientSecret = () => {
      see('secret')
      return 'secret'
    }
    const client = createClient({
      provider,
      clientId: 'client-1',
      clientSecret,
      transport: { proxy: false },
      onEvent: ({ type }) => see(type),
    })
    onTestFinished(() => client.close())
    const source = createTokenSource({ client, grant: clientCredentials() })
    const [first, second] = [{ name: 'first' }, { name: 'second' }]
    const ask = async () => {
      await source.getTokenSet()
      return requests.getStore()
    }
    expect(await Promise.all([requests.run(first, ask), requests.run(second, ask)])).toEqual([first, second])
    expect(seen).toEqual([
      ['token_requested', first],
      ['secret', first],
      ['token_received', first],
      ['token_awaited', first],
      ['token_awaited', second],
    ])
  })
})
