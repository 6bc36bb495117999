import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Answer, deferred, gate, issue, json, refuse, start } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

afterEach(() => vi.restoreAllMocks())

const lost: Answer = () => Promise.reject(new Error('ECONNRESET'))

/** Processes that share alice's `refresh-0`, at a server with reuse detection. */
async function family(count: number, members: Readonly<Record<string, unknown>> = {}) {
  const authorizationServer = rotating(members)
  const setup = machines(authorizationServer.answer)
  const processes = Array.from({ length: count }, () => setup.start())
  await processes[0]?.user().import({ refreshToken: 'refresh-0' })
  const [first, second] = processes.map(process => process.user()) as [ReturnType<(typeof processes)[0]['user']>, never]
  return { ...setup, authorizationServer, processes, first, second: second as typeof first }
}

describe('several processes', () => {
  test('redeem a refresh token once, and all have what came of it', async () => {
    const { processes, authorizationServer } = await family(8)
    const tokens = await Promise.all(processes.map(process => accessTokenOf(process.user())))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    expect(authorizationServer.seen).toEqual(['refresh-0'])
  })

  test('with a scope each spend one refresh token after the other', async () => {
    const { processes, authorizationServer } = await family(3)
    const calls = processes.flatMap(process =>
      ['a', 'b', 'c'].map(scope => accessTokenOf(process.user('alice', scope))),
    )
    expect(new Set(await Promise.all(calls)).size).toBe(3)
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1', 'refresh-2'] })
  })

  test('renew once in the background, while all are served', async () => {
    const { processes, authorizationServer, clock, first } = await family(4)
    await Promise.all(processes.map(process => accessTokenOf(process.user())))
    clock.advance(3_550_000)
    const served = await Promise.all(processes.map(process => accessTokenOf(process.user())))
    expect(new Set(served)).toEqual(new Set(['token-1']))
    await vi.waitFor(async () => expect(await accessTokenOf(first)).toBe('token-2'))
    expect(await Promise.all(processes.map(process => accessTokenOf(process.user())))).toEqual(Array(4).fill('token-2'))
    expect(authorizationServer.seen).toEqual(['refresh-0', 'refresh-1'])
  })

  test('all asked to renew at once, renew once', async () => {
    const { processes, authorizationServer, first } = await family(3)
    await first.getTokenSet()
    const forced = await Promise.all(processes.map(process => outcomeOf(process.user().getTokenSet({ force: true }))))
    expect(new Set(forced)).toEqual(new Set(['token-2']))
    expect(authorizationServer.seen).toEqual(['refresh-0', 'refresh-1'])
  })

  test('asked to renew one after the other, renew each time', async () => {
    const { first, second, authorizationServer } = await family(2)
    await first.getTokenSet({ force: true })
    expect(await outcomeOf(second.getTokenSet({ force: true }))).toBe('token-2')
    expect(authorizationServer.seen).toHaveLength(2)
  })

  test('meet a rejected token, and renew once', async () => {
    const { processes, authorizationServer } = await family(3)
    await Promise.all(processes.map(process => accessTokenOf(process.user())))
    const renewed = processes.map(process => outcomeOf(process.user().getTokenSet({ rejected: 'token-1' })))
    expect(new Set(await Promise.all(renewed))).toEqual(new Set(['token-2']))
    expect(authorizationServer.seen).toHaveLength(2)
  })

  test('have a login that happened in another, and what it replaced is gone', async () => {
    const { first, second } = await family(2)
    await first.getTokenSet()
    await second.getTokenSet()
    await first.import({ refreshToken: 'another', accessToken: 'of-another-login' })
    expect(await accessTokenOf(second)).toBe('of-another-login')
  })

  test('whose secret or key is replaced one by one go on sharing', async () => {
    const { start, authorizationServer, first } = await family(1)
    await first.getTokenSet()
    expect(await accessTokenOf(start({ clientSecret: 'the next secret' }).user())).toBe('token-1')
    expect(authorizationServer.seen).toHaveLength(1)
  })
})

