import { afterEach, describe, expect, test, vi } from 'vitest'
import { authorizationCode, TokenResponseError, TransportError } from '../../src/index.js'
import { rescue } from '../../src/rescue.js'
import { type Answer, deferred, gate, issue, json, refuse, rotate, start } from '../scripted-server.js'
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
    await vi.waitFor(async () => expect(await accessTokenOf(first)).toBe('token-2'), { timeout: 60_000 })
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
    test(`is sent again after every rest, by whoever wants it next, and ends no session: ${name}`, async () => {
      const setup = await resent(answer)
      expect(setup.outcomes).not.toContain('ERR_LOGIN_REQUIRED')
      expect(setup.server.requests).toHaveLength(3)
      setup.server.answer = issue()
      setup.clock.advance(30_000)
      expect(await outcomeOf(setup.processes[0].user().getTokenSet())).toBe('token-4')
    })

  test('is sent once more where the provider allows that, and never again', async () => {
    const { server, processes, outcomes } = await resent(lost, { refreshTokenResends: 1 })
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
    const delayed = setup.start({ clientSecret: slow })
    const [first, second] = [delayed.user(), setup.start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    const call = outcomeOf(first.getTokenSet())
    await asked.promise
    const now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => now + 60_000)
    expect(await accessTokenOf(second)).toBe('token-1')
    signing.resolve('a secret')
    expect(await call).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
    expect(delayed.events.map(({ type }) => type)).toEqual(['token_awaited'])
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
    const told = processes[0]?.events.slice(-2)
    expect(told).toMatchObject([
      { type: 'login_required', reason: 'refresh_token_expired', requestId: undefined },
      { type: 'token_awaited', outcome: 'failed' },
    ])
  })
})

