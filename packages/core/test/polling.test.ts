/** Waiting for a user, by a clock that the wait itself moves: nothing sleeps. */
import { describe, expect, test } from 'vitest'
import { createUserTokenSources, deviceCode, memoryStore, requestTokenSet, TransportError } from '../src/index.js'
import { failure } from './answering.js'
import { type Answer, deferred, issue, json, refuse, rotate, setUp, start } from './scripted-server.js'

const pending = refuse(400, 'authorization_pending')
const slowDown = refuse(400, 'slow_down')

/** Each request its answer, the last one again and again. */
const inTurn =
  (...answers: readonly Answer[]): Answer =>
  request =>
    (answers[Math.min(request.number, answers.length) - 1] as Answer)(request)

function waiting(answer: Answer, { expiresInMs = 600_000, intervalMs = 5_000, ...options } = {}) {
  const setup = setUp(answer, options)
  const waits: number[] = []
  const wait = async (delayMs: number) => {
    waits.push(delayMs)
    setup.clock.advance(delayMs)
  }
  const code = { deviceCode: 'secret-code', expiresAt: start + expiresInMs, intervalMs }
  const grant = deviceCode(code, { wait })
  const user = createUserTokenSources({ client: setup.client, store: memoryStore() }).for('alice')
  return { ...setup, waits, grant, code, user, redeem: () => user.redeem(grant) }
}

describe('waiting for a user', () => {
  test('asks at the interval until they have agreed, and keeps their tokens', async () => {
    const { redeem, user, waits, server } = waiting(inTurn(pending, pending, rotate()))
    const tokenSet = await redeem()
    expect(waits).toEqual([5_000, 5_000, 5_000])
    expect(await user.getTokenSet()).toBe(tokenSet)
    expect((await user.getTokenSet({ force: true })).accessToken).toBe('token-4')
    expect(server.requests.map(({ form }) => form.grant_type?.split(':').at(-1))).toEqual([
      'device_code',
      'device_code',
      'device_code',
      'refresh_token',
    ])
    expect(server.requests[0]?.form.device_code).toBe('secret-code')
  })

  test('takes five seconds more for each slow_down, for good', async () => {
    const { redeem, waits } = waiting(inTurn(slowDown, pending, slowDown, pending, issue()))
    await redeem()
    expect(waits).toEqual([5_000, 10_000, 10_000, 15_000, 15_000])
  })

  test('takes slow_down for what it says, whatever its status', async () => {
    const { redeem, waits } = waiting(inTurn(refuse(429, 'slow_down'), refuse(200, 'slow_down'), issue()))
    await redeem()
    expect(waits.slice(0, 2)).toEqual([5_000, 10_000])
    expect(waits.length).toBeLessThan(5)
  })

  test('takes twice as long after each failure to get an answer, and the interval again after one', async () => {
    const lost = () => {
      throw new TransportError('ERR_TRANSPORT_TIMEOUT', 'no answer', { neverSent: false })
    }
    const { client, grant, waits } = waiting(
      inTurn(lost, lost, refuse(503, 'temporarily_unavailable'), pending, issue()),
    )
    await requestTokenSet(client, grant)
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 5_000])
  })

  test('respects Retry-After where it is longer', async () => {
    const { client, grant, waits } = waiting(
      inTurn(
        refuse(429, 'too_many_requests', { 'retry-after': '60' }),
        refuse(400, 'authorization_pending', { 'retry-after': '7' }),
        refuse(400, 'authorization_pending', { 'retry-after': '1' }),
        issue(),
      ),
    )
    await requestTokenSet(client, grant)
    expect(waits).toEqual([5_000, 60_000, 7_000, 5_000])
  })

  test('ends when the code is over, though the server says for ever that the user is still to come', async () => {
    const { redeem, server, waits } = waiting(pending, { expiresInMs: 22_000 })
    expect(await failure(redeem())).toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      reason: 'expired_token',
      subject: 'alice',
      cause: { error: 'authorization_pending' },
    })
    expect([server.requests.length, waits.length]).toEqual([4, 4])
  })

  test('ends the same way when the server says that it is over', async () => {
    const { redeem, server } = waiting(inTurn(pending, refuse(400, 'expired_token')))
    expect(await failure(redeem())).toMatchObject({ reason: 'expired_token', cause: { error: 'expired_token' } })
    expect(server.requests).toHaveLength(2)
  })

  test.each(['access_denied', 'invalid_grant', 'invalid_client', 'unheard_of'])(
    'ends with a refusal: %s',
    async code => {
      const { redeem, server } = waiting(inTurn(pending, refuse(400, code)))
      expect(await failure(redeem())).toMatchObject({ code: 'ERR_SERVER_REFUSED', error: code })
      expect(server.requests).toHaveLength(2)
    },
  )

  test('asks for nothing when there is no time for a first request', async () => {
    const { redeem, server } = waiting(issue(), { expiresInMs: 4_000 })
    expect(await failure(redeem())).toMatchObject({ reason: 'expired_token' })
    expect(server.requests).toEqual([])
  })

  test('makes nobody else rest, and tells of a pending answer as routine', async () => {
    const { redeem, events, server } = waiting(inTurn(pending, pending, issue()))
    await redeem()
    const told = events.filter(({ type }) => type === 'token_request_failed')
    expect(told.map(({ level }) => level)).toEqual(['debug', 'debug'])
    expect(server.requests).toHaveLength(3)
  })
})

describe('an end to waiting', () => {
  test('by a signal comes at once, while the timer runs', async () => {
    const { code, user, server } = waiting(pending)
    const controller = new AbortController()
    const redeemed = user.redeem(deviceCode(code, { signal: controller.signal }))
    controller.abort(new Error('closed'))
    expect((await failure(redeemed)).message).toBe('closed')
    expect(server.requests).toEqual([])
  })

  test('by a signal comes at once, while a request is under way', async () => {
    const held = deferred<ReturnType<typeof json>>()
    const { code, user, server } = waiting(() => held.promise)
    const controller = new AbortController()
    const redeemed = user.redeem(deviceCode(code, { signal: controller.signal, wait: async () => {} }))
    await server.arrived(1)
    controller.abort(new Error('closed'))
    expect((await failure(redeemed)).message).toBe('closed')
    held.resolve(json(400, { error: 'authorization_pending' }))
  })

  test('by a signal that was aborted before asks for nothing', async () => {
    const { code, client, server } = waiting(issue())
    const grant = deviceCode(code, { signal: AbortSignal.abort(new Error('never begun')) })
    expect((await failure(requestTokenSet(client, grant))).message).toBe('never begun')
    expect(server.requests).toEqual([])
  })

  test('comes with the close of the sources', async () => {
    const setup = setUp(pending)
    const users = createUserTokenSources({ client: setup.client })
    const code = { deviceCode: 'x', expiresAt: start + 600_000, intervalMs: 5_000 }
    let closing: Promise<void> | undefined
    const wait = async () => {
      closing ??= users.close()
    }
    expect(await failure(users.for('alice').redeem(deviceCode(code, { wait })))).toMatchObject({ code: 'ERR_CLOSED' })
    await closing
    expect(setup.server.requests).toEqual([])
  })
})
