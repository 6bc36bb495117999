import { describe, expect, test } from 'vitest'
import { clientCredentials, createTokenSource, createUserTokenSources, type Thresholds } from '../../src/index.js'
import { gate, issue, json, refuse, type Setup, setUp, start } from '../scripted-server.js'

const sourceOf = ({ client }: Pick<Setup, 'client'>, thresholds: Thresholds = {}) =>
  createTokenSource({ client, grant: clientCredentials(), ...thresholds })

/** A source that holds `token-1`, and what it returns now. */
async function holding(members: Readonly<Record<string, unknown>> = {}, thresholds: Thresholds = {}) {
  const setup = setUp(issue(members))
  const source = sourceOf(setup, thresholds)
  const current = async () => (await source.getTokenSet()).accessToken
  await source.getTokenSet()
  return { ...setup, source, current }
}

describe('reading', () => {
  test('returns the same promise each time: no lock, no copy', async () => {
    const { source } = await holding()
    const tokenSet = await source.getTokenSet()
    expect(source.getTokenSet()).toBe(source.getTokenSet())
    expect(await source.getTokenSet()).toBe(tokenSet)
  })

  test('reads the clock once and calls nothing else', async () => {
    let reads = 0
    const { source, clock } = await holding()
    await source.getTokenSet()
    const now = clock.now
    clock.now = () => {
      reads++
      return now()
    }
    source.getTokenSet()
    expect(reads).toBe(1)
  })

  test('keeps no timer, so that nothing holds the process', async () => {
    const timers = () => process.getActiveResourcesInfo().filter(name => ['Timeout', 'Immediate'].includes(name)).length
    const before = timers()
    await holding()
    expect(timers()).toBe(before)
  })

  test('does not let one caller wait for another’s API call', async () => {
    const { source, server } = await holding()
    const { accessToken } = await source.getTokenSet()
    // the first caller is still at work with its token
    expect((await source.getTokenSet()).accessToken).toBe(accessToken)
    expect(server.requests).toHaveLength(1)
  })
})

describe('the soft threshold', () => {
  test('renews a minute before the end, in the background, while the token still serves', async () => {
    const { source, server, clock, current } = await holding()
    clock.advance(3_539_999)
    expect(await current()).toBe('token-1')
    expect(server.requests).toHaveLength(1)
    const { answer, open } = gate()
    server.answer = answer
    clock.advance(1)
    expect(await current()).toBe('token-1')
    await server.arrived(2)
    open()
    await source.close()
    expect(server.requests).toHaveLength(2)
  })

  test('is that of the token which is held now, though another source has obtained it', async () => {
    const { client, server, clock, current } = await holding()
    server.answer = issue({ expires_in: 10 })
    await sourceOf({ client }).getTokenSet({ force: true })
    clock.advance(20_000)
    expect(await current()).toBe('token-3')
  })

  test('renews once, however many callers come meanwhile, and then serves the new token', async () => {
    const { server, clock, current } = await holding()
    const { answer, open } = gate()
    server.answer = answer
    clock.advance(3_550_000)
    const served = await Promise.all(Array.from({ length: 100 }, current))
    expect(new Set(served)).toEqual(new Set(['token-1']))
    await server.arrived(2)
    open()
    while ((await current()) === 'token-1') await new Promise(setImmediate)
    expect(await current()).toBe('token-2')
    expect(server.requests).toHaveLength(2)
  })

  test('goes on serving while the renewal fails, and rests between attempts', async () => {
    const { server, clock, events, current } = await holding()
    server.answer = refuse(503, 'temporarily_unavailable')
    clock.advance(3_550_000)
    for (let calls = 0; calls < 20; calls++) {
      expect(await current()).toBe('token-1')
      await new Promise(setImmediate)
    }
    expect(server.requests).toHaveLength(2)
    expect(events.at(-1)).toMatchObject({ type: 'token_request_failed', reason: 'soft', level: 'warn' })
  })

  test('can be moved', async () => {
    const { server, clock, current } = await holding({}, { refreshBeforeMs: 600_000 })
    clock.advance(2_999_999)
    await current()
    expect(server.requests).toHaveLength(1)
    clock.advance(1)
    expect(await current()).toBe('token-1')
    await server.arrived(2)
  })
})

