import { describe, expect, test } from 'vitest'
import {
  authorizationCode,
  createUserTokenSources,
  memoryStore,
  type SessionEndReason,
  TokenSet,
  TokenStoreError,
  TransportError,
} from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import {
  loginRequired,
  missing,
  namingProvider,
  restingError,
  tellIfStoreFailed,
  tellOfExpiry,
  tellOfNarrowing,
  tellOfUnsaved,
} from '../../src/lifecycle/notices.js'
import { emptyRecord, type LineageRecord, type Mark } from '../../src/lifecycle/record.js'
import { failure } from '../answering.js'
import { issue, rotate, type Setup, setUp, start } from '../scripted-server.js'

const narrowings = ({ events }: Setup) => events.filter(({ type }) => type === 'scope_narrowed')
const code = { code: 'a-code', redirectUri: 'https://app.example/callback', codeVerifier: 'v'.repeat(43) }

/** Alice, logged in with `read write`; refreshes bring what `setup.server.answer` says. */
async function loggedIn(scope?: string) {
  const setup = setUp(rotate({ scope: 'read write' }))
  const users = createUserTokenSources({ client: setup.client, store: memoryStore(), scope })
  const alice = users.for('alice')
  await alice.redeem(authorizationCode(code))
  return { setup, alice }
}

describe('a refresh', () => {
  test('asks for no scope unless told to, whatever the code was redeemed for', async () => {
    const setup = setUp(rotate({ scope: 'read write' }))
    const alice = createUserTokenSources({ client: setup.client }).for('alice')
    await alice.redeem(authorizationCode({ ...code, scope: 'read write' }))
    await alice.getTokenSet({ force: true })
    await alice.getTokenSet({ force: true })
    const [, ...refreshes] = setup.server.requests
    expect(refreshes.map(({ form }) => [form.grant_type, 'scope' in form])).toEqual(
      Array(2).fill(['refresh_token', false]),
    )
  })

  test('that brings less scope than there was is told, once', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'read' })
    const { scope } = await alice.getTokenSet({ force: true })
    expect(scope).toBe('read')
    const told = {
      type: 'scope_narrowed',
      level: 'warn',
      at: setup.clock.now(),
      provider: 'example',
      clientId: setup.client.id,
      subject: 'alice',
      requestId: expect.any(String),
      scope: 'read',
      lostScope: ['write'],
    }
    expect(narrowings(setup)).toEqual([told])
    await alice.getTokenSet({ force: true })
    expect(narrowings(setup)).toHaveLength(1)
  })

  test('is compared with a token that an API rejected, too', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'write' })
    const { accessToken } = await alice.getTokenSet()
    await alice.getTokenSet({ rejected: accessToken })
    expect(narrowings(setup)).toMatchObject([{ lostScope: ['read'] }])
  })

  test('is compared with a token that is over', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'read' })
    setup.clock.advance(7_200_000)
    await alice.getTokenSet()
    expect(narrowings(setup)).toMatchObject([{ lostScope: ['write'] }])
  })

  test('that brings as much, in another order, or more, is nothing to tell', async () => {
    const { setup, alice } = await loggedIn()
    for (const scope of ['write read', 'read write more', undefined]) {
      setup.server.answer = rotate({ scope })
      await alice.getTokenSet({ force: true })
    }
    expect(narrowings(setup)).toEqual([])
  })

  test('that brings the less that was asked for is nothing to tell', async () => {
    const { setup, alice } = await loggedIn('read')
    setup.server.answer = rotate({ scope: 'read' })
    await alice.getTokenSet({ force: true })
    expect(setup.server.requests.at(-1)?.form.scope).toBe('read')
    expect(narrowings(setup)).toEqual([])
  })

  test('that brings less than was asked for and there before is told', async () => {
    const { setup, alice } = await loggedIn('write read')
    setup.server.answer = rotate({ scope: 'read' })
    await alice.getTokenSet({ force: true })
    expect(narrowings(setup)).toMatchObject([{ scope: 'read', lostScope: ['write'] }])
  })
})

