import { describe, expect, test } from 'vitest'
import {
  authorizationCode,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type GrantKitEvent,
  isGrantKitError,
  memoryStore,
  type TokenStore,
} from '../../src/index.js'
import {
  type Answer,
  deferred,
  gate,
  issue,
  json,
  refuse,
  rotate,
  type Setup,
  setUp,
  start,
} from '../scripted-server.js'

const usersOf = ({ client }: Pick<Setup, 'client'>, scope?: string) => createUserTokenSources({ client, scope })
const code = (value = 'a-code') => authorizationCode({ code: value, redirectUri: 'https://app.example/callback' })
const sentTokens = ({ server }: Setup) => server.requests.map(({ form }) => form.refresh_token)

describe('redeem', () => {
  test('turns a code into a user’s first token set, which is then held', async () => {
    const setup = setUp(rotate({ id_token: 'a.b.c', scope: 'accounts openid' }))
    const user = usersOf(setup).for('alice')
    const tokenSet = await user.redeem(code())
    expect(tokenSet).toMatchObject({ accessToken: 'token-1', idToken: 'a.b.c', scope: 'accounts openid' })
    expect(await user.getTokenSet()).toBe(tokenSet)
    expect(setup.server.requests.map(({ form }) => [form.grant_type, form.code])).toEqual([
      ['authorization_code', 'a-code'],
    ])
  })

  const failures: Record<string, Answer> = {
    'the server is down': refuse(503, 'temporarily_unavailable'),
    'the connection breaks': () => {
      throw new Error('ECONNRESET')
    },
    'the code is dead': refuse(400, 'invalid_grant'),
    'the answer is unusable': () => json(200, {}),
  }
  for (const [name, answer] of Object.entries(failures))
    test(`sends a code once even when ${name}`, async () => {
      const setup = setUp(answer)
      const user = usersOf(setup).for('alice')
      await expect(user.redeem(code())).rejects.toSatisfy(isGrantKitError)
      await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
      expect(setup.server.requests).toHaveLength(1)
    })

  describe('while its tokens are being kept', () => {
    /** A login whose tokens are in the store, which has not said so yet. */
    async function keeping() {
      const { client } = setUp(rotate())
      const store = memoryStore()
      const [reached, opened] = [deferred(), deferred()]
      let isHeld = false
      const slow: TokenStore = {
        ...store,
        async compareAndSet(...args) {
          const done = await store.compareAndSet(...args)
          if (isHeld) return done
          isHeld = true
          reached.resolve()
          await opened.promise
          return done
        },
      }
      const user = createUserTokenSources({ client, store: slow }).for('alice')
      const login = user.redeem(code())
      await reached.promise
      return { user, login, open: opened.resolve }
    }

    test('another login comes: each gets its own', async () => {
      const { user, login, open } = await keeping()
      const another = await user.redeem(code('another'))
      open()
      expect([(await login).accessToken, another.accessToken]).toEqual(['token-1', 'token-2'])
      expect((await user.getTokenSet()).accessToken).toBe('token-2')
    })

    test('they are forgotten: whoever logged in gets them all the same', async () => {
      const { user, login, open } = await keeping()
      await user.forget()
      open()
      expect((await login).accessToken).toBe('token-1')
      await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    })
  })

  test('a failed one leaves the tokens of the login before in force', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.redeem(code())
    setup.server.answer = refuse(400, 'invalid_grant')
    await expect(user.redeem(code('stolen'))).rejects.toMatchObject({ error: 'invalid_grant' })
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
  })

  test('starts from nothing: no token of the login before is left, in any scope', async () => {
    const setup = setUp(rotate({ id_token: 'old', scope: 'old', refresh_expires_in: 5 }))
    const user = usersOf(setup).for('alice')
    const narrow = usersOf(setup, 'narrow').for('alice')
    await user.redeem(code())
    await narrow.getTokenSet()
    setup.server.answer = issue()
    const tokenSet = await user.redeem(code('another'))
    expect(tokenSet).toMatchObject({ idToken: undefined, scope: undefined, refreshToken: undefined })
    expect(tokenSet.refreshTokenExpiresAt).toBeUndefined()
    await expect(narrow.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
  })

  test('refuses what is no grant, or none the provider takes', async () => {
    const user = usersOf(setUp()).for('alice')
    await expect(user.redeem({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION', option: 'grant' })
  })
})

describe('import', () => {
  test('of a refresh token alone lets the first caller wait for an access token', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'imported' })
    expect(setup.server.requests).toHaveLength(0)
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
    expect(sentTokens(setup)).toEqual(['imported'])
  })

  test('of both serves the access token to its end, then spends the refresh token', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'imported', accessToken: 'own', expiresAt: start + 100_000, scope: 'accounts' })
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'own', scope: 'accounts', refreshToken: 'imported' })
    setup.clock.advance(95_000)
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
    expect(sentTokens(setup)).toEqual(['imported'])
  })

  test('of an access token alone serves it to its end, then asks the user', async () => {
    const setup = setUp()
    const user = usersOf(setup).for('alice')
    await user.import({ accessToken: 'own', expiresAt: start + 100_000 })
    setup.clock.advance(99_999)
    expect((await user.getTokenSet()).accessToken).toBe('own')
    setup.clock.advance(1)
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED', subject: 'alice' })
    expect(setup.server.requests).toHaveLength(0)
  })

  test('of an access token that is over already asks for the next', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'imported', accessToken: 'own', expiresAt: start - 1 })
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
  })

  test('replaces all that was held', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'one', refreshTokenExpiresAt: start + 1_000 })
    await user.getTokenSet()
    await user.import({ refreshToken: 'two' })
    setup.clock.advance(2_000)
    expect((await user.getTokenSet()).accessToken).toBe('token-2')
    expect(sentTokens(setup)).toEqual(['one', 'two'])
  })

  const wrong: Record<string, Record<string, unknown>> = {
    'nothing at all': {},
    'an unknown member': { refreshToken: 'a', refresh_token: 'a' },
    'an empty refresh token': { refreshToken: '' },
    'an empty access token': { accessToken: '' },
    'an access token with a line break': { accessToken: 'secret\n' },
    'an access token with its scheme': { accessToken: 'Bearer secret' },
    'an instant that is no number': { accessToken: 'a', expiresAt: '2030-01-01' },
    'an expiry of the refresh token that is no number': { refreshToken: 'a', refreshTokenExpiresAt: Number.NaN },
  }
  for (const [name, tokens] of Object.entries(wrong))
    test(`refuses ${name}, and leaves what is held`, async () => {
      const user = usersOf(setUp()).for('alice')
      await user.import({ accessToken: 'good' })
      const error: unknown = await user.import(tokens).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).not.toContain('secret')
      expect((await user.getTokenSet()).accessToken).toBe('good')
    })
})

