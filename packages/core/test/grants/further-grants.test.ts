/** Grants that core does not know, made of what it exports: each says of itself what it is, and no list has to name it. */
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type Grant,
  type GrantContext,
  LoginRequiredError,
  memoryStore,
  requestTokenSet,
  TransportError,
  ValidationError,
} from '../../src/index.js'
import { optionError } from '../../src/kit.js'
import { rescuedFrom } from '../../src/rescue.js'
import { failure, refusal } from '../answering.js'
import { type Answer, gate, issue, json, refuse, rotate, type Setup, setUp, start } from '../scripted-server.js'

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** RFC 7523 §2.1: an assertion about a subject, another one for every attempt; a text stands for the signed JWT. */
function assertionOf(subject: string, more: Partial<Grant> = {}): Grant {
  return {
    grantType: jwtBearer,
    identity: { subject, scope: 'accounts' },
    parameters: ({ endpoint }) => ({
      assertion: `${subject} at ${endpoint}, ${randomUUID()}`,
      scope: 'accounts',
    }),
    resend: 'always',
    ...more,
  }
}

const assertions = ({ server }: Pick<Setup, 'server'>) => server.requests.map(({ form }) => form.assertion)
const sourceOf = ({ client }: Pick<Setup, 'client'>, grant: Grant) => createTokenSource({ client, grant })
const neverSent = () => new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
const lost = () => new TransportError('ERR_TRANSPORT', 'reset', { neverSent: false })

/** Fails so many times, then issues. */
const failing =
  (times: number, make: () => Error): Answer =>
  request => {
    if (request.number <= times) throw make()
    return issue()(request)
  }

describe('a grant of assertions', () => {
  test('obtains a token, which is told by its grant type, held and renewed with another assertion', async () => {
    const setup = setUp()
    const source = sourceOf(setup, assertionOf('alice'))
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
    expect(setup.server.requests[0]?.form).toMatchObject({ grant_type: jwtBearer, scope: 'accounts' })
    expect(setup.events[0]).toMatchObject({ type: 'token_requested', grantType: jwtBearer })
    setup.clock.advance(3_600_000)
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
    const [first, second] = assertions(setup)
    expect(first).toMatch(/^alice at https:\/\/as\.example\/token, /)
    expect(second).not.toBe(first)
  })

  test('is sent once more when no answer came, with another assertion', async () => {
    const setup = setUp(failing(1, lost))
    await sourceOf(setup, assertionOf('alice')).getTokenSet()
    expect(new Set(assertions(setup)).size).toBe(2)
  })

  test('is asked for once by all who wait', async () => {
    const held = gate()
    const setup = setUp(held.answer)
    let asked = 0
    const grant = assertionOf('alice')
    const counted = (context: GrantContext) => {
      asked++
      return grant.parameters(context)
    }
    const source = sourceOf(setup, { ...grant, parameters: counted })
    const waiting = Promise.all(Array.from({ length: 100 }, () => source.getTokenSet()))
    await setup.server.arrived(1)
    held.open()
    expect(new Set((await waiting).map(({ accessToken }) => accessToken))).toEqual(new Set(['token-1']))
    expect(asked).toBe(1)
  })

  test('is told from others by its identity, whose scope is a set, and not by what is new each time', async () => {
    const setup = setUp()
    const tokenOf = async (grant: Grant) => (await sourceOf(setup, grant).getTokenSet()).accessToken
    expect(await tokenOf(assertionOf('alice', { identity: { subject: 'alice', scope: 'a b' } }))).toBe('token-1')
    expect(await tokenOf(assertionOf('alice', { identity: { subject: 'alice', scope: 'b  a' } }))).toBe('token-1')
    expect(await tokenOf(assertionOf('bob', { identity: { subject: 'bob', scope: 'a b' } }))).toBe('token-2')
    expect(await tokenOf(clientCredentials({ scope: 'a b' }))).toBe('token-3')
  })

  test('shares its token with another process through a store, which holds no assertion', async () => {
    const setup = setUp()
    const backend = memoryStore()
    const written: string[] = []
    const storeOf = () => ({
      ...backend,
      secrecy: 'elsewhere' as const,
      compareAndSet: (...args: Parameters<typeof backend.compareAndSet>) => {
        written.push(JSON.stringify(args))
        return backend.compareAndSet(...args)
      },
    })
    const ask = () =>
      createTokenSource({ client: setup.another(), grant: assertionOf('alice'), store: storeOf() }).getTokenSet()
    expect((await ask()).accessToken).toBe('token-1')
    expect((await ask()).accessToken).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
    expect(written.join()).toContain('token-1')
    expect(written.join()).not.toContain(assertions(setup)[0])
  })

  test('is refused before anything is sent where the server lists its grants without it', () => {
    const { client } = setUp()
    const metadata = { ...client.provider.metadata, grant_types_supported: ['client_credentials'] }
    const listing = { ...client, provider: { ...client.provider, metadata } }
    expect(refusal(() => sourceOf({ client: listing }, assertionOf('alice'))).message).toContain(`not ${jwtBearer}`)
  })

  test('appears in no error that repeats it', async () => {
    const setup = setUp(({ form }) =>
      json(400, { error: 'invalid_request', error_description: `bad: ${form.assertion}` }),
    )
    const error = await failure(sourceOf(setup, assertionOf('alice')).getTokenSet())
    expect(error.message).toContain('bad: [redacted]')
    expect(error.message).not.toContain('alice')
  })
})

