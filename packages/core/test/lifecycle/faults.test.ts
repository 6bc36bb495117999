/** What goes wrong beneath: stores that answer late, lie, lose or refuse; requests that never end. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  authorizationCode,
  type ClientOptions,
  clientCredentials,
  createTokenSource,
  createTransport,
  createUserTokenSources,
  memoryStore,
  type TokenStore,
  TokenStoreError,
  TransportError,
} from '../../src/index.js'
import type { ChangeListener } from '../../src/kit.js'
import { deferred, gate, issue, refuse, rotate } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, type Process, rotating } from './processes.js'

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

describe('a record that is gone although it was known', () => {
  /** Alice's tokens, written last by `writer`, and read by `reader`; then the store loses all it has. */
  async function lost({ expiresIn = 3_600, rotations = 1, heldUp = async () => {} } = {}) {
    const authorizationServer = rotating({ expires_in: expiresIn })
    const setup = machines(authorizationServer.answer)
    const { lose, ...store } = forgetfulStore()
    let isLost = false
    const compareAndSet: TokenStore['compareAndSet'] = async (...args) => {
      if (isLost) await heldUp()
      return store.compareAndSet(...args)
    }
    const [writer, reader] = [setup.start({}, { ...store, compareAndSet }), setup.start({}, store)]
    await writer.user().import({ refreshToken: 'refresh-0' })
    for (let rotation = 0; rotation < rotations; rotation++) await writer.user().getTokenSet({ force: true })
    await reader.user().getTokenSet()
    lose()
    isLost = true
    return { ...setup, authorizationServer, lose, writer, reader, another: () => setup.start({}, store) }
  }

  test('a good access token is served to its end', async () => {
    const { reader, writer, clock, authorizationServer } = await lost()
    writer.disconnect()
    for (let second = 0; second < 3_540; second += 60) {
      clock.advance(60_000)
      if (second < 3_480) expect(await accessTokenOf(reader.user())).toBe('token-1')
    }
    expect(authorizationServer.seen).toHaveLength(1)
  })

  test('who needs it asks, and has it from who wrote it last', async () => {
    const { reader, clock, authorizationServer } = await lost()
    clock.advance(3_600_000)
    expect(await outcomeOf(reader.user().getTokenSet())).toBe('token-2')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })

  test('who needs it waits a moment for who wrote it last', async () => {
    fakeTimers()
    const [asked, held] = [deferred(), deferred()]
    const heldUp = () => {
      asked.resolve()
      return held.promise
    }
    const { reader, clock, authorizationServer } = await lost({ heldUp })
    clock.advance(3_600_000)
    const call = outcomeOf(reader.user().getTokenSet())
    await asked.promise
    await vi.advanceTimersByTimeAsync(900)
    held.resolve()
    await vi.advanceTimersByTimeAsync(99)
    expect(await call).toBe('token-2')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })

  test('is put back by who has read it, once nobody else has', async () => {
    fakeTimers()
    const { reader, writer, clock, authorizationServer } = await lost()
    writer.disconnect()
    clock.advance(3_600_000)
    const call = outcomeOf(reader.user().getTokenSet())
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await call).toBe('ERR_TOKEN_STORE')
    clock.advance(12_000)
    await vi.advanceTimersByTimeAsync(12_000)
    expect(await outcomeOf(reader.user().getTokenSet())).toBe('token-2')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })

  test('asks nobody to log in while it is looked for, in no process', async () => {
    fakeTimers()
    const { reader, writer, another, clock } = await lost()
    writer.disconnect()
    clock.advance(3_600_000)
    const [first, second] = [outcomeOf(reader.user().getTokenSet()), deferred<string>()]
    await vi.advanceTimersByTimeAsync(500)
    const error = another().user().getTokenSet()
    outcomeOf(error).then(second.resolve)
    await vi.advanceTimersByTimeAsync(2_000)
    expect([await first, await second.promise]).toEqual(['ERR_TOKEN_STORE', 'ERR_TOKEN_STORE'])
    await expect(error).rejects.toMatchObject({ retryable: true, retryAfterMs: 1_000 })
  })

  for (const rotations of [1, 20])
    test(`a process that starts and imports what is used up gets what came after ${rotations} renewals`, async () => {
      const { another, writer, authorizationServer } = await lost({ rotations })
      const starting = another().user()
      await starting.import({ refreshToken: 'refresh-0' })
      expect(await accessTokenOf(starting)).toBe(`token-${rotations}`)
      expect(await outcomeOf(starting.getTokenSet({ force: true }))).toBe(`token-${rotations + 1}`)
      expect(await accessTokenOf(writer.user())).toBe(`token-${rotations + 1}`)
      expect(authorizationServer.revoked).toBe(false)
    })

  test('many processes that start and import what is used up do no harm', async () => {
    const { another, reader, writer, authorizationServer, clock } = await lost({ rotations: 3 })
    const starting = Array.from({ length: 6 }, () => another().user())
    clock.advance(3_600_000)
    const all = await Promise.all(
      starting.map(async user => {
        await user.import({ refreshToken: 'refresh-0' })
        return accessTokenOf(user)
      }),
    )
    expect(new Set(all)).toEqual(new Set(['token-4']))
    expect(await accessTokenOf(reader.user())).toBe('token-4')
    expect(await accessTokenOf(writer.user())).toBe('token-4')
    expect(authorizationServer.revoked).toBe(false)
  })
})

