import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  authorizationCode,
  clientCredentials,
  clientSecretPost,
  createClient,
  createTokenSource,
  createUserTokenSources,
  type ManagedTokenSource,
  memoryStore,
  sealedStore,
  type TokenSourceOptions,
  type UserTokenSourcesOptions,
} from '../src/index.js'
import { gate, issue, refuse, rotate, scriptedServer, setUp } from './scripted-server.js'

const { client } = setUp()
const good = { client, grant: clientCredentials() }

describe('createTokenSource', () => {
  const wrong: Record<string, [Record<string, unknown>, string]> = {
    'no client': [{ grant: clientCredentials() }, 'client'],
    'what is no client': [{ ...good, client: {} }, 'client'],
    'no grant': [{ client }, 'grant'],
    'what is no grant': [{ ...good, grant: 'client_credentials' }, 'grant'],
    'a grant that works once': [{ ...good, grant: authorizationCode({ code: 'c' }) }, 'grant'],
    'no origin at all': [{ ...good, origins: [] }, 'origins'],
    'a wildcard origin': [{ ...good, origins: ['https://*.example.com'] }, 'origins'],
    'a negative margin': [{ ...good, refreshBeforeMs: -1 }, 'refreshBeforeMs'],
    'a margin that is no number': [{ ...good, expiryMarginMs: Number.NaN }, 'expiryMarginMs'],
    'an endless margin': [{ ...good, refreshBeforeMs: Number.POSITIVE_INFINITY }, 'refreshBeforeMs'],
    'a misspelt option': [{ ...good, refreshBefore: 1 }, 'refreshBefore'],
    'an option of createUserTokenSources': [{ ...good, scope: 'a' }, 'scope'],
  }
  for (const [name, [options, option]] of Object.entries(wrong))
    test(`refuses ${name}, naming the option`, () => {
      const create = () => createTokenSource(options as unknown as TokenSourceOptions)
      expect(create).toThrow(TypeError)
      expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTION', option }))
    })

  test('says where the client belongs', () => {
    const call = () => createTokenSource(client as never)
    expect(call).toThrow(
      'createTokenSource(): takes one options object, with the client in it: createTokenSource({ client })',
    )
  })

  test('refuses a grant the provider does not take', () => {
    const metadata = { ...client.provider.metadata, grant_types_supported: ['refresh_token'] }
    const provider = { ...client.provider, metadata }
    const other = createClient({ provider, clientId: 'app', transport: scriptedServer().transport })
    expect(() => createTokenSource({ ...good, client: other })).toThrow(expect.objectContaining({ option: 'grant' }))
  })

  test('asks for nothing until a token is wanted', () => {
    const { server, client } = setUp()
    createTokenSource({ client, grant: clientCredentials() })
    expect(server.requests).toHaveLength(0)
  })

  test('names its client and its origins', () => {
    const source = createTokenSource({ ...good, origins: ['https://api.example'] })
    expect(source).toMatchObject({ client, origins: ['https://api.example'] })
  })
})

describe('createUserTokenSources', () => {
  const wrong: Record<string, [Record<string, unknown>, string]> = {
    'no client': [{}, 'client'],
    'a grant': [{ ...good }, 'grant'],
    'a scope that is no text': [{ client, scope: 1 }, 'scope'],
    'a wrong origin': [{ client, origins: ['api.example.com'] }, 'origins'],
  }
  for (const [name, [options, option]] of Object.entries(wrong))
    test(`refuses ${name}, naming the option`, () => {
      const create = () => createUserTokenSources(options as unknown as UserTokenSourcesOptions)
      expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTION', option }))
    })

  for (const subject of ['', undefined, null, 7])
    test(`refuses ${JSON.stringify(subject)} as a subject: users must not fall together`, () => {
      expect(() => createUserTokenSources({ client }).for(subject as string)).toThrow(TypeError)
    })

  test('views have no state: what one is given, another of the same subject holds', async () => {
    const { client } = setUp()
    await createUserTokenSources({ client }).for('alice').import({ accessToken: 'imported' })
    expect((await createUserTokenSources({ client }).for('alice').getTokenSet()).accessToken).toBe('imported')
  })
})

