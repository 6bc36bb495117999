import { describe, expect, test } from 'vitest'
import { AuthorizationServerError, GrantKitError, TokenResponseError, TransportError } from '../../src/index.js'
import { type Attempt, othersAreServed, refuseWhileResting, withCooldown } from '../../src/lifecycle/cooldown.js'
import { type Setup, setUp } from '../scripted-server.js'

const refusal = (serverStatus: number, kind: AuthorizationServerError['kind']) =>
  new AuthorizationServerError({ provider: 'example', serverStatus, kind })

/** A failure that is its caller's alone: nothing that anybody can make up says anything of the server. */
const aloneAt: Attempt['grant'] = { grantType: 'authorization_code', unproven: true }

const attemptOf = ({ client }: Pick<Setup, 'client'>, given: Partial<Attempt> = {}): Attempt => {
  const key = `${client.connection} ${given.key ?? 'somebody'}`
  const common = { client, endpoint: 'https://as.example/token', grant: { grantType: 'refresh_token' } }
  return { ...common, ...given, lineage: `lineage of ${key}`, key, scopeKey: `scope of ${key}` }
}

const fail = (attempt: Attempt, error: GrantKitError) =>
  withCooldown(attempt, () => Promise.reject(error)).catch((thrown: unknown) => thrown)
const serve = (attempt: Attempt) => withCooldown(attempt, async () => 'served')
const isResting = (attempt: Attempt) =>
  refuseWhileResting(attempt).then(
    () => false,
    () => true,
  )

/** How long an attempt rests from now on, to the second. */
async function restSecondsOf({ clock }: Setup, attempt: Attempt): Promise<number> {
  for (let seconds = 0; ; seconds++) {
    if (!(await isResting(attempt))) return seconds
    clock.advance(1_000)
  }
}

let days = 0
/** Days after all that other tests have left in the tables, which are the process's. */
function setUpLater(): Setup {
  const setup = setUp()
  setup.clock.advance(10 * ++days * 86_400_000)
  return setup
}

