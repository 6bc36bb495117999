/** What single steps of a refresh are there for: when one of them is left out, these fail. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { TokenStore } from '../../src/index.js'
import type { StoredRecord } from '../../src/kit.js'
import { deferred, gate, refuse } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const fakeTimers = () =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })

/** Alice's `refresh-0` is in the store; the server rotates, and revokes all when it sees one twice. */
async function family() {
  const authorizationServer = rotating()
  const setup = machines(authorizationServer.answer)
  const first = setup.start()
  const key = deferred<string>()
  const stop = setup.backend.watch?.(key.resolve)
  await first.user().import({ refreshToken: 'refresh-0' })
  stop?.()
  return { ...setup, first, key: await key.promise, authorizationServer }
}

/** A place where a call stops until the test lets it go on. */
function stop() {
  const [reached, opened] = [deferred(), deferred()]
  const here = () => {
    reached.resolve()
    return opened.promise
  }
  return { here, reached: reached.promise, goOn: opened.resolve }
}

/** The store has an earlier record again, as a replica has that takes over. */
async function fallBack({ backend, key }: { backend: TokenStore; key: string }, to: StoredRecord | undefined) {
  const { version = '' } = (await backend.get(key)) ?? {}
  if (to === undefined) await backend.delete(key, version)
  else await backend.compareAndSet(key, version, { ...to, keepForMs: undefined })
}

test('check_lease: who reads the mark of another, because the store has given the lease away, does not send', async () => {
  const { start, backend, expireLeases, server, authorizationServer } = await family()
  const { here, reached, goOn } = stop()
  const refused = deferred()
  let isLeased = false
  const deceived = start(
    {},
    {
      async lease(...args) {
        const granted = await backend.lease(...args)
        isLeased ||= granted
        if (!granted) refused.resolve()
        return granted
      },
      async get(key) {
        if (isLeased) await here()
        return backend.get(key)
      },
    },
  )
  const call = outcomeOf(deceived.user().getTokenSet())
  await reached
  await expireLeases()
  const { answer, open } = gate(authorizationServer.answer)
  server.answer = answer
  const other = outcomeOf(start().user().getTokenSet())
  await server.arrived(1)
  goOn()
  await Promise.race([refused.promise, server.arrived(2)])
  open()
  expect(await Promise.all([call, other])).toEqual(['token-1', 'token-1'])
  expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
})

test('cool-down: while the server rests, no mark is written', async () => {
  const { start, backend, server } = await family()
  let writes = 0
  const process = start(
    {},
    {
      compareAndSet(...args) {
        writes++
        return backend.compareAndSet(...args)
      },
    },
  )
  await process.user('bob').import({ refreshToken: 'of-bob' })
  server.answer = refuse(503, 'temporarily_unavailable')
  expect(await outcomeOf(process.user('bob').getTokenSet())).toBe('ERR_SERVER_REFUSED')
  writes = 0
  expect(await outcomeOf(process.user().getTokenSet())).toBe('ERR_SERVER_REFUSED')
  expect([writes, server.requests.length]).toEqual([0, 1])
})

test('outlasts: whose lease was lost while a secret was fetched does not send', async () => {
  fakeTimers()
  const { start, expireLeases, server, authorizationServer } = await family()
  const { here, reached, goOn } = stop()
  const heldUp = start({
    clientSecret: async () => {
      await here()
      return 'a secret'
    },
  })
  const call = outcomeOf(heldUp.user().getTokenSet())
  await reached
  await expireLeases()
  const { answer, open } = gate(authorizationServer.answer)
  server.answer = answer
  const other = outcomeOf(start().user().getTokenSet())
  await server.arrived(1)
  // until it has asked for its lease again
  await vi.advanceTimersByTimeAsync(5_000)
  goOn()
  await vi.advanceTimersByTimeAsync(100)
  expect(server.requests).toHaveLength(1)
  open()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await Promise.all([call, other])).toEqual(['token-1', 'token-1'])
  expect(heldUp.events.map(({ type }) => type)).not.toContain('token_requested')
  expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
})

describe('save, over what a fail-over left', () => {
  for (const [left, keep] of [
    ['the record before the mark', true],
    ['nothing', false],
  ] as const)
    test(`${left}: the answer is kept, and the old refresh token not sent again`, async () => {
      const setup = await family()
      const { start, backend, key, server, authorizationServer } = setup
      const before = await backend.get(key)
      const { answer, open } = gate(authorizationServer.answer)
      server.answer = answer
      const call = outcomeOf(start({}, { watch: undefined }).user().getTokenSet())
      await server.arrived(1)
      await fallBack(setup, keep ? before : undefined)
      open()
      expect(await call).toBe('token-1')
      expect((await backend.get(key))?.value).toContain('refresh-1')
      expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
    })
})

test('end: the store is read again first, so that a fail-over does not have a dead refresh token sent again', async () => {
  const setup = await family()
  const { start, backend, key, server } = setup
  const before = await backend.get(key)
  const { answer, open } = gate(refuse(400, 'invalid_grant'))
  server.answer = answer
  const call = outcomeOf(start({}, { watch: undefined }).user().getTokenSet())
  await server.arrived(1)
  await fallBack(setup, before)
  open()
  expect(await call).toBe('ERR_LOGIN_REQUIRED')
  expect(server.requests).toHaveLength(1)
})

test('release: nobody else is given the lease while an answer is not in the store', async () => {
  fakeTimers()
  const { start, backend, server, authorizationServer } = await family()
  let hangs = true
  const hanging = start(
    {},
    {
      async compareAndSet(...args) {
        return hangs && server.requests.length > 0 ? new Promise(() => {}) : backend.compareAndSet(...args)
      },
    },
  )
  const call = outcomeOf(hanging.user().getTokenSet())
  await vi.advanceTimersByTimeAsync(15_000)
  expect(await call).toBe('ERR_TOKEN_STORE')
  const other = outcomeOf(start().user().getTokenSet())
  await vi.advanceTimersByTimeAsync(5_000)
  hangs = false
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await other).toBe('token-1')
  expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
})

describe('re_read', () => {
  test('that began before something was learnt does not undo it', async () => {
    const { first, start, backend } = await family()
    await first.user().import({ accessToken: 'old' })
    const { here, reached, goOn } = stop()
    let isHeld = false
    const slow = start(
      {},
      {
        async get(key) {
          const record = await backend.get(key)
          if (!isHeld) {
            isHeld = true
            await here()
          }
          return record
        },
      },
    )
    const call = outcomeOf(slow.user().getTokenSet())
    await reached
    await slow.user().import({ accessToken: 'new' })
    goOn()
    expect(await call).toBe('new')
    expect(await accessTokenOf(slow.user())).toBe('new')
  })

  test('that shows a refresh token which is used up puts back what came of it, and does not send it', async () => {
    const setup = await family()
    const { start, backend, key, authorizationServer } = setup
    const knowing = start({}, { watch: undefined })
    expect(await accessTokenOf(knowing.user())).toBe('token-1')
    await fallBack(setup, undefined)
    await start().user().import({ refreshToken: 'refresh-0' })
    expect((await backend.get(key))?.value).toContain('refresh-0')
    expect(await outcomeOf(knowing.user().getTokenSet({ force: true }))).toBe('token-2')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })
})