describe('an await that was forgotten', () => {
  test.each([
    ['client', () => createTokenSource({ ...good, client: Promise.resolve(client) as never })],
    ['store', () => createTokenSource({ ...good, store: Promise.resolve() as never })],
    ['grant', () => createTokenSource({ ...good, grant: Promise.resolve() as never })],
    ['provider', () => createClient({ provider: Promise.resolve(client.provider) as never, clientId: 'app' })],
    ['auth', () => createClient({ provider: client.provider, clientId: 'app', auth: Promise.resolve() as never })],
    [
      'clientSecret',
      () => createClient({ provider: client.provider, clientId: 'app', clientSecret: Promise.resolve('s') as never }),
    ],
    ['clientSecret', () => clientSecretPost(Promise.resolve('s') as never)],
    ['store', () => sealedStore(Promise.resolve() as never, { keys: [] })],
    ['subject', () => createUserTokenSources({ client }).for(Promise.resolve('alice') as never)],
  ])('a promise in place of %s is told', (option, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option }))
    expect(make).toThrow('is a promise; did you forget await?')
  })

  test('a promised grant, and promised tokens, reject with the same', async () => {
    const alice = createUserTokenSources({ client }).for('alice')
    const message = 'did you forget await?'
    await expect(alice.redeem(Promise.resolve() as never)).rejects.toThrow(message)
    await expect(alice.import(Promise.resolve({ refreshToken: 'r' }) as never)).rejects.toThrow(message)
    await expect(alice.import({ refreshToken: Promise.resolve('r') as never })).rejects.toThrow(message)
  })

  test('reading a token off the promise of getTokenSet() throws instead of yielding undefined', async () => {
    const { client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials() })
    const read = (promise: object) => `Bearer ${(promise as { accessToken: string }).accessToken}`
    const cold = source.getTokenSet()
    expect(() => read(cold)).toThrow(
      'getTokenSet(): returns a promise, which has no accessToken; did you forget await?',
    )
    expect(read(await cold)).toMatch(/^Bearer ./)
    expect(() => read(source.getTokenSet())).toThrow('did you forget await?')
    expect(inspect(source.getTokenSet())).not.toContain('Getter')
  })

  test('headers made of the promise of headersFor() throw instead of going out without a token', async () => {
    const { client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials(), origins: ['https://api.example'] })
    const promise = source.headersFor('GET', 'https://api.example/')
    expect(() => new Headers(promise as never)).toThrow('did you forget await?')
    expect(() => ({ ...promise })).toThrow('did you forget await?')
    expect(Object.keys(await promise)).toEqual(['authorization'])
  })
})

describe('forget', () => {
  test('makes the next caller wait for a new token, in every source alike, and sends nothing', async () => {
    const { server, client } = setUp()
    const [one, other] = [0, 1].map(() => createTokenSource({ client, grant: clientCredentials() })) as [
      ManagedTokenSource,
      ManagedTokenSource,
    ]
    await one.getTokenSet()
    await other.getTokenSet()
    await one.forget()
    expect(server.requests).toHaveLength(1)
    expect((await other.getTokenSet()).accessToken).toBe('token-2')
    expect((await one.getTokenSet()).accessToken).toBe('token-2')
  })

  test('during a flight: those who wait get its token, and nobody after them', async () => {
    const { answer, open } = gate()
    const { server, client } = setUp(answer)
    const source = createTokenSource({ client, grant: clientCredentials() })
    const waiting = source.getTokenSet()
    await server.arrived(1)
    await source.forget()
    open()
    expect((await waiting).accessToken).toBe('token-1')
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
  })

  test('during a renewal in the background: the late answer is not resurrected', async () => {
    const { server, clock, client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials() })
    await source.getTokenSet()
    const { answer, open } = gate(issue({ access_token: 'late' }))
    server.answer = answer
    clock.advance(3_550_000)
    await source.getTokenSet()
    await server.arrived(2)
    await source.forget()
    server.answer = issue()
    const next = source.getTokenSet()
    open()
    expect((await next).accessToken).toBe('token-3')
    await new Promise(setImmediate)
    expect((await source.getTokenSet()).accessToken).toBe('token-3')
  })

  test('of one user leaves all others', async () => {
    const { client } = setUp(rotate())
    const users = createUserTokenSources({ client })
    for (const subject of ['alice', 'bob']) await users.for(subject).import({ accessToken: `of-${subject}` })
    await users.for('alice').forget()
    await expect(users.for('alice').getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    expect((await users.for('bob').getTokenSet()).accessToken).toBe('of-bob')
  })

  test('of one scope leaves the others of an application', async () => {
    const { client } = setUp()
    const [a, b] = ['a', 'b'].map(scope => createTokenSource({ client, grant: clientCredentials({ scope }) })) as [
      ManagedTokenSource,
      ManagedTokenSource,
    ]
    await a.getTokenSet()
    await b.getTokenSet()
    await a.forget()
    expect((await b.getTokenSet()).accessToken).toBe('token-2')
    expect((await a.getTokenSet()).accessToken).toBe('token-3')
  })
})

