/** What goes wrong beneath: stores that answer late, lie, lose or refuse; requests that never end. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  authorizationCode,
  type ChangeListener,
  type ClientOptions,
  createTransport,
  createUserTokenSources,
  memoryStore,
  type TokenStore,
  TransportError,
} from '../../src/index.js'
import { deferred, gate, issue, refuse, rotate } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const fakeTimers = () =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })

/** A store that can lose all it has, without a word. */
function forgetfulStore() {
  let memory = memoryStore()
  const listeners: ChangeListener[] = []
  return {
    lose() {
      memory = memoryStore()
      for (const listener of listeners) memory.watch?.(listener)
    },
    get: (key: string) => memory.get(key),
    compareAndSet: (...args: Parameters<TokenStore['compareAndSet']>) => memory.compareAndSet(...args),
    delete: (key: string, version: string) => memory.delete(key, version),
    watch(listener: ChangeListener) {
      listeners.push(listener)
      return memory.watch?.(listener) ?? (() => {})
    },
  }
}

describe('a store that lost everything', () => {
  for (const told of [true, false])
    test(`is not given what another process has replaced since, ${told ? 'of which it was told' : 'untold'}`, async () => {
      fakeTimers()
      const authorizationServer = rotating()
      const { start, clock } = machines(authorizationServer.answer)
      const { lose, ...store } = forgetfulStore()
      const interference = told ? store : { ...store, watch: undefined }
      const [outdated, current] = [start({}, interference).user(), start({}, interference).user()]
      await outdated.import({ refreshToken: 'refresh-0' })
      await outdated.getTokenSet()
      clock.advance(3_590_000)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(await accessTokenOf(current)).toBe('token-2')
      lose()
      clock.advance(9_000)
      await vi.advanceTimersByTimeAsync(9_000)
      await outcomeOf(outdated.getTokenSet())
      clock.advance(1_000)
      expect(await accessTokenOf(current)).toBe('token-2')
      expect(await outcomeOf(current.getTokenSet({ force: true }))).toBe('token-3')
      expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1', 'refresh-2'] })
    })
})