describe('renewal by a refresh token', () => {
  test('keeps the old refresh token, ID token and scope when none is returned', async () => {
    const setup = setUp(rotate({ id_token: 'a.b.c', scope: 'accounts', refresh_expires_in: 86_400 }))
    const user = usersOf(setup).for('alice')
    await user.redeem(code())
    setup.server.answer = issue()
    const tokenSet = await user.getTokenSet({ force: true })
    expect(tokenSet).toMatchObject({
      accessToken: 'token-2',
      refreshToken: 'refresh-1',
      idToken: 'a.b.c',
      scope: 'accounts',
      refreshTokenExpiresAt: start + 86_400_000,
    })
    await user.getTokenSet({ force: true })
    expect(sentTokens(setup)).toEqual([undefined, 'refresh-1', 'refresh-1'])
  })

  test('replaces a rotated refresh token everywhere: for other scopes and other views too', async () => {
    const setup = setUp(rotate())
    const [accounts, payments] = [usersOf(setup, 'accounts').for('alice'), usersOf(setup, 'payments').for('alice')]
    await accounts.import({ refreshToken: 'refresh-0' })
    await accounts.getTokenSet()
    await payments.getTokenSet()
    await usersOf(setup, 'accounts').for('alice').getTokenSet({ force: true })
    expect(sentTokens(setup)).toEqual(['refresh-0', 'refresh-1', 'refresh-2'])
  })

  test('sends the scope asked for, and none by default', async () => {
    const setup = setUp(rotate())
    await usersOf(setup).for('alice').import({ refreshToken: 'refresh-0' })
    await usersOf(setup).for('alice').getTokenSet()
    await usersOf(setup, 'b a').for('alice').getTokenSet()
    expect(setup.server.requests.map(({ form }) => form.scope)).toEqual([undefined, 'b a'])
  })

  test('never redeems one refresh token in parallel: different scopes of a subject take turns', async () => {
    const setup = setUp()
    let underWay = 0
    let most = 0
    const spent = new Set<string | undefined>()
    setup.server.answer = async request => {
      most = Math.max(most, ++underWay)
      await new Promise(setImmediate)
      underWay--
      // reuse detection: a refresh token that comes twice ends the session
      if (spent.has(request.form.refresh_token)) return refuse(400, 'invalid_grant')(request)
      spent.add(request.form.refresh_token)
      return rotate()(request)
    }
    await usersOf(setup).for('alice').import({ refreshToken: 'refresh-0' })
    const scopes = ['a', 'b', 'c', 'd', 'e']
    const tokenSets = await Promise.all(scopes.map(scope => usersOf(setup, scope).for('alice').getTokenSet()))
    expect(new Set(tokenSets.map(({ accessToken }) => accessToken)).size).toBe(scopes.length)
    expect(most).toBe(1)
  })

  test('does not make one user wait for another', async () => {
    const { answer, open } = gate(rotate())
    const setup = setUp(answer)
    const [alice, bob] = [usersOf(setup).for('alice'), usersOf(setup).for('bob')]
    await alice.import({ refreshToken: 'of-alice' })
    await bob.import({ refreshToken: 'of-bob' })
    const slow = alice.getTokenSet()
    await setup.server.arrived(1)
    setup.server.answer = rotate()
    expect((await bob.getTokenSet()).accessToken).toBe('token-2')
    open()
    await slow
  })

  test('keeps the expiry of a refresh token that comes back the same', async () => {
    const setup = setUp(issue({ refresh_token: 'lasting', refresh_expires_in: 100_000 }))
    const user = usersOf(setup).for('alice')
    await user.redeem(code())
    setup.server.answer = issue({ refresh_token: 'lasting' })
    expect((await user.getTokenSet({ force: true })).refreshTokenExpiresAt).toBe(start + 100_000_000)
    setup.server.answer = issue({ refresh_token: 'another' })
    expect((await user.getTokenSet({ force: true })).refreshTokenExpiresAt).toBeUndefined()
  })

  test('asks the user, without a request, once the refresh token has expired', async () => {
    const setup = setUp(rotate({ expires_in: 60, refresh_expires_in: 600 }))
    const user = usersOf(setup).for('alice')
    await user.redeem(code())
    setup.clock.advance(600_000)
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED', subject: 'alice' })
    expect(setup.server.requests).toHaveLength(1)
  })

  test('a dead refresh token asks the user, with the refusal as cause, and is not sent again', async () => {
    const setup = setUp(refuse(400, 'invalid_grant'))
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'dead' })
    await expect(user.getTokenSet()).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      subject: 'alice',
      retryable: false,
      cause: expect.objectContaining({ code: 'ERR_SERVER_REFUSED', error: 'invalid_grant' }),
    })
    setup.clock.advance(3_600_000)
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    expect(setup.server.requests).toHaveLength(1)
  })

  test('a refresh token that dies early leaves the access token to serve to its end', async () => {
    const setup = setUp(rotate())
    const user = usersOf(setup).for('alice')
    await user.redeem(code())
    setup.server.answer = refuse(400, 'invalid_grant')
    setup.clock.advance(3_550_000)
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
    await setup.server.arrived(2)
    setup.clock.advance(49_999)
    expect((await user.getTokenSet()).accessToken).toBe('token-1')
    setup.clock.advance(1)
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    expect(setup.server.requests).toHaveLength(2)
  })

  for (const error of ['invalid_client', 'invalid_scope', 'temporarily_unavailable'])
    test(`${error} does not end the session`, async () => {
      const setup = setUp(refuse(400, error))
      const user = usersOf(setup).for('alice')
      await user.import({ refreshToken: 'alive' })
      await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_SERVER_REFUSED', error })
      setup.server.answer = rotate()
      setup.clock.advance(10_000)
      expect((await user.getTokenSet()).accessToken).toBe('token-2')
    })

  test('does not send a refresh token again after an answer was lost: it may be spent', async () => {
    const setup = setUp(() => Promise.reject(new Error('ECONNRESET')))
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'once' })
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' })
    expect(setup.server.requests).toHaveLength(1)
  })
})