describe('what is remembered of failures', () => {
  const failedLongAgo = async (setup: Setup, agoMs: number) => {
    const old = attemptOf(setup, { key: 'old', grant: aloneAt })
    await fail(old, refusal(500, 'transient'))
    setup.clock.advance(agoMs)
    for (let other = 0; other < 1_000; other++)
      await fail(attemptOf(setup, { key: `other ${other}`, grant: aloneAt }), refusal(500, 'transient'))
    await fail(old, refusal(500, 'transient'))
    return restSecondsOf(setup, old)
  }

  test('goes half a minute after the rest, when a thousand others are in trouble', async () => {
    expect(await failedLongAgo(setUp(), 31_001)).toBe(1)
  })

  test('stays until then, so that the next rest is twice as long', async () => {
    expect(await failedLongAgo(setUp(), 31_000)).toBe(2)
  })

  const downLongAgo = async (setup: Setup, agoMs: number) => {
    const at = (endpoint: string) => attemptOf(setup, { endpoint, key: `at ${endpoint}` })
    const old = at('https://old.example/token')
    await fail(old, refusal(503, 'transient'))
    setup.clock.advance(agoMs)
    for (let other = 0; other < 1_000; other++) await serve(at(`https://server-${other}.example/token`))
    await fail(old, refusal(503, 'transient'))
    return restSecondsOf(setup, old)
  }

  test('of a server goes half a minute after its rest, when there are a thousand others', async () => {
    expect(await downLongAgo(setUp(), 31_001)).toBe(1)
  })

  test('of a server stays until then', async () => {
    expect(await downLongAgo(setUp(), 31_000)).toBe(2)
  })

  test('of refreshes is of the thousand clients that were at work last', async () => {
    const { another, clock } = setUp()
    const of = (clientId: string) => attemptOf({ client: another({ clientId }) })
    const clients = Array.from({ length: 1_002 }, (_, number) => of(`client ${number}`))
    const [first, second, third, fourth] = clients as [Attempt, Attempt, Attempt, Attempt]
    const since = clock.now()
    for (const attempt of [...clients.slice(0, 1_000), second, ...clients.slice(1_000)]) await serve(attempt)
    const isKnown = [first, second, third, fourth].map(attempt => othersAreServed(attempt, since))
    expect(isKnown).toEqual([false, true, false, true])
  })

  test.each([
    ['goes with a thousand of them', 998, 1],
    ['stays with fewer', 997, 2],
  ])('of attempts %s', async (_, others, restSeconds) => {
    const setup = setUpLater()
    const failAlone = (key: string) => fail(attemptOf(setup, { key, grant: aloneAt }), refusal(500, 'transient'))
    for (let other = 0; other < 1_001; other++) await failAlone(`past ${other}`)
    // a day later all of them are forgotten but this one
    setup.clock.advance(86_400_000)
    for (const key of ['alone', 'old']) await failAlone(key)
    setup.clock.advance(31_001)
    for (let other = 0; other < others; other++) await failAlone(`other ${other}`)
    await failAlone('old')
    expect(await restSecondsOf(setup, attemptOf(setup, { key: 'old' }))).toBe(restSeconds)
  })

  test.each([
    ['goes with a thousand of them', 996, 1],
    ['stays with fewer', 995, 2],
  ])('of servers and clients %s', async (_, clients, restSeconds) => {
    const setup = setUpLater()
    const as = (id: string, endpoint: string) => attemptOf({ client: { ...setup.client, id } }, { key: id, endpoint })
    for (let other = 0; other < 1_001; other++)
      await fail(as(`past ${other}`, 'https://past.example/token'), refusal(401, 'invalid_client'))
    // a day later all of them are forgotten: there are one server and one client, and then the old ones
    setup.clock.advance(86_400_000)
    await serve(as('alone', 'https://alone.example/token'))
    const old = attemptOf(setup, { key: 'old', endpoint: 'https://old.example/token' })
    await fail(old, refusal(503, 'transient'))
    setup.clock.advance(31_001)
    // beside one more server
    for (let client = 0; client < clients; client++)
      await serve(as(`client ${client}`, 'https://another.example/token'))
    await fail(old, refusal(503, 'transient'))
    expect(await restSecondsOf(setup, old)).toBe(restSeconds)
  })

  test('is gone with a success: the next rest is as short as the first', async () => {
    const setup = setUp()
    const attempt = attemptOf(setup, { grant: aloneAt })
    for (let time = 0; time < 2; time++) {
      await fail(attempt, refusal(500, 'transient'))
      expect(await restSecondsOf(setup, attempt)).toBe(1)
      await serve(attempt)
    }
  })

  test('is gone with a success that came after it: a rest of an attempt, and one of its scope', async () => {
    for (const kind of ['terminal', 'invalid_scope'] as const) {
      const attempt = attemptOf(setUp())
      await withCooldown(attempt, () => fail(attempt, refusal(400, kind)))
      expect(await isResting(attempt)).toBe(false)
    }
  })
})