describe('import', () => {
  test('of the same refresh token by every process when it starts changes nothing', async () => {
    const { first, second, authorizationServer } = await family(2)
    await first.getTokenSet()
    await second.import({ refreshToken: 'refresh-0' })
    await second.import({ refreshToken: 'refresh-1' })
    expect(await accessTokenOf(second)).toBe('token-1')
    await second.getTokenSet({ force: true })
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0', 'refresh-1'] })
  })

  test('of a refresh token that is dead does not send it again; after forget() it does', async () => {
    const setup = machines(refuse(400, 'invalid_grant'))
    const user = setup.start().user()
    await user.import({ refreshToken: 'dead' })
    expect(await outcomeOf(user.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    await user.import({ refreshToken: 'dead' })
    expect(await outcomeOf(user.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    expect(setup.server.requests).toHaveLength(1)
    await user.forget()
    await user.import({ refreshToken: 'dead' })
    setup.clock.advance(10_000)
    await outcomeOf(user.getTokenSet())
    expect(setup.server.requests).toHaveLength(2)
  })
})

describe('a refresh token whose outcome is not known', () => {
  const resent = async (answer: Answer, conform = {}) => {
    const setup = machines(answer, conform)
    const processes = [setup.start(), setup.start(), setup.start()] as const
    const users = processes.map(process => process.user())
    await users[0]?.import({ refreshToken: 'once' })
    const outcomes: string[] = []
    for (const user of users) {
      outcomes.push(await outcomeOf(user.getTokenSet()))
      setup.clock.advance(60_000)
    }
    return { ...setup, processes, outcomes }
  }

  const answers: Record<string, Answer> = {
    'the connection was lost': lost,
    'the server failed': refuse(500, 'server_error'),
    'a gateway gave up': refuse(504, ''),
    'the answer was no token response': () => json(200, { hello: 'world' }),
  }
  for (const [name, answer] of Object.entries(answers))
    test(`is sent once more, by whoever wants it next, and never again: ${name}`, async () => {
      const { server, processes, outcomes } = await resent(answer)
      expect(outcomes[2]).toBe('ERR_LOGIN_REQUIRED')
      expect(server.requests).toHaveLength(2)
      await expect(processes[2].user().getTokenSet()).rejects.toMatchObject({ reason: 'unknown_outcome' })
      const told = processes.flatMap(({ events }) => events).filter(({ type }) => type === 'login_required')
      expect(told).toMatchObject([{ subject: 'alice', reason: 'unknown_outcome', level: 'error' }])
    })

  test('is not sent again where the provider forbids it', async () => {
    const { server, outcomes } = await resent(lost, { refreshTokenResends: 0 })
    expect(outcomes).toEqual(['ERR_TRANSPORT', 'ERR_LOGIN_REQUIRED', 'ERR_LOGIN_REQUIRED'])
    expect(server.requests).toHaveLength(1)
  })

  test('is sent each time where it can be used any number of times', async () => {
    const { server, outcomes } = await resent(lost, { refreshTokenResends: Number.POSITIVE_INFINITY })
    expect(outcomes).toEqual(['ERR_TRANSPORT', 'ERR_TRANSPORT', 'ERR_TRANSPORT'])
    expect(server.requests).toHaveLength(3)
  })

  test('rests first, for other processes too, with what is known of the failure', async () => {
    const setup = machines(refuse(500, 'server_error', { 'retry-after': '20' }))
    const [first, second] = [setup.start().user(), setup.start({ clock: { now: () => start + 5_000 } }).user()]
    await first.import({ refreshToken: 'once' })
    await outcomeOf(first.getTokenSet())
    const expected = { code: 'ERR_SERVER_REFUSED', serverStatus: 500, error: 'server_error', retryable: true }
    await expect(second.getTokenSet()).rejects.toMatchObject(expected)
    expect(setup.server.requests).toHaveLength(1)
  })

  for (const status of [429, 503])
    test(`is another matter when the server says ${status}: nothing was done, and it is asked after every rest`, async () => {
      const { server, outcomes } = await resent(refuse(status, 'temporarily_unavailable'))
      expect(outcomes).toEqual(Array(3).fill('ERR_SERVER_REFUSED'))
      expect(server.requests).toHaveLength(3)
    })

  test('counts no request that never left', async () => {
    const setup = machines(undefined)
    const secret = { fails: true }
    const clientSecret = () => (secret.fails ? Promise.reject(new Error('vault is sealed')) : 'a secret')
    const user = setup.start({ clientSecret }).user()
    await user.import({ refreshToken: 'once' })
    for (let tries = 0; tries < 3; tries++)
      expect(await outcomeOf(user.getTokenSet())).toBe('ERR_CLIENT_AUTHENTICATION')
    secret.fails = false
    expect(await outcomeOf(user.getTokenSet())).toBe('token-1')
  })
})

describe('a process that dies', () => {
  /** Its refresh stops where the test wants it to; nothing it does afterwards is seen. */
  async function dying(where: 'before sending' | 'before the answer' | 'before writing it' | 'after writing it') {
    const authorizationServer = rotating()
    const setup = machines()
    const stopped = deferred()
    const never = () => {
      stopped.resolve()
      return new Promise<never>(() => {})
    }
    setup.server.answer = request => {
      const answer = authorizationServer.answer(request)
      return where === 'before the answer' && authorizationServer.seen.length === 1 ? never() : answer
    }
    let writes = 0
    const last = { 'before sending': 1, 'before writing it': 2, 'after writing it': 2, 'before the answer': 9 }[where]
    const dies = setup.start(
      {},
      {
        async compareAndSet(...args) {
          writes++
          if (writes === last && where === 'before writing it') return never()
          const done = await setup.backend.compareAndSet(...args)
          return writes === last ? never() : done
        },
      },
    )
    const survivor = setup.start()
    await survivor.user().import({ refreshToken: 'refresh-0' })
    dies
      .user()
      .getTokenSet()
      .catch(() => {})
    await stopped.promise
    await setup.expireLeases()
    return { ...setup, survivor, authorizationServer, outcome: () => outcomeOf(survivor.user().getTokenSet()) }
  }

  test('after its mark and before sending costs nothing', async () => {
    const { outcome, authorizationServer } = await dying('before sending')
    expect(await outcome()).toBe('token-1')
    expect(authorizationServer).toMatchObject({ revoked: false, seen: ['refresh-0'] })
  })

  test('after writing costs nothing', async () => {
    const { outcome, authorizationServer } = await dying('after writing it')
    expect(await outcome()).toBe('token-1')
    expect(authorizationServer.seen).toEqual(['refresh-0'])
  })

  for (const where of ['before the answer', 'before writing it'] as const)
    test(`${where} takes the session with it: told as such, once, and by every call`, async () => {
      const { outcome, survivor, authorizationServer } = await dying(where)
      expect(await outcome()).toBe('ERR_LOGIN_REQUIRED')
      expect(await outcome()).toBe('ERR_LOGIN_REQUIRED')
      expect(authorizationServer.seen).toEqual(['refresh-0', 'refresh-0'])
      const told = survivor.events.filter(({ type }) => type === 'login_required')
      expect(told).toMatchObject([{ subject: 'alice', reason: 'invalid_grant' }])
    })
})

describe('a process that is held up', () => {
  /** The first is at the server with `refresh-0` when its lease runs out. */
  async function heldUp(answer: Answer) {
    const held = gate(answer)
    const setup = machines(request => (setup.server.requests.length === 1 ? held.answer(request) : issue()(request)))
    const [first, second] = [setup.start().user(), setup.start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    const call = outcomeOf(first.getTokenSet())
    await setup.server.arrived(1)
    await setup.expireLeases()
    return { ...setup, first, second, call, open: held.open }
  }

  test('saves its late answer while nobody has written since: it may be the only live refresh token', async () => {
    const { call, second, open } = await heldUp(issue({ refresh_token: 'late' }))
    open()
    expect(await call).toBe('token-1')
    expect(await second.getTokenSet()).toMatchObject({ accessToken: 'token-1', refreshToken: 'late' })
  })

  test('gives way to who wrote meanwhile, and hands out what that one has', async () => {
    const { call, first, second, open } = await heldUp(issue({ refresh_token: 'late' }))
    expect(await accessTokenOf(second)).toBe('token-2')
    open()
    expect(await call).toBe('token-2')
    expect((await first.getTokenSet()).refreshToken).toBe('refresh-0')
  })

  test('does not take invalid_grant for the end when another has won', async () => {
    const { call, second, server, open } = await heldUp(refuse(400, 'invalid_grant'))
    expect(await accessTokenOf(second)).toBe('token-2')
    open()
    expect(await call).toBe('token-2')
    expect(server.requests).toHaveLength(2)
  })

  test('between its mark and sending does not send: somebody else may have', async () => {
    const signing = deferred<string>()
    const asked = deferred()
    const setup = machines(rotating().answer)
    const slow = () => {
      asked.resolve()
      return signing.promise
    }
    const [first, second] = [setup.start({ clientSecret: slow }).user(), setup.start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    const call = outcomeOf(first.getTokenSet())
    await asked.promise
    const now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => now + 60_000)
    expect(await accessTokenOf(second)).toBe('token-1')
    signing.resolve('a secret')
    expect(await call).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
  })

  test('a waiting caller has the answer of the second attempt, not its fear of a third', async () => {
    const setup = machines(lost)
    const [first, second] = [setup.start().user(), setup.start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    await outcomeOf(first.getTokenSet())
    setup.clock.advance(60_000)
    const { answer, open } = gate(issue({ refresh_token: 'refresh-1' }))
    setup.server.answer = answer
    const calls = [outcomeOf(first.getTokenSet())]
    await setup.server.arrived(2)
    calls.push(outcomeOf(second.getTokenSet()))
    await new Promise(resolve => setTimeout(resolve, 50))
    open()
    expect(await Promise.all(calls)).toEqual(['token-2', 'token-2'])
  })
})

describe('the end of a refresh token', () => {
  test('is told once, a day before, while the access token still serves', async () => {
    const setup = machines(issue({ refresh_token: 'lasting', expires_in: 360_000, refresh_expires_in: 400_000 }))
    const process = setup.start()
    await process.user().import({ refreshToken: 'lasting' })
    await process.user().getTokenSet()
    const told = () => process.events.filter(({ type }) => type === 'refresh_token_expiring')
    const user = process.user()
    setup.clock.advance(313_599_999)
    await user.getTokenSet()
    expect(told()).toEqual([])
    setup.clock.advance(1)
    await user.getTokenSet()
    await process.user().getTokenSet()
    expect(told()).toMatchObject([{ subject: 'alice', expiresAt: start + 400_000_000, level: 'warn' }])
  })

  test('is told when three quarters are over, of one that lives for less than four days', async () => {
    const setup = machines(issue({ refresh_token: 'lasting', expires_in: 86_400, refresh_expires_in: 86_400 }))
    const process = setup.start()
    await process.user().import({ refreshToken: 'lasting' })
    const user = process.user()
    await user.getTokenSet()
    setup.clock.advance(64_799_999)
    await user.getTokenSet()
    expect(process.events.map(({ type }) => type)).not.toContain('refresh_token_expiring')
    setup.clock.advance(1)
    await user.getTokenSet()
    expect(process.events.map(({ type }) => type)).toContain('refresh_token_expiring')
  })

  test('is no request: the user is asked', async () => {
    const { clock, first, processes, server } = await family(1, { expires_in: 60, refresh_expires_in: 600 })
    await first.getTokenSet()
    clock.advance(600_000)
    expect(await outcomeOf(first.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    expect(server.requests).toHaveLength(1)
    expect(processes[0]?.events.at(-1)).toMatchObject({ type: 'login_required', reason: 'refresh_token_expired' })
  })
})