describe('an answer that the store refuses for good', () => {
  /** The record is one that this process cannot read, from when the request is at the server. */
  async function unreadable() {
    const authorizationServer = rotating()
    const setup = machines(authorizationServer.answer)
    let isReadable = true
    const unreadableNow = () =>
      new TokenStoreError('is sealed with another key', { operation: 'get', retryable: false })
    const process = setup.start(
      {},
      {
        async get(key) {
          if (!isReadable) throw unreadableNow()
          return setup.backend.get(key)
        },
        async compareAndSet(key, expected, record) {
          if (!isReadable) throw unreadableNow()
          return setup.backend.compareAndSet(key, expected, record)
        },
      },
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    setup.server.answer = request => {
      isReadable = false
      return authorizationServer.answer(request)
    }
    const repair = () => {
      isReadable = true
    }
    return { ...setup, process, authorizationServer, repair }
  }

  test('is served from this process, and told', async () => {
    fakeTimers()
    const { process, clock, authorizationServer } = await unreadable()
    expect(await outcomeOf(process.user().getTokenSet())).toBe('token-1')
    const failed = process.events.filter(({ type }) => type === 'store_failed')
    expect(failed).toMatchObject([{ level: 'error', retryable: false }])
    for (let minute = 0; minute < 30; minute++) {
      clock.advance(60_000)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(await accessTokenOf(process.user())).toBe('token-1')
    }
    const told = process.events.filter(({ type }) => type === 'tokens_unsaved')
    const [request] = process.events.filter(({ type }) => type === 'token_received')
    expect(told).toMatchObject([
      { subject: 'alice', level: 'error', requestId: (request as { requestId: string }).requestId },
    ])
    expect(authorizationServer.seen).toEqual(['refresh-0'])
  })

  test('keeps others from sending the refresh token it has replaced, and is saved when it can be', async () => {
    fakeTimers()
    const { process, start, authorizationServer, repair, server } = await unreadable()
    expect(await outcomeOf(process.user().getTokenSet())).toBe('token-1')
    const other = outcomeOf(start().user().getTokenSet())
    await vi.advanceTimersByTimeAsync(120_000)
    expect(await other).toBe('ERR_TOKEN_STORE')
    expect(authorizationServer.seen).toEqual(['refresh-0'])
    repair()
    server.answer = authorizationServer.answer
    await vi.advanceTimersByTimeAsync(6_000)
    expect(await start().user().getTokenSet()).toMatchObject({ accessToken: 'token-1', refreshToken: 'refresh-1' })
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
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

describe('a login while the store takes nothing', () => {
  async function login() {
    fakeTimers()
    const { start, backend } = machines(rotate())
    const store = { fails: true }
    const process = start(
      {},
      {
        compareAndSet: (...args) =>
          store.fails ? Promise.reject(new Error('READONLY')) : backend.compareAndSet(...args),
      },
    )
    const seen: { outcome?: string } = {}
    const code = authorizationCode({ code: 'c', redirectUri: 'https://app.example' })
    void outcomeOf(process.user().redeem(code)).then(outcome => {
      seen.outcome = outcome
    })
    return { store, seen, user: process.user() }
  }

  test('waits for it for ten seconds', async () => {
    const { store, seen } = await login()
    await vi.advanceTimersByTimeAsync(9_700)
    expect(seen.outcome).toBeUndefined()
    store.fails = false
    await vi.advanceTimersByTimeAsync(600)
    expect(seen.outcome).toBe('token-1')
  })

  test('fails then, and is kept when the store takes it', async () => {
    const { store, seen, user } = await login()
    await vi.advanceTimersByTimeAsync(10_600)
    expect(seen.outcome).toBe('ERR_TOKEN_STORE')
    store.fails = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await outcomeOf(user.getTokenSet())).toBe('token-1')
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
  await vi.waitFor(() => expect(process.events.filter(({ type }) => type === 'token_received')).toHaveLength(1), {
    timeout: 60_000,
  })
  old.open()
  await vi.waitFor(() => expect(process.events.filter(({ type }) => type === 'token_received')).toHaveLength(2), {
    timeout: 60_000,
  })
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

describe('close() does not wait for another process’s renewal', () => {
  const sources = {
    'of a user': ({ client, store }: Pick<Process, 'client' | 'store'>) => {
      const users = createUserTokenSources({ client, store })
      return { getTokenSet: () => users.for('alice').getTokenSet(), close: () => users.close() }
    },
    'of an application': ({ client, store }: Pick<Process, 'client' | 'store'>) =>
      createTokenSource({ client, store, grant: clientCredentials() }),
  }
  for (const [name, sourceOf] of Object.entries(sources))
    test(name, async () => {
      fakeTimers()
      const { start, server } = machines(() => new Promise(() => {}))
      const [busy, closing] = [start(), start()]
      await busy.user().import({ refreshToken: 'refresh-0' })
      void outcomeOf(sourceOf(busy).getTokenSet())
      await server.arrived(1)
      const source = sourceOf(closing)
      const call = outcomeOf(source.getTokenSet())
      await vi.advanceTimersByTimeAsync(1_000)
      let isClosed = false
      void source.close().then(() => {
        isClosed = true
      })
      await vi.advanceTimersByTimeAsync(5_000)
      expect(isClosed).toBe(true)
      expect(await call).toBe('ERR_CLOSED')
    })
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
