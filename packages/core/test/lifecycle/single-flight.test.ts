import { getEventListeners } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ClientOptions, clientCredentials, createTokenSource, createUserTokenSources } from '../../src/index.js'
import { singleFlight } from '../../src/lifecycle/single-flight.js'
import { deferred, gate, issue, refuse, rotate, type Setup, setUp } from '../scripted-server.js'

const sourceOf = ({ client }: Pick<Setup, 'client'>, scope?: string) =>
  createTokenSource({ client, grant: clientCredentials({ scope }) })

describe('one key, one flight', () => {
  test('1,000 cold callers share one request and its token set', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const tokenSets = await Promise.all(Array.from({ length: 1_000 }, () => source.getTokenSet()))
    expect(new Set(tokenSets).size).toBe(1)
    expect(setup.server.requests).toHaveLength(1)
  })

  test('1,000 sources on clients built for each call share one request too', async () => {
    const { server, another } = setUp()
    const ask = () => sourceOf({ client: another() }, 'accounts').getTokenSet()
    const tokenSets = await Promise.all(Array.from({ length: 1_000 }, ask))
    expect(new Set(tokenSets.map(({ accessToken }) => accessToken))).toEqual(new Set(['token-1']))
    expect((await ask()).accessToken).toBe('token-1')
    expect(server.requests).toHaveLength(1)
  })

  test('scope order does not matter', async () => {
    const setup = setUp()
    await Promise.all([sourceOf(setup, 'a b').getTokenSet(), sourceOf(setup, 'b  a').getTokenSet()])
    expect(setup.server.requests).toHaveLength(1)
  })

  const others: Record<string, Partial<ClientOptions>> = {
    'client id': { clientId: 'other' },
    secret: { clientSecret: 'another secret' },
    certificate: { tls: { certificate: { thumbprint: 'other' } as never } },
  }
  for (const [name, options] of Object.entries(others))
    test(`another ${name} never shares`, async () => {
      const { server, client, another } = setUp()
      const clients = [client, another(options)]
      const tokenSets = await Promise.all(clients.map(client => sourceOf({ client }).getTokenSet()))
      expect(tokenSets.map(({ accessToken }) => accessToken).sort()).toEqual(['token-1', 'token-2'])
      expect(server.requests).toHaveLength(2)
    })

  test('another scope, resource or parameter never shares', async () => {
    const { server, client } = setUp()
    const grants = [
      {},
      { scope: 'a' },
      { scope: 'a b' },
      { resource: 'https://a.example' },
      { resource: 'https://b.example' },
      { parameters: { tenant: 'a' } },
    ]
    const ask = () =>
      Promise.all(grants.map(grant => createTokenSource({ client, grant: clientCredentials(grant) }).getTokenSet()))
    const tokens = (await ask()).map(({ accessToken }) => accessToken)
    expect(new Set(tokens).size).toBe(grants.length)
    expect((await ask()).map(({ accessToken }) => accessToken)).toEqual(tokens)
    expect(server.requests).toHaveLength(grants.length)
  })

  test('another connection never shares', async () => {
    const [one, other] = [setUp(), setUp(issue({ access_token: 'elsewhere' }))]
    await sourceOf(one).getTokenSet()
    expect((await sourceOf(other).getTokenSet()).accessToken).toBe('elsewhere')
  })

  test('another subject never shares', async () => {
    const { server, client } = setUp(({ number, form }) =>
      issue({ access_token: `for-${form.refresh_token}` })({ number } as never),
    )
    const users = createUserTokenSources({ client })
    const subjects = ['alice', 'bob', 'alice ', 'Alice']
    for (const subject of subjects)
      await users.for(subject).import({ refreshToken: `refresh.${subject.length}.${subject[0]}` })
    const tokenSets = await Promise.all(subjects.map(subject => users.for(subject).getTokenSet()))
    expect(tokenSets.map(({ accessToken }) => accessToken)).toEqual([
      'for-refresh.5.a',
      'for-refresh.3.b',
      'for-refresh.6.a',
      'for-refresh.5.A',
    ])
    expect(server.requests).toHaveLength(4)
  })

  test('an application’s token and a user’s never share, whatever the subject is called', async () => {
    const { client } = setUp(rotate())
    await sourceOf({ client }).getTokenSet()
    const user = createUserTokenSources({ client }).for('undefined')
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
  })
})

