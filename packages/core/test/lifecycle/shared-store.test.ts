import { describe, expect, test, vi } from 'vitest'
import {
  authorizationCode,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  memoryStore,
  sealedStore,
  type TokenStore,
} from '../../src/index.js'
import { deferred, gate, issue, json, refuse, setUp } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

describe('the store option', () => {
  const { client } = setUp()
  const { secrecy: _, ...inTheClear } = memoryStore()
  const wrong: Record<string, unknown> = {
    'what is no store': {},
    nothing: null,
    'a store without leases': { ...memoryStore(), lease: undefined },
    'a store whose records leave the process in the clear': inTheClear,
    'a word that is none': { ...memoryStore(), secrecy: 'yes' },
  }
  for (const [name, store] of Object.entries(wrong))
    test(`refuses ${name}, by every factory`, () => {
      const options = { client, store: store as TokenStore }
      const expected = expect.objectContaining({ code: 'ERR_OPTION', option: 'store' })
      expect(() => createUserTokenSources(options)).toThrow(expected)
      expect(() => createTokenSource({ ...options, grant: clientCredentials() })).toThrow(expected)
    })

  test('says how to keep tokens secret', () => {
    expect(() => createUserTokenSources({ client, store: inTheClear })).toThrow(/sealedStore\(.*secrecy: 'elsewhere'/)
  })

  test('keeps stores apart: one for each set of sources, if you like', async () => {
    const stores = [memoryStore(), memoryStore()]
    const sources = stores.map(store => createTokenSource({ client, store, grant: clientCredentials() }))
    expect(await Promise.all(sources.map(accessTokenOf))).toEqual(['token-1', 'token-2'])
  })
})

describe('a store around the memory store may', () => {
  interface Changing {
    value: string
    keepForMs?: unknown
    _id?: string
  }
  const sealed = (record: Changing) => Object.assign(record, { value: Buffer.from(record.value).toString('base64') })
  const opened = (record: Changing) => Object.assign(record, { value: Buffer.from(record.value, 'base64').toString() })
  const deeds: Record<string, { write?: (record: Changing) => object; read?: (record: Changing) => object }> = {
    'seal a record in place, and open it in place': { write: sealed, read: opened },
    'add a member to what is written': { write: record => Object.assign(record, { _id: 'id' }) },
    'add a member to what is read': { read: record => Object.assign(record, { _id: 'id' }) },
    'put a proxy around what is written': { write: record => new Proxy(record, {}) },
    'put a proxy around what is read': { read: record => new Proxy(record, {}) },
    'make another object of it': { write: record => Object.create(record), read: record => Object.create(record) },
  }
  const places: Record<string, (memory: TokenStore, own: Partial<TokenStore>) => TokenStore> = {
    'in an object of its own': (memory, own) => ({ ...memory, ...own }),
    'in place': (memory, own) => Object.assign(memory, own),
  }
  const cases = Object.entries(deeds).flatMap(([deed, does]) =>
    Object.entries(places).map(([place, put]) => ({ name: `${deed}, ${place}`, ...does, put })),
  )
  for (const { name, write = same, read = same, put } of cases)
    test(name, async () => {
      const { client } = setUp()
      const memory = memoryStore()
      const { get, compareAndSet } = memory
      const store = put(memory, {
        compareAndSet: (key, expected, record) => compareAndSet(key, expected, write(record as never) as never),
        get: async key => {
          const record = await get(key)
          return record && (read(record as never) as never)
        },
      })
      await createUserTokenSources({ client, store })
        .for(name)
        .import({ accessToken: 'at', expiresAt: inAnHour(client) })
      const elsewhere = createUserTokenSources({ client, store: { ...store } }).for(name)
      expect(await accessTokenOf(elsewhere)).toBe('at')
      expect(await accessTokenOf(createUserTokenSources({ client, store: { ...store } }).for(name))).toBe('at')
    })
})

const same = (record: object) => record
const inAnHour = ({ clock }: { clock: { now(): number } }) => clock.now() + 3_600_000

describe('what is in the store', () => {
  test('is filed under hashes, and sealed holds no token in the clear', async () => {
    const { server, another } = setUp(issue({ refresh_token: 'the-refresh-token', access_token: 'the-access-token' }))
    const memory = memoryStore()
    const written: unknown[] = []
    const spy: TokenStore = {
      ...memory,
      compareAndSet: (...args) => {
        written.push(args)
        return memory.compareAndSet(...args)
      },
      lease: (...args) => {
        written.push(args)
        return memory.lease(...args)
      },
    }
    const store = sealedStore(spy, { keys: [{ id: 'k1', key: Buffer.alloc(32, 1).fill(2, 9) }] })
    const user = createUserTokenSources({ client: another(), store }).for('alice@example.com')
    await user.import({ refreshToken: 'the-imported' })
    await user.getTokenSet()
    expect(server.requests).toHaveLength(1)
    const text = JSON.stringify(written)
    for (const secret of ['the-refresh-token', 'the-access-token', 'the-imported', 'alice', 'a secret'])
      expect(text).not.toContain(secret)
    for (const [key] of written as string[][]) expect(key).toMatch(/^[\w-]{43}$/)
  })

  test('that cannot be read is an error and stays: a later release may have written it', async () => {
    const { start } = machines()
    const process = start()
    await process.user().import({ refreshToken: 'r' })
    for (const value of ['{"format":99}', 'not even JSON']) {
      const unreadable: TokenStore['get'] = async () => ({ version: '1', value })
      const other = start({}, { get: unreadable })
      await expect(other.user().getTokenSet()).rejects.toMatchObject({ code: 'ERR_TOKEN_STORE', retryable: false })
    }
    expect(await accessTokenOf(process.user())).toBe('token-1')
  })
})

describe('an application’s token', () => {
  test('is obtained once by processes that start together', async () => {
    const { server, start } = machines()
    const tokens = await Promise.all(Array.from({ length: 8 }, () => accessTokenOf(start().application())))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    expect(server.requests).toHaveLength(1)
  })

  test('is obtained by the next process when the first one dies at it', async () => {
    const { server, start, expireLeases } = machines()
    const { answer } = gate()
    server.answer = answer
    void accessTokenOf(start().application())
    await server.arrived(1)
    server.answer = issue()
    await expireLeases()
    expect(await accessTokenOf(start().application())).toBe('token-2')
  })

  test('of a process that was too slow does not replace the one that came after it', async () => {
    const { server, start, expireLeases, clock } = machines()
    const { answer, open } = gate()
    server.answer = answer
    const [slow, quick] = [start().application(), start().application()]
    const late = outcomeOf(slow.getTokenSet())
    await server.arrived(1)
    await expireLeases()
    server.answer = issue()
    clock.advance(1)
    expect(await accessTokenOf(quick)).toBe('token-2')
    open()
    expect(await late).toBe('token-2')
    expect(await accessTokenOf(slow)).toBe('token-2')
  })

  test('is had without the store when that fails, told once, and shared when it works again', async () => {
    const { server, start, clock } = machines()
    const [lonely, other] = [start(), start()]
    lonely.disconnect()
    const source = lonely.application()
    expect(await accessTokenOf(source)).toBe('token-1')
    expect(await accessTokenOf(source)).toBe('token-1')
    expect(lonely.events.filter(({ type }) => type === 'store_failed')).toMatchObject([
      { level: 'warn', operation: 'get' },
    ])
    lonely.reconnect()
    const now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => now + 10_000)
    clock.advance(10_000)
    expect(await accessTokenOf(source)).toBe('token-1')
    expect(await accessTokenOf(other.application())).toBe('token-1')
    expect(server.requests).toHaveLength(1)
    vi.restoreAllMocks()
  })

  test('is had although its record cannot be read, by the key of another configuration, and others are not held up', async () => {
    const { start } = machines()
    const process = start()
    await process.application().getTokenSet()
    const misconfigured = start({}, { get: async () => ({ version: '1', value: 'sealed by another key' }) })
    const source = misconfigured.application()
    expect(await accessTokenOf(source)).toBe('token-2')
    expect(await outcomeOf(process.application().getTokenSet({ force: true }))).toBe('token-3')
    expect(misconfigured.events.map(({ type }) => type)).toContain('store_failed')
  })

  test('that another process has obtained while it was waited for is one object for all callers', async () => {
    const { answer, open } = gate()
    const { server, start } = machines(answer)
    const [asking, waiting] = [start().application(), start().application()]
    const asked = asking.getTokenSet()
    await server.arrived(1)
    const waited = waiting.getTokenSet()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    open()
    await asked
    expect(await waited).toBe(await waiting.getTokenSet())
    expect(server.requests).toHaveLength(1)
  })

  test('that another process has obtained serves as long as it is good, in the last half of its life too', async () => {
    const { answer, open } = gate(issue({ expires_in: 4 }))
    const { server, start, backend, clock } = machines(answer)
    const [reached, opened] = [deferred(), deferred()]
    const waiting = start(
      {},
      {
        async get(key) {
          const record = await backend.get(key)
          if (record === undefined) return record
          reached.resolve()
          await opened.promise
          return record
        },
      },
    )
    const asked = outcomeOf(start().application().getTokenSet())
    await server.arrived(1)
    const waited = outcomeOf(waiting.application().getTokenSet())
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    open()
    await reached.promise
    clock.advance(3_000)
    opened.resolve()
    expect(await Promise.all([asked, waited])).toEqual(['token-1', 'token-1'])
    expect(server.requests).toHaveLength(1)
  })

  test('is kept where the one before it was dropped while it was asked for', async () => {
    const { server, start } = machines()
    const [asking, dropping] = [start().application(), start().application()]
    expect(await accessTokenOf(asking)).toBe('token-1')
    expect(await accessTokenOf(dropping)).toBe('token-1')
    const { answer, open } = gate()
    server.answer = answer
    const asked = outcomeOf(asking.getTokenSet({ force: true }))
    await server.arrived(2)
    const afterDrop = outcomeOf(dropping.getTokenSet({ rejected: 'token-1' }))
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    open()
    expect(await Promise.all([asked, afterDrop])).toEqual(['token-2', 'token-2'])
    expect(server.requests).toHaveLength(2)
  })

  test('is handed out although the store failed to take it', async () => {
    const { server, start, backend } = machines()
    let fails = true
    const process = start(
      {},
      {
        compareAndSet: (...args) => (fails ? Promise.reject(new Error('READONLY')) : backend.compareAndSet(...args)),
      },
    )
    expect(await accessTokenOf(process.application())).toBe('token-1')
    expect(process.events.filter(({ type }) => type === 'store_failed')).toMatchObject([
      { level: 'warn', operation: 'compareAndSet' },
    ])
    const written = new Promise<void>(resolve => backend.watch?.(() => resolve()))
    fails = false
    await written
    expect(await accessTokenOf(start().application())).toBe('token-1')
    expect(server.requests).toHaveLength(1)
  })

  test('is in the store before its lease is given back', async () => {
    const { start, backend } = machines()
    const done: string[] = []
    const { application } = start(
      {},
      {
        async compareAndSet(...args) {
          for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
          done.push('written')
          return backend.compareAndSet(...args)
        },
        release(...args) {
          done.push('given back')
          return backend.release(...args)
        },
      },
    )
    await application().getTokenSet()
    expect(done).toEqual(['written', 'given back'])
  })

  test('is handed out although somebody has read an older one meanwhile, of a replica that is behind', async () => {
    const { start, backend, clock } = machines()
    const versions: Awaited<ReturnType<TokenStore['get']>>[] = []
    let isBehind = false
    const { application } = start(
      {},
      {
        get: async key => (isBehind ? versions[0] : backend.get(key)),
        async compareAndSet(key, expected, record) {
          versions.push({ version: record.version, value: record.value })
          if (versions.length === 3) {
            isBehind = true
            clock.advance(10_000)
            expect(await accessTokenOf(application())).toBe('token-1')
            isBehind = false
          }
          return backend.compareAndSet(key, expected, record)
        },
      },
    )
    await application().getTokenSet()
    clock.advance(1)
    await application().getTokenSet({ force: true })
    clock.advance(1)
    expect(await outcomeOf(application().getTokenSet({ force: true }))).toBe('token-3')
  })
})

