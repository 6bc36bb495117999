/** What events say of requests, and of who waited for them. */
import { describe, expect, test, vi } from 'vitest'
import {
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type GrantKitEvent,
  memoryStore,
  type TokenStore,
} from '../../src/index.js'
import { deferred, gate, issue, refuse, rotate, setUp } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

type Type = GrantKitEvent['type']
const ofType = <T extends Type>(events: readonly GrantKitEvent[], type: T) =>
  events.filter((event): event is Extract<GrantKitEvent, { type: T }> => event.type === type)

describe('a request', () => {
  test('has one name in all that is told of it, and says where it went', async () => {
    const { client, events, clock } = setUp()
    const tokens = createTokenSource({ client, store: memoryStore(), grant: clientCredentials() })
    await tokens.getTokenSet()
    clock.advance(3_600_000)
    await tokens.getTokenSet()

    const [first, second] = ofType(events, 'token_requested')
    expect(first?.requestId).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
    expect(second?.requestId).not.toBe(first?.requestId)
    expect(ofType(events, 'token_received').map(({ requestId }) => requestId)).toEqual([
      first?.requestId,
      second?.requestId,
    ])
    expect(first).toMatchObject({
      clientId: 'app',
      provider: 'example',
      endpoint: 'token_endpoint',
      url: 'https://as.example/token',
    })
  })

  test('that fails has one too, and the query of its URL is not told', async () => {
    const events: GrantKitEvent[] = []
    const { another } = setUp(refuse(503, 'down'))
    const provider = {
      name: 'with a query',
      metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token?api_key=secret' },
      conform: {},
    }
    const client = another({ provider, onEvent: event => void events.push(event) })
    await outcomeOf(createTokenSource({ client, store: memoryStore(), grant: clientCredentials() }).getTokenSet())
    expect(events[1]).toMatchObject({
      type: 'token_request_failed',
      requestId: ofType(events, 'token_requested')[0]?.requestId,
      url: 'https://as.example/token',
    })
    expect(JSON.stringify(events)).not.toContain('secret')
  })

  test('is named by what came of it: a session that ended, scope that was lost', async () => {
    const { another, server, events } = setUp(rotate({ scope: 'a b' }))
    const user = createUserTokenSources({ client: another({ clientId: 'named' }), store: memoryStore() }).for('alice')
    await user.import({ refreshToken: 'refresh-0' })
    await user.getTokenSet()
    server.answer = rotate({ scope: 'a' })
    await user.getTokenSet({ force: true })
    server.answer = refuse(400, 'invalid_grant')
    await outcomeOf(user.getTokenSet({ force: true }))

    const [, narrowing, ending] = ofType(events, 'token_requested')
    expect(ofType(events, 'scope_narrowed')).toMatchObject([{ requestId: narrowing?.requestId, lostScope: ['b'] }])
    expect(ofType(events, 'login_required')).toMatchObject([{ requestId: ending?.requestId, clientId: 'named' }])
  })
})

