/** The lease under which what is held is revoked: for how long, until when it is waited for, and what comes before its end. */
import { afterEach, expect, test, vi } from 'vitest'
import { memoryStore, type TokenStore } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { revokeHeld } from '../../src/lifecycle/revoke.js'
import { setUp } from '../scripted-server.js'

afterEach(() => void vi.useRealTimers())

/** Revokes what is held in a store, which is nothing; what was done, in order. */
function revoking(own: Partial<TokenStore> = {}) {
  const done: string[] = []
  const memory = memoryStore()
  const store: TokenStore = {
    ...memory,
    async release(...args) {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      await memory.release(...args)
      done.push('given back')
    },
    ...own,
  }
  const { client } = setUp()
  const entry = holdingsOf(store).entry('lineage', 'entry')
  async function forget() {
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate)
    done.push('forgotten')
  }
  const revoke = () => revokeHeld(client, entry, { options: {}, forget, checkOpen: () => {} })
  return { client, done, revoke, memory }
}

test('what was revoked is forgotten before the lease is given back, and that before anybody is told', async () => {
  const { done, revoke } = revoking()
  await revoke().then(() => done.push('told'))
  expect(done).toEqual(['forgotten', 'given back', 'told'])
})

test('it lasts five seconds longer than a request may take', async () => {
  const durations: number[] = []
  const { client, revoke } = revoking({
    lease: async (_key, _holder, durationMs) => {
      durations.push(durationMs)
      return true
    },
  })
  await revoke()
  expect(durations).toEqual([client.timeoutMs + 5_000])
})

test('it is waited for twice as long as one lasts', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  const { client, revoke, done } = revoking({ lease: async () => false })
  void revoke().catch(({ code }) => done.push(code))
  const longestMs = 2 * (client.timeoutMs + 5_000)
  await vi.advanceTimersByTimeAsync(longestMs - 100)
  expect(done).toEqual([])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(done).toEqual(['ERR_TOKEN_STORE'])
})