describe('a user’s token while the store is away', () => {
  async function away() {
    const authorizationServer = rotating()
    const setup = machines(authorizationServer.answer)
    const process = setup.start()
    const user = process.user()
    await user.import({ refreshToken: 'refresh-0' })
    await user.getTokenSet()
    process.disconnect()
    return { ...setup, process, user, authorizationServer }
  }

  test('is served to its end', async () => {
    const { user, clock, authorizationServer } = await away()
    for (const advance of [0, 60_000, 3_000_000, 539_999]) {
      clock.advance(advance)
      expect(await accessTokenOf(user)).toBe('token-1')
    }
    expect(authorizationServer.seen).toHaveLength(1)
  })

  test('is handed out without another look at the store for ten seconds, and the failure is told', async () => {
    const { user, clock, process } = await away()
    clock.advance(10_000)
    process.events.splice(0)
    for (let second = 0; second < 10; second++) {
      expect(await accessTokenOf(user)).toBe('token-1')
      clock.advance(1_000)
    }
    expect(process.events.map(({ type }) => type)).toEqual(['store_failed', 'token_awaited'])
  })

  test('that an API rejected is dropped here though the store cannot be told, and that is told', async () => {
    const { user, process } = await away()
    process.events.splice(0)
    expect(await outcomeOf(user.getTokenSet({ rejected: 'token-1' }))).toBe('ERR_TOKEN_STORE')
    expect(process.events.filter(({ type }) => type === 'store_failed').length).toBeGreaterThan(0)
    expect(await outcomeOf(user.getTokenSet())).toBe('ERR_TOKEN_STORE')
  })

  test('is not renewed: its refresh token is not spent without the lease', async () => {
    const { user, clock, authorizationServer, process } = await away()
    clock.advance(3_600_000)
    await expect(user.getTokenSet()).rejects.toMatchObject({ name: 'TokenStoreError', retryable: true })
    expect(authorizationServer.seen).toHaveLength(1)
    process.reconnect()
    await vi.waitFor(async () => expect(await accessTokenOf(user)).toBe('token-2'), { timeout: 60_000 })
  })

  test('is not known in a process that starts then, and no login is asked for', async () => {
    const { start } = await away()
    const late = start()
    late.disconnect()
    expect(await outcomeOf(late.user().getTokenSet())).toBe('ERR_TOKEN_STORE')
  })

  test('costs no code: a login fails before its code is sent', async () => {
    const { user, server } = await away()
    await expect(user.redeem(authorizationCode({ code: 'the code' }))).rejects.toMatchObject({
      code: 'ERR_TOKEN_STORE',
    })
    expect(server.requests).toHaveLength(1)
  })

  test('an answer that the store does not take is offered until it does, and handed out then', async () => {
    const setup = machines(rotating().answer)
    let failures = 3
    const process = setup.start(
      {},
      {
        async compareAndSet(key, expected, record) {
          const isAnswer = setup.server.requests.length > 0
          if (isAnswer && failures-- > 0) throw new Error('connection reset')
          return setup.backend.compareAndSet(key, expected, record)
        },
      },
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    expect(await accessTokenOf(process.user())).toBe('token-1')
    expect(await setup.start().user().getTokenSet()).toMatchObject({ refreshToken: 'refresh-1' })
    expect(failures).toBeLessThan(0)
  })

  test('a write whose answer was lost is not taken for somebody else’s', async () => {
    const setup = machines(rotating().answer)
    const lost = new Set<string>()
    const process = setup.start(
      {},
      {
        async compareAndSet(key, expected, record) {
          const done = await setup.backend.compareAndSet(key, expected, record)
          if (setup.server.requests.length === 0 || lost.has(record.version)) return done
          lost.add(record.version)
          throw new Error('connection reset')
        },
      },
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    expect(await accessTokenOf(process.user())).toBe('token-1')
    expect(lost.size).toBe(1)
  })

  test('a mark that may or may not be there is taken back, and does not count as sent', async () => {
    const setup = machines(refuse(500, 'server_error'), { refreshTokenResends: 0 })
    let fails = true
    const process = setup.start(
      {},
      {
        async compareAndSet(key, expected, record) {
          const done = await setup.backend.compareAndSet(key, expected, record)
          if (fails && record.value.includes('"sending"')) {
            fails = false
            throw new Error('connection reset')
          }
          return done
        },
      },
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(process.user().getTokenSet())).toBe('ERR_TOKEN_STORE')
    expect(setup.server.requests).toHaveLength(0)
    setup.server.answer = rotating().answer
    await vi.waitFor(async () => expect(await accessTokenOf(process.user())).toBe('token-1'), { timeout: 60_000 })
  })
})

describe('copies', () => {
  test('follow a change at once where the store tells of it', async () => {
    const { start } = machines(rotating().answer)
    const [first, second] = [start().user(), start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    expect([await accessTokenOf(first), await accessTokenOf(second)]).toEqual(['token-1', 'token-1'])
    await first.getTokenSet({ force: true })
    expect(await accessTokenOf(second)).toBe('token-2')
  })

  test('live for ten seconds where it does not', async () => {
    const { start, clock } = machines(rotating().answer)
    const [first, second] = [start().user(), start({}, { watch: undefined }).user()]
    await first.import({ refreshToken: 'refresh-0' })
    await second.getTokenSet()
    await first.getTokenSet({ force: true })
    clock.advance(9_999)
    expect(await accessTokenOf(second)).toBe('token-1')
    clock.advance(1)
    expect(await accessTokenOf(second)).toBe('token-2')
  })

  test('are dropped when they are rejected: the store’s token is taken, without a request', async () => {
    const { start, server } = machines(rotating().answer)
    const [first, second] = [start().user(), start({}, { watch: undefined }).user()]
    await first.import({ refreshToken: 'refresh-0' })
    await second.getTokenSet()
    await first.getTokenSet({ force: true })
    expect(await outcomeOf(second.getTokenSet({ rejected: 'token-1' }))).toBe('token-2')
    expect(server.requests).toHaveLength(2)
  })

  test('of what was forgotten elsewhere are forgotten', async () => {
    const { start, clock } = machines(rotating().answer)
    const [first, second, third] = [start().user(), start().user(), start({}, { watch: undefined }).user()]
    await first.import({ refreshToken: 'refresh-0' })
    await second.getTokenSet()
    await third.getTokenSet()
    await first.forget()
    expect(await outcomeOf(second.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    clock.advance(10_000)
    expect(await outcomeOf(third.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  })

  test('a rejected token is not served again by anyone while its renewal fails', async () => {
    const { start, server } = machines(rotating().answer)
    const [first, second] = [start().user(), start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    await second.getTokenSet()
    server.answer = refuse(503, 'temporarily_unavailable')
    expect(await outcomeOf(first.getTokenSet({ rejected: 'token-1' }))).toBe('ERR_SERVER_REFUSED')
    expect(await outcomeOf(second.getTokenSet())).toBe('ERR_SERVER_REFUSED')
  })

  test('a token dropped while its renewal is under way costs nobody the answer', async () => {
    const { answer, open } = gate(rotating().answer)
    const { start, server } = machines()
    const [first, second] = [start().user(), start().user()]
    await first.import({ refreshToken: 'refresh-0', accessToken: 'old' })
    await second.getTokenSet()
    server.answer = answer
    const call = outcomeOf(first.getTokenSet({ force: true }))
    await server.arrived(1)
    await second.drop('old')
    open()
    expect(await call).toBe('token-1')
    expect(await second.getTokenSet()).toMatchObject({ accessToken: 'token-1', refreshToken: 'refresh-1' })
    expect(server.requests).toHaveLength(1)
  })
})

describe('a store that lost what was written last', () => {
  test('gets it back from a process that knows: no refresh token is spent again', async () => {
    const authorizationServer = rotating()
    const { start, backend, clock } = machines(authorizationServer.answer)
    const user = start().user()
    let key = ''
    backend.watch?.(changed => {
      key = changed
    })
    await user.import({ refreshToken: 'refresh-0' })
    const before = await backend.get(key)
    await user.getTokenSet()
    const after = await backend.get(key)
    const { version = '', value = '' } = before ?? {}
    await backend.compareAndSet(key, after?.version, { version, value, keepForMs: undefined })
    clock.advance(3_600_000)
    expect(await accessTokenOf(user)).toBe('token-2')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })
})

test('a store that was away is looked at again by all who have copies: what it lost is back before it is missed', async () => {
  const { start, backend } = machines(rotating().answer)
  const process = start()
  let key = ''
  backend.watch?.(changed => {
    key = changed
  })
  const user = process.user()
  await user.import({ refreshToken: 'refresh-0' })
  const before = await backend.get(key)
  await user.getTokenSet()
  const after = await backend.get(key)
  process.disconnect()
  await outcomeOf(process.user('somebody else').getTokenSet())
  await backend.compareAndSet(key, after?.version, { version: '', value: '', ...before, keepForMs: undefined })
  process.reconnect()
  await vi.waitFor(() => process.user('somebody else').import({ accessToken: 'a' }), { timeout: 60_000 })
  expect(await accessTokenOf(user)).toBe('token-1')
  expect((await backend.get(key))?.value).toContain('refresh-1')
})

describe('a clock that is wrong', () => {
  for (const [name, skew] of [
    ['ahead', 30_000],
    ['behind', -30_000],
  ] as const)
    test(`by 30 s (${name}) on one host does not make hosts renew each other's tokens`, async () => {
      const authorizationServer = rotating({ expires_in: 120 })
      const { start, clock } = machines(authorizationServer.answer)
      const [right, wrong] = [start().user(), start({ clock: { now: () => clock.now() + skew } }).user()]
      await right.import({ refreshToken: 'refresh-0' })
      for (let seconds = 0; seconds < 1_200; seconds += 5) {
        const tokens = await Promise.all([accessTokenOf(right), accessTokenOf(wrong)])
        expect(tokens.every(token => token.startsWith('token-'))).toBe(true)
        await new Promise(setImmediate)
        clock.advance(5_000)
      }
      expect(authorizationServer.revoked).toBe(false)
      // 1,200 s of tokens that are renewed when half of their 120 s are over, or 30 s before that
      expect(authorizationServer.seen.length).toBeLessThanOrEqual(41)
    })
})

test('many subjects do not wait for each other', async () => {
  const setup = machines(({ form }) =>
    json(200, { access_token: `of-${form.refresh_token}`, token_type: 'Bearer', expires_in: 60 }),
  )
  const process = setup.start()
  const subjects = Array.from({ length: 200 }, (_, index) => `user-${index}`)
  await Promise.all(subjects.map(subject => process.user(subject).import({ refreshToken: subject })))
  const tokens = await Promise.all(subjects.map(subject => accessTokenOf(process.user(subject))))
  expect(tokens).toEqual(subjects.map(subject => `of-${subject}`))
})

test('a login in one process while another refreshes wins', async () => {
  const { start, server } = machines()
  const { answer, open } = gate(issue({ access_token: 'late', refresh_token: 'late' }))
  const [first, second] = [start().user(), start().user()]
  await first.import({ refreshToken: 'refresh-0' })
  server.answer = answer
  const call = outcomeOf(first.getTokenSet())
  await server.arrived(1)
  await second.import({ refreshToken: 'of-the-login', accessToken: 'of-the-login' })
  open()
  expect(await call).toBe('of-the-login')
  expect(await second.getTokenSet()).toMatchObject({ refreshToken: 'of-the-login' })
})