describe('close', () => {
  test('waits for the request under way, whose callers still get their token', async () => {
    const { answer, open } = gate()
    const { server, client } = setUp(answer)
    const source = createTokenSource({ client, grant: clientCredentials() })
    const waiting = source.getTokenSet()
    await server.arrived(1)
    let closed = false
    const closing = source.close().then(() => {
      closed = true
    })
    await new Promise(setImmediate)
    expect(closed).toBe(false)
    open()
    await closing
    expect((await waiting).accessToken).toBe('token-1')
  })

  test('waits for a renewal in the background too', async () => {
    const { server, clock, client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials() })
    await source.getTokenSet()
    const { answer, open } = gate()
    server.answer = answer
    clock.advance(3_550_000)
    await source.getTokenSet()
    let closed = false
    const closing = source.close().then(() => {
      closed = true
    })
    await server.arrived(2)
    await new Promise(setImmediate)
    expect(closed).toBe(false)
    open()
    await closing
  })

  test('does not fail when the request under way does', async () => {
    const { answer, open } = gate(refuse(503, 'temporarily_unavailable'))
    const { server, client } = setUp(answer)
    const source = createTokenSource({ client, grant: clientCredentials() })
    const waiting = source.getTokenSet()
    await server.arrived(1)
    const closing = source.close()
    open()
    await expect(waiting).rejects.toMatchObject({ serverStatus: 503 })
    await expect(closing).resolves.toBeUndefined()
  })

  test('takes no more calls, though a token is held', async () => {
    const { client } = setUp()
    const source = createTokenSource({ client, grant: clientCredentials(), origins: ['https://api.example'] })
    await source.getTokenSet()
    await source.close()
    const closed = { name: 'ClosedError', code: 'ERR_CLOSED' }
    await expect(source.getTokenSet()).rejects.toMatchObject(closed)
    await expect(source.getTokenSet({ force: true })).rejects.toMatchObject(closed)
    await expect(source.headersFor('GET', 'https://api.example')).rejects.toMatchObject(closed)
  })

  test('may be called twice', async () => {
    const source = createTokenSource(good)
    await source.close()
    await expect(source.close()).resolves.toBeUndefined()
  })

  test('of one source leaves another with the same token open', async () => {
    const { client } = setUp()
    const [one, other] = [0, 1].map(() => createTokenSource({ client, grant: clientCredentials() })) as [
      ManagedTokenSource,
      ManagedTokenSource,
    ]
    await one.getTokenSet()
    await one.close()
    expect((await other.getTokenSet()).accessToken).toBe('token-1')
  })

  test('leaves nothing of it in the memory of the process', async () => {
    const { server, client } = setUp(rotate())
    const source = createTokenSource({ client, grant: clientCredentials() })
    const users = createUserTokenSources({ client })
    await source.getTokenSet()
    await users.for('alice').redeem(authorizationCode({ code: 'c' }))
    await Promise.all([source.close(), users.close()])
    const alice = createUserTokenSources({ client }).for('alice')
    await expect(alice.getTokenSet()).rejects.toMatchObject({ reason: 'no_refresh_token' })
    expect((await createTokenSource({ client, grant: clientCredentials() }).getTokenSet()).accessToken).toBe('token-3')
    expect(server.requests).toHaveLength(3)
  })

  test('leaves the users of another source that is open, though it has not asked for any yet', async () => {
    const { client, another } = setUp(rotate())
    const before = createUserTokenSources({ client })
    await before.for('alice').redeem(authorizationCode({ code: 'c' }))
    const after = createUserTokenSources({ client: another() })
    await before.close()
    await before.close()
    expect((await after.for('alice').getTokenSet()).accessToken).toBe('token-1')
    await after.close()
    const alice = createUserTokenSources({ client }).for('alice')
    await expect(alice.getTokenSet()).rejects.toMatchObject({ reason: 'no_refresh_token' })
  })

  test('leaves what was obtained by another grant or client, and what is in a store of the user’s', async () => {
    const { client, another } = setUp(rotate())
    const store = memoryStore()
    const kept = createUserTokenSources({ client, store })
    const other = createTokenSource({ client, grant: clientCredentials({ scope: 'other' }) })
    const elsewhere = createUserTokenSources({ client: another({ clientId: 'elsewhere' }) })
    await kept.for('alice').redeem(authorizationCode({ code: 'c' }))
    await elsewhere.for('alice').redeem(authorizationCode({ code: 'c' }))
    await other.getTokenSet()
    const closing = [
      kept,
      createTokenSource({ client, grant: clientCredentials() }),
      createUserTokenSources({ client }),
    ]
    await Promise.all(closing.map(source => source.close()))
    expect((await createUserTokenSources({ client, store }).for('alice').getTokenSet()).accessToken).toBe('token-1')
    expect((await elsewhere.for('alice').getTokenSet()).accessToken).toBe('token-2')
    expect((await other.getTokenSet()).accessToken).toBe('token-3')
  })

  test('is what `await using` does at the end of its block', async () => {
    const source = createTokenSource(good)
    await source[Symbol.asyncDispose]()
    await expect(source.getTokenSet()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('of user token sources closes every view, and waits for a code under way', async () => {
    const { answer, open } = gate(rotate())
    const { server, client } = setUp(answer)
    const users = createUserTokenSources({ client })
    const login = users.for('alice').redeem(authorizationCode({ code: 'c' }))
    await server.arrived(1)
    let closed = false
    const closing = users[Symbol.asyncDispose]().then(() => {
      closed = true
    })
    await new Promise(setImmediate)
    expect(closed).toBe(false)
    open()
    await closing
    expect((await login).accessToken).toBe('token-1')
    await expect(users.for('alice').getTokenSet()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(users.for('bob').redeem(authorizationCode({ code: 'd' }))).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    })
    expect(server.requests).toHaveLength(1)
  })
})