describe('the hard edge', () => {
  test('waits for the next token ten seconds before the end', async () => {
    const { clock, current } = await holding()
    clock.advance(3_590_000)
    expect(await current()).toBe('token-2')
  })

  test('a margin takes away from the lifetime, never adds to it', async () => {
    const { clock, current } = await holding({}, { expiryMarginMs: 30_000 })
    clock.advance(3_570_000)
    expect(await current()).toBe('token-2')
  })

  test('serves the old token until its true end when the renewal fails, and no longer', async () => {
    const { server, clock, current } = await holding()
    server.answer = refuse(503, 'temporarily_unavailable')
    clock.advance(3_599_999)
    expect(await current()).toBe('token-1')
    clock.advance(1)
    await expect(current()).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('does not serve a token whose end came while the renewal was awaited', async () => {
    const { server, clock, current } = await holding()
    const { answer, open } = gate(refuse(503, 'temporarily_unavailable'))
    server.answer = answer
    clock.advance(3_599_000)
    const call = current()
    await server.arrived(2)
    clock.advance(1_000)
    open()
    await expect(call).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('does not serve a token to a caller who has given up', async () => {
    const { server, clock, source } = await holding()
    const { answer, open } = gate(refuse(503, 'temporarily_unavailable'))
    server.answer = answer
    clock.advance(3_599_000)
    const controller = new AbortController()
    const call = source.getTokenSet({ signal: controller.signal })
    await server.arrived(2)
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    open()
  })

  test('does not serve a token that was forgotten while the renewal was awaited', async () => {
    const { answer, open } = gate(refuse(503, 'temporarily_unavailable'))
    const { client, server, clock } = setUp(answer)
    const user = createUserTokenSources({ client }).for('alice')
    await user.import({ refreshToken: 'refresh-0', accessToken: 'old', expiresAt: start + 1_000_000 })
    clock.advance(995_000)
    const call = user.getTokenSet()
    await server.arrived(1)
    await user.forget()
    open()
    await expect(call).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('a server down for longer than the soft window costs errors until it is back, not longer', async () => {
    const { server, clock, current } = await holding()
    server.answer = refuse(503, 'temporarily_unavailable')
    const served: string[] = []
    clock.advance(3_530_000)
    for (let seconds = 0; seconds < 180; seconds += 10) {
      if (seconds === 120) server.answer = issue()
      served.push(await current().catch(() => 'error'))
      await new Promise(setImmediate)
      clock.advance(10_000)
    }
    expect(served.slice(0, 7)).toEqual(Array(7).fill('token-1'))
    expect(served.slice(7, 12)).toEqual(Array(5).fill('error'))
    // the rest after the last failure is over within 30 s
    expect(served.slice(15)).toEqual(Array(3).fill(served[15]))
    expect(served[15]).toMatch(/^token-[^1]/)
  })
})

describe('lifetimes', () => {
  test('count from before the request was sent', async () => {
    const { answer, open } = gate(issue({ expires_in: 100 }))
    const setup = setUp(answer)
    const call = sourceOf(setup).getTokenSet()
    await setup.server.arrived(1)
    setup.clock.advance(5_000)
    open()
    expect((await call).expiresAt).toBe(start + 100_000)
  })

  test('margins shrink with them: a token for 10 s is renewed after 5 and awaited after 9', async () => {
    const { server, clock, current } = await holding({ expires_in: 10 })
    clock.advance(4_999)
    await current()
    expect(server.requests).toHaveLength(1)
    const { answer, open } = gate()
    server.answer = answer
    clock.advance(1)
    expect(await current()).toBe('token-1')
    await server.arrived(2)
    clock.advance(3_999)
    expect(await current()).toBe('token-1')
    clock.advance(1)
    const awaited = current()
    open()
    expect(await awaited).toBe('token-2')
  })

  for (const seconds of [1, 2, 3, 5])
    test(`a token for ${seconds} s is not renewed with every call`, async () => {
      const { server, clock, current } = await holding({ expires_in: seconds })
      for (let calls = 0; calls < 1_000; calls++) {
        await current()
        clock.advance(10)
      }
      // ten seconds went by, and there is a second between two renewals
      expect(server.requests.length).toBeLessThanOrEqual(12)
    })

  test('remainders of one and the same token do not loop', async () => {
    const setup = setUp()
    const endsAt = start + 600_000
    setup.server.answer = () => {
      const left = Math.ceil((endsAt - setup.clock.now()) / 1000)
      return json(200, { access_token: left > 0 ? 'opaque' : 'next', token_type: 'Bearer', expires_in: left || 600 })
    }
    const source = sourceOf(setup)
    const served = new Set<string>()
    for (let seconds = 0; seconds <= 605; seconds += 0.25) {
      served.add((await source.getTokenSet()).accessToken)
      await new Promise(setImmediate)
      setup.clock.advance(250)
    }
    expect(served).toEqual(new Set(['opaque', 'next']))
    expect(setup.server.requests.length).toBeLessThanOrEqual(12)
  })

  test('none at all serves all who wait for it, and the next ones ask anew, once a second at most', async () => {
    for (const expires_in of [0, '0', -1]) {
      const { answer, open } = gate(issue({ expires_in }))
      const setup = setUp(answer)
      const source = sourceOf(setup)
      const current = async () => (await source.getTokenSet()).accessToken
      const waiting = [current(), current(), current()]
      await setup.server.arrived(1)
      open()
      expect(await Promise.all(waiting)).toEqual(['token-1', 'token-1', 'token-1'])
      setup.clock.advance(999)
      expect(await current()).toBe('token-1')
      setup.clock.advance(1)
      expect(await Promise.all([current(), current()])).toEqual(['token-2', 'token-2'])
      expect(setup.server.requests).toHaveLength(2)
    }
  })

  test('none at all means never where the provider says so', async () => {
    const setup = setUp(issue({ expires_in: 0 }), {}, { zeroExpiresIn: 'never' })
    const source = sourceOf(setup)
    await source.getTokenSet()
    setup.clock.advance(300 * 24 * 3_600_000)
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
  })

  test('an unknown one is taken for five minutes', async () => {
    const { clock, current, source } = await holding({ expires_in: undefined })
    expect((await source.getTokenSet()).expiresAt).toBeUndefined()
    clock.advance(239_999)
    expect(await current()).toBe('token-1')
    clock.advance(50_001)
    expect(await current()).toBe('token-2')
  })

  test('an unknown one is taken for what the provider says', async () => {
    const setup = setUp(issue({ expires_in: undefined }), {}, { defaultExpiresIn: 60 })
    const source = sourceOf(setup)
    await source.getTokenSet()
    setup.clock.advance(29_999)
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
    setup.clock.advance(24_001)
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
  })

  for (const endless of [Number.MAX_SAFE_INTEGER, '9223372036854775807', 1e300])
    test(`an endless one (${endless}) is taken for unknown, not for ever`, async () => {
      const { clock, current } = await holding({ expires_in: endless })
      clock.advance(239_999)
      expect(await current()).toBe('token-1')
      clock.advance(60_001)
      expect(await current()).toBe('token-2')
    })

  test('one beyond what a 32-bit timer can wait is served to its end', async () => {
    const { server, clock, current } = await holding({ expires_in: 100 * 86_400 })
    clock.advance(99 * 86_400_000)
    expect(await current()).toBe('token-1')
    expect(server.requests).toHaveLength(1)
  })
})

describe('clocks that differ', () => {
  for (const ahead of [30_000, -30_000])
    test(`a server whose clock is ${ahead / 1000} s ahead changes nothing: lifetimes are relative`, async () => {
      const iat = (start + ahead) / 1000
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const jwt = `${part({ alg: 'none' })}.${part({ iat, exp: iat + 3600 })}.c2ln`
      const { source } = await holding({ expires_in: undefined, access_token: jwt })
      expect((await source.getTokenSet()).expiresAt).toBe(start + 3_600_000)
    })

  test('one set back by less than the margin is made good by it', async () => {
    const { server, clock, current } = await holding()
    clock.advance(-30_000)
    expect(await current()).toBe('token-1')
    expect(server.requests).toHaveLength(1)
    // 3,570 s of the token are over: it is renewed before its end
    clock.advance(3_570_000)
    await current()
    await server.arrived(2)
  })

  test('one set back by more renews once, in the background', async () => {
    const { server, clock, current } = await holding()
    await current()
    clock.advance(-3_600_000)
    expect(await current()).toBe('token-1')
    while ((await current()) === 'token-1') await new Promise(setImmediate)
    expect(await current()).toBe('token-2')
    expect(server.requests).toHaveLength(2)
  })

  test('one set forward past the end waits for a new token', async () => {
    const { clock, current } = await holding()
    clock.advance(86_400_000)
    expect(await current()).toBe('token-2')
  })
})

describe('force', () => {
  test('replaces the cached token for everybody', async () => {
    const setup = await holding()
    expect((await setup.source.getTokenSet({ force: true })).accessToken).toBe('token-2')
    expect(await setup.current()).toBe('token-2')
    expect((await sourceOf(setup).getTokenSet()).accessToken).toBe('token-2')
  })

  test('shares one request among all who force at once', async () => {
    const { source, server } = await holding()
    await Promise.all(Array.from({ length: 100 }, () => source.getTokenSet({ force: true })))
    expect(server.requests).toHaveLength(2)
  })

  test('throws when it fails, and the cached token goes on serving', async () => {
    const { source, server, current } = await holding()
    server.answer = refuse(503, 'temporarily_unavailable')
    await expect(source.getTokenSet({ force: true })).rejects.toMatchObject({ serverStatus: 503 })
    expect(await current()).toBe('token-1')
  })
})

describe('a rejected token', () => {
  test('that is the current one is renewed, once for all who report it', async () => {
    const { source, server } = await holding()
    const calls = Array.from({ length: 100 }, () => source.getTokenSet({ rejected: 'token-1' }))
    const tokens = (await Promise.all(calls)).map(({ accessToken }) => accessToken)
    expect(new Set(tokens)).toEqual(new Set(['token-2']))
    expect(server.requests).toHaveLength(2)
  })

  test('that was replaced already is answered with the current one, without a request', async () => {
    const { source, server } = await holding()
    await source.getTokenSet({ force: true })
    expect((await source.getTokenSet({ rejected: 'token-1' })).accessToken).toBe('token-2')
    expect(server.requests).toHaveLength(2)
  })

  test('is not served again when its renewal fails', async () => {
    const { source, server, current } = await holding()
    server.answer = refuse(503, 'temporarily_unavailable')
    await expect(source.getTokenSet({ rejected: 'token-1' })).rejects.toMatchObject({ serverStatus: 503 })
    await expect(current()).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('can be dropped without a request; the next caller waits for a new one', async () => {
    const { source, server, current } = await holding()
    await source.drop('another')
    expect(await current()).toBe('token-1')
    await source.drop('token-1')
    expect(server.requests).toHaveLength(1)
    expect(await current()).toBe('token-2')
  })
})

test('a replaced certificate means another token: the old one is bound to the old certificate', async () => {
  const certificate = { thumbprint: 'old' }
  const setup = setUp(undefined, { tls: { certificate: certificate as never } })
  const source = sourceOf(setup)
  await source.getTokenSet()
  expect((await source.getTokenSet()).accessToken).toBe('token-1')
  certificate.thumbprint = 'new'
  expect((await source.getTokenSet()).accessToken).toBe('token-2')
  certificate.thumbprint = 'old'
  expect((await source.getTokenSet()).accessToken).toBe('token-1')
})
