import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTokenSource, createUserTokenSources } from '../../src/create-token-source.js'
import { TokenStoreError } from '../../src/errors.js'
import type { EventListener } from '../../src/events.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { boundedStore } from '../../src/store/bounded-store.js'
import { memoryStore } from '../../src/store/memory-store.js'
import type { TokenStore } from '../../src/store/token-store.js'
import { answering, clientOf, granted } from '../answering.js'
import { listen } from '../fixtures/servers.js'

/** A store outside the process, whose `get` is the given. */
function storeWith(members: Partial<TokenStore>): TokenStore {
  return { ...memoryStore(), secrecy: 'elsewhere', ...members }
}

const failure = (answer: Promise<unknown>): Promise<TokenStoreError> =>
  answer.then(
    () => Promise.reject(new Error('It was answered')),
    error => error,
  )

describe('how much a store is given at once', () => {
  test('is what it says, and 32 operations when it does not', async () => {
    for (const [limits, most] of [
      [{ atOnce: 3 }, 3],
      [undefined, 32],
    ] as const) {
      let underWay = 0
      let seen = 0
      const get = async () => {
        seen = Math.max(seen, ++underWay)
        await new Promise(setImmediate)
        underWay--
        return undefined
      }
      const bounded = boundedStore(storeWith({ get, limits }), () => {})
      await Promise.all(Array.from({ length: 200 }, (_, index) => bounded.get(`key-${index}`)))
      expect(seen).toBe(most)
    }
  })

  test('leaves the leases in front: what is done under one cannot wait', async () => {
    const order: string[] = []
    const note = async (what: string) => {
      order.push(what)
      await new Promise(setImmediate)
    }
    const store = storeWith({
      limits: { atOnce: 1 },
      get: () => note('get').then(() => undefined),
      lease: () => note('lease').then(() => true),
      release: () => note('release'),
    })
    const bounded = boundedStore(store, () => {})
    const reads = [1, 2, 3].map(key => bounded.get(`${key}`))
    await Promise.all([...reads, bounded.lease('1', 'holder', 1), bounded.release('1', 'holder')])
    expect(order).toEqual(['get', 'lease', 'release', 'get', 'get'])
  })

  test('keeps nobody waiting for a turn while it rests', async () => {
    const hanging = storeWith({ limits: { atOnce: 1, timeoutMs: 20 }, get: () => new Promise(() => {}) })
    const bounded = boundedStore(hanging, () => {})
    const [first, second] = [failure(bounded.get('a')), failure(bounded.get('b'))]
    expect((await first).cause).toBe((await second).cause)
    expect((await failure(bounded.get('c'))).cause).toBe((await first).cause)
  })
})

describe('the clock of an operation', () => {
  test('starts when it does: what waits for its turn is not late', async () => {
    const slow = storeWith({
      limits: { atOnce: 1, timeoutMs: 120 },
      get: () => new Promise(resolve => setTimeout(resolve, 15, undefined)),
    })
    const bounded = boundedStore(slow, () => {})
    await Promise.all(Array.from({ length: 30 }, (_, index) => bounded.get(`key-${index}`)))
  })

  test('blames the store that does not answer', async () => {
    const hanging = storeWith({ limits: { timeoutMs: 20 }, get: () => new Promise(() => {}) })
    const error = await failure(boundedStore(hanging, () => {}).get('key'))
    expect(error).toMatchObject({ code: 'ERR_TOKEN_STORE', operation: 'get', retryable: true })
    expect(error.message).toBe('get: no answer within 20 ms')
  })

  test('does not count what the process stood still', async () => {
    const { port } = await listen(net.createServer(socket => socket.pipe(socket)))
    const socket = net.connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const get = () =>
      new Promise<undefined>(resolve => {
        socket.once('data', () => resolve(undefined))
        socket.write('?')
      })
    const bounded = boundedStore(storeWith({ limits: { timeoutMs: 100 }, get }), () => {})
    await bounded.get('key')
    const answer = bounded.get('key')
    const until = performance.now() + 300
    while (performance.now() < until);
    await answer
  })
})

describe('an error of a store', () => {
  const tokens = (store: TokenStore, onEvent: EventListener = () => {}) => {
    const { transport } = answering(granted)
    const client = clientOf(transport, { onEvent })
    return { client, store }
  }
  const dead = () => Promise.reject(new Error('the line is dead'))
  const down = () => storeWith({ get: dead, compareAndSet: dead, lease: dead })

  test('says which provider it was for, and when to come again, whatever was asked', async () => {
    const { client, store } = tokens(down())
    const user = createUserTokenSources({ client, store }).for('alice')
    const asked: readonly (() => Promise<unknown>)[] = [
      () => user.getTokenSet(),
      () => user.import({ refreshToken: 'rt' }),
      () => user.forget(),
    ]
    for (const ask of asked) {
      const error = await failure(ask())
      expect(error).toBeInstanceOf(TokenStoreError)
      expect(error).toMatchObject({ provider: 'example', retryable: true })
      expect(error.retryAfterMs).toBeGreaterThan(0)
      expect(error.retryAfterMs).toBeLessThanOrEqual(500)
    }
  })

  test('is everybody’s own, with one cause for one failure, which is told once', async () => {
    const told: string[] = []
    const { client, store } = tokens(down(), ({ type }) => told.push(type))
    const users = createUserTokenSources({ client, store })
    const [first, second] = await Promise.all([
      failure(users.for('alice').getTokenSet()),
      failure(users.for('alice').getTokenSet()),
    ])
    const third = await failure(users.for('alice').getTokenSet())
    expect(third).not.toBe(first)
    expect(new Set([first.cause, second.cause, third.cause]).size).toBe(1)
    expect(told.filter(type => type === 'store_failed')).toHaveLength(1)
  })

  test.each([
    [new Error(''), 'get: Error without a message'],
    [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'get: ECONNRESET'],
    [
      new AggregateError([new Error('connect ECONNREFUSED ::1:5432'), new Error('')]),
      'get: connect ECONNREFUSED ::1:5432',
    ],
    [undefined, 'get: rejected with undefined'],
    ['no error at all', 'get: no error at all'],
    [{}, 'get: an object without a message'],
  ])('has words, whatever the store rejects with: %o', async (thrown, message) => {
    const error = await failure(boundedStore(storeWith({ get: () => Promise.reject(thrown) }), () => {}).get('key'))
    expect(error.message).toBe(message)
  })
})

test.each(['timeoutMs', 'atOnce'])('a store with a limit of %s that is no number is refused', name => {
  const { client } = { client: clientOf(answering(granted).transport) }
  const store = storeWith({ limits: { [name]: 0 } })
  expect(() => createTokenSource({ client, grant: clientCredentials(), store })).toThrow(
    expect.objectContaining({ name: 'TypeError', option: `store.limits.${name}` }),
  )
})