describe('an assertion that could not be had', () => {
  const sealed = () => Promise.reject(new Error('the vault is sealed'))

  test('is told with its reason; nothing was sent, and nobody rests', async () => {
    const setup = setUp()
    const error = await failure(sourceOf(setup, assertionOf('alice', { parameters: sealed })).getTokenSet())
    expect(error).toMatchObject({
      code: 'ERR_GRANT',
      message: `${jwtBearer}: what it shows could not be had`,
      provider: 'example',
      retryable: true,
      neverSent: true,
      cause: { message: 'the vault is sealed' },
    })
    expect(setup.server.requests).toEqual([])
    expect((await sourceOf(setup, assertionOf('alice')).getTokenSet()).accessToken).toBe('token-1')
  })

  test('for want of a login is worth no other try', async () => {
    const cause = new LoginRequiredError('log in')
    const parameters = () => Promise.reject(cause)
    const error = await failure(sourceOf(setUp(), assertionOf('alice', { parameters })).getTokenSet())
    expect(error).toMatchObject({ code: 'ERR_GRANT', retryable: false, cause })
  })

  test("is no word of this server, though it be another server's refusal", async () => {
    const elsewhere = setUp(refuse(503, 'temporarily_unavailable'), { clientId: 'elsewhere' })
    const parameters = async () => ({
      subject_token: (await sourceOf(elsewhere, clientCredentials()).getTokenSet()).accessToken,
    })
    const setup = setUp()
    const error = await failure(sourceOf(setup, assertionOf('alice', { parameters })).getTokenSet())
    expect(error).toMatchObject({ code: 'ERR_GRANT', cause: { code: 'ERR_SERVER_REFUSED', serverStatus: 503 } })
    expect((await sourceOf(setup, clientCredentials()).getTokenSet()).accessToken).toBe('token-1')
  })

  test('for a wrong option stays a TypeError', async () => {
    const parameters = () => {
      throw optionError('key', 'is gone')
    }
    const { client } = setUp()
    expect(await failure(requestTokenSet(client, assertionOf('alice', { parameters })))).toMatchObject({
      option: 'key',
    })
    const none = assertionOf('alice', { parameters: () => undefined as never })
    expect(await failure(requestTokenSet(client, none))).toMatchObject({ option: 'grant.parameters' })
  })
})

describe('how often a request goes out', () => {
  const cases = [
    ['always', 'it never left', neverSent, 2],
    ['always', 'no answer came', lost, 2],
    ['unsent', 'it never left', neverSent, 2],
    ['unsent', 'no answer came', lost, 1],
    ['never', 'it never left', neverSent, 1],
    ['never', 'no answer came', lost, 1],
  ] as const
  test.each(cases)('is what the grant says: %s, when %s', async (resend, _, make, count) => {
    const setup = setUp(failing(1, make))
    await requestTokenSet(setup.client, assertionOf('alice', { resend })).catch(() => {})
    expect(setup.server.requests).toHaveLength(count)
  })

  test.each(['unsent', 'never'] as const)('is no matter of renewal: %s is renewed all the same', async resend => {
    const setup = setUp()
    const source = sourceOf(setup, assertionOf('alice', { resend }))
    await source.getTokenSet()
    setup.clock.advance(3_600_000)
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
  })

  test('a grant for one token set is redeemed, and not renewed by', async () => {
    const setup = setUp(rotate())
    const grant = assertionOf('alice', { singleUse: true, resend: 'never' })
    expect(refusal(() => sourceOf(setup, grant)).option).toBe('grant')
    const user = createUserTokenSources({ client: setup.client }).for('alice')
    expect((await user.redeem(grant)).refreshToken).toBe('refresh-1')
    setup.clock.advance(3_600_000)
    await user.getTokenSet()
    expect(setup.server.requests[1]?.form).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'refresh-1' })
  })
})