describe('a failed flight', () => {
  test('fails all who waited with the same error, by one request', async () => {
    const setup = setUp(refuse(503, 'temporarily_unavailable'))
    const source = sourceOf(setup)
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => source.getTokenSet()))
    expect(new Set(results.map(result => result.status === 'rejected' && result.reason)).size).toBe(1)
    expect(setup.server.requests).toHaveLength(1)
  })

  test('is not remembered: the next call after the cool-down asks again', async () => {
    const setup = setUp(refuse(503, 'temporarily_unavailable'))
    const source = sourceOf(setup)
    await expect(source.getTokenSet()).rejects.toMatchObject({ serverStatus: 503 })
    setup.server.answer = issue()
    setup.clock.advance(1_000)
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
  })

  test('leaves the table even when what starts it fails before any request', async () => {
    let reads = 0
    const setup = setUp(undefined, {
      clientSecret: () => {
        reads++
        if (reads === 1) throw new Error('the vault is sealed')
        return 'a secret'
      },
    })
    const source = sourceOf(setup)
    await expect(source.getTokenSet()).rejects.toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION' })
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
  })
})

describe('an abort', () => {
  test('is listened for once, however many wait by one signal, and by nobody when they are done', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error) => void warnings.push(warning)
    process.on('warning', warn)
    onTestFinished(() => void process.off('warning', warn))
    const { answer, open } = gate()
    const setup = setUp(answer)
    const source = sourceOf(setup)
    const { signal } = new AbortController()
    const calls = Array.from({ length: 50 }, () => source.getTokenSet({ signal }))
    await setup.server.arrived(1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    open()
    await Promise.all(calls)
    await new Promise(setImmediate)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(warnings).toEqual([])
  })

  test('of the first caller detaches that caller alone; the token is still cached', async () => {
    const { answer, open } = gate()
    const setup = setUp(answer)
    const source = sourceOf(setup)
    const aborter = new AbortController()
    const first = source.getTokenSet({ signal: aborter.signal })
    const second = source.getTokenSet()
    await setup.server.arrived(1)
    aborter.abort(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    open()
    expect((await second).accessToken).toBe('token-1')
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
  })

  test('of all callers leaves the request to end, and its token to the next', async () => {
    const { answer, open } = gate()
    const setup = setUp(answer)
    const source = sourceOf(setup)
    const aborters = Array.from({ length: 5 }, () => new AbortController())
    const calls = aborters.map(({ signal }) => source.getTokenSet({ signal }))
    await setup.server.arrived(1)
    for (const aborter of aborters) aborter.abort()
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    const next = source.getTokenSet()
    open()
    expect((await next).accessToken).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
  })

  test('of all callers of a request that then fails harms nobody', async () => {
    const { answer, open } = gate(refuse(503, 'temporarily_unavailable'))
    const setup = setUp(answer)
    const source = sourceOf(setup)
    const aborter = new AbortController()
    const call = source.getTokenSet({ signal: aborter.signal })
    await setup.server.arrived(1)
    aborter.abort(new Error('gone'))
    await expect(call).rejects.toThrow('gone')
    open()
    // an unhandled rejection would fail the run
    await source.close()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('before the call asks for nothing, even when a token is held', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(source.getTokenSet({ signal })).rejects.toThrow('gone')
    expect(setup.server.requests).toHaveLength(0)
    await source.getTokenSet()
    await expect(source.getTokenSet({ signal })).rejects.toThrow('gone')
  })

  test('never reaches the transport: the shared request does not borrow a caller’s signal', async () => {
    const { answer, open } = gate()
    const setup = setUp(answer)
    const signals: (AbortSignal | undefined)[] = []
    const client = setup.another({
      transport: request => {
        signals.push(request.signal)
        return setup.server.transport(request)
      },
    })
    const caller = new AbortController()
    const call = sourceOf({ client }).getTokenSet({ signal: caller.signal })
    await setup.server.arrived(1)
    caller.abort(new Error('gone'))
    await expect(call).rejects.toThrow('gone')
    open()
    // the deadline's signal, which is nobody else's
    expect(signals.map(signal => signal?.aborted)).toEqual([false])
  })
})

test('singleFlight empties its entry whatever the outcome', async () => {
  const entry = { flight: undefined } as Parameters<typeof singleFlight>[0]
  const { promise, reject } = deferred<never>()
  const flight = singleFlight(entry, () => promise)
  expect(singleFlight(entry, () => Promise.reject(new Error('a second flight')))).toBe(flight)
  reject(new Error('no'))
  await expect(flight.answer).rejects.toThrow('no')
  expect(entry.flight).toBeUndefined()
})

test('singleFlight leaves alone what has begun in its entry since it was emptied', async () => {
  const entry = { flight: undefined } as Parameters<typeof singleFlight>[0]
  const [first, second] = [deferred<never>(), deferred<never>()]
  const forgotten = singleFlight(entry, () => first.promise)
  entry.flight = undefined
  const flight = singleFlight(entry, () => second.promise)
  first.reject(new Error('late'))
  await expect(forgotten.answer).rejects.toThrow('late')
  expect(entry.flight).toBe(flight)
  second.reject(new Error('no'))
  await expect(flight.answer).rejects.toThrow('no')
})