describe('what changes while a refresh is under way', () => {
  /** Alice’s refresh with `old`, held at the server; then something happens; then the server answers. */
  async function during(answer: Answer, happens: (setup: Setup) => unknown) {
    const held = gate(answer)
    const setup = setUp(request => (request.form.refresh_token === 'old' ? held.answer(request) : rotate()(request)))
    const user = usersOf(setup).for('alice')
    await user.import({ refreshToken: 'old' })
    const call = user.getTokenSet().then(
      ({ accessToken }) => accessToken,
      (error: { code: string }) => error.code,
    )
    await setup.server.arrived(1)
    await happens(setup)
    held.open()
    return { setup, user, outcome: await call }
  }

  test('invalid_grant is no verdict when another refresh token was imported: that one is used', async () => {
    const { setup, user, outcome } = await during(refuse(400, 'invalid_grant'), setup =>
      usersOf(setup).for('alice').import({ refreshToken: 'new' }),
    )
    expect(outcome).toBe('token-2')
    expect((await user.getTokenSet()).accessToken).toBe('token-2')
    expect(sentTokens(setup)).toEqual(['old', 'new'])
  })

  test('a late answer does not replace what was imported', async () => {
    const { setup, user, outcome } = await during(rotate(), setup =>
      usersOf(setup).for('alice').import({ refreshToken: 'new', accessToken: 'imported' }),
    )
    // nothing is handed out that is not held
    expect(outcome).toBe('imported')
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'imported', refreshToken: 'new' })
    await user.getTokenSet({ force: true })
    expect(sentTokens(setup)).toEqual(['old', 'new'])
  })

  test('a late answer is not held after forget()', async () => {
    const { setup, user } = await during(rotate(), setup => usersOf(setup).for('alice').forget())
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    expect(setup.server.requests).toHaveLength(1)
  })

  test('a late answer after forget() and a new import changes nothing', async () => {
    const { user } = await during(rotate(), async setup => {
      const alice = usersOf(setup).for('alice')
      await alice.forget()
      await alice.import({ refreshToken: 'new', accessToken: 'imported' })
    })
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'imported', refreshToken: 'new' })
  })

  test('a code redeemed meanwhile does not wait for it, and its tokens stay', async () => {
    let login: Promise<unknown> = Promise.resolve()
    const { setup, user } = await during(rotate(), setup => {
      login = usersOf(setup).for('alice').redeem(code())
    })
    await login
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'token-2', refreshToken: 'refresh-2' })
    expect(setup.server.requests.map(({ form }) => form.grant_type)).toEqual(['refresh_token', 'authorization_code'])
  })

  test('a code redeemed meanwhile helps a session that then turns out dead', async () => {
    let login: Promise<unknown> = Promise.resolve()
    const { user } = await during(refuse(400, 'invalid_grant'), setup => {
      login = usersOf(setup).for('alice').redeem(code())
    })
    await login
    expect((await user.getTokenSet()).accessToken).toBe('token-2')
  })
})