describe('an answer that is looked at', () => {
  const onlyFor = (subject: string): Pick<Grant, 'validate'> => ({
    async validate({ idToken }, { client, endpoint }) {
      expect([client.id, endpoint]).toEqual(['app', 'https://as.example/token'])
      if (idToken !== `about ${subject}`) throw new ValidationError('sub', 'it is about somebody else')
    },
  })

  test('is kept and handed out when it holds', async () => {
    const setup = setUp(issue({ id_token: 'about alice' }))
    const source = sourceOf(setup, assertionOf('alice', onlyFor('alice')))
    expect(await source.getTokenSet()).toMatchObject({ accessToken: 'token-1', idToken: 'about alice' })
    await source.getTokenSet()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('is neither when it does not: it is refused by name, and the next one is asked for after a rest', async () => {
    const setup = setUp(issue({ id_token: 'about mallory' }))
    const store = memoryStore()
    const source = createTokenSource({ client: setup.client, store, grant: assertionOf('alice', onlyFor('alice')) })
    const error = await failure(source.getTokenSet())
    expect(error).toBeInstanceOf(ValidationError)
    expect(error).toMatchObject({ check: 'sub', retryable: false })
    expect(error.message).toContain('POST https://as.example/token answered 200')
    expect(error.message).not.toContain('token-1')
    const told = setup.events.filter(({ type }) => type === 'token_request_failed')
    expect(told).toMatchObject([{ code: 'ERR_VALIDATION' }])
    expect(await failure(source.getTokenSet())).toBe(error)
    expect(setup.server.requests).toHaveLength(1)
    setup.server.answer = issue({ id_token: 'about alice' })
    setup.clock.advance(10_000)
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
  })

  test('leaves what a user had, when it does not hold', async () => {
    const setup = setUp(rotate({ id_token: 'about mallory' }))
    const user = createUserTokenSources({ client: setup.client }).for('alice')
    await user.import({ accessToken: 'before', expiresAt: start + 3_600_000 })
    const login = assertionOf('alice', { singleUse: true, ...onlyFor('alice') })
    expect(await failure(user.redeem(login))).toMatchObject({ code: 'ERR_VALIDATION' })
    expect((await user.getTokenSet()).accessToken).toBe('before')
  })

  test('has its refresh token rescued, unless the grant says that it is of no use', async () => {
    const { client } = setUp(rotate())
    const ask = (more: Partial<Grant>) =>
      failure(requestTokenSet(client, assertionOf('alice', { ...onlyFor('alice'), ...more })))
    expect(rescuedFrom(await ask({}))).toEqual({ refreshToken: 'refresh-1', obtainedAt: start })
    expect(rescuedFrom(await ask({ withoutRefreshToken: true }))).toBeUndefined()
  })

  test('is not looked at again when it is read from a store', async () => {
    const setup = setUp(issue({ id_token: 'about alice' }))
    const store = memoryStore()
    let looks = 0
    const validate = () => void looks++
    const ask = () =>
      createTokenSource({ client: setup.client, store, grant: assertionOf('alice', { validate }) }).getTokenSet()
    await ask()
    await ask()
    expect(looks).toBe(1)
  })
})

describe('what rests after a failure', () => {
  test('is nothing while somebody has still to agree, for a grant that is polled for', async () => {
    const setup = setUp(refuse(400, 'authorization_pending'))
    const polled = sourceOf(setup, assertionOf('alice', { polled: true }))
    for (let asked = 1; asked <= 3; asked++) {
      expect(await failure(polled.getTokenSet())).toMatchObject({ kind: 'pending' })
      expect(setup.server.requests).toHaveLength(asked)
    }
    const once = sourceOf(setup, assertionOf('bob'))
    await failure(once.getTokenSet())
    await failure(once.getTokenSet())
    expect(setup.server.requests).toHaveLength(4)
  })

  test('is neither server nor client for a grant that anybody can make up', async () => {
    const outcomes = async (more: Partial<Grant>) => {
      const setup = setUp(refuse(500, 'server_error'))
      for (const subject of ['alice', 'bob']) await failure(sourceOf(setup, assertionOf(subject, more)).getTokenSet())
      setup.server.answer = issue()
      return sourceOf(setup, clientCredentials())
        .getTokenSet()
        .then(
          () => 'served',
          () => 'rests',
        )
    }
    expect(await outcomes({ unproven: true })).toBe('served')
    expect(await outcomes({})).toBe('rests')
  })
})
