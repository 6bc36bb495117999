import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  authorizationCode,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  privateKeyJwt,
  TransportError,
} from '../../src/index.js'
import { type Answer, gate, issue, json, refuse, rotate, type Setup, setUp } from '../scripted-server.js'

const sourceOf = ({ client }: Pick<Setup, 'client'>, scope?: string) =>
  createTokenSource({ client, grant: clientCredentials({ scope }) })

/** What a call ends with, be it a token or an error. */
const outcomeOf = (setup: Pick<Setup, 'client'>, scope?: string) =>
  sourceOf(setup, scope)
    .getTokenSet()
    .then(
      ({ accessToken }) => accessToken,
      (error: unknown) => error,
    )

const down = refuse(503, 'temporarily_unavailable')

describe('a server that cannot answer', () => {
  const failures: Record<string, Answer> = {
    '503': down,
    '429': refuse(429, 'slow_down'),
    'a 500 that asks for time': refuse(500, 'server_error', { 'retry-after': '1' }),
    'no connection': () => {
      throw new TransportError('ERR_TRANSPORT_TIMEOUT', 'no connection', { neverSent: true })
    },
  }
  for (const [name, answer] of Object.entries(failures))
    test(`is left alone for a second after ${name}, by every client, scope and source`, async () => {
      const setup = setUp(answer)
      const error = await outcomeOf(setup)
      const others = [setup, { client: setup.another({ clientId: 'other' }) }]
      for (const other of others) expect(await outcomeOf(other, 'another')).toBe(error)
      expect(setup.server.requests).toHaveLength(1)
      setup.clock.advance(999)
      expect(await outcomeOf(setup)).toBe(error)
      setup.server.answer = issue()
      setup.clock.advance(1)
      expect(await outcomeOf(setup)).toBe('token-2')
    })

  const doubtful: Record<string, Answer> = {
    '500 without a body': () => ({ status: 500, headers: new Headers(), body: new Uint8Array() }),
    '502 of a gateway': () => ({ status: 502, headers: new Headers(), body: new TextEncoder().encode('<html>') }),
    'an empty 200': () => ({ status: 200, headers: new Headers(), body: new Uint8Array() }),
    'no answer in time': () => {
      throw new TransportError('ERR_TRANSPORT_TIMEOUT', 'no answer', { neverSent: false })
    },
  }
  for (const [name, answer] of Object.entries(doubtful))
    describe(`after ${name}`, () => {
      test('whoever met it waits a second, and the others go on', async () => {
        const setup = setUp(answer)
        const error = await outcomeOf(setup)
        setup.server.answer = issue()
        expect(await outcomeOf(setup)).toBe(error)
        expect(await outcomeOf(setup, 'another')).toBe('token-2')
        expect(await outcomeOf({ client: setup.another({ clientId: 'other' }) })).toBe('token-3')
        expect(await outcomeOf(setup)).toBe(error)
        setup.clock.advance(1_000)
        expect(await outcomeOf(setup)).toBe('token-4')
      })

      test('all wait once somebody else has met it too', async () => {
        const setup = setUp(answer)
        await outcomeOf(setup)
        const error = await outcomeOf(setup, 'second')
        for (const scope of ['third', 'fourth', 'fifth']) expect(await outcomeOf(setup, scope)).toBe(error)
        expect(setup.server.requests).toHaveLength(2)
        setup.clock.advance(1_000)
        setup.server.answer = issue()
        expect(await outcomeOf(setup, 'third')).toBe('token-3')
      })
    })

  test('one who fails while others are served makes nobody else wait, however often', async () => {
    const poison = refuse(500, 'server_error')
    const setup = setUp(request => (request.form.scope === 'poison' ? poison(request) : issue()(request)))
    for (let minute = 0; minute < 20; minute++) {
      expect(await outcomeOf(setup, 'poison')).toMatchObject({ serverStatus: 500 })
      expect(await outcomeOf(setup, `healthy ${minute}`)).toMatch(/^token-/)
      setup.clock.advance(60_000)
    }
  })

  test('a second outage right after the first rests for everybody as well', async () => {
    const setup = setUp(refuse(500, 'server_error'))
    const scopes = Array.from({ length: 20 }, (_, caller) => `caller-${caller}`)
    await Promise.all(scopes.map(scope => outcomeOf(setup, scope)))
    setup.clock.advance(30_000)
    setup.server.answer = issue()
    expect(await outcomeOf(setup, 'somebody')).toMatch(/^token-/)
    setup.server.answer = refuse(500, 'server_error')
    const before = setup.server.requests.length
    for (const scope of scopes) await outcomeOf(setup, scope)
    expect(setup.server.requests.length - before).toBe(2)
  })

  test('one who alone gets 503 makes others wait at most once', async () => {
    const setup = setUp(request => (request.form.scope === 'poison' ? down(request) : issue()(request)))
    for (let minute = 0; minute < 20; minute++) {
      await outcomeOf(setup, 'poison')
      if (minute > 1) expect(await outcomeOf(setup, `at once ${minute}`)).toMatch(/^token-/)
      setup.clock.advance(60_000)
      expect(await outcomeOf(setup, `healthy ${minute}`)).toMatch(/^token-/)
    }
  })

  for (const [name, count, poison] of [
    ['one who gets 503', 1, down],
    ['two who get 500', 2, refuse(500, 'server_error')],
    ['three who get an empty 200', 3, () => ({ status: 200, headers: new Headers(), body: new Uint8Array() })],
  ] as const)
    test(`${name}, and ask most often, keep the others waiting for some seconds at most`, async () => {
      const setup = setUp(request => (request.form.scope?.startsWith('poison') ? poison(request) : issue()(request)))
      const poisoned = Array.from({ length: count }, (_, number) => `poison-${number}`)
      let refusedSince = Number.POSITIVE_INFINITY
      for (let tick = 0; tick < 6_000; tick++) {
        setup.clock.advance(100)
        await Promise.all(poisoned.map(scope => outcomeOf(setup, scope)))
        if (tick % 37 > 0) continue
        const isServed = typeof (await outcomeOf(setup, `healthy at ${tick}`)) === 'string'
        refusedSince = isServed ? Number.POSITIVE_INFINITY : Math.min(refusedSince, setup.clock.now())
        expect(setup.clock.now() - refusedSince).toBeLessThan(20_000)
      }
    })

  test('two who fail while others are served make nobody else wait, once that is known', async () => {
    const poison = refuse(500, 'server_error')
    const setup = setUp(request => (request.form.scope?.startsWith('poison') ? poison(request) : issue()(request)))
    await outcomeOf(setup, 'poison 1')
    await outcomeOf(setup, 'healthy')
    await outcomeOf(setup, 'poison 2')
    expect(await outcomeOf(setup, 'healthy 2')).toMatch(/^token-/)
    for (let minute = 0; minute < 20; minute++) {
      setup.clock.advance(60_000)
      await outcomeOf(setup, 'poison 1')
      await outcomeOf(setup, 'poison 2')
      expect(await outcomeOf(setup, `healthy at ${minute}`)).toMatch(/^token-/)
    }
  })

  for (const [name, answer] of Object.entries({ ...doubtful, ...failures }))
    test(`ten minutes of ${name} are one try for each rest, over forty callers, and nobody is forgotten`, async () => {
      const setup = setUp(answer)
      const scopes = Array.from({ length: 40 }, (_, caller) => `caller-${caller}`)
      let tries = 0
      for (let second = 0; second < 600; second++) {
        const before = setup.server.requests.length
        await Promise.all(scopes.map(scope => outcomeOf(setup, scope)))
        if (second > 0) expect(setup.server.requests.length - before).toBeLessThanOrEqual(1)
        tries += second > 0 ? setup.server.requests.length - before : 0
        setup.clock.advance(1_000)
      }
      // 1, 2, 4, 8, 16 seconds, then every 30; a server that names a rest is asked after it
      expect(tries).toBeLessThanOrEqual(name === 'a 500 that asks for time' ? 599 : 24)
      setup.server.answer = issue()
      setup.clock.advance(30_000)
      for (const outcome of await Promise.all(scopes.map(scope => outcomeOf(setup, scope))))
        expect(outcome).toMatch(/^token-/)
    })

  test('after a rest one caller tries, and the others go once it was served, ever more at a time', async () => {
    const setup = setUp(down)
    await outcomeOf(setup)
    setup.clock.advance(1_000)
    const { answer, open } = gate(issue())
    setup.server.answer = answer
    const together = ['a', 'b', 'c', 'd', 'e'].map(scope => outcomeOf(setup, scope))
    await setup.server.arrived(2)
    await new Promise(setImmediate)
    expect(setup.server.requests).toHaveLength(2)
    open()
    for (const outcome of await Promise.all(together)) expect(outcome).toMatch(/^token-/)
  })

  test('does not make another endpoint, or another connection to it, rest', async () => {
    const setup = setUp(down)
    await outcomeOf(setup)
    const other = setUp()
    expect(await outcomeOf(other)).toBe('token-1')
  })

  test('rests longer after each failure in a row: 1, 2, 4, … and at most 30 s', async () => {
    const setup = setUp(down)
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      const before = setup.server.requests.length
      await outcomeOf(setup)
      setup.clock.advance(seconds * 1000 - 1)
      await outcomeOf(setup)
      expect(setup.server.requests).toHaveLength(before + 1)
      setup.clock.advance(1)
    }
  })

  test('begins at one second again after a success', async () => {
    const setup = setUp(down)
    for (const seconds of [1, 2, 4]) {
      await outcomeOf(setup)
      setup.clock.advance(seconds * 1000)
    }
    setup.server.answer = issue()
    expect(await outcomeOf(setup)).toBe('token-4')
    setup.server.answer = down
    await outcomeOf(setup, 'another')
    setup.clock.advance(1_000)
    setup.server.answer = issue()
    expect(await outcomeOf(setup, 'another')).toBe('token-6')
  })

  test('counts requests that fail together as one failure', async () => {
    const { answer, open } = gate(down)
    const setup = setUp(answer)
    const together = ['a', 'b', 'c', 'd', 'e'].map(scope => outcomeOf(setup, scope))
    await setup.server.arrived(5)
    open()
    await Promise.all(together)
    setup.server.answer = issue()
    setup.clock.advance(1_000)
    expect(await outcomeOf(setup)).toBe('token-6')
  })

  test('rests no longer when the clock is set back', async () => {
    const setup = setUp(down)
    await outcomeOf(setup)
    setup.server.answer = issue()
    setup.clock.advance(-3_600_000)
    expect(await outcomeOf(setup)).toBe('token-2')
  })
})

