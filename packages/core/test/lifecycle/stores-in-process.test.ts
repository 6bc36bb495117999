import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createUserTokenSources, memoryStore, type TokenStore } from '../../src/index.js'
import { recordsOf } from '../../src/store/memory-store.js'
import { rotate, setUp } from '../scripted-server.js'

/** What a store's functions answer, made into something else. */
function answering(change: (answer: unknown) => unknown): TokenStore {
  const store = memoryStore()
  const { get, compareAndSet } = recordsOf(store) as NonNullable<ReturnType<typeof recordsOf>>
  const records = {
    get: (key: string) => change(get(key) && { ...get(key), value: get(key)?.value }),
    compareAndSet: (key, expected, { version, value, keepForMs }) =>
      change(compareAndSet(key, expected, { version, value }, keepForMs)),
  } as Pick<TokenStore, 'compareAndSet'> & { get: unknown }
  return { ...store, ...records } as TokenStore
}

const ofAnotherRealm: (answer: unknown) => unknown = runInNewContext('answer => Promise.resolve(answer)')

const stores: Record<string, () => TokenStore> = {
  'is the memory store': () => memoryStore(),
  'answers with values, as plain JavaScript may': () => answering(answer => answer),
  'answers with promises': () => answering(async answer => answer),
  'answers with promises of another realm': () => answering(ofAnotherRealm),
}

/** What becomes of a user: taken over, read, taken over again, rejected and renewed, forgotten. */
async function lifeIn(store: TokenStore) {
  const { server, client } = setUp()
  server.answer = rotate()
  const alice = createUserTokenSources({ client, store }).for('alice')
  const tokens = { accessToken: 'imported', refreshToken: 'refresh-0', expiresAt: client.clock.now() + 3_600_000 }
  const held: string[] = []
  const look = async (options?: { rejected: string }) => held.push((await alice.getTokenSet(options)).accessToken)
  await alice.import(tokens)
  await look()
  // its refresh token is known: nothing is taken over
  await alice.import({ ...tokens, accessToken: 'imported-again' })
  await look()
  await look({ rejected: 'imported' })
  await alice.import({ accessToken: 'other', refreshToken: 'other' })
  await look()
  await alice.drop('other')
  await alice.forget()
  const { reason } = await alice.getTokenSet().catch(error => error)
  return { held, reason, requests: server.requests.length }
}

describe('a store in this process that', () => {
  for (const [name, make] of Object.entries(stores))
    test(`${name} serves as every other`, async () => {
      expect(await lifeIn(make())).toEqual({
        held: ['imported', 'imported', 'token-1', 'other'],
        reason: 'forgotten',
        requests: 1,
      })
    })
})

test('what is imported into the memory of the process is written by the time the call returns', async () => {
  const { client } = setUp()
  const store = memoryStore()
  const told: unknown[] = []
  store.watch?.(key => told.push(key))
  const imported = createUserTokenSources({ client, store }).for('alice').import({ refreshToken: 'r' })
  expect(told).toHaveLength(1)
  expect(await imported).toBeUndefined()
})

test.each(['get', 'compareAndSet'] as const)(
  'a store whose %s throws at once has its error rejected with',
  async operation => {
    const { client } = setUp()
    const broken = () => {
      throw new Error('broken')
    }
    const store = { ...memoryStore(), [operation]: broken }
    const alice = createUserTokenSources({ client, store }).for('alice')
    const calls = [alice.import({ refreshToken: 'r' }), alice.forget()]
    for (const call of calls) await expect(call).rejects.toThrow('broken')
    if (operation === 'get') await expect(alice.drop('token')).rejects.toThrow('broken')
  },
)
