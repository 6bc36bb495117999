import { describe, expect, test } from 'vitest'
import { AuthorizationServerError, type GrantKitError, TransportError } from '../../src/index.js'
import { type Attempt, othersAreServed, refuseWhileResting, withCooldown } from '../../src/lifecycle/cooldown.js'
import { type Setup, setUp } from '../scripted-server.js'

const refusal = (serverStatus: number, kind: 'transient' | 'terminal' | 'invalid_client' | 'pending') =>
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
    const clients = Array.from({ length: 999 }, (_, number) => of(`client ${number}`))
    const [first, second] = [of('first'), of('second')]
    const since = clock.now()
    for (const attempt of [first, second, ...clients.slice(1), first, of('one more')]) await serve(attempt)
    expect([first, second].map(attempt => othersAreServed(attempt, since))).toEqual([true, false])
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
    await fail(asked, refusal(400, 'terminal'))
    expect(othersAreServed(asked, servedAt)).toBe(false)
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
    setup.clock.advance(10_000)
    await fail(one, refusal(503, 'transient'))
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
})