test('two sources of one subject with different scope, where asking for less shrinks the grant: the other is told', async () => {
  let granted = ['read', 'write']
  const setup = setUp(request => {
    if (request.form.scope !== undefined) granted = granted.filter(one => request.form.scope?.split(' ').includes(one))
    return issue({ refresh_token: `refresh-${request.number}`, scope: granted.join(' ') })(request)
  })
  const store = memoryStore()
  const all = createUserTokenSources({ client: setup.client, store }).for('alice')
  const reading = createUserTokenSources({ client: setup.client, store, scope: 'read' }).for('alice')
  await all.redeem(authorizationCode(code))
  await reading.getTokenSet()
  expect(narrowings(setup)).toEqual([])
  await all.getTokenSet({ force: true })
  expect(narrowings(setup)).toMatchObject([{ subject: 'alice', scope: 'read', lostScope: ['write'] }])
})

describe('who comes while a refresh token rests', () => {
  const markOf = (failure?: Mark['failure']): Mark => ({ hash: 'h', holder: 'o', at: 0, sends: 1, failure })
  const errorOf = (failure?: Mark['failure']) => restingError(setUp().client, markOf(failure), 7_000)

  test('is told what the server answered, and how long it rests', () => {
    expect(errorOf({ status: 400, error: 'odd' })).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      provider: 'example',
      serverStatus: 400,
      error: 'odd',
      retryAfterMs: 7_000,
    })
  })

  const kinds: Record<number, 'terminal' | 'transient'> = {
    399: 'transient',
    400: 'terminal',
    408: 'transient',
    429: 'transient',
    499: 'terminal',
    500: 'transient',
  }
  for (const [status, kind] of Object.entries(kinds))
    test(`takes ${status} for ${kind}`, () => {
      const error = errorOf({ status: Number(status) })
      expect(error).toMatchObject({ kind, retryable: kind === 'transient' })
    })

  test('is told that nobody knows what became of it, where there was no answer', () => {
    for (const failure of [undefined, { error: 'lost' }])
      expect(errorOf(failure)).toMatchObject({
        code: 'ERR_TRANSPORT',
        provider: 'example',
        message: 'What became of the last refresh is not known; the next one waits for the cool-down',
        retryAfterMs: 7_000,
        neverSent: false,
      })
  })
})

describe('a session that is over', () => {
  const lineageWith = (record: Partial<LineageRecord> = {}) => {
    const { lineage } = holdingsOf(memoryStore()).entry('lineage', 'entry')
    lineage.learn({ version: '1', record: { ...emptyRecord, ...record } }, 0)
    return lineage
  }
  const reasons: Record<SessionEndReason, [problem: string, isLoss: boolean]> = {
    no_refresh_token: ['there is no refresh token', false],
    refresh_token_expired: ['the refresh token has expired', true],
    invalid_grant: ['the refresh token is dead', true],
    refused: ['the server goes on refusing the refresh token, while it serves others', true],
    interaction_required: ['the server wants to see the user', true],
    other_dpop_key: [
      'the refresh token is bound to a DPoP key that this client does not have; give it the same key as before',
      true,
    ],
    unknown_outcome: [
      'whether the server used the refresh token up is not known, and the provider forbids to send it again',
      true,
    ],
    forgotten: ['the tokens were forgotten', false],
  }
  for (const [name, [problem, isLoss]] of Object.entries(reasons))
    test(`by ${name} is an error that says so, ${isLoss ? 'and' : 'but no'} event`, () => {
      const { client, clock, events } = setUp()
      const reason = name as SessionEndReason
      const cause = new Error('why')
      expect(
        loginRequired(client, lineageWith({ refreshToken: 'r' }), 'alice', { reason, cause, requestId: 'q' }),
      ).toMatchObject({
        code: 'ERR_LOGIN_REQUIRED',
        message: `The user must log in: ${problem}`,
        provider: 'example',
        subject: 'alice',
        reason,
        cause,
      })
      const event = {
        type: 'login_required',
        level: 'error',
        at: clock.now(),
        provider: 'example',
        subject: 'alice',
        reason,
      }
      expect(events).toMatchObject(isLoss ? [{ ...event, requestId: 'q' }] : [])
    })

  test('is told once for each refresh token and reason', () => {
    const { client, events } = setUp()
    const lineage = lineageWith({ refreshToken: 'r' })
    const end = (reason: SessionEndReason) => loginRequired(client, lineage, 'alice', { reason, requestId: 'q' })
    for (const reason of ['refused', 'refused', 'invalid_grant', 'invalid_grant'] as const) end(reason)
    expect(events).toMatchObject([{ reason: 'refused' }, { reason: 'invalid_grant' }])
    lineage.learn({ version: '2', record: { ...emptyRecord, refreshToken: 'another' } }, 0)
    end('invalid_grant')
    expect(events).toHaveLength(3)
  })

  test('is told by the refresh token that was the last, once it is taken out', () => {
    const { client, events } = setUp()
    const lineage = lineageWith({ spent: ['zeroth', 'first', 'last'] })
    const end = () => loginRequired(client, lineage, 'alice', { reason: 'invalid_grant', requestId: 'q' })
    end()
    lineage.learn({ version: '2', record: { ...emptyRecord, spent: ['zeroth', 'before', 'last'] } }, 0)
    end()
    expect(events).toHaveLength(1)
    lineage.learn({ version: '3', record: { ...emptyRecord, spent: ['before', 'last', 'later'] } }, 0)
    end()
    expect(events).toHaveLength(2)
  })
})