describe('an answer of the store that comes late', () => {
  /** The write of `token-1` is done, and its answer held back. */
  async function late() {
    const setup = machines(rotating().answer)
    const [arrived, held] = [deferred(), deferred()]
    let isHeld = false
    const process = setup.start(
      {},
      {
        async compareAndSet(key, expected, record) {
          const done = await setup.backend.compareAndSet(key, expected, record)
          if (!record.value.includes('"token-1"') || isHeld) return done
          isHeld = true
          arrived.resolve()
          await held.promise
          return done
        },
      },
    )
    const user = process.user()
    await user.import({ refreshToken: 'refresh-0' })
    const call = outcomeOf(user.getTokenSet())
    await arrived.promise
    return { ...setup, user, call, open: held.resolve, other: () => setup.start().user() }
  }

  test('does not undo forget()', async () => {
    const { user, call, open, other, clock } = await late()
    await user.forget()
    open()
    expect(await call).toBe('ERR_LOGIN_REQUIRED')
    clock.advance(11_000)
    expect(await outcomeOf(user.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    expect(await outcomeOf(other().getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  })

  test('does not undo a login', async () => {
    const { user, call, open, other, clock } = await late()
    await user.import({ refreshToken: 'of-the-login', accessToken: 'of-the-login' })
    open()
    expect(await call).toBe('of-the-login')
    clock.advance(11_000)
    expect(await accessTokenOf(user)).toBe('of-the-login')
    expect(await accessTokenOf(other())).toBe('of-the-login')
  })
})

test('a renewal that is saved during an outage does not take the place of a login that is', async () => {
  const old = gate(rotate({ access_token: 'old', refresh_token: 'old-next' }))
  const code = gate(issue({ access_token: 'login', refresh_token: 'login-refresh' }))
  const { start, server } = machines(request =>
    request.form.grant_type === 'refresh_token' ? old.answer(request) : code.answer(request),
  )
  const process = start()
  const user = process.user()
  await user.import({ refreshToken: 'refresh-0' })
  const renewal = outcomeOf(user.getTokenSet())
  await server.arrived(1)
  const login = outcomeOf(user.redeem(authorizationCode({ code: 'c', redirectUri: 'https://app.example' })))
  await server.arrived(2)
  process.disconnect()
  code.open()
  await vi.waitFor(() => expect(process.events.filter(({ type }) => type === 'token_received')).toHaveLength(1))
  old.open()
  await vi.waitFor(() => expect(process.events.filter(({ type }) => type === 'token_received')).toHaveLength(2))
  process.reconnect()
  expect(await login).toBe('login')
  await renewal
  expect(await start().user().getTokenSet()).toMatchObject({ accessToken: 'login', refreshToken: 'login-refresh' })
})

describe('a second attempt that fails before it is sent', () => {
  const secondFails = (fails: () => never): Partial<ClientOptions> => {
    let calls = 0
    return { clientSecret: async () => (++calls === 2 ? fails() : 'a secret') }
  }

  test('leaves the refresh token as it was: the first one had done nothing either', async () => {
    const neverSent = () => {
      throw new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
    }
    const { start, server, clock } = machines(neverSent, { refreshTokenResends: 0 })
    const process = start(
      secondFails(() => {
        throw new Error('the vault is sealed')
      }),
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(process.user().getTokenSet())).toBe('ERR_CLIENT_AUTHENTICATION')
    server.answer = issue()
    clock.advance(60_000)
    expect(await outcomeOf(start().user().getTokenSet())).toMatch(/^token-/)
  })
})

describe('a transport that never answers', () => {
  test('is ended at its deadline, and nobody else is kept waiting for ever', async () => {
    fakeTimers()
    const signals: (AbortSignal | undefined)[] = []
    const { start } = machines(rotate())
    const hanging = start({
      transport: ({ signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    })
    await hanging.user().import({ refreshToken: 'refresh-0' })
    const call = outcomeOf(hanging.user().getTokenSet())
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await call).toBe('ERR_TRANSPORT_TIMEOUT')
    expect(signals.map(signal => signal?.aborted)).toEqual([true])
    const next = outcomeOf(start().user().getTokenSet())
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await next).toMatch(/^(token-|ERR_TRANSPORT$)/)
  })

  test('made by createTransport() has the deadline it was given', () => {
    const { another } = machines()
    expect(another({ transport: createTransport({ timeoutMs: 60_000 }) }).timeoutMs).toBe(60_000)
    expect(another({ transport: { timeoutMs: 5_000 } }).timeoutMs).toBe(5_000)
    expect(another().timeoutMs).toBe(30_000)
  })
})

test('application processes wait as long as a request may take, and share what comes of it', async () => {
  fakeTimers()
  const { start, server } = machines()
  const { answer, open } = gate()
  server.answer = answer
  const processes = Array.from({ length: 5 }, () => start())
  const calls = processes.map(process => outcomeOf(process.application().getTokenSet()))
  await server.arrived(1)
  await vi.advanceTimersByTimeAsync(25_000)
  open()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['token-1']))
  expect(server.requests).toHaveLength(1)
  expect(processes.flatMap(({ events }) => events).map(({ type }) => type)).not.toContain('store_failed')
})

test('old knowledge asks for no login while the store is away', async () => {
  fakeTimers()
  const { start, clock } = machines(rotate())
  const [ignorant, other] = [start({}, { watch: undefined }), start()]
  expect(await outcomeOf(ignorant.user().getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  await other.user().import({ refreshToken: 'refresh-0' })
  ignorant.disconnect()
  clock.advance(60_000)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await outcomeOf(ignorant.user().getTokenSet())).toBe('ERR_TOKEN_STORE')
})

test('one record that cannot be had keeps nobody else from theirs', async () => {
  const { start, backend } = machines(rotate())
  let bad: string | undefined
  const process = start(
    {},
    {
      async get(key) {
        bad ??= key
        if (key === bad) throw new Error('WRONGTYPE')
        return backend.get(key)
      },
    },
  )
  expect(await outcomeOf(process.user('bad').getTokenSet())).toBe('ERR_TOKEN_STORE')
  await process.user('good').import({ refreshToken: 'refresh-0' })
  expect(await accessTokenOf(process.user('good'))).toBe('token-1')
  expect(await outcomeOf(process.user('bad').getTokenSet())).toBe('ERR_TOKEN_STORE')
})

test('close() does not wait for another process’s renewal', async () => {
  fakeTimers()
  const { start, server } = machines(() => new Promise(() => {}))
  const [busy, closing] = [start(), start()]
  await busy.user().import({ refreshToken: 'refresh-0' })
  void outcomeOf(busy.user().getTokenSet())
  await server.arrived(1)
  const users = createUserTokenSources({ client: closing.client, store: closing.store })
  const call = outcomeOf(users.for('alice').getTokenSet())
  await vi.advanceTimersByTimeAsync(1_000)
  const closed = users.close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closed
  expect(await call).toBe('ERR_CLOSED')
})

test('after close() nothing is imported, dropped or forgotten', async () => {
  const { start } = machines(rotate())
  const { client, store } = start()
  const users = createUserTokenSources({ client, store })
  const user = users.for('alice')
  await users.close()
  for (const call of [user.import({ refreshToken: 'r' }), user.drop('t'), user.forget()])
    await expect(call).rejects.toMatchObject({ code: 'ERR_CLOSED' })
})

test('a rejected token is not served again although the store cannot be written', async () => {
  const { start, backend, server } = machines(rotate())
  let fails = false
  const process = start(
    {},
    {
      compareAndSet: (...args) => (fails ? Promise.reject(new Error('OOM')) : backend.compareAndSet(...args)),
    },
  )
  await process.user().import({ refreshToken: 'refresh-0' })
  const rejected = await accessTokenOf(process.user())
  fails = true
  expect(await outcomeOf(process.user().getTokenSet({ rejected }))).toBe('ERR_TOKEN_STORE')
  expect(await outcomeOf(process.user().getTokenSet())).toBe('ERR_TOKEN_STORE')
  expect(server.requests).toHaveLength(1)
})

test('a host an hour ahead does not make others rest for an hour', async () => {
  const { start, clock, server } = machines(refuse(503, 'temporarily_unavailable'))
  const ahead = start({ clock: { now: () => clock.now() + 3_600_000 } })
  await ahead.user().import({ refreshToken: 'refresh-0' })
  await outcomeOf(ahead.user().getTokenSet())
  server.answer = issue()
  clock.advance(60_000)
  expect(await outcomeOf(start().user().getTokenSet())).toBe('token-2')
})

test('a store that never agrees ends in an error, not in a loop', async () => {
  const { start, backend, server } = machines(rotate())
  let agrees = true
  let writes = 0
  const never: TokenStore['compareAndSet'] = async (...args) => {
    writes++
    return agrees ? backend.compareAndSet(...args) : false
  }
  const process = start({}, { compareAndSet: never })
  await process.user().import({ refreshToken: 'refresh-0' })
  agrees = false
  await expect(process.user().getTokenSet()).rejects.toMatchObject({ code: 'ERR_TOKEN_STORE', retryable: true })
  await expect(process.user().import({ refreshToken: 'another' })).rejects.toMatchObject({ code: 'ERR_TOKEN_STORE' })
  expect(server.requests).toHaveLength(0)
  expect(writes).toBeLessThan(100)
})

test('the end of a session is told once, whatever else is written about it', async () => {
  const { start, clock, server } = machines(rotate(), { refreshTokenResends: 0 })
  const process = start()
  const [one, two] = [process.user('alice', 'one'), process.user('alice', 'two')]
  await one.import({ refreshToken: 'refresh-0' })
  const token = await accessTokenOf(one)
  server.answer = refuse(500, 'server_error')
  for (let tries = 0; tries < 2; tries++) {
    await outcomeOf(two.getTokenSet())
    clock.advance(40_000)
  }
  await one.drop(token)
  await outcomeOf(two.getTokenSet())
  expect(process.events.filter(({ type }) => type === 'login_required')).toHaveLength(1)
})