describe('a refresh token that the server refuses without saying that it is dead', () => {
  const refusals: Record<string, Answer> = {
    '400 invalid_request': refuse(400, 'invalid_request'),
    'an empty 400': () => ({ status: 400, headers: new Headers(), body: new Uint8Array() }),
    'an empty 403': () => ({ status: 403, headers: new Headers(), body: new Uint8Array() }),
    '500 with HTML': () => ({ status: 500, headers: new Headers(), body: new TextEncoder().encode('<html>oh</html>') }),
  }
  const poisoned = (refusal: Answer) => {
    const healthy = issue({ expires_in: 60 })
    return machines(request => (request.form.refresh_token === 'poison' ? refusal(request) : healthy(request)))
  }
  const import_ = async (process: ReturnType<ReturnType<typeof machines>['start']>, subjects: readonly string[]) => {
    for (const subject of subjects) await process.user(subject).import({ refreshToken: `of-${subject}` })
    await process.user('mallory').import({ refreshToken: 'poison' })
  }

  for (const [name, refusal] of Object.entries(refusals)) {
    test(`${name} ends its session after few tries over some minutes, while others are served`, async () => {
      const setup = poisoned(refusal)
      const process = setup.start()
      await import_(process, ['alice', 'bob'])
      const outcomes: string[] = []
      for (let second = 0; second < 600; second += 10) {
        for (const subject of ['alice', 'bob'])
          expect(await outcomeOf(process.user(subject).getTokenSet())).toMatch(/^token-/)
        outcomes.push(await outcomeOf(process.user('mallory').getTokenSet()))
        setup.clock.advance(10_000)
      }
      const last = outcomes.indexOf('ERR_LOGIN_REQUIRED')
      expect(last).toBeGreaterThanOrEqual(12)
      expect(last).toBeLessThan(36)
      expect(new Set(outcomes.slice(last))).toEqual(new Set(['ERR_LOGIN_REQUIRED']))
      const tries = setup.server.requests.filter(({ form }) => form.refresh_token === 'poison').length
      expect(tries).toBeLessThanOrEqual(12)
      const told = process.events.filter(({ type }) => type === 'login_required')
      expect(told).toMatchObject([{ subject: 'mallory', reason: 'refused' }])
    })

    test(`${name} ends nobody’s session while everybody gets it`, async () => {
      const setup = machines(refusal)
      const process = setup.start()
      const users = Array.from({ length: 10 }, (_, number) => `user-${number}`)
      await import_(process, users)
      for (let second = 0; second < 3_600; second += 15) {
        for (const subject of [...users, 'mallory'])
          expect(await outcomeOf(process.user(subject).getTokenSet())).not.toBe('ERR_LOGIN_REQUIRED')
        setup.clock.advance(15_000)
      }
      setup.server.answer = issue()
      setup.clock.advance(60_000)
      for (const subject of users) expect(await outcomeOf(process.user(subject).getTokenSet())).toMatch(/^token-/)
    })

    test(`${name} of an only user ends nothing: nobody knows whose fault it is`, async () => {
      const setup = poisoned(refusal)
      const process = setup.start()
      await import_(process, [])
      for (let minute = 0; minute < 60; minute++) {
        expect(await outcomeOf(process.user('mallory').getTokenSet())).not.toBe('ERR_LOGIN_REQUIRED')
        setup.clock.advance(60_000)
      }
    })
  }

  for (const [name, refusal] of Object.entries(refusals))
    test(`${name} at random, half of the time, ends nobody’s session`, async () => {
      let seed = 7
      const isRefused = () => {
        seed = (seed * 48_271) % 2_147_483_647
        return seed % 2 === 0
      }
      const healthy = issue({ expires_in: 60 })
      const setup = machines(request => (isRefused() ? refusal(request) : healthy(request)))
      const process = setup.start()
      const users = Array.from({ length: 40 }, (_, number) => `user-${number}`)
      for (const subject of users) await process.user(subject).import({ refreshToken: `of-${subject}` })
      for (let second = 0; second < 900; second += 5) {
        for (const subject of users)
          expect(await outcomeOf(process.user(subject).getTokenSet())).not.toBe('ERR_LOGIN_REQUIRED')
        setup.clock.advance(5_000)
      }
    })

  test('with authorization_pending is not sent again with each call', async () => {
    const setup = poisoned(refuse(400, 'authorization_pending'))
    const process = setup.start()
    await import_(process, [])
    for (let call = 0; call < 20; call++)
      expect(await outcomeOf(process.user('mallory').getTokenSet())).toBe('ERR_SERVER_REFUSED')
    expect(setup.server.requests).toHaveLength(1)
  })

  test('is not ended by a scope or a client that is refused', async () => {
    for (const error of ['invalid_scope', 'invalid_target', 'invalid_client']) {
      const setup = poisoned(refuse(400, error))
      const process = setup.start()
      await import_(process, ['alice'])
      for (let minute = 0; minute < 30; minute++) {
        await outcomeOf(process.user('alice').getTokenSet())
        expect(await outcomeOf(process.user('mallory').getTokenSet())).toBe('ERR_SERVER_REFUSED')
        setup.clock.advance(60_000)
      }
    }
  })
})