describe('what a store does', () => {
  const failed = (options: Partial<ConstructorParameters<typeof TokenStoreError>[1]> = {}) =>
    new TokenStoreError('it is down', { operation: 'get', ...options })

  test('is told of an error of a store, with its provider', () => {
    const { client, clock, events } = setUp()
    const error = failed()
    expect(tellIfStoreFailed(client, error)).toBe(true)
    expect(error.provider).toBe('example')
    const told = {
      type: 'store_failed',
      at: clock.now(),
      provider: 'example',
      operation: 'get',
      message: 'get: it is down',
    }
    expect(events).toMatchObject([{ ...told, level: 'warn', retryable: true }])
  })

  test('for good is told as an error', () => {
    const { client, events } = setUp()
    tellIfStoreFailed(client, failed({ retryable: false }))
    expect(events).toMatchObject([{ level: 'error', retryable: false }])
  })

  test('is told once for each failure, however many errors are made of it', () => {
    const { client, events } = setUp()
    const cause = new Error('connection refused')
    const [first, second] = [failed({ cause }), failed({ cause })]
    expect([first, second, second].map(error => tellIfStoreFailed(client, error))).toEqual([true, true, true])
    expect(events).toHaveLength(1)
    for (const odd of ['a text', null]) {
      const error = failed({ cause: odd })
      for (let time = 0; time < 2; time++) expect(tellIfStoreFailed(client, error)).toBe(true)
    }
    expect(events).toHaveLength(3)
  })

  test('is nothing to tell of another error', () => {
    const { client, events } = setUp()
    for (const error of [
      new Error('x'),
      { code: 'ERR_TOKEN_STORE' },
      new TransportError('ERR_TRANSPORT', 'x', { neverSent: true }),
    ])
      expect(tellIfStoreFailed(client, error)).toBe(false)
    expect(events).toMatchObject([])
  })

  test('wrong is thrown with the name of the provider; another name, and other errors, stay', async () => {
    const { client } = setUp()
    expect(await namingProvider(client, async () => 'kept')).toBe('kept')
    const thrown = (error: unknown) => failure(namingProvider(client, () => Promise.reject(error)))
    expect(await thrown(failed())).toMatchObject({ code: 'ERR_TOKEN_STORE', provider: 'example' })
    expect(await thrown(failed({ provider: 'named' }))).toMatchObject({ provider: 'named' })
    const other = new Error('x')
    expect(await thrown(other)).toBe(other)
    expect(other).not.toHaveProperty('provider')
  })

  test('by losing a record is an error of the store that is worth a try a second later', () => {
    expect(missing()).toMatchObject({
      code: 'ERR_TOKEN_STORE',
      operation: 'get',
      message: 'get: the store has lost the record; whoever has it is waited for',
      retryable: true,
      retryAfterMs: 1_000,
    })
  })

  test('by refusing tokens is told as an error', () => {
    const { client, clock, events } = setUp()
    tellOfUnsaved(client, 'alice', 'q')
    const event = { at: clock.now(), provider: 'example', subject: 'alice' }
    expect(events).toMatchObject([{ type: 'tokens_unsaved', level: 'error', ...event }])
  })
})

