/** Whether a call renews what is held, and what serves instead: rejected, forced, let go of, or left for later. */
import { expect, test } from 'vitest'
import {
  type Client,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  memoryStore,
  type TokenStore,
} from '../../src/index.js'
import { issue, refuse, setUp } from '../scripted-server.js'
import { accessTokenOf } from './processes.js'

/** An application's source with a store of its own, and what was asked of that. */
function stored(client: Client, own: Partial<TokenStore> = {}) {
  const asked: string[] = []
  const operations = Object.entries({ ...memoryStore(), ...own }).map(([name, operation]) => [
    name,
    typeof operation === 'function' && name !== 'watch'
      ? (...args: never[]) => {
          asked.push(name)
          return (operation as (...args: never[]) => unknown)(...args)
        }
      : operation,
  ])
  const store: TokenStore = Object.fromEntries(operations)
  return { asked, source: createTokenSource({ client, store, grant: clientCredentials() }) }
}

test('a rejected token that was replaced already is no reason to ask the store', async () => {
  const { source, asked } = stored(setUp().client)
  await source.getTokenSet()
  await source.getTokenSet({ force: true })
  asked.splice(0)
  expect((await source.getTokenSet({ rejected: 'token-1' })).accessToken).toBe('token-2')
  expect(asked).toEqual([])
})

test('force with a rejected token asks for another than that one: one that is there already will do', async () => {
  const { client, server } = setUp()
  const { source } = stored(client)
  await source.getTokenSet()
  expect((await source.getTokenSet({ force: true, rejected: 'token-1' })).accessToken).toBe('token-2')
  expect((await source.getTokenSet({ force: true, rejected: 'token-1' })).accessToken).toBe('token-2')
  expect(server.requests).toHaveLength(2)
})

test('a rejected token is not served again by a store that failed to drop it', async () => {
  let fails = true
  const inner = memoryStore()
  const { source } = stored(setUp().client, {
    ...inner,
    delete: (...args) => (fails ? Promise.reject(new Error('READONLY')) : inner.delete(...args)),
  })
  await source.getTokenSet()
  expect((await source.getTokenSet({ rejected: 'token-1' })).accessToken).toBe('token-2')
  fails = false
})

test('who held a user’s tokens before they were forgotten shares those of the next login with everybody', async () => {
  const users = createUserTokenSources({ client: setUp().client })
  const [before, after] = [users.for('alice'), users.for('alice')]
  await before.import({ accessToken: 'old' })
  await before.getTokenSet()
  await after.forget()
  await after.import({ accessToken: 'new' })
  expect(await before.getTokenSet()).toBe(await after.getTokenSet())
  expect(await accessTokenOf(before)).toBe('new')
})

test('a renewal in the background is left for the moment when somebody waits, if it would rest beyond it', async () => {
  const { client, server, clock } = setUp(issue({ expires_in: 600 }))
  const user = createUserTokenSources({ client, store: memoryStore() }).for('alice')
  await user.import({ refreshToken: 'lasting' })
  await user.getTokenSet()
  server.answer = refuse(502, '')
  clock.advance(541_000)
  // each at the end of the rest before it; the last would begin a rest of 30 s, 18 s before callers have to wait
  for (const restMs of [1_000, 2_000, 4_000, 8_000, 16_000, 0]) {
    expect(await accessTokenOf(user)).toBe('token-1')
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    clock.advance(restMs)
  }
  expect(server.requests).toHaveLength(6)
  server.answer = issue()
  clock.advance(18_000)
  expect(await accessTokenOf(user)).toBe('token-7')
})