describe('who waits', () => {
  test('is told for each caller, with the request that all waited for and how long', async () => {
    const { client, server, events, clock } = setUp()
    const { answer, open } = gate()
    server.answer = answer
    const tokens = createTokenSource({ client, store: memoryStore(), grant: clientCredentials() })
    const first = tokens.getTokenSet()
    await server.arrived(1)
    clock.advance(300)
    const second = tokens.getTokenSet()
    await outcomeOf(tokens.getTokenSet({ signal: AbortSignal.abort() }))
    const controller = new AbortController()
    const leaves = outcomeOf(tokens.getTokenSet({ signal: controller.signal }))
    await new Promise(setImmediate)
    clock.advance(200)
    controller.abort()
    await leaves
    open()
    await Promise.all([first, second])

    const requestId = ofType(events, 'token_requested')[0]?.requestId
    const wait = { requestId, reason: 'cold', subject: undefined, level: 'debug' }
    expect(ofType(events, 'token_awaited')).toMatchObject([
      { ...wait, durationMs: 200, outcome: 'aborted' },
      { ...wait, durationMs: 500, outcome: 'served' },
      { ...wait, durationMs: 200, outcome: 'served' },
    ])
  })

  test('is told of a caller who gets an error, and names the user', async () => {
    const { another, events } = setUp(refuse(400, 'invalid_scope'))
    const user = createUserTokenSources({ client: another({ clientId: 'waits' }), store: memoryStore() }).for('alice')
    await user.import({ refreshToken: 'refresh-0' })
    await outcomeOf(user.getTokenSet())
    const requestId = ofType(events, 'token_requested')[0]?.requestId
    expect(ofType(events, 'token_awaited')).toMatchObject([
      { subject: 'alice', outcome: 'failed', reason: 'cold', requestId },
    ])
  })

  test('is nobody while a good token is held, nor while it is renewed in the background', async () => {
    const { client, events, clock, server } = setUp()
    const tokens = createTokenSource({ client, store: memoryStore(), grant: clientCredentials() })
    await tokens.getTokenSet()
    await tokens.getTokenSet()
    clock.advance(3_550_000)
    await tokens.getTokenSet()
    await server.arrived(2)
    await vi.waitFor(() => expect(ofType(events, 'token_received')).toHaveLength(2), { timeout: 60_000 })
    expect(ofType(events, 'token_awaited')).toHaveLength(1)
  })

  test('waits for the store now and then, where that is another process', async () => {
    const { start, clock } = machines(issue())
    const { application, events } = start()
    const tokens = application()
    await tokens.getTokenSet()
    clock.advance(20_000)
    await tokens.getTokenSet()
    expect(ofType(events, 'token_awaited')).toMatchObject([
      { reason: 'cold', outcome: 'served' },
      { reason: undefined, requestId: undefined, outcome: 'served' },
    ])
  })

  test('waits for the lease of another process, and gets its token', async () => {
    const { start, server } = machines()
    const { answer, open } = gate()
    server.answer = answer
    const [one, other] = [start(), start()]
    const first = accessTokenOf(one.application())
    await server.arrived(1)
    const second = accessTokenOf(other.application())
    // it asks for the lease a second time after a pause
    await new Promise(resolve => setTimeout(resolve, 100))
    open()
    expect(await Promise.all([first, second])).toEqual(['token-1', 'token-1'])
    expect(ofType(one.events, 'lease_awaited')).toEqual([])
    expect(ofType(other.events, 'lease_awaited')).toMatchObject([
      { subject: undefined, granted: false, clientId: expect.any(String), level: 'debug' },
    ])
    expect(ofType(other.events, 'token_awaited')).toMatchObject([{ requestId: undefined, outcome: 'served' }])
  })

  test('waits for the lease of another process for a user’s token, and the user is named', async () => {
    const { start, server } = machines()
    const { answer, open } = gate(rotating().answer)
    server.answer = answer
    const [one, other] = [start(), start()]
    await one.user().import({ refreshToken: 'refresh-0' })
    const first = accessTokenOf(one.user())
    await server.arrived(1)
    const second = accessTokenOf(other.user())
    await new Promise(resolve => setTimeout(resolve, 100))
    open()
    expect(await Promise.all([first, second])).toEqual(['token-1', 'token-1'])
    expect(ofType(one.events, 'lease_awaited')).toEqual([])
    expect(ofType(other.events, 'lease_awaited')).toMatchObject([{ subject: 'alice', granted: false, level: 'debug' }])
  })
})

test('what a refresh came to is settled before its lease is given back: a login meanwhile is no part of it', async () => {
  const { client, server, events } = setUp(refuse(400, 'invalid_grant'))
  const store = memoryStore()
  const [reached, opened] = [deferred(), deferred()]
  const slow: TokenStore = {
    ...store,
    async release(...args) {
      reached.resolve()
      await opened.promise
      return store.release(...args)
    },
  }
  const user = createUserTokenSources({ client, store: slow }).for('alice')
  await user.import({ refreshToken: 'refresh-0' })
  const first = outcomeOf(user.getTokenSet())
  await reached.promise
  await user.import({ refreshToken: 'refresh-1' })
  opened.resolve()
  expect(await first).toBe('ERR_LOGIN_REQUIRED')

  expect(await outcomeOf(user.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  expect(server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-1'])
  expect(ofType(events, 'login_required')).toHaveLength(2)
})