describe('an outage', () => {
  const outages: Record<string, Answer> = {
    refused: () => Promise.reject(new TransportError('ERR_TRANSPORT', 'connect ECONNREFUSED', { neverSent: true })),
    reset: lost,
    hanging: () => Promise.reject(new TransportError('ERR_TRANSPORT_TIMEOUT', 'no answer', { neverSent: false })),
    500: refuse(500, 'server_error'),
    502: refuse(502, ''),
    503: refuse(503, ''),
    504: refuse(504, ''),
    429: refuse(429, ''),
    'HTML with status 200': () => ({ status: 200, headers: new Headers(), body: new TextEncoder().encode('<html>') }),
  }
  for (const [name, outage] of Object.entries(outages))
    test(`of ten minutes (${name}) loses no session, with one try for each rest over all callers, and no wave afterwards`, async () => {
      const setup = machines(rotatingForMany(60))
      const users = Array.from({ length: 40 }, (_, number) => `user-${number}`)
      const processes = [setup.start(), setup.start()] as const
      for (const subject of users) await processes[0].user(subject).import({ refreshToken: `${subject}-0` })
      const callAll = async () => {
        const calls = users.map((subject, number) =>
          outcomeOf(processes[number % 2 ? 1 : 0].user(subject).getTokenSet()),
        )
        return Promise.all(calls)
      }
      expect(await callAll()).not.toContain('ERR_LOGIN_REQUIRED')
      const { answer } = setup.server
      setup.server.answer = outage
      const before = setup.server.requests.length
      for (let second = 0; second < 600; second += 2) {
        expect(await callAll()).not.toContain('ERR_LOGIN_REQUIRED')
        setup.clock.advance(2_000)
      }
      // the first moment of it, then 1, 2, 4, … and every 30 s; what never left is sent once more at once
      const tries = (setup.server.requests.length - before) / (name === 'refused' ? 2 : 1)
      expect(tries).toBeLessThanOrEqual(users.length + 24)
      setup.server.answer = answer
      setup.clock.advance(60_000)
      const after = setup.server.requests.length
      for (const outcome of await callAll()) expect(outcome).toMatch(/^token-/)
      expect(setup.server.requests.length - after).toBe(users.length)
    })

  test('that began while the token had seconds to live is over for it when the server is back', async () => {
    const setup = machines(issue({ expires_in: 60 }))
    const { user } = setup.start()
    await user().import({ refreshToken: 'lasting' })
    await user().getTokenSet()
    setup.server.answer = refuse(502, '')
    setup.clock.advance(40_000)
    for (let second = 0; second < 5; second++) {
      expect(await outcomeOf(user().getTokenSet())).toBe('token-1')
      await new Promise(setImmediate)
      setup.clock.advance(1_000)
    }
    setup.server.answer = issue()
    setup.clock.advance(15_000)
    expect(await outcomeOf(user().getTokenSet())).toMatch(/^token-[^1]/)
  })

  test('leaves the last send that a provider allows for the moment when somebody waits', async () => {
    const setup = machines(issue({ expires_in: 600 }), { refreshTokenResends: 1 })
    const { user } = setup.start()
    await user().import({ refreshToken: 'twice' })
    await user().getTokenSet()
    setup.server.answer = refuse(502, '')
    setup.clock.advance(545_000)
    for (let second = 0; second < 40; second++) {
      expect(await outcomeOf(user().getTokenSet())).toBe('token-1')
      await new Promise(setImmediate)
      setup.clock.advance(1_000)
    }
    expect(setup.server.requests).toHaveLength(2)
    setup.server.answer = issue()
    setup.clock.advance(15_000)
    expect(await outcomeOf(user().getTokenSet())).toBe('token-3')
  })

  test('lets no background try rest beyond the moment when somebody waits', async () => {
    const setup = machines(issue({ expires_in: 600 }))
    const { user } = setup.start()
    await user().import({ refreshToken: 'lasting' })
    await user().getTokenSet()
    setup.server.answer = refuse(502, '')
    setup.clock.advance(541_000)
    for (let second = 0; second < 48; second++) {
      await user().getTokenSet()
      await new Promise(setImmediate)
      setup.clock.advance(1_000)
    }
    setup.server.answer = issue()
    setup.clock.advance(1_000)
    expect(await outcomeOf(user().getTokenSet())).not.toBe('token-1')
  })
})

/** Rotates each subject's refresh token; one that comes twice ends its family. */
function rotatingForMany(expiresIn: number): Answer {
  const current = new Map<string, number>()
  let count = 0
  return ({ form }) => {
    const [, subject = '', number] = /^(.*)-(\d+)$/.exec(String(form.refresh_token)) ?? []
    const expected = current.get(subject) ?? 0
    if (Number(number) !== expected) return json(400, { error: 'invalid_grant' })
    current.set(subject, expected + 1)
    const tokens = { access_token: `token-${++count}`, token_type: 'Bearer', expires_in: expiresIn }
    return json(200, { ...tokens, refresh_token: `${subject}-${expected + 1}` })
  }
}