describe('the end of a refresh token', () => {
  const lineageWith = (record: Partial<LineageRecord>) => {
    const { lineage } = holdingsOf(memoryStore()).entry('lineage', 'entry')
    lineage.learn({ version: '1', record: { ...emptyRecord, ...record } }, 0)
    return lineage
  }
  const ending = { refreshToken: 'r', refreshTokenExpiresAt: start + 1_000, refreshTokenWarnAt: start + 100 }

  test('is told once, from the instant on that it is to be told', () => {
    const { client, clock, events } = setUp()
    const lineage = lineageWith(ending)
    const tell = () => tellOfExpiry(client, lineage, 'alice')
    expect(tell()).toBe(start + 100)
    clock.advance(99)
    expect(tell()).toBe(start + 100)
    expect(events).toMatchObject([])
    clock.advance(1)
    expect([tell(), tell()]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
    const event = { at: start + 100, provider: 'example', subject: 'alice', expiresAt: start + 1_000 }
    expect(events).toMatchObject([{ type: 'refresh_token_expiring', level: 'warn', ...event }])
  })

  test('is told again of another refresh token', () => {
    const { client, clock, events } = setUp()
    const lineage = lineageWith(ending)
    clock.advance(100)
    tellOfExpiry(client, lineage, 'alice')
    lineage.learn({ version: '2', record: { ...emptyRecord, ...ending, refreshToken: 'next' } }, 0)
    tellOfExpiry(client, lineage, 'alice')
    expect(events).toHaveLength(2)
  })

  for (const missingMember of ['refreshToken', 'refreshTokenExpiresAt', 'refreshTokenWarnAt'])
    test(`is never told without ${missingMember}`, () => {
      const { client, clock, events } = setUp()
      clock.advance(500)
      const lineage = lineageWith({ ...ending, [missingMember]: undefined })
      expect(tellOfExpiry(client, lineage, 'alice')).toBe(Number.POSITIVE_INFINITY)
      expect(events).toMatchObject([])
    })

  test('of what was never read is never told', () => {
    const { client } = setUp()
    const { lineage } = holdingsOf(memoryStore()).entry('lineage', 'entry')
    expect(tellOfExpiry(client, lineage, 'alice')).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a grant that shrinks', () => {
  const narrowing = (before: string | undefined, scope: string | undefined, asked?: string) => {
    const { client, events } = setUp()
    const kept = { accessToken: 'a', obtainedAt: 0, scope: before, missingScope: [] }
    tellOfNarrowing(client, {
      subject: 'alice',
      requestId: 'q',
      before: kept,
      answer: new TokenSet({ ...kept, scope }),
      asked,
    })
    return events
  }

  test('is told with what there is and what there was', () => {
    expect(narrowing('a b c', 'b')).toMatchObject([
      {
        type: 'scope_narrowed',
        level: 'warn',
        at: start,
        provider: 'example',
        subject: 'alice',
        scope: 'b',
        lostScope: ['a', 'c'],
      },
    ])
  })

  test('by what nobody asked for is nothing', () => {
    expect(narrowing('a b c', 'b', 'b')).toEqual([])
    expect(narrowing('a b c', 'b', 'b c')).toMatchObject([{ lostScope: ['c'] }])
  })

  test('is nothing where one of both is not known', () => {
    expect([narrowing(undefined, 'a'), narrowing('a', undefined)]).toEqual([[], []])
    const { client, events } = setUp()
    const answer = new TokenSet({ accessToken: 'a', obtainedAt: 0, scope: 'a' })
    tellOfNarrowing(client, { subject: 'alice', requestId: 'q', before: undefined, answer, asked: undefined })
    expect(events).toMatchObject([])
  })
})