describe('whether others are served', () => {
  const user = (setup: Setup, name: string) => attemptOf(setup, { key: name })

  test('is so from the instant of a success, until somebody else fails', async () => {
    const setup = setUp()
    const asked = user(setup, 'asked')
    const { clock } = setup
    expect(othersAreServed(asked, clock.now())).toBe(false)
    await serve(user(setup, 'other'))
    const servedAt = clock.now()
    expect(othersAreServed(asked, servedAt)).toBe(true)
    expect(othersAreServed(asked, servedAt + 1)).toBe(false)
    clock.advance(1)
    await fail(asked, refusal(400, 'terminal'))
    expect(othersAreServed(asked, servedAt)).toBe(true)
    await fail(user(setup, 'other'), refusal(400, 'terminal'))
    expect(othersAreServed(asked, servedAt)).toBe(false)
  })

  test('is not forgotten when one who asks has failed last, and somebody else before', async () => {
    const setup = setUp()
    const [asked, other] = [user(setup, 'asked'), user(setup, 'other')]
    await serve(user(setup, 'third'))
    const servedAt = setup.clock.now()
    setup.clock.advance(1)
    await fail(other, refusal(400, 'terminal'))
    for (let time = 0; time < 3; time++) {
      await fail(asked, refusal(400, 'terminal'))
      setup.clock.advance(10_000)
      expect(othersAreServed(asked, servedAt)).toBe(false)
    }
  })

  test('is told by refreshes alone', async () => {
    const setup = setUp()
    const since = setup.clock.now()
    await serve(attemptOf(setup, { key: 'application', grant: { grantType: 'client_credentials' } }))
    expect(othersAreServed(user(setup, 'asked'), since)).toBe(false)
  })

  test('is not believed for five minutes of a server that has taken twice what it had refused', async () => {
    const setup = setUp()
    const { clock } = setup
    const takenAfterAll = async (name: string) => {
      await fail(user(setup, name), refusal(400, 'terminal'))
      clock.advance(10_000)
      await serve(user(setup, name))
    }
    await takenAfterAll('first')
    const firstAt = clock.now()
    expect(othersAreServed(user(setup, 'asked'), firstAt)).toBe(true)
    await takenAfterAll('second')
    expect(othersAreServed(user(setup, 'asked'), firstAt)).toBe(false)
    clock.advance(firstAt + 299_999 - clock.now())
    expect(othersAreServed(user(setup, 'asked'), firstAt)).toBe(false)
    clock.advance(1)
    expect(othersAreServed(user(setup, 'asked'), firstAt)).toBe(true)
    // those of long ago hide nothing
    for (const name of ['third', 'fourth']) await takenAfterAll(name)
    expect(othersAreServed(user(setup, 'asked'), firstAt)).toBe(false)
  })

  test('is believed of a server that takes what got no answer before', async () => {
    const setup = setUp()
    const since = setup.clock.now()
    for (const name of ['first', 'second']) {
      await fail(user(setup, name), new TransportError('ERR_TRANSPORT', 'lost', { neverSent: false }))
      setup.clock.advance(1_000)
      await serve(user(setup, name))
    }
    expect(othersAreServed(user(setup, 'asked'), since)).toBe(true)
  })
})

describe('places that were taken', () => {
  test('with the server are given back by whoever gets none with the client', async () => {
    const setup = setUp()
    const [one, other] = ['one', 'other'].map(key => attemptOf(setup, { key })) as [Attempt, Attempt]
    await fail(one, refusal(401, 'invalid_client'))
    setup.clock.advance(10_000)
    await Promise.all([fail(one, refusal(401, 'invalid_client')), fail(other, refusal(401, 'invalid_client'))])
    setup.clock.advance(60_000)
    // a server that is down has one place alone when its rest is over
    for (const attempt of [one, other])
      expect(await fail(attempt, refusal(503, 'transient'))).toMatchObject({ serverStatus: 503 })
    setup.clock.advance(60_000)
    expect(await serve(other)).toBe('served')
  })
})

describe('credentials', () => {
  test('that cannot be read are others than those that were refused', async () => {
    let fingerprint = async () => 'first'
    const { client } = setUp()
    const auth = { ...client.auth, fingerprint: () => fingerprint() }
    const attempt = attemptOf({ client: { ...client, auth } })
    await fail(attempt, refusal(401, 'invalid_client'))
    expect(await isResting(attempt)).toBe(true)
    fingerprint = () => Promise.reject(new Error('no file'))
    expect(await isResting(attempt)).toBe(false)
  })

  test('need not be there: a public client is refused like any', async () => {
    const setup = setUp()
    const { fingerprint: _, ...auth } = setup.client.auth
    const attempt = attemptOf({ client: { ...setup.client, auth } })
    const error = refusal(401, 'invalid_client')
    expect(await fail(attempt, error)).toBe(error)
    expect(await isResting(attempt)).toBe(true)
  })

  test('that are others begin again, with places without number', async () => {
    let fingerprint = 'first'
    const { client } = setUp()
    const auth = { ...client.auth, fingerprint: async () => fingerprint }
    const attempt = attemptOf({ client: { ...client, auth } })
    await fail(attempt, refusal(401, 'invalid_client'))
    fingerprint = 'second'
    const served: string[] = []
    await withCooldown(attempt, async () => void served.push(await serve(attempt)))
    expect(served).toEqual(['served'])
  })
})