describe('Retry-After', () => {
  const asks = (seconds: string) => refuse(429, 'slow_down', { 'retry-after': seconds })

  test('is honoured by all callers of the endpoint, and told', async () => {
    const setup = setUp(asks('120'))
    const error = await outcomeOf(setup)
    expect(error).toMatchObject({ serverStatus: 429, retryAfterMs: 120_000, retryable: true })
    setup.clock.advance(119_999)
    expect(await outcomeOf({ client: setup.another({ clientId: 'other' }) }, 'another')).toBe(error)
    setup.server.answer = issue()
    setup.clock.advance(1)
    expect(await outcomeOf(setup)).toBe('token-2')
  })

  test('may be a date', async () => {
    const setup = setUp()
    setup.server.answer = asks(new Date(setup.clock.now() + 60_000).toUTCString())
    await outcomeOf(setup)
    setup.server.answer = issue()
    setup.clock.advance(59_999)
    expect(await outcomeOf(setup)).toMatchObject({ serverStatus: 429 })
    setup.clock.advance(1)
    expect(await outcomeOf(setup)).toBe('token-2')
  })

  for (const [name, header] of [
    ['0', '0'],
    ['a date that is past', new Date(0).toUTCString()],
  ] as const)
    test(`${name} asks for the least rest: a second`, async () => {
      const setup = setUp(asks(header))
      const error = await outcomeOf(setup)
      expect(error).toMatchObject({ retryAfterMs: 1_000 })
      setup.server.answer = issue()
      setup.clock.advance(999)
      expect(await outcomeOf(setup)).toBe(error)
      setup.clock.advance(1)
      expect(await outcomeOf(setup)).toBe('token-2')
    })

  test('0 sends no token request for each call of a token that is renewed in the background', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    await source.getTokenSet()
    setup.server.answer = asks('0')
    setup.clock.advance(3_570_000)
    for (let call = 0; call < 200; call++) {
      await source.getTokenSet()
      await new Promise(setImmediate)
    }
    expect(setup.server.requests).toHaveLength(2)
  })

  test('is kept when another request that was under way fails without one', async () => {
    const { answer, open } = gate(down)
    const setup = setUp(answer)
    const slow = outcomeOf(setup, 'slow')
    await setup.server.arrived(1)
    setup.server.answer = asks('60')
    await outcomeOf(setup)
    open()
    await slow
    setup.clock.advance(59_999)
    await outcomeOf(setup)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('is kept when another request that was under way succeeds', async () => {
    const { answer, open } = gate()
    const setup = setUp(answer)
    const slow = outcomeOf(setup, 'slow')
    await setup.server.arrived(1)
    setup.server.answer = asks('60')
    await outcomeOf(setup)
    open()
    expect(await slow).toBe('token-1')
    expect(await outcomeOf(setup)).toMatchObject({ serverStatus: 429 })
    expect(setup.server.requests).toHaveLength(2)
  })
})

describe('refused credentials', () => {
  for (const error of ['invalid_client', 'unauthorized_client', 'app_suspended'])
    test(`401 ${error} is the same error without a request for 10 s, whatever the scope`, async () => {
      const setup = setUp(refuse(401, error))
      const refusal = await outcomeOf(setup)
      expect(refusal).toMatchObject({ code: 'ERR_SERVER_REFUSED', error, retryable: false })
      setup.clock.advance(9_999)
      expect(await outcomeOf({ client: setup.another() }, 'another')).toBe(refusal)
      expect(setup.server.requests).toHaveLength(1)
      setup.clock.advance(1)
      await outcomeOf(setup)
      expect(setup.server.requests).toHaveLength(2)
    })

  test('make no other client wait', async () => {
    const setup = setUp(refuse(401, 'invalid_client'))
    await outcomeOf(setup)
    setup.server.answer = issue()
    expect(await outcomeOf({ client: setup.another({ clientId: 'other' }) })).toBe('token-2')
    expect(await outcomeOf({ client: setup.another({ clientSecret: 'the right one' }) })).toBe('token-3')
  })

  test('are tried again at once when the secret has changed', async () => {
    let secret = 'old'
    const setup = setUp(refuse(401, 'invalid_client'), { clientSecret: async () => secret })
    const refusal = await outcomeOf(setup)
    expect(await outcomeOf(setup)).toBe(refusal)
    secret = 'new'
    setup.server.answer = issue()
    expect(await outcomeOf(setup)).toBe('token-2')
  })

  test('are tried again at once when the key has been replaced', async () => {
    const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const auth = privateKeyJwt({ key: key(), alg: 'ES256' })
    const setup = setUp(refuse(401, 'invalid_client'), { auth })
    const refusal = await outcomeOf(setup)
    expect(await outcomeOf(setup)).toBe(refusal)
    auth.replaceKey({ key: key(), alg: 'ES256' })
    setup.server.answer = issue()
    expect(await outcomeOf(setup)).toBe('token-2')
  })

  test('are tried again at once when the certificate has been replaced', async () => {
    const certificate = { thumbprint: 'old' }
    const setup = setUp(refuse(401, 'invalid_client'), { tls: { certificate: certificate as never } })
    const refusal = await outcomeOf(setup)
    expect(await outcomeOf(setup)).toBe(refusal)
    certificate.thumbprint = 'new'
    setup.server.answer = issue()
    expect(await outcomeOf(setup)).toBe('token-2')
  })

  test('are tried by one caller once the rest is over', async () => {
    const setup = setUp(refuse(401, 'invalid_client'))
    await outcomeOf(setup)
    setup.clock.advance(10_000)
    await Promise.all(['a', 'b', 'c', 'd'].map(scope => outcomeOf(setup, scope)))
    expect(setup.server.requests).toHaveLength(2)
  })

  test('an answer that is no token response makes its client wait, once it comes to two, and no other', async () => {
    const setup = setUp(() => json(200, { token: 'under another name' }))
    const unusable = await outcomeOf(setup)
    expect(unusable).toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
    expect(await outcomeOf(setup)).toBe(unusable)
    const second = await outcomeOf(setup, 'another')
    expect(await outcomeOf(setup, 'a third')).toBe(second)
    setup.server.answer = issue()
    expect(await outcomeOf({ client: setup.another({ clientId: 'other' }) })).toBe('token-3')
  })

  test('a secret that cannot be read makes nobody wait: nothing was sent', async () => {
    const setup = setUp()
    const sealed = () => Promise.reject(new Error('the vault is sealed'))
    const failure = await outcomeOf({ client: setup.another({ clientSecret: sealed }) })
    expect(failure).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION' })
    expect(await outcomeOf(setup)).toBe('token-1')
  })
})

describe('a refusal of one code or refresh token', () => {
  const refusals: Record<string, Answer> = {
    '400 invalid_request': refuse(400, 'invalid_request'),
    '403 invalid_code': refuse(403, 'invalid_code'),
    '401 invalid_grant': refuse(401, 'invalid_grant'),
    '403 invalid_grant': refuse(403, 'invalid_grant'),
    'an empty 400': () => ({ status: 400, headers: new Headers(), body: new Uint8Array() }),
    'an empty 403': () => ({ status: 403, headers: new Headers(), body: new Uint8Array() }),
    '500 server_error': refuse(500, 'server_error'),
    'an empty 200': () => ({ status: 200, headers: new Headers(), body: new Uint8Array() }),
    '400 authorization_pending': refuse(400, 'authorization_pending'),
    '400 slow_down': refuse(400, 'slow_down'),
    '400 access_denied': refuse(400, 'access_denied'),
    '400 interaction_required': refuse(400, 'interaction_required'),
  }
  const isMadeUp = ({ form }: Parameters<Answer>[0]) => /^made-up/.test(form.code ?? form.refresh_token ?? '')
  for (const [name, refusal] of Object.entries(refusals)) {
    test(`${name} to a made-up code stops no login, no renewal and no application token`, async () => {
      const setup = setUp(request => (isMadeUp(request) ? refusal(request) : rotate()(request)))
      const users = createUserTokenSources({ client: setup.client })
      await users.for('alice').import({ refreshToken: 'alice-1' })
      for (let call = 0; call < 5; call++)
        await users
          .for(`attacker-${call}`)
          .redeem(authorizationCode({ code: `made-up-${call}` }))
          .catch(() => {})
      expect((await users.for('alice').getTokenSet()).accessToken).toMatch(/^token-/)
      expect((await users.for('bob').redeem(authorizationCode({ code: 'real' }))).accessToken).toMatch(/^token-/)
      expect((await users.for('alice').getTokenSet({ force: true })).accessToken).toMatch(/^token-/)
      expect(await outcomeOf(setup)).toMatch(/^token-/)
    })

    test(`${name} to one refresh token stops nobody else`, async () => {
      const setup = setUp(request => (isMadeUp(request) ? refusal(request) : rotate()(request)))
      const users = createUserTokenSources({ client: setup.client })
      await users.for('alice').import({ refreshToken: 'made-up' })
      await users.for('bob').import({ refreshToken: 'bob-1' })
      await expect(users.for('alice').getTokenSet()).rejects.toThrow()
      await expect(users.for('alice').getTokenSet()).rejects.toThrow()
      expect((await users.for('bob').getTokenSet()).accessToken).toMatch(/^token-/)
      expect(await outcomeOf(setup)).toMatch(/^token-/)
    })
  }
})

describe('a refused scope', () => {
  const refuseOne: Answer = request =>
    request.form.scope === 'wrong' ? refuse(400, 'invalid_scope')(request) : issue()(request)

  test('stops that scope for 10 s, and no other', async () => {
    const setup = setUp(refuseOne)
    const refusal = await outcomeOf(setup, 'wrong')
    expect(await outcomeOf(setup, 'wrong')).toBe(refusal)
    expect(await outcomeOf(setup, 'right')).toBe('token-2')
    setup.clock.advance(10_000)
    await outcomeOf(setup, 'wrong')
    expect(setup.server.requests).toHaveLength(3)
  })

  test('stops no other client, at this server or elsewhere, that asks for it', async () => {
    const setup = setUp(refuseOne)
    await outcomeOf(setup, 'wrong')
    setup.server.answer = issue()
    expect(await outcomeOf({ client: setup.another({ clientId: 'other' }) }, 'wrong')).toBe('token-2')
    expect(await outcomeOf(setUp(), 'wrong')).toBe('token-1')
  })

  test('stops no other user', async () => {
    const setup = setUp(request =>
      request.form.refresh_token === 'alice-1' ? refuse(400, 'invalid_scope')(request) : rotate()(request),
    )
    const users = createUserTokenSources({ client: setup.client, scope: 'payments' })
    await users.for('alice').import({ refreshToken: 'alice-1' })
    await users.for('bob').import({ refreshToken: 'bob-1' })
    await expect(users.for('alice').getTokenSet()).rejects.toMatchObject({ error: 'invalid_scope' })
    expect((await users.for('bob').getTokenSet()).accessToken).toBe('token-2')
    await expect(users.for('alice').getTokenSet()).rejects.toMatchObject({ error: 'invalid_scope' })
    expect(setup.server.requests).toHaveLength(2)
  })
})

describe('invalid_grant', () => {
  test('for an application’s own token is not asked for again with every call', async () => {
    const setup = setUp(refuse(400, 'invalid_grant'))
    const refusal = await outcomeOf(setup)
    expect(await outcomeOf(setup)).toBe(refusal)
    expect(setup.server.requests).toHaveLength(1)
    setup.clock.advance(10_000)
    await outcomeOf(setup)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('of one user blocks no other user, and not the application', async () => {
    const setup = setUp(refuse(400, 'invalid_grant'))
    const users = createUserTokenSources({ client: setup.client })
    await users.for('alice').import({ refreshToken: 'dead' })
    await expect(users.for('alice').getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    setup.server.answer = rotate()
    await users.for('bob').import({ refreshToken: 'alive' })
    expect((await users.for('bob').getTokenSet()).accessToken).toBe('token-2')
    expect(await outcomeOf(setup)).toBe('token-3')
  })
})