describe('events', () => {
  const told = (events: readonly GrantKitEvent[]) =>
    events.map(event => [event.type, 'reason' in event ? event.reason : undefined])

  test('say why a token was asked for, before and after', async () => {
    const setup = setUp(rotate())
    const source = createTokenSource({ client: setup.client, grant: clientCredentials() })
    await source.getTokenSet()
    await source.getTokenSet({ force: true })
    await source.getTokenSet({ rejected: 'token-2' })
    setup.clock.advance(3_550_000)
    await source.getTokenSet()
    await setup.server.arrived(4)
    await new Promise(setImmediate)
    setup.clock.advance(7_200_000)
    await source.getTokenSet()
    await usersOf(setup).for('alice').redeem(code())
    const reasons = ['cold', 'forced', 'rejected', 'soft', 'hard', 'login']
    const ofRequests = setup.events.filter(({ type }) => type !== 'token_awaited')
    expect(told(ofRequests)).toEqual(
      reasons.flatMap(reason => [
        ['token_requested', reason],
        ['token_received', reason],
      ]),
    )
  })

  test('carry how long it took, and what was granted', async () => {
    const { answer, open } = gate(issue({ scope: 'accounts' }))
    const setup = setUp(answer)
    const grant = clientCredentials({ scope: 'accounts payments' })
    const call = createTokenSource({ client: setup.client, grant }).getTokenSet()
    await setup.server.arrived(1)
    setup.clock.advance(250)
    open()
    await call
    const common = {
      provider: 'example',
      clientId: setup.client.id,
      requestId: expect.any(String),
      endpoint: 'token_endpoint',
      url: 'https://as.example/token',
      grantType: 'client_credentials',
      reason: 'cold',
    }
    expect(setup.events.slice(0, 2)).toEqual([
      { type: 'token_requested', level: 'debug', at: start, ...common },
      {
        type: 'token_received',
        level: 'warn',
        at: start + 250,
        ...common,
        durationMs: 250,
        expiresAt: start + 3_600_000,
        scope: 'accounts',
        missingScope: ['payments'],
      },
    ])
  })

  const failures: Record<string, [Answer, object]> = {
    'a passing one is a warning': [
      refuse(503, 'temporarily_unavailable'),
      { level: 'warn', code: 'ERR_SERVER_REFUSED', status: 503, error: 'temporarily_unavailable', retryable: true },
    ],
    'one that somebody has to act on is an error': [
      refuse(401, 'invalid_client'),
      { level: 'error', code: 'ERR_SERVER_REFUSED', status: 401, error: 'invalid_client', retryable: false },
    ],
    'no answer has no status': [
      () => Promise.reject(new Error('ECONNRESET')),
      { level: 'warn', code: 'ERR_TRANSPORT', status: undefined, error: undefined, retryable: true },
    ],
  }
  for (const [name, [answer, expected]] of Object.entries(failures))
    test(`tell of a failure: ${name}`, async () => {
      const setup = setUp(answer)
      await expect(
        createTokenSource({ client: setup.client, grant: clientCredentials() }).getTokenSet(),
      ).rejects.toThrow()
      expect(setup.events[1]).toMatchObject({
        type: 'token_request_failed',
        reason: 'cold',
        durationMs: 0,
        ...expected,
      })
    })

  test('carry no token, code or secret', async () => {
    const secrets = ['a secret', 'the-code', 'the-access-token', 'the-refresh-token', 'the-id-token', 'the-imported']
    const setup = setUp(
      issue({ access_token: 'the-access-token', refresh_token: 'the-refresh-token', id_token: 'the-id-token' }),
    )
    const user = usersOf(setup).for('alice')
    await user.redeem(code('the-code'))
    await user.import({ refreshToken: 'the-imported' })
    await user.getTokenSet()
    setup.server.answer = ({ form }) => json(400, { error: 'invalid_grant', error_description: form.refresh_token })
    await expect(user.getTokenSet({ force: true })).rejects.toThrow()
    const text = JSON.stringify(setup.events)
    expect(text).toContain('token_request_failed')
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  const listeners: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('the listener’s own')
    },
    rejects: () => Promise.reject(new Error('the listener’s own')),
    'never ends': () => new Promise(() => {}),
  }
  for (const [name, onEvent] of Object.entries(listeners))
    test(`a listener that ${name} changes nothing`, async () => {
      const setup = setUp()
      const client = setup.another({ onEvent: onEvent as () => void })
      const source = createTokenSource({ client, grant: clientCredentials() })
      expect((await source.getTokenSet()).accessToken).toBe('token-1')
      setup.server.answer = refuse(503, 'temporarily_unavailable')
      await expect(source.getTokenSet({ force: true })).rejects.toMatchObject({ serverStatus: 503 })
      // an unhandled rejection would fail the run
      await new Promise(setImmediate)
    })

  test('a listener that asks for a token itself joins the flight it is told of', async () => {
    const setup = setUp()
    const inner = deferred<Promise<unknown>>()
    const client = setup.another({ onEvent: () => inner.resolve(Promise.resolve(source.getTokenSet())) })
    const source = createTokenSource({ client, grant: clientCredentials() })
    const tokenSet = await source.getTokenSet()
    expect(await inner.promise).toBe(tokenSet)
    expect(setup.server.requests).toHaveLength(1)
  })
})