describe('an answer that is still to come', () => {
  const pending = refusal(400, 'pending')

  test('rests nobody where it is polled for', async () => {
    const attempt = attemptOf(setUp(), { grant: { grantType: 'device_code', polled: true } })
    expect(await fail(attempt, pending)).toBe(pending)
    expect(await isResting(attempt)).toBe(false)
  })

  test('rests who asks where it is not, and nobody else', async () => {
    const setup = setUp()
    const attempt = attemptOf(setup)
    await fail(attempt, pending)
    expect(await isResting(attempt)).toBe(true)
    expect(await isResting(attemptOf(setup, { key: 'other' }))).toBe(false)
  })

  test('rests for a second, while a refusal rests for ten', async () => {
    const setup = setUp()
    const attempt = attemptOf(setup)
    await fail(attempt, pending)
    expect(await restSecondsOf(setup, attempt)).toBe(1)
    for (const error of [refusal(400, 'terminal'), refusal(401, 'invalid_client')]) {
      await fail(attempt, error)
      expect(await restSecondsOf(setup, attempt)).toBe(10)
    }
  })
})

describe('who rests', () => {
  const failedToSend = (code: TransportError['code'], options: { neverSent: boolean; retryable?: boolean }) =>
    new TransportError(code, 'x', options)
  const refused = (serverStatus: number, kind: AuthorizationServerError['kind'], retryAfterMs?: number) =>
    new AuthorizationServerError({ serverStatus, kind, retryAfterMs })
  const polled = { grantType: 'device_code', polled: true }

  async function whoRests(error: GrantKitError, grant: Attempt['grant'] = { grantType: 'refresh_token' }) {
    const setup = setUp()
    const attempt = attemptOf(setup, { grant })
    expect(await fail(attempt, error)).toBe(error)
    const others = [
      attemptOf(setup, { key: 'other' }),
      attemptOf({ client: setup.another({ clientId: 'b' }) }, { key: 'third' }),
    ]
    const [itself, sameClient, otherClient] = await Promise.all([attempt, ...others].map(isResting))
    if (otherClient) return 'everybody'
    if (sameClient) return 'its client'
    return itself ? 'it alone' : 'nobody'
  }

  const cases: readonly (readonly [who: string, error: GrantKitError])[] = [
    ['everybody', failedToSend('ERR_TRANSPORT', { neverSent: true })],
    ['everybody', failedToSend('ERR_TRANSPORT_TIMEOUT', { neverSent: true })],
    ['everybody', refused(429, 'transient')],
    ['everybody', refused(503, 'transient')],
    ['everybody', refused(500, 'transient', 5_000)],
    ['its client', refused(401, 'invalid_client')],
    ['its client', failedToSend('ERR_TRANSPORT_TLS', { neverSent: true, retryable: false })],
    ['its client', failedToSend('ERR_TRANSPORT_TLS', { neverSent: false, retryable: false })],
    ['it alone', failedToSend('ERR_TRANSPORT', { neverSent: false })],
    ['it alone', failedToSend('ERR_TRANSPORT_CLOSED', { neverSent: false })],
    ['it alone', refused(500, 'transient')],
    ['it alone', refused(502, 'transient')],
    ['it alone', refused(400, 'terminal')],
    ['it alone', refused(400, 'invalid_grant')],
    ['it alone', refused(400, 'invalid_scope')],
    ['it alone', new TokenResponseError('odd')],
    ['nobody', failedToSend('ERR_TRANSPORT_CLOSED', { neverSent: true })],
    ['nobody', new GrantKitError('ERR_CLIENT_AUTHENTICATION', 'sealed', { neverSent: true, retryable: true })],
    ['nobody', new GrantKitError('ERR_TOKEN_STORE', 'away', { neverSent: true })],
  ]
  test.each(cases)('is %s, after %s', async (who, error) => expect(await whoRests(error)).toBe(who))

  test('is the one who polls, after a refusal that is more than not yet', async () => {
    expect(await whoRests(refused(400, 'terminal'), polled)).toBe('it alone')
    expect(await whoRests(refused(400, 'pending'), polled)).toBe('nobody')
  })

  test('is nobody after an error that is not ours, and it comes out as it is', async () => {
    const attempt = attemptOf(setUp())
    const theirs = Object.assign(new Error('x'), { code: 'ERR_TRANSPORT', retryable: true, neverSent: false })
    expect(await withCooldown(attempt, () => Promise.reject(theirs)).catch(error => error)).toBe(theirs)
    expect(await isResting(attempt)).toBe(false)
  })

  test('is settled when the failure is told, however long it takes to name the credentials', async () => {
    const { client } = setUp()
    const fingerprint = () => new Promise<string>(resolve => setImmediate(resolve, 'first'))
    const attempt = attemptOf({ client: { ...client, auth: { ...client.auth, fingerprint } } })
    await fail(attempt, refused(401, 'invalid_client'))
    expect(await isResting(attempt)).toBe(true)
  })

  test('is nobody any more once other credentials are there, where one refresh token alone was refused', async () => {
    let secret = 'first'
    const { client } = setUp()
    const attempt = attemptOf({ client: { ...client, auth: { ...client.auth, fingerprint: async () => secret } } })
    await fail(attempt, refused(400, 'terminal'))
    expect(await isResting(attempt)).toBe(true)
    secret = 'second'
    expect(await isResting(attempt)).toBe(false)
  })

  test.each([
    ['the client, after two odd answers', new TokenResponseError('odd'), undefined, true],
    ['nobody else, after two odd answers to codes', new TokenResponseError('odd'), aloneAt, false],
    ['nobody else, after two refusals', refused(400, 'terminal'), undefined, false],
    ['everybody, after two lost answers', failedToSend('ERR_TRANSPORT', { neverSent: false }), undefined, true],
    [
      'nobody else, after two lost answers to codes',
      failedToSend('ERR_TRANSPORT', { neverSent: false }),
      aloneAt,
      false,
    ],
  ] as const)('is %s', async (_, error, grant, isMore) => {
    const setup = setUp()
    for (const key of ['first', 'second']) await fail(attemptOf(setup, { key, ...(grant && { grant }) }), error)
    expect(await isResting(attemptOf(setup, { key: 'third' }))).toBe(isMore)
  })
})

describe('one who has failed while another was served', () => {
  async function alone(error: GrantKitError) {
    const setup = setUp()
    const [one, other] = ['one', 'other'].map(key => attemptOf(setup, { key })) as [Attempt, Attempt]
    await fail(one, refusal(500, 'transient'))
    await serve(other)
    setup.clock.advance(10_000)
    await fail(one, error)
    return isResting(other)
  }
  const asking = (serverStatus: number, retryAfterMs?: number) =>
    new AuthorizationServerError({ serverStatus, kind: 'transient', retryAfterMs })

  test.each([
    ['makes nobody else wait at 503', asking(503), false],
    ['makes all wait at 503 when the server says how long', asking(503, 5_000), true],
    ['makes all wait at 429', asking(429), true],
    ['makes all wait when there is no connection', new TransportError('ERR_TRANSPORT', 'x', { neverSent: true }), true],
  ] as const)('%s', async (_, error, isEverybody) => expect(await alone(error)).toBe(isEverybody))
})