test('who waits for the one who tries after a rest is not forgotten when those before it give up', async () => {
  const setup = machines(refuse(503, ''))
  let fails = false
  const process = setup.start(
    {},
    {
      async lease(...args) {
        if (fails) throw new Error('not now')
        return setup.backend.lease(...args)
      },
    },
  )
  const others = ['b', 'c', 'd', 'e', 'f']
  for (const subject of ['a', ...others]) await process.user(subject).import({ refreshToken: `of-${subject}` })
  await outcomeOf(process.user('a').getTokenSet())
  setup.clock.advance(1_000)
  const { answer, open } = gate(issue())
  setup.server.answer = answer
  const trial = outcomeOf(process.user('a').getTokenSet())
  await setup.server.arrived(2)
  const waiting = others.map(subject => outcomeOf(process.user(subject).getTokenSet()))
  const aborter = new AbortController()
  const aborted = process.user('b').getTokenSet({ signal: aborter.signal })
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  aborter.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  fails = true
  open()
  expect(await Promise.all(waiting)).toEqual(others.map(() => 'ERR_TOKEN_STORE'))
  expect(await trial).toBe('token-2')
})

describe('a new refresh token in an answer that is refused', () => {
  const odd: Answer = ({ number }) => {
    const error = new TokenResponseError('token_type is another; only Bearer tokens can be used')
    throw rescue(error, { refreshToken: `refresh-${number}`, obtainedAt: start })
  }

  test('is kept, and the old one never sent again', async () => {
    const setup = machines(odd)
    const [first, second] = [setup.start().user(), setup.start().user()]
    await first.import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(first.getTokenSet())).toBe('ERR_TOKEN_RESPONSE')
    setup.server.answer = rotate()
    setup.clock.advance(1_000)
    expect(await outcomeOf(second.getTokenSet())).toBe('token-2')
    expect(setup.server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-1'])
  })

  test('rests ever longer while the answers go on being odd', async () => {
    const setup = machines(odd)
    const user = setup.start().user()
    await user.import({ refreshToken: 'refresh-0' })
    for (let second = 0; second < 120; second++) {
      expect(await outcomeOf(user.getTokenSet())).toMatch(/^ERR_T/)
      setup.clock.advance(1_000)
    }
    const sent = setup.server.requests.map(({ form }) => form.refresh_token)
    expect(sent).toEqual(Array.from(sent, (_, index) => `refresh-${index}`))
    expect(sent.length).toBeLessThanOrEqual(9)
  })

  test('is kept although the access token that is held goes on being served', async () => {
    const setup = machines(rotate())
    const process = setup.start()
    await process.user().import({ refreshToken: 'refresh-0' })
    await process.user().getTokenSet()
    setup.server.answer = odd
    await outcomeOf(process.user().getTokenSet({ force: true }))
    expect(await process.user().getTokenSet()).toMatchObject({ accessToken: 'token-1', refreshToken: 'refresh-2' })
  })

  test('is kept over what a store that fails for a moment has', async () => {
    const setup = machines(odd)
    let failures = 3
    const process = setup.start(
      {},
      {
        async compareAndSet(key, expected, record) {
          if (setup.server.requests.length > 0 && failures-- > 0) throw new Error('not now')
          return setup.backend.compareAndSet(key, expected, record)
        },
      },
    )
    await process.user().import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(process.user().getTokenSet())).toBe('ERR_TOKEN_RESPONSE')
    setup.server.answer = rotate()
    setup.clock.advance(1_000)
    expect(await outcomeOf(setup.start().user().getTokenSet())).toBe('token-2')
    expect(setup.server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-1'])
  })

  test('of a login whose answer is refused is no session', async () => {
    const setup = machines(odd)
    const user = setup.start().user()
    expect(await outcomeOf(user.redeem(authorizationCode({ code: 'a code' })))).toBe('ERR_TOKEN_RESPONSE')
    expect(await outcomeOf(user.getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  })
})

describe('a server that wants to see the user', () => {
  for (const code of [
    'interaction_required',
    'login_required',
    'consent_required',
    'account_selection_required',
    'unmet_authentication_requirements',
  ])
    test(`${code} on a refresh ends the session: it is told, and nothing is sent again`, async () => {
      const setup = machines(refuse(400, code))
      const process = setup.start()
      await process.user().import({ refreshToken: 'refresh-0' })
      for (let call = 0; call < 3; call++) {
        await expect(process.user().getTokenSet()).rejects.toMatchObject({
          code: 'ERR_LOGIN_REQUIRED',
          reason: 'interaction_required',
        })
        setup.clock.advance(60_000)
      }
      expect(setup.server.requests).toHaveLength(1)
      const told = process.events.filter(({ type }) => type === 'login_required')
      expect(told).toMatchObject([{ reason: 'interaction_required' }])
    })
})

describe('invalid_grant for one scope', () => {
  const narrow: Answer = request =>
    request.form.scope === 'payments' ? refuse(400, 'invalid_grant')(request) : rotate()(request)

  test('ends the session, unless a provider says otherwise', async () => {
    const setup = machines(narrow)
    const process = setup.start()
    await process.user('alice', 'payments').import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(process.user('alice', 'payments').getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
    expect(await outcomeOf(process.user('alice', 'accounts').getTokenSet())).toBe('ERR_LOGIN_REQUIRED')
  })

  test('is about that scope alone where the provider says so', async () => {
    const setup = machines(narrow, {
      classifyError: ({ error, scope }, standard) =>
        error === 'invalid_grant' && scope !== undefined ? 'invalid_scope' : standard,
    })
    const process = setup.start()
    await process.user('alice', 'payments').import({ refreshToken: 'refresh-0' })
    expect(await outcomeOf(process.user('alice', 'payments').getTokenSet())).toBe('ERR_SERVER_REFUSED')
    expect(await outcomeOf(process.user('alice', 'accounts').getTokenSet())).toBe('token-2')
    expect(await outcomeOf(process.user('alice', 'payments').getTokenSet())).toBe('ERR_SERVER_REFUSED')
    expect(setup.server.requests).toHaveLength(2)
  })
})

test('an error of a hook before the request was sent is no unknown outcome: the refresh token is sent afterwards', async () => {
  let fails = true
  const setup = machines(rotate(), {
    refreshTokenResends: 0,
    encodeRequest(parameters) {
      if (fails) throw new Error('of the hook')
      return {
        contentType: 'application/x-www-form-urlencoded',
        body: String(new URLSearchParams(parameters as never)),
      }
    },
  })
  const user = setup.start().user()
  await user.import({ refreshToken: 'refresh-0' })
  await expect(user.getTokenSet()).rejects.toThrow('of the hook')
  fails = false
  expect(await outcomeOf(user.getTokenSet())).toBe('token-1')
})

test('a request of another process is waited for, though it could not be sent again', async () => {
  const { answer, open } = gate(rotate())
  const setup = machines(answer, { refreshTokenResends: 0 })
  const [sending, waiting] = [setup.start().user(), setup.start().user()]
  await sending.import({ refreshToken: 'refresh-0' })
  const sent = outcomeOf(sending.getTokenSet())
  await setup.server.arrived(1)
  const waited = outcomeOf(waiting.getTokenSet())
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  open()
  expect(await Promise.all([sent, waited])).toEqual(['token-1', 'token-1'])
  expect(setup.server.requests).toHaveLength(1)
})

describe('where a record that was read a moment ago says that there will be no token, nobody waits for a lease', () => {
  for (const [name, answer, code] of [
    ['the session is over', refuse(400, 'invalid_grant'), 'ERR_LOGIN_REQUIRED'],
    ['the refresh token rests', refuse(400, 'invalid_request'), 'ERR_SERVER_REFUSED'],
  ] as const)
    test(name, async () => {
      const setup = machines(answer)
      let leases = 0
      const process = setup.start(
        {},
        {
          lease(...args) {
            leases++
            return setup.backend.lease(...args)
          },
        },
      )
      await setup.start().user().import({ refreshToken: 'refresh-0' })
      expect(await outcomeOf(setup.start().user().getTokenSet())).toBe(code)
      expect(await outcomeOf(process.user().getTokenSet())).toBe(code)
      expect([leases, setup.server.requests.length]).toEqual([0, 1])
    })
})
